package asyncproducer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	ap "asyncproducer"
)

func TestFlushWaitsForDelivery(t *testing.T) {
	producer := mock(t, nil)
	for range 100 {
		produce(t, producer, ap.Message{Topic: "t"})
	}
	if err := producer.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := producer.Stats().Delivered; got != 100 {
		t.Errorf("%d delivered", got)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	producer := dead(t, nil)
	produce(t, producer, ap.Message{Topic: "t"})
	past, cancelPast := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancelPast()
	soon, cancelSoon := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancelSoon()
	reason := errors.New("the reason")
	because, cancelBecause := context.WithCancelCause(context.Background())
	cancelBecause(reason)
	for ctx, cause := range map[context.Context]error{
		cancelled(): context.Canceled,
		past:        context.DeadlineExceeded,
		soon:        context.DeadlineExceeded,
		because:     reason,
	} {
		if err := producer.Flush(ctx); !errors.Is(err, ap.ErrTimedOut) || !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

// The context is cancelled before, while and after the call begins to wait.
func TestFlushSeesEveryCancellation(t *testing.T) {
	producer := dead(t, nil)
	produce(t, producer, ap.Message{Topic: "t"})
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if err := producer.Flush(ctx); !errors.Is(err, ap.ErrTimedOut) || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestACancelledFlushDoesNotEndAnother(t *testing.T) {
	nowhere := int32(4711)
	for _, test := range []struct {
		lost ap.Message
		want error
	}{
		{ap.Message{Topic: "t"}, nil},
		{ap.Message{Topic: "t", Partition: &nowhere}, ap.ErrUndelivered},
	} {
		producer := mock(t, ap.Config{"test.mock.broker.rtt": 200})
		flushed := make(chan error)
		produce(t, producer, test.lost, ap.Message{Topic: "t"}, ap.Message{Topic: "t"})
		go func() { flushed <- producer.Flush(context.Background()) }()
		var err error
		for waiting := true; waiting; {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			producer.Flush(ctx)
			cancel()
			select {
			case err = <-flushed:
				waiting = false
			default:
			}
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%v, want %v", err, test.want)
		}
		stats := producer.Stats()
		if stats.Accepted != stats.Delivered+stats.Failed {
			t.Errorf("it did not wait: %+v", stats)
		}
	}
}
