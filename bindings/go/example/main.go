// Command example sends messages to Kafka, 100,000 or as many as its argument says: to BROKERS, or to a mock cluster
// inside the program where BROKERS is not set.
//
//	BROKERS=localhost:9092 TOPIC=example go run ./example 1000
//
// Ctrl-C ends the producing: what was accepted is still delivered, unless a second Ctrl-C comes.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	ap "asyncproducer"
)

func main() {
	log.SetFlags(0)
	os.Exit(run())
}

// run answers the program's exit code.
func run() int {
	count := 100_000
	if len(os.Args) > 1 {
		number, err := strconv.Atoi(os.Args[1])
		if err != nil {
			log.Printf("%q is not a number of messages", os.Args[1])
			return 2
		}
		count = number
	}
	producer, err := ap.New(config(), ap.OnEvents(ap.EventFailed|ap.EventStalled|ap.EventError, logEvent))
	if err != nil {
		log.Print(err)
		return 1
	}
	defer producer.Close()

	begun := time.Now()
	producing, delivering, signalled := signals()
	log.Printf("producing %d messages; Ctrl-C ends it", count)
	produceErr := produce(producing, producer, count)
	shutdownErr := producer.Shutdown(delivering)
	stats := producer.Stats()
	fmt.Printf("%d accepted, %d delivered, %d failed, %d dropped in %.1f s\n", stats.Accepted, stats.Delivered,
		stats.Failed, stats.Dropped, time.Since(begun).Seconds())

	select {
	case sig := <-signalled:
		return 128 + int(sig)
	default:
	}
	if err := errors.Join(produceErr, shutdownErr); err != nil {
		log.Print(err)
		return 1
	}
	return 0
}

func config() ap.Config {
	config := ap.Config{
		"delivery_threshold": 1000,
		"delivery_interval":  100 * time.Millisecond,
		"max_queue_size":     10_000,
		"max_buffer_size":    10_000,
		"overflow_wait":      100 * time.Millisecond,
	}
	if brokers := os.Getenv("BROKERS"); brokers != "" {
		config["bootstrap.servers"] = brokers
	} else {
		config["test.mock.num.brokers"] = 1
	}
	return config
}

func logEvent(event ap.Event) { log.Print(event) }

// produce sends the messages, until the context ends. Where there is no room, Produce itself waits for a while
// (overflow_wait), and is called again.
func produce(ctx context.Context, producer *ap.Producer, count int) error {
	topic := os.Getenv("TOPIC")
	if topic == "" {
		topic = "example"
	}
	told := false
	for i := 0; i < count && ctx.Err() == nil; {
		err := producer.Produce(ap.Message{Topic: topic, Value: fmt.Appendf(nil, "message-%06d", i)})
		switch {
		case err == nil:
			i++
		case !errors.Is(err, ap.ErrBufferOverflow):
			return err
		case !told:
			log.Print("the queue is full; waiting for Kafka")
			told = true
		}
	}
	return nil
}

// signals answers a context that ends with the first signal, one that ends with the second, and what the first was.
func signals() (first, second context.Context, signalled <-chan syscall.Signal) {
	first, endFirst := context.WithCancel(context.Background())
	second, endSecond := context.WithCancel(context.Background())
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, syscall.SIGINT, syscall.SIGTERM)
	which := make(chan syscall.Signal, 1)
	go func() {
		which <- (<-arrived).(syscall.Signal)
		log.Print("delivering what was accepted; once more to drop it")
		endFirst()
		<-arrived
		endSecond()
	}()
	return first, second, which
}
