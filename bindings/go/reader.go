package asyncproducer

// #include <async_producer.h>
import "C"

import (
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"
)

// batch is how many events are read in one call.
const batch = 256

// reader brings the events of a producer to those who want them, on a goroutine of its own.
type reader struct {
	producer *C.ap_producer_t
	bell     *os.File // readable while events wait
	types    EventType
	handler  func(Event)
	waiters  waiters

	// Read and not yet told: entries[next:count]. Kept here and not in a frame, for a handler may end the goroutine.
	entries     []C.ap_event_entry_t
	next, count int
	scratch     []byte

	mu      sync.Mutex
	asked   []chan struct{} // closed when everything there was to read is told
	serving []chan struct{} // those of the round under way

	closing chan struct{} // closed when nobody may be left to read a channel
	over    chan struct{} // closed at the reader's end
}

func newReader(producer *C.ap_producer_t, o *options) (*reader, error) {
	descriptor := C.ap_event_fd(producer)
	if descriptor < 0 {
		return nil, Status(descriptor)
	}
	r := &reader{
		producer: producer,
		bell:     os.NewFile(uintptr(descriptor), "async_producer events"),
		types:    o.events,
		handler:  o.handler,
		entries:  make([]C.ap_event_entry_t, batch),
		closing:  make(chan struct{}),
		over:     make(chan struct{}),
	}
	go r.run()
	return r, nil
}

func (r *reader) run() {
	ended := false
	defer func() {
		if !ended { // a handler called runtime.Goexit: the rest of the events is for others
			go r.run()
		}
	}()
	for open := true; open; {
		r.tell()
		open = r.wait()
	}
	r.tell()
	r.tellOrphans()
	close(r.over)
	ended = true
}

// wait returns when there may be something to do, with false where the bell is closed.
func (r *reader) wait() bool {
	var rings [8]byte // what is read says nothing
	_, err := r.bell.Read(rings[:])
	if errors.Is(err, os.ErrDeadlineExceeded) { // the sign of catchUp
		err = r.bell.SetReadDeadline(time.Time{})
	}
	return err == nil
}

// catchUp waits until everything that can be read now is told. It has a limit, for a handler may be stuck.
func (r *reader) catchUp(limit time.Duration) {
	done := make(chan struct{})
	r.mu.Lock()
	r.asked = append(r.asked, done)
	r.mu.Unlock()
	r.bell.SetReadDeadline(time.Unix(1, 0)) // long ago: the reader wakes up
	r.await(done, limit)
}

// close ends the reader, once it has told what can be read now; with a limit as catchUp.
func (r *reader) close(limit time.Duration) {
	close(r.closing)
	r.bell.Close()
	r.await(r.over, limit)
}

func (r *reader) await(done chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-r.over:
	case <-timer.C:
	}
}

// tell tells everything there is to read.
func (r *reader) tell() {
	r.mu.Lock()
	r.serving = append(r.serving, r.asked...)
	r.asked = nil
	r.mu.Unlock()
	// Read until there is nothing: what an event stands for keeps its place in the limits until the next reading.
	for r.next < r.count || r.read() {
		r.next++
		r.hand(&r.entries[r.next-1])
	}
	for _, done := range r.serving {
		close(done)
	}
	r.serving = nil
}

func (r *reader) read() bool {
	count := C.ap_poll_events(r.producer, 0, unsafe.Pointer(&r.entries[0]), C.sizeof_ap_event_entry_t, batch)
	r.next, r.count = 0, max(0, int(count))
	return r.count > 0
}

// hand gives one event to those who want it.
func (r *reader) hand(e *C.ap_event_entry_t) {
	isSettled := settlements&EventType(e._type) != 0
	waiter, isAwaited := r.waiters.find(uint64(e.tag), isSettled)
	isWanted := r.handler != nil && r.types&EventType(e._type) != 0
	if !isWanted && !isAwaited {
		return
	}
	event := eventOf(e)
	if e.tag&awaited != 0 {
		event.Tag, event.Topic = waiter.tag, waiter.topic
	}
	r.lookUp(uint64(e.id), &event)
	if message := event.Message; message != nil && isAwaited {
		message.Tag, message.OnReport, message.Reports = waiter.tag, waiter.onReport, waiter.reports
	}
	if isSettled && isAwaited {
		r.report(waiter, event.report())
	}
	if isWanted {
		r.handler(event)
	}
}

func (r *reader) report(w waiter, report Report) {
	if w.onReport != nil {
		w.onReport(report)
	}
	if w.reports == nil {
		return
	}
	select {
	case w.reports <- report:
	case <-r.closing:
		select { // what does not fit now will not be read
		case w.reports <- report:
		default:
		}
	}
}

// tellOrphans gives those a report whose messages the library could not settle before it had to end.
func (r *reader) tellOrphans() {
	for waiter, ok := r.waiters.takeAny(); ok; waiter, ok = r.waiters.takeAny() {
		event := Event{
			Type:        EventFailed,
			Status:      ErrUndelivered,
			Time:        time.Now(),
			Text:        "the producer was closed before the end of the message was known",
			Topic:       waiter.topic,
			Partition:   -1,
			Offset:      -1,
			Tag:         waiter.tag,
			Persistence: PersistencePossibly,
			Message:     &Message{Topic: waiter.topic, Tag: waiter.tag},
		}
		r.report(waiter, event.report())
	}
}

// lookUp completes an event with what the entry has no room for.
func (r *reader) lookUp(id uint64, event *Event) {
	if id == 0 {
		return
	}
	message := Message{Topic: event.Topic, Tag: event.Tag}
	event.Text = r.text(id)
	if record := r.record(id); record != nil { // nil where the producer was freed meanwhile
		message = readRecord(record)
	}
	event.Topic = message.Topic
	switch event.Type {
	case EventFailed, EventDropped:
		event.Message = &message
	case EventStats:
		event.JSON = message.Value
	}
}

func (r *reader) text(id uint64) string {
	return string(r.copyOut(1, func(buf unsafe.Pointer, size C.size_t) C.int64_t { // 1 for the NUL
		return C.ap_event_text(r.producer, C.uint64_t(id), (*C.char)(buf), size)
	}))
}

func (r *reader) record(id uint64) []byte {
	return r.copyOut(0, func(buf unsafe.Pointer, size C.size_t) C.int64_t {
		return C.ap_event_message(r.producer, C.uint64_t(id), buf, size)
	})
}

// copyOut answers what a call writes, in memory that the next one uses again; nil where it answers an error.
func (r *reader) copyOut(extra int, call func(buf unsafe.Pointer, size C.size_t) C.int64_t) []byte {
	for {
		size := int(call(unsafe.Pointer(unsafe.SliceData(r.scratch)), C.size_t(len(r.scratch))))
		if size < 0 {
			return nil
		}
		if size+extra <= len(r.scratch) {
			return r.scratch[:size]
		}
		r.scratch = make([]byte, size+extra)
	}
}
