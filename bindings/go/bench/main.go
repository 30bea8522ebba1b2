// Command bench prints what a message costs its caller, in nanoseconds: the best of five rounds of 500,000 messages, or
// as many as its argument says. Nobody listens at the broker's address, so that the call alone is measured.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	ap "asyncproducer"
)

const (
	rounds = 5
	batch  = 100
)

var (
	messages = 500_000
	value    = make([]byte, 100)
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 {
		var err error
		if messages, err = strconv.Atoi(os.Args[1]); err != nil || messages < 10*batch {
			log.Fatalf("%q is not a number of messages, %d or more", os.Args[1], 10*batch)
		}
	}
	fmt.Println(ap.Version())
	key, headers := []byte("key"), []ap.Header{{Name: "trace", Value: []byte("0123456789abcdef")}}
	ignore := func(ap.Report) {}
	print("one by one, a value of 100 bytes", oneByOne(ap.Message{Topic: "bench", Value: value}))
	print("  with a key", oneByOne(ap.Message{Topic: "bench", Key: key, Value: value}))
	print("  with a key and a header", oneByOne(ap.Message{Topic: "bench", Key: key, Value: value, Headers: headers}))
	print("  with OnReport", oneByOne(ap.Message{Topic: "bench", Value: value, OnReport: ignore}))
	print("batches of 100", inBatches(ap.Message{Topic: "bench", Value: value}))
	print("  with a key and a header", inBatches(ap.Message{Topic: "bench", Key: key, Value: value, Headers: headers}))
}

func print(what string, cost time.Duration) {
	fmt.Printf("%-36s %4d ns\n", what, cost.Nanoseconds())
}

func oneByOne(message ap.Message) time.Duration {
	return best(func(producer *ap.Producer, count int) {
		for range count {
			if err := producer.Produce(message); err != nil {
				log.Fatal(err)
			}
		}
	})
}

func inBatches(message ap.Message) time.Duration {
	several := make([]ap.Message, batch)
	for i := range several {
		several[i] = message
	}
	return best(func(producer *ap.Producer, count int) {
		for range count / batch {
			if _, err := producer.ProduceBatch(several); err != nil {
				log.Fatal(err)
			}
		}
	})
}

// best answers the cost of one message in the fastest round.
func best(produce func(producer *ap.Producer, count int)) time.Duration {
	fastest := time.Duration(1<<63 - 1)
	for range rounds {
		producer, err := ap.New(ap.Config{
			"bootstrap.servers": "127.0.0.1:1",
			"max_queue_size":    2 * messages,
			"max_pending_bytes": 0,
		})
		if err != nil {
			log.Fatal(err)
		}
		produce(producer, messages/10) // to warm up
		begun := time.Now()
		produce(producer, messages)
		fastest = min(fastest, time.Since(begun)/time.Duration(messages))
		drop(producer)
	}
	return fastest
}

func drop(producer *ap.Producer) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	producer.Shutdown(now)
	producer.Close()
}
