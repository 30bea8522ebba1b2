package asyncproducer

import (
	"fmt"
	"sync"
	"time"
)

// Report is the end of a message.
type Report struct {
	// Err is nil where the message was delivered, else a *DeliveryError.
	Err       error
	Topic     string
	Partition int32 // -1 = unknown
	Offset    int64 // -1 = unknown
	Timestamp time.Time
	Tag       uint64
	Duration  time.Duration // since Produce
	Attempts  int
}

// DeliveryError is why a message was not delivered, with all of the message.
type DeliveryError struct {
	// Type is EventFailed or EventDropped.
	Type EventType
	// Status is the reason as the library sees it; errors.Is and errors.As find it.
	Status Status
	// KafkaError is librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
	KafkaError  int32
	Persistence Persistence
	Text        string
	// Message can be produced again as it is.
	Message Message
}

func (e *DeliveryError) Error() string {
	return fmt.Sprintf("%v: %s", e.Type, e.Text)
}

// Unwrap answers the status.
func (e *DeliveryError) Unwrap() error { return e.Status }

func (e *Event) report() Report {
	report := Report{
		Topic:     e.Topic,
		Partition: e.Partition,
		Offset:    e.Offset,
		Timestamp: e.Time,
		Tag:       e.Tag,
		Duration:  e.Duration,
		Attempts:  e.Attempt,
	}
	if e.Type != EventDelivered {
		report.Err = &DeliveryError{
			Type:        e.Type,
			Status:      e.Status,
			KafkaError:  e.KafkaError,
			Persistence: e.Persistence,
			Text:        e.Text,
			Message:     *e.Message,
		}
	}
	return report
}

// waiter is what is kept of a message whose end somebody awaits.
type waiter struct {
	tag      uint64
	topic    string
	onReport func(Report)
	reports  chan<- Report
}

// awaited marks the tags that are a waiter's number; those of the program are smaller.
const awaited = maxTag + 1

// waiters are the awaited messages by the tag that the library knows them by.
type waiters struct {
	mu   sync.Mutex
	last uint64
	byID map[uint64]waiter
}

// add answers the tag under which the message is to be produced.
func (w *waiters) add(m *Message) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = make(map[uint64]waiter)
	}
	w.last++
	id := w.last | awaited
	w.byID[id] = waiter{tag: m.Tag, topic: m.Topic, onReport: m.OnReport, reports: m.Reports}
	return id
}

// find answers the waiter with this tag, and removes it where it is to be taken. There is none where the message is not
// awaited.
func (w *waiters) find(id uint64, take bool) (waiter, bool) {
	if id&awaited == 0 {
		return waiter{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	found, ok := w.byID[id]
	if take {
		delete(w.byID, id)
	}
	return found, ok
}

// withdraw removes the waiter of a message that was refused; false where its end was told meanwhile, by Close.
func (w *waiters) withdraw(id uint64) bool {
	_, ok := w.find(id, true)
	return ok || id&awaited == 0
}

// takeAny removes a waiter; there is none where it answers false.
func (w *waiters) takeAny() (waiter, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, found := range w.byID {
		delete(w.byID, id)
		return found, true
	}
	return waiter{}, false
}
