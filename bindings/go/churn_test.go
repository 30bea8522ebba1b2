package asyncproducer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	ap "asyncproducer"
)

// The race detector takes 8128 goroutines at most.
func goroutines() int {
	if raceEnabled {
		return 4000
	}
	return 10000
}

// churn is run in a program of its own, as GODEBUG is read at the start: goroutines that come and go while the collector
// runs again and again.
func churn() error {
	debug.SetGCPercent(1)
	defer storm()()
	count := goroutines()
	// Room for all: each that waits for room would hold a thread, and Go ends a program with 10,000 of them.
	config := ap.Config{"test.mock.num.brokers": 1, "delivery_threshold": 100, "max_queue_size": count}
	producer, err := ap.New(config, ap.OnEvents(ap.EventAll, func(ap.Event) {}))
	if err != nil {
		return err
	}
	defer producer.Close()
	wrong := make(chan error, 3*count)
	var begun, ended, reported sync.WaitGroup
	begun.Add(count)
	reported.Add(count)
	for number := range count {
		ended.Go(func() {
			begun.Done()
			begun.Wait() // all of them are there at once
			if err := produceOne(producer, number, wrong, reported.Done); err != nil {
				wrong <- err
			}
		})
	}
	ended.Wait()
	if err := producer.Shutdown(context.Background()); err != nil {
		return err
	}
	select {
	case err := <-wrong: // what was refused is not reported
		return err
	default:
	}
	reported.Wait()
	select {
	case err := <-wrong:
		return err
	default:
		return nil
	}
}

// storm collects garbage until what it answers is called.
func storm() (stop func()) {
	over := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				runtime.GC()
				time.Sleep(time.Millisecond) // for the others to get on
			}
		}
	})
	return func() {
		close(over)
		storm.Wait()
	}
}

func produceOne(producer *ap.Producer, number int, wrong chan<- error, reported func()) error {
	value := fmt.Appendf(nil, "value %d", number)
	message := ap.Message{Topic: fmt.Sprint("t", number%3), Value: value, Tag: uint64(number)}
	if number%2 == 0 {
		message.Headers = []ap.Header{{Name: "h", Value: bytes.Clone(value)}}
	}
	message.OnReport = func(report ap.Report) {
		defer reported()
		if report.Err != nil || report.Tag != uint64(number) || report.Topic != message.Topic {
			wrong <- fmt.Errorf("%d: %+v", number, report)
		}
	}
	return producer.Produce(message)
}

func runChurn(body func() error) {
	if err := body(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// againWith runs this program once more, as one of the children of TestMain, with settings of Go's runtime.
func againWith(t *testing.T, what, settings string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*limit)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), "RUN="+what, "GODEBUG="+settings)
	if output, err := child.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("GODEBUG=%s: %v: %.2000s", settings, err, output)
	}
}

// What is freed is overwritten, pointers are checked as they pass to C and on the heap.
const strict = "clobberfree=1,cgocheck=1,invalidptr=1"

func TestR69GoroutineChurn(t *testing.T) {
	againWith(t, "churn", strict)
}

func TestR69GoroutineChurnWithoutPreemption(t *testing.T) {
	againWith(t, "churn", strict+",asyncpreemptoff=1")
}

// comeAndGo makes producers, uses them and closes them, with messages on their way, as the collector runs; what is
// collected produces too, by its finalizer.
func comeAndGo() error {
	debug.SetGCPercent(1)
	defer storm()()
	finalizers, err := ap.New(ap.Config{"test.mock.num.brokers": 1, "delivery_threshold": 1})
	if err != nil {
		return err
	}
	defer finalizers.Close()
	const each, lives = 4, 8
	var delivered, settled, finalized sync.WaitGroup
	finalized.Add(each * lives)
	delivered.Add(each * lives)
	failed := make(chan error, each*lives*5)
	var living sync.WaitGroup
	for range each {
		living.Go(func() {
			for number := range lives {
				settled.Add(3)
				failed <- live(number, settled.Done)
				last := &struct{ text []byte }{[]byte("last words")}
				runtime.SetFinalizer(last, func(last *struct{ text []byte }) {
					failed <- finalizers.Produce(ap.Message{Topic: "t", Value: last.text, OnReport: func(report ap.Report) {
						failed <- report.Err
						delivered.Done()
					}})
					finalized.Done()
				})
			}
		})
	}
	living.Wait()
	settled.Wait()
	finalized.Wait()
	delivered.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// live is the life of one producer; settled is called three times.
func live(number int, settled func()) error {
	producer, err := ap.New(ap.Config{"test.mock.num.brokers": 1, "delivery_threshold": 1})
	if err != nil {
		return err
	}
	defer producer.Close()
	for range 3 {
		message := ap.Message{Topic: "t", Value: []byte("v"), OnReport: func(ap.Report) { settled() }}
		if err := producer.Produce(message); err != nil {
			return err
		}
	}
	if number%2 == 0 {
		return producer.Flush(context.Background())
	}
	return nil
}

func TestR69ProducersComeAndGo(t *testing.T) {
	againWith(t, "come and go", strict)
}
