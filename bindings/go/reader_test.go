package asyncproducer_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	ap "asyncproducer"
)

func TestAHandlerMayCallTheProducer(t *testing.T) {
	done := make(chan ap.Report, 1)
	producer := mock(t, ap.Config{"delivery_threshold": 1})
	produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) {
		producer.Stats()
		producer.Deliver()
		producer.Clear()
		if err := producer.Produce(ap.Message{Topic: "t", Reports: done}); err != nil {
			t.Error(err)
		}
	}})
	if report := receive(t, done); report.Err != nil {
		t.Error(report.Err)
	}
}

func TestGoexitInAHandlerEndsThatCallOnly(t *testing.T) {
	const count = 1000
	producer := mock(t, nil)
	var told sync.WaitGroup
	for range count {
		told.Add(1)
		produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) {
			defer told.Done()
			runtime.Goexit()
		}})
	}
	shutDown(t, producer)
	told.Wait()
}

func TestAChannelNobodyReadsIsBackPressure(t *testing.T) {
	unread := make(chan ap.Report)
	producer := mock(t, ap.Config{"max_queue_size": 10, "max_buffer_size": 10, "delivery_threshold": 1})
	accepted := 0
	for producer.Produce(ap.Message{Topic: "t", Reports: unread}) == nil {
		accepted++
		if err := producer.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	// What was read before the reader met the full channel is one batch at the most.
	if accepted < 10 || accepted > 10+10+256 {
		t.Fatalf("%d accepted", accepted)
	}
	for range accepted {
		if report := receive(t, unread); report.Err != nil {
			t.Fatal(report.Err)
		}
	}
	for producer.Produce(ap.Message{Topic: "t"}) != nil { // there is room again as soon as the events are read
		runtime.Gosched()
	}
}

func TestCloseEndsTheWaitForAChannel(t *testing.T) {
	before := runtime.NumGoroutine()
	unread, other := make(chan ap.Report), make(chan ap.Report, 1)
	producer := mock(t, nil)
	produce(t, producer, ap.Message{Topic: "t", Reports: unread})
	if err := producer.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	produce(t, producer, ap.Message{Topic: "t", Reports: other})
	if err := producer.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	producer.Close()
	if report := receive(t, other); report.Err != nil {
		t.Error(report.Err)
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}

func TestCloseDoesNotWaitForAHandlerThatIsStuck(t *testing.T) {
	release, stuck := make(chan bool), make(chan bool)
	producer := mock(t, ap.Config{"delivery_threshold": 1})
	produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) {
		close(stuck)
		<-release
	}})
	receive(t, stuck)
	producer.Close()
	close(release)
}

func TestCloseInAHandler(t *testing.T) {
	closed := make(chan error, 1)
	producer := mock(t, ap.Config{"delivery_threshold": 1})
	produce(t, producer, ap.Message{Topic: "t", OnReport: func(ap.Report) { closed <- producer.Close() }})
	if err := receive(t, closed); err != nil {
		t.Error(err)
	}
}

func TestReadersParkNoThread(t *testing.T) {
	threads := func() int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks)
	}
	mock(t, nil) // what the first one starts for all
	before := threads()
	const producers = 40
	for range producers {
		mock(t, nil)
	}
	if grown := threads() - before; grown > producers/2 {
		t.Errorf("%d threads more with %d idle producers", grown, producers)
	}
}

func TestS11DescriptorsAreGivenBack(t *testing.T) {
	descriptors := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	cycle := func() {
		producer := mock(t, nil)
		own, err := os.Open(os.DevNull) // of a number that the producer's might be taken for
		if err != nil {
			t.Fatal(err)
		}
		produce(t, producer, ap.Message{Topic: "t"})
		shutDown(t, producer)
		producer.Close()
		if _, err := own.Stat(); err != nil {
			t.Errorf("a descriptor of the program was closed: %v", err)
		}
		own.Close()
	}
	cycle()
	before := descriptors()
	for range 10 {
		cycle()
	}
	for deadline := time.Now().Add(limit); descriptors() > before; runtime.Gosched() { // the client ends after Close
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors before, %d after", before, descriptors())
		}
	}
}
