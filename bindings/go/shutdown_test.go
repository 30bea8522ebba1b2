package asyncproducer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	ap "asyncproducer"
)

func TestShutdownDeliversEverything(t *testing.T) {
	producer := mock(t, nil)
	for range 500 {
		produce(t, producer, ap.Message{Topic: "t"})
	}
	shutDown(t, producer)
	if got := producer.Stats(); got.Delivered != 500 || got.Accepted != 500 {
		t.Errorf("%+v", got)
	}
	if err := producer.Shutdown(within(t)); err != nil {
		t.Errorf("again: %v", err)
	}
	for name, err := range map[string]error{
		"Produce": producer.Produce(ap.Message{Topic: "t"}),
		"Deliver": producer.Deliver(),
		"Flush":   producer.Flush(within(t)),
	} {
		if !errors.Is(err, ap.ErrShutDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := producer.Clear(); !errors.Is(err, ap.ErrShutDown) {
		t.Errorf("Clear: %v", err)
	}
	if err := producer.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestShutdownDropsWhatIsLeftWhenItsContextEnds(t *testing.T) {
	soon, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	defer ap.SetPatience(limit)() // no machine is too slow
	for ctx, cause := range map[context.Context]error{cancelled(): context.Canceled, soon: context.DeadlineExceeded} {
		var reports list[ap.Report]
		producer := dead(t, nil)
		for range 100 {
			produce(t, producer, ap.Message{Topic: "t", OnReport: func(r ap.Report) {
				time.Sleep(time.Millisecond) // a handler that takes its time
				reports.add(r)
			}})
		}
		if err := producer.Shutdown(ctx); !errors.Is(err, ap.ErrUndelivered) || !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
		if got := reports.all(); len(got) != 100 {
			t.Fatalf("%d reports when Shutdown returned", len(got))
		}
		for _, report := range reports.all() {
			if !errors.Is(report.Err, ap.ErrShutDown) && !errors.Is(report.Err, ap.ErrUndelivered) {
				t.Fatalf("%v", report.Err)
			}
		}
	}
}

func TestAnotherShutdownShortensTheFirst(t *testing.T) {
	producer := dead(t, nil)
	produce(t, producer, ap.Message{Topic: "t"})
	first := make(chan error)
	go func() { first <- producer.Shutdown(context.Background()) }()
	second := producer.Shutdown(cancelled())
	if err := receive(t, first); !errors.Is(err, ap.ErrUndelivered) || !errors.Is(second, ap.ErrUndelivered) {
		t.Errorf("%v, %v", err, second)
	}
}

func TestS8ShutdownWhileProducing(t *testing.T) {
	for range 10 {
		producer := mock(t, ap.Config{"delivery_threshold": 10, "max_queue_size": 100_000})
		var producing, reported sync.WaitGroup
		var lost list[error]
		started := make(chan bool, 4)
		for range 4 {
			producing.Go(func() {
				for i := 0; ; i++ {
					reported.Add(1)
					err := producer.Produce(ap.Message{Topic: "t", OnReport: func(r ap.Report) {
						if r.Err != nil {
							lost.add(r.Err)
						}
						reported.Done()
					}})
					if i == 0 {
						started <- true
					}
					if err == nil {
						continue
					}
					reported.Done()
					if errors.Is(err, ap.ErrBufferOverflow) {
						continue
					}
					if !errors.Is(err, ap.ErrShutDown) {
						t.Error(err)
					}
					return
				}
			})
		}
		for range 4 {
			receive(t, started)
		}
		shutDown(t, producer)
		producing.Wait()
		reported.Wait()
		if got := lost.all(); len(got) != 0 {
			t.Errorf("%d lost, such as %v", len(got), got[0])
		}
		producer.Close()
	}
}

func TestS8CloseWhileProducing(t *testing.T) {
	for range 20 {
		producer := mock(t, ap.Config{"delivery_threshold": 1})
		var producing, reported sync.WaitGroup
		started := make(chan bool, 4)
		for range 4 {
			producing.Go(func() {
				for i := 0; ; i++ {
					reported.Add(1)
					message := ap.Message{Topic: "t", OnReport: func(ap.Report) { reported.Done() }}
					err := producer.Produce(message)
					if err != nil {
						reported.Done()
					}
					if i == 0 {
						started <- true
					}
					if errors.Is(err, ap.ErrShutDown) {
						return
					}
					if _, err := producer.ProduceBatch([]ap.Message{{Topic: "t"}, {Topic: "t"}}); err != nil &&
						!errors.Is(err, ap.ErrBufferOverflow) && !errors.Is(err, ap.ErrShutDown) {
						t.Error(err)
					}
				}
			})
		}
		for range 4 {
			receive(t, started)
		}
		producer.Close()
		producing.Wait()
		reported.Wait() // each accepted message was reported, once
	}
}

func TestCloseDropsWhatIsLeft(t *testing.T) {
	reports := make(chan ap.Report, 1)
	producer := dead(t, nil)
	produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	if err := producer.Close(); !errors.Is(err, ap.ErrUndelivered) {
		t.Error(err)
	}
	if report := receive(t, reports); report.Err == nil {
		t.Error("delivered to nobody")
	}
}

func TestCloseWaitsForAChannelThatIsRead(t *testing.T) {
	defer ap.SetPatience(limit)()
	reports := make(chan ap.Report)
	producer := dead(t, nil)
	for range 100 {
		produce(t, producer, ap.Message{Topic: "t", Reports: reports})
	}
	read := make(chan int)
	go func() {
		count := 0
		for range reports {
			count++
		}
		read <- count
	}()
	producer.Close()
	close(reports) // after Close nothing is sent any more
	if count := receive(t, read); count != 100 {
		t.Errorf("%d reports", count)
	}
}

func TestS9EverythingAfterClose(t *testing.T) {
	producer := mock(t, nil)
	produce(t, producer, ap.Message{Topic: "t"})
	shutDown(t, producer)
	for range 3 {
		if err := producer.Close(); err != nil {
			t.Error(err)
		}
	}
	_, clearErr := producer.Clear()
	_, batchErr := producer.ProduceBatch([]ap.Message{{Topic: "t"}})
	for name, err := range map[string]error{
		"Produce":      producer.Produce(ap.Message{Topic: "t"}),
		"with headers": producer.Produce(ap.Message{Topic: "t", Headers: []ap.Header{{Name: "h"}}}),
		"ProduceBatch": batchErr,
		"Clear":        clearErr,
		"Deliver":      producer.Deliver(),
		"Flush":        producer.Flush(context.Background()),
		"Shutdown":     producer.Shutdown(context.Background()),
	} {
		if !errors.Is(err, ap.ErrShutDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := producer.Stats(); got.Accepted != 1 || got.Delivered != 1 {
		t.Errorf("the counters after Close: %+v", got)
	}
}

func TestCloseEndsAFlush(t *testing.T) {
	producer := dead(t, nil)
	produce(t, producer, ap.Message{Topic: "t"})
	flushed := make(chan error)
	go func() { flushed <- producer.Flush(context.Background()) }()
	producer.Close()
	if err := receive(t, flushed); err == nil {
		t.Error("flushed to nobody")
	}
}
