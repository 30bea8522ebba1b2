package asyncproducer_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	ap "asyncproducer"
)

// limit guards against a hang; no test waits for it.
const limit = 60 * time.Second

// mock makes a producer with a mock cluster of its own, inside librdkafka.
func mock(t *testing.T, extra ap.Config, opts ...ap.Option) *ap.Producer {
	t.Helper()
	return open(t, ap.Config{"test.mock.num.brokers": 1}, extra, opts...)
}

// dead makes a producer for an address where nobody listens.
func dead(t *testing.T, extra ap.Config, opts ...ap.Option) *ap.Producer {
	t.Helper()
	return open(t, ap.Config{"bootstrap.servers": "127.0.0.1:1"}, extra, opts...)
}

func open(t *testing.T, config, extra ap.Config, opts ...ap.Option) *ap.Producer {
	t.Helper()
	maps.Copy(config, extra)
	producer, err := ap.New(config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { producer.Close() })
	return producer
}

func produce(t *testing.T, producer *ap.Producer, messages ...ap.Message) {
	t.Helper()
	for _, message := range messages {
		if err := producer.Produce(message); err != nil {
			t.Fatal(err)
		}
	}
}

// shutDown ends a producer and fails the test where not everything was delivered.
func shutDown(t *testing.T, producer *ap.Producer) {
	t.Helper()
	if err := producer.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
}

// drop ends a producer at once, with what it has not delivered.
func drop(t *testing.T, producer *ap.Producer) error {
	t.Helper()
	return producer.Shutdown(cancelled())
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// receive answers what comes next from a channel.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case item := <-from:
		return item
	case <-time.After(limit):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

// list is a slice that handlers may add to.
type list[T any] struct {
	mu    sync.Mutex
	items []T
}

func (l *list[T]) add(item T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item)
}

func (l *list[T]) all() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.items...)
}
