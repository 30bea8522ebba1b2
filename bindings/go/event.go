package asyncproducer

// #include <async_producer.h>
import "C"

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// EventType is a type of event; an OR of types is a choice of them.
type EventType uint32

// The types of events, and the fields of an Event that each speaks of beside Type, Status, Time and Text. Those that
// may be coalesced say in Count how many occurrences they stand for; the rest is the latest one's.
const (
	// EventEnqueued: a message was accepted. Topic, Tag. May be coalesced.
	EventEnqueued EventType = C.AP_EVENT_ENQUEUED
	// EventBufferOverflow: a message was refused for lack of room. Topic, Tag. May be coalesced.
	EventBufferOverflow EventType = C.AP_EVENT_BUFFER_OVERFLOW
	// EventDeliveryStarted: a delivery begins. Count messages.
	EventDeliveryStarted EventType = C.AP_EVENT_DELIVERY_STARTED
	// EventDeliveryFinished: every message of a delivery is settled. Count messages, Attempt (the highest of them),
	// Duration; Status is ErrUndelivered where one was not delivered.
	EventDeliveryFinished EventType = C.AP_EVENT_DELIVERY_FINISHED
	// EventDelivered: one message was acknowledged. Partition, Offset, Tag, Attempt, Duration since Produce, Persistence;
	// Topic where the message had OnReport or Reports. It has no Text.
	EventDelivered EventType = C.AP_EVENT_DELIVERED
	// EventFailed: one message is settled without delivery. Message, Topic, Partition, Tag, KafkaError, Attempt,
	// Persistence.
	EventFailed EventType = C.AP_EVENT_FAILED
	// EventRetry: a delivery failed and will be tried again. Count messages, Topic, Partition, KafkaError, Attempt,
	// Duration until then. May be coalesced.
	EventRetry EventType = C.AP_EVENT_RETRY
	// EventDropped: one message was dropped by Clear or at the end of Shutdown. Message, Topic, Tag, Persistence.
	EventDropped EventType = C.AP_EVENT_DROPPED
	// EventStalled: nothing could be delivered for stall_report_interval although messages wait. May be coalesced.
	EventStalled EventType = C.AP_EVENT_STALLED
	// EventError: an error of the client, such as brokers down. KafkaError.
	EventError EventType = C.AP_EVENT_ERROR
	// EventLog: a log line of librdkafka. Level. May be coalesced.
	EventLog EventType = C.AP_EVENT_LOG
	// EventStats: librdkafka's statistics, every statistics.interval.ms where that is set. JSON.
	EventStats EventType = C.AP_EVENT_STATS
	// EventAll is every type.
	EventAll EventType = C.AP_EVENT_ALL
)

// settlements are the events that end a message.
const settlements = EventDelivered | EventFailed | EventDropped

var eventNames = [...]string{
	"ENQUEUED", "BUFFER_OVERFLOW", "DELIVERY_STARTED", "DELIVERY_FINISHED", "DELIVERED", "FAILED", "RETRY", "DROPPED",
	"STALLED", "ERROR", "LOG", "STATS",
}

// String is the name of the type, or the names of several with | between.
func (t EventType) String() string {
	var names []string
	for rest := uint32(t); rest != 0; rest &= rest - 1 {
		if bit := bits.TrailingZeros32(rest); bit < len(eventNames) {
			names = append(names, eventNames[bit])
		} else {
			names = append(names, fmt.Sprintf("1<<%d", bit))
		}
	}
	return strings.Join(names, "|")
}

// Persistence is what is known of a message in the broker's log.
type Persistence int

const (
	// PersistenceNo: it is not there; sending it again makes no duplicate.
	PersistenceNo Persistence = C.AP_PERSISTENCE_NO
	// PersistencePossibly: it was sent and no answer came.
	PersistencePossibly Persistence = C.AP_PERSISTENCE_POSSIBLY
	// PersistenceYes: it is there.
	PersistenceYes Persistence = C.AP_PERSISTENCE_YES
)

func (p Persistence) String() string {
	switch p {
	case PersistenceNo:
		return "no"
	case PersistencePossibly:
		return "possibly"
	case PersistenceYes:
		return "yes"
	}
	return fmt.Sprintf("Persistence(%d)", int(p))
}

// Event is something that happened. What its Type does not speak of is zero, or -1 for Partition and Offset.
type Event struct {
	Type        EventType
	Status      Status    // why; 0 = nothing is wrong
	KafkaError  int32     // librdkafka's error code (negative: its own, positive: the broker's), 0 = none
	Time        time.Time // the message's timestamp, else the time of the event
	Text        string    // one line for a person, never with a password in it
	Topic       string
	Partition   int32
	Offset      int64
	Tag         uint64
	Count       int
	Duration    time.Duration
	Attempt     int
	Persistence Persistence
	Level       int      // the syslog level of a log line, 0 to 7
	JSON        []byte   // librdkafka's statistics
	Message     *Message // the message whole; it can be produced again as it is
}

// String is the event in a line, for a log.
func (e Event) String() string {
	text := e.Type.String()
	if e.Topic != "" {
		text += " " + e.Topic
	}
	if e.Partition >= 0 {
		text += fmt.Sprintf(" partition %d", e.Partition)
	}
	if e.Offset >= 0 {
		text += fmt.Sprintf(" offset %d", e.Offset)
	}
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d)", e.Count)
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// eventOf is what an entry says by itself; the rest is looked up by its id.
func eventOf(e *C.ap_event_entry_t) Event {
	event := Event{
		Type:        EventType(e._type),
		Status:      Status(e.status),
		KafkaError:  int32(e.kafka_error),
		Time:        time.UnixMilli(int64(e.timestamp_ms)),
		Partition:   int32(e.partition),
		Offset:      int64(e.offset),
		Tag:         uint64(e.tag),
		Count:       int(e.message_count),
		Duration:    time.Duration(e.duration_us) * time.Microsecond,
		Attempt:     int(e.attempt),
		Persistence: Persistence(e.persistence),
	}
	if event.Type == EventLog {
		event.Level, event.Status = int(e.status), 0
	}
	return event
}
