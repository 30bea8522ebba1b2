package asyncproducer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"asyncproducer"
)

func Example() {
	producer, err := asyncproducer.New(asyncproducer.Config{
		"test.mock.num.brokers": 1, // "bootstrap.servers": "localhost:9092" for a real Kafka
		"delivery_threshold":    1000,
		"delivery_interval":     30 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()
	if err := producer.Produce(asyncproducer.Message{Topic: "greetings", Value: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := producer.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(producer.Stats().Delivered, "delivered")
	// Output: 1 delivered
}

// The end of a message, awaited: by a channel of its own, or by a function.
func ExampleMessage() {
	producer, err := asyncproducer.New(asyncproducer.Config{"test.mock.num.brokers": 1, "delivery_threshold": 2})
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()

	partition := int32(0)
	report := make(chan asyncproducer.Report, 1)
	done := make(chan bool)
	err = errors.Join(
		producer.Produce(asyncproducer.Message{Topic: "orders", Partition: &partition, Reports: report}),
		producer.Produce(asyncproducer.Message{
			Topic: "orders", Partition: &partition, OnReport: func(r asyncproducer.Report) {
				fmt.Println("second:", r.Partition, r.Offset, r.Err)
				close(done)
			},
		}),
	)
	if err != nil {
		log.Fatal(err)
	}
	r := <-report
	<-done
	fmt.Println("first:", r.Partition, r.Offset, r.Err)
	// Output:
	// second: 0 1 <nil>
	// first: 0 0 <nil>
}

// What was not delivered comes back whole.
func ExampleDeliveryError() {
	producer, err := asyncproducer.New(asyncproducer.Config{"bootstrap.servers": "127.0.0.1:1"})
	if err != nil {
		log.Fatal(err)
	}
	report := make(chan asyncproducer.Report, 1)
	if err := producer.Produce(asyncproducer.Message{Topic: "orders", Value: []byte("42"), Reports: report}); err != nil {
		log.Fatal(err)
	}
	producer.Close()
	var failure *asyncproducer.DeliveryError
	if errors.As((<-report).Err, &failure) {
		fmt.Println(failure, "- in Kafka:", failure.Persistence)
		fmt.Printf("%s of %s\n", failure.Message.Value, failure.Message.Topic)
	}
	// Output:
	// DROPPED: dropped before it was delivered - in Kafka: no
	// 42 of orders
}

// Events for a log.
func ExampleOnEvents() {
	types := asyncproducer.EventError | asyncproducer.EventStalled | asyncproducer.EventFailed
	producer, err := asyncproducer.New(asyncproducer.Config{"test.mock.num.brokers": 1},
		asyncproducer.OnEvents(types, func(e asyncproducer.Event) { log.Print(e) }))
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()
}
