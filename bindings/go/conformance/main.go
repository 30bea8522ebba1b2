// Command conformance runs the scenario of tests/conformance/README.md through the Go binding.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	ap "asyncproducer"
)

const wait = 60 * time.Second

var (
	unlimited = context.Background()
	brokers   = os.Getenv("BROKERS")
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("conformance: ")
	version()
	wrongConfig("unknown", ap.Config{"no.such.property": 1}, "no.such.property")
	wrongConfig("range", ap.Config{"max_queue_size": 0}, "max_queue_size")
	wrongConfig("missing", ap.Config{}, "bootstrap.servers")
	nowhere()
	clear()
	threshold()
	interval()
	manual()
	records()
	batch()
	keys()
	fmt.Println("fork none")
	bulk()
}

func version() {
	var major, minor int
	if _, err := fmt.Sscanf(ap.Version(), "%d.%d", &major, &minor); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("version %d.%d\n", major, minor)
}

func wrongConfig(step string, config ap.Config, property string) {
	_, err := ap.New(config)
	fmt.Println(step, name(err), yes(err != nil && strings.Contains(err.Error(), property)))
}

func nowhere() {
	producer, reports := producerA()
	fmt.Println("topic", name(producer.Produce(ap.Message{Topic: "bad topic", Value: []byte("x")})))
	fmt.Println("large", name(producer.Produce(ap.Message{Topic: "nowhere", Value: make([]byte, 2_000_000)})))

	accepted := 0
	var err error
	for ; err == nil; accepted++ {
		value := fmt.Appendf(nil, "value-%d", accepted)
		err = producer.Produce(ap.Message{Topic: "nowhere", Value: value, Reports: reports})
	}
	accepted--
	fmt.Printf("overflow accepted=%d %s\n", accepted, name(err))

	now, cancel := context.WithCancel(unlimited)
	cancel()
	err = producer.Shutdown(now)
	var numbers []int
	count := make(map[ap.EventType]int)
	for range accepted {
		failure := failureOf(next(reports))
		count[failure.Type]++
		number, _ := strings.CutPrefix(string(failure.Message.Value), "value-")
		numbers = append(numbers, atoi(number))
	}
	slices.Sort(numbers)
	fmt.Printf("drop %s dropped=%d failed=%d values=value-%d..value-%d\n", name(err), count[ap.EventDropped],
		count[ap.EventFailed], numbers[0], numbers[len(numbers)-1])
	fmt.Println("closed", name(producer.Produce(ap.Message{Topic: "nowhere", Value: []byte("x")})))
	producer.Close()
}

func clear() {
	producer, reports := producerA()
	produce(producer, reports, "nowhere", "x", 3)
	cleared, err := producer.Clear()
	must(err)
	dropped := 0
	for range 3 {
		if failureOf(next(reports)).Type == ap.EventDropped {
			dropped++
		}
	}
	now, cancel := context.WithTimeout(unlimited, 0)
	defer cancel()
	fmt.Printf("clear cleared=%d dropped=%d flush=%s\n", cleared, dropped, name(producer.Flush(now)))
	producer.Close()
}

func threshold() {
	producer, reports := producerB(ap.Config{"delivery_threshold": 5})
	produce(producer, reports, topic("policy"), "threshold", 4)
	before := producer.Stats().Delivered
	produce(producer, reports, topic("policy"), "threshold", 1)
	fmt.Printf("threshold before=%d delivered=%d\n", before, delivered(reports, 5))
	end(producer)
}

func interval() {
	producer, reports := producerB(ap.Config{"delivery_interval": 100 * time.Millisecond})
	produce(producer, reports, topic("policy"), "interval", 3)
	fmt.Printf("interval delivered=%d\n", delivered(reports, 3))
	end(producer)
}

func manual() {
	producer, reports := producerB(nil)
	produce(producer, reports, topic("policy"), "manual", 3)
	before := producer.Stats().Delivered
	must(producer.Deliver())
	fmt.Printf("manual before=%d delivered=%d\n", before, delivered(reports, 3))
	end(producer)
}

func records() {
	producer, reports := producerB(nil)
	first := int32(0)
	messages := []ap.Message{
		{Value: []byte("a"), Timestamp: time.UnixMilli(1700000000001)},
		{Key: []byte("k"), Timestamp: time.UnixMilli(1700000000002)},
		{Key: []byte{}, Value: []byte{}, Partition: &first, Timestamp: time.UnixMilli(1700000000003)},
		{
			Key: []byte("k"), PartitionKey: []byte("other"), Value: []byte("d"), Timestamp: time.UnixMilli(1700000000123),
			Headers: []ap.Header{{Name: "h1", Value: []byte("v1")}, {Name: "h2"}, {Name: "h3", Value: []byte{}},
				{Name: "h1", Value: []byte("again")}},
		},
	}
	for i, message := range messages {
		message.Topic, message.Tag, message.Reports = topic("records"), uint64(i), reports
		must(producer.Produce(message))
	}
	flushed := producer.Flush(unlimited)
	places := make([]string, len(messages))
	for range messages {
		report := next(reports)
		places[report.Tag] = fmt.Sprintf("%d:%d", report.Partition, report.Offset)
	}
	shutDown := producer.Shutdown(unlimited)
	fmt.Printf("records flush=%s reports=%s shutdown=%s\n", name(flushed), strings.Join(places, ","), name(shutDown))
	producer.Close()
}

func batch() {
	producer, _ := producerB(ap.Config{"max_queue_size": 5000})
	messages := make([]ap.Message, 1000)
	for i := range messages {
		key, value := fmt.Appendf(nil, "k-%d", i), fmt.Appendf(nil, "batch-%d", i)
		messages[i] = ap.Message{Topic: topic("batch"), Key: key, Value: value}
	}
	taken, err := producer.ProduceBatch(messages)
	must(err)
	fmt.Printf("batch taken=%d flush=%s\n", taken, name(producer.Flush(unlimited)))
	end(producer)
}

func keys() {
	producer, reports := producerB(nil)
	for i := range 100 {
		text := fmt.Appendf(nil, "key-%d", i)
		must(producer.Produce(ap.Message{Topic: topic("keys"), Key: text, Value: text, Tag: uint64(i), Reports: reports}))
	}
	must(producer.Flush(unlimited))
	partitions := make([]string, 100)
	for range partitions {
		report := next(reports)
		partitions[report.Tag] = strconv.Itoa(int(report.Partition))
	}
	fmt.Println("keys", strings.Join(partitions, ""))
	end(producer)
}

func bulk() {
	producer, reports := open(ap.Config{
		"bootstrap.servers": brokers, "max_queue_size": 1000, "delivery_threshold": 100, "delivery_interval": 0.1,
	})
	const count = 100_000
	delivered, failed, refused := 0, 0, false
	read := func() {
		if next(reports).Err == nil {
			delivered++
		} else {
			failed++
		}
	}
	for i := range count {
		message := ap.Message{Topic: topic("bulk"), Value: fmt.Appendf(nil, "message-%06d", i), Reports: reports}
		err := producer.Produce(message)
		for ; errors.Is(err, ap.ErrBufferOverflow); err = producer.Produce(message) {
			refused = true
			read()
		}
		must(err)
	}
	shutDown := make(chan error)
	go func() { shutDown <- producer.Shutdown(unlimited) }()
	for delivered+failed < count {
		read()
	}
	fmt.Printf("bulk delivered=%d failed=%d refused=%s shutdown=%s accepted=%d\n", delivered, failed, yes(refused),
		name(<-shutDown), producer.Stats().Accepted)
	producer.Close()
}

func producerA() (*ap.Producer, chan ap.Report) {
	return open(ap.Config{"bootstrap.servers": "127.0.0.1:1", "max_queue_size": 10, "max_buffer_size": 5})
}

func producerB(config ap.Config) (*ap.Producer, chan ap.Report) {
	if config == nil {
		config = ap.Config{}
	}
	config["bootstrap.servers"] = brokers
	return open(config)
}

// open makes a producer and a channel with room for the reports of every step but the last.
func open(config ap.Config) (*ap.Producer, chan ap.Report) {
	producer, err := ap.New(config)
	must(err)
	return producer, make(chan ap.Report, 1000)
}

func produce(producer *ap.Producer, reports chan<- ap.Report, topic, value string, count int) {
	for range count {
		must(producer.Produce(ap.Message{Topic: topic, Value: []byte(value), Reports: reports}))
	}
}

func end(producer *ap.Producer) {
	must(producer.Shutdown(unlimited))
	producer.Close()
}

func next(reports <-chan ap.Report) ap.Report {
	select {
	case report := <-reports:
		return report
	case <-time.After(wait):
		log.Fatal("no report came")
		panic("not reached")
	}
}

// delivered waits for reports and answers how many were of a delivery.
func delivered(reports <-chan ap.Report, count int) int {
	delivered := 0
	for range count {
		if next(reports).Err == nil {
			delivered++
		}
	}
	return delivered
}

func failureOf(report ap.Report) *ap.DeliveryError {
	var failure *ap.DeliveryError
	if !errors.As(report.Err, &failure) {
		log.Fatalf("a report without failure: %+v", report)
	}
	return failure
}

func topic(name string) string { return os.Getenv("TOPIC") + "-" + name }

// name is that of the status an error carries.
func name(err error) string {
	var status ap.Status
	if err != nil && !errors.As(err, &status) {
		log.Fatal(err)
	}
	return status.Name()
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func atoi(text string) int {
	number, err := strconv.Atoi(text)
	must(err)
	return number
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
