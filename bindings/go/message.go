package asyncproducer

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Message is one message for Kafka. Only Topic must be set. All of it is copied when it is produced.
type Message struct {
	// Topic is 1 to 249 letters, digits, dots, underscores and hyphens, not "." or "..".
	Topic string
	// Key is the key; nil is no key, an empty slice an empty one.
	Key []byte
	// Value is the content; nil is Kafka's null (a tombstone), an empty slice an empty value.
	Value []byte
	// Headers are sent with the message, in this order.
	Headers []Header
	// PartitionKey chooses the partition instead of Key; it is not sent. nil is none.
	PartitionKey []byte
	// Partition is the partition; nil leaves it to the partitioner.
	Partition *int32
	// Timestamp is kept in milliseconds; the zero time is the time of the call.
	Timestamp time.Time
	// Tag is any number below 1<<63; it comes back in the message's events.
	Tag uint64

	// OnReport is told the end of the message, once; see the package's notes on handlers.
	OnReport func(Report)
	// Reports is sent the end of the message, once. Give the channel of a single message a capacity of 1: while a
	// channel is full, the producer reads no further event.
	Reports chan<- Report
}

// Header is one header of a message. A Value of nil is null, an empty slice is empty.
type Header struct {
	Name  string
	Value []byte
}

// maxTag is the largest tag of a message: the numbers above are those of awaited ones.
const maxTag = 1<<63 - 1

// isPlain says whether the message needs nothing that the flat call has not.
func (m *Message) isPlain() bool {
	return len(m.Headers) == 0 && m.PartitionKey == nil && m.Partition == nil && m.Timestamp.IsZero()
}

func (m *Message) isAwaited() bool { return m.OnReport != nil || m.Reports != nil }

// fault says which part of the message is not allowed and what is; "" where nothing is wrong.
func (m *Message) fault() string {
	for _, part := range []struct {
		name string
		data []byte
	}{{"key", m.Key}, {"value", m.Value}, {"partition key", m.PartitionKey}} {
		if len(part.data) > math.MaxInt32 {
			return fmt.Sprintf("the %s has %d bytes; less than 2 GiB are allowed", part.name, len(part.data))
		}
	}
	switch {
	case !isTopic(m.Topic):
		const allowed = "1 to 249 letters, digits, dots, underscores and hyphens"
		return fmt.Sprintf("topic %.300q is not allowed; %s are", m.Topic, allowed)
	case m.Partition != nil && *m.Partition < -1:
		return fmt.Sprintf("partition %d is negative; nil leaves it to the partitioner", *m.Partition)
	case m.timestampMs() < 0:
		return fmt.Sprintf("timestamp %v is before 1970", m.Timestamp)
	case m.Tag > maxTag:
		return fmt.Sprintf("tag %d is too large; below 1<<63 is allowed", m.Tag)
	}
	for _, header := range m.Headers {
		if strings.IndexByte(header.Name, 0) >= 0 {
			return fmt.Sprintf("the header name %q has a NUL in it", header.Name)
		}
	}
	if m.size() > math.MaxInt32 {
		return fmt.Sprintf("the message has %d bytes; less than 2 GiB are allowed", m.size())
	}
	return ""
}

func isTopic(topic string) bool {
	for _, c := range []byte(topic) {
		isAlphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !isAlphanumeric && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return 0 < len(topic) && len(topic) <= 249 && topic != "." && topic != ".."
}

// timestampMs is 0 where it is left to the library.
func (m *Message) timestampMs() int64 {
	if m.Timestamp.IsZero() {
		return 0
	}
	return m.Timestamp.UnixMilli()
}
