// Package asyncproducer hands messages to Kafka in the background: it binds the C library async_producer.
//
// [Producer.Produce] copies a message into a bounded queue and returns at once; a thread of the library delivers, and
// what became of a message is told by [Message.OnReport], [Message.Reports] or [OnEvents]. At the limit of messages or
// bytes Produce answers [ErrBufferOverflow].
//
//	producer, err := asyncproducer.New(asyncproducer.Config{
//		"bootstrap.servers":  "localhost:9092",
//		"delivery_threshold": 1000,
//		"delivery_interval":  30 * time.Second,
//	})
//	if err != nil {
//		return err
//	}
//	defer producer.Close()
//	if err := producer.Produce(asyncproducer.Message{Topic: "greetings", Value: []byte("hello")}); err != nil {
//		return err
//	}
//	return producer.Shutdown(ctx)
//
// # Handlers
//
// Handlers (Message.OnReport and that of OnEvents) run one at a time on one goroutine of the producer, the reader. They
// should return soon, and may call every method but Flush, Shutdown and Close, which would wait for themselves. While a
// handler does not return, or the channel of Message.Reports is full, no further event is read. Messages whose end was
// not read keep their place in the limits, so that what follows is an ErrBufferOverflow and not a growing backlog.
// Close ends a wait for a channel.
//
// A panic in a handler ends the program, as in any goroutine. runtime.Goexit in one ends that call only.
//
// # Goroutines and threads
//
// Every method may be called by any goroutine at any time. The reader waits in Go's poller and holds no thread of the
// operating system; Flush and Shutdown hold one each while they wait.
package asyncproducer

// #cgo pkg-config: async_producer
import "C"
