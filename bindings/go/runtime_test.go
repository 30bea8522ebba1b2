package asyncproducer_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"

	ap "asyncproducer"
)

func TestMain(m *testing.M) {
	switch os.Getenv("RUN") {
	case "":
		os.Exit(m.Run())
	case "exit":
		exitWhileEventsFlow()
	case "panic":
		panicInAHandler()
	case "churn":
		runChurn(churn)
	case "come and go":
		runChurn(comeAndGo)
	}
}

// again runs this program once more as one of the children of TestMain.
func again(what string) ([]byte, error) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "RUN="+what)
	return child.CombinedOutput()
}

func panicInAHandler() {
	producer, err := ap.New(ap.Config{"test.mock.num.brokers": 1, "delivery_threshold": 1})
	if err == nil {
		err = producer.Produce(ap.Message{Topic: "t", OnReport: func(ap.Report) { panic("in the handler") }})
	}
	if err == nil {
		err = producer.Flush(context.Background())
	}
	fmt.Fprintln(os.Stderr, "after the flush", err)
	select {}
}

func TestAPanicInAHandlerEndsTheProgram(t *testing.T) {
	if output, err := again("panic"); err == nil || !strings.Contains(string(output), "panic: in the handler") {
		t.Errorf("%v: %s", err, output)
	}
}

// exitWhileEventsFlow leaves the program with messages on their way and handlers running.
func exitWhileEventsFlow() {
	flowing := make(chan bool, 1)
	producer, err := ap.New(ap.Config{"test.mock.num.brokers": 1, "delivery_threshold": 1},
		ap.OnEvents(ap.EventAll, func(ap.Event) {}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		for {
			producer.Produce(ap.Message{Topic: "t", OnReport: func(ap.Report) {
				select {
				case flowing <- true:
				default:
				}
			}})
		}
	}()
	<-flowing
	os.Exit(0)
}

func TestS10ExitWhileEventsFlow(t *testing.T) {
	for range 20 {
		if output, err := again("exit"); err != nil || len(output) != 0 {
			t.Fatalf("%v: %s", err, output)
		}
	}
}

func TestS7ManyGoroutinesProduce(t *testing.T) {
	const goroutines, each = 8, 2000
	producer := mock(t, ap.Config{"delivery_threshold": 100, "delivery_interval": 0.1, "overflow_wait": limit})
	var producing, reported sync.WaitGroup
	for number := range goroutines {
		reported.Add(each)
		producing.Go(func() {
			key := fmt.Appendf(nil, "%d", number)
			for i := range each {
				message := ap.Message{Topic: "t", Key: key, OnReport: func(r ap.Report) {
					if r.Err != nil {
						t.Error(r.Err)
					}
					reported.Done()
				}}
				if i%2 == 0 {
					message.Headers = []ap.Header{{Name: "h", Value: key}}
				}
				produce(t, producer, message)
			}
		})
	}
	producing.Wait()
	shutDown(t, producer)
	reported.Wait()
	if got := producer.Stats().Delivered; got != goroutines*each {
		t.Errorf("%d delivered", got)
	}
}

// A handle is a number in the guise of a pointer: collecting garbage and growing stacks must not mind.
func TestR69GarbageCollectionAndGrowingStacks(t *testing.T) {
	producer := mock(t, ap.Config{"delivery_threshold": 10, "overflow_wait": limit})
	var deeper func(depth int)
	deeper = func(depth int) {
		var frame [512]byte
		produce(t, producer, ap.Message{Topic: "t", Value: frame[:depth], OnReport: func(ap.Report) {}})
		if depth > 0 {
			deeper(depth - 1)
		}
	}
	for range 10 {
		var grown sync.WaitGroup
		grown.Go(func() { deeper(100) }) // on a stack that is small yet
		runtime.GC()
		grown.Wait()
	}
	shutDown(t, producer)
}

// Threads of the library block every signal: all of them come to Go, which may also preempt and profile as it likes.
func TestSignalsReachTheProgram(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	producer := mock(t, ap.Config{"delivery_threshold": 10, "overflow_wait": limit})
	for range 50 {
		for range 20 {
			produce(t, producer, ap.Message{Topic: "t"})
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		receive(t, signals)
	}
	shutDown(t, producer)
}
