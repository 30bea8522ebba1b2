package asyncproducer

/*
#include <string.h>
#include <async_producer.h>

// ap_produce with a topic that has no NUL at its end. Bytes are typed, so that cgo does not search them for pointers.
static inline ap_status_t produce(ap_producer_t *producer, const uint8_t *topic, size_t topic_len, const uint8_t *key,
                                  size_t key_len, const uint8_t *value, size_t value_len, uint64_t tag)
{
    char name[250]; // of 249 bytes at the most
    if (topic_len >= sizeof name || (topic_len > 0 && memchr(topic, 0, topic_len)))
        return AP_ERR_INVALID_ARGUMENT;
    if (topic_len > 0)
        memcpy(name, topic, topic_len);
    name[topic_len] = 0;
    return ap_produce(producer, name, key, key_len, value, value_len, tag);
}

static inline int64_t produce_packed(ap_producer_t *producer, const uint8_t *records, size_t records_len)
{
    return ap_produce_packed(producer, records, records_len);
}

#cgo noescape produce
#cgo nocallback produce
#cgo noescape produce_packed
#cgo nocallback produce_packed
*/
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// Produce queues a message for delivery in the background and returns at once; with overflow_wait set it may wait that
// long for room. Where it answers an error, nothing was queued and nothing will be reported.
func (p *Producer) Produce(message Message) error {
	m := &message
	if status := p.precheck(m); status != 0 {
		return refused(status, m)
	}
	tag := p.tagOf(m)
	err := p.produce(m, tag)
	if err != nil && !p.reader.waiters.withdraw(tag) {
		return nil // its end was told meanwhile, by Close
	}
	return err
}

func (p *Producer) produce(m *Message, tag uint64) error {
	var status Status
	if m.isPlain() {
		status = Status(C.produce(p.handle, bytesOf(unsafe.StringData(m.Topic)), C.size_t(len(m.Topic)),
			bytesOf(unsafe.SliceData(m.Key)), C.size_t(len(m.Key)),
			bytesOf(unsafe.SliceData(m.Value)), C.size_t(len(m.Value)), C.uint64_t(tag)))
	} else {
		status = p.producePacked(m, tag)
	}
	switch status {
	case 0:
		return nil
	case ErrBufferOverflow:
		return ErrBufferOverflow
	}
	return refused(p.closedOr(status), m)
}

// producePacked is for what the flat call has no room for.
func (p *Producer) producePacked(m *Message, tag uint64) Status {
	var status Status
	withBuffer(m.size(), func(buf []byte) {
		switch taken := p.send(appendRecord(buf, m, tag)); {
		case taken < 0:
			status = Status(taken)
		case taken == 0:
			status = ErrBufferOverflow
		}
	})
	return status
}

// ProduceBatch queues messages in order, in one call, and answers how many it took.
//
// All are checked first: where one is wrong, none is taken. Then as many as there is room for are taken from the front;
// with fewer than all the error is ErrBufferOverflow, and the rest, messages[n:], can be tried again.
func (p *Producer) ProduceBatch(messages []Message) (int, error) {
	size := 0
	for i := range messages {
		if status := p.precheck(&messages[i]); status != 0 {
			return 0, refusedOf(status, messages)
		}
		size += messages[i].size()
	}
	tags := make([]uint64, len(messages))
	var answer int
	withBuffer(size, func(buf []byte) {
		for i := range messages {
			tags[i] = p.tagOf(&messages[i])
			buf = appendRecord(buf, &messages[i], tags[i])
		}
		answer = p.send(buf)
	})
	taken := p.withdraw(tags, max(answer, 0))
	switch {
	case taken == len(messages):
		return taken, nil
	case answer < 0:
		return taken, refusedOf(p.closedOr(Status(answer)), messages)
	}
	return taken, ErrBufferOverflow
}

// precheck refuses what cannot be told to the library; the rest it checks itself.
func (p *Producer) precheck(m *Message) Status {
	switch {
	case m.Tag > maxTag || m.size() > math.MaxInt32:
		return ErrInvalidArgument
	case m.isAwaited() && p.noReports:
		return ErrUnsupported
	}
	return 0
}

// tagOf is the tag that the library is to know the message by.
func (p *Producer) tagOf(m *Message) uint64 {
	if m.isAwaited() {
		return p.reader.waiters.add(m)
	}
	return m.Tag
}

// withdraw takes back the waiters of the messages that were not taken, and answers how many were: those whose end was
// told meanwhile, by Close, count as well.
func (p *Producer) withdraw(tags []uint64, taken int) int {
	for taken < len(tags) && !p.reader.waiters.withdraw(tags[taken]) {
		taken++
	}
	for _, tag := range tags[taken:] {
		p.reader.waiters.withdraw(tag)
	}
	return taken
}

// send hands records to the library and answers how many messages it took, or a status.
func (p *Producer) send(records []byte) int {
	return int(C.produce_packed(p.handle, bytesOf(unsafe.SliceData(records)), C.size_t(len(records))))
}

func bytesOf(first *byte) *C.uint8_t { return (*C.uint8_t)(first) }

// refused is the error of a message, with what is wrong with it where that can be seen.
func refused(status Status, m *Message) error {
	switch fault := m.fault(); {
	case status == ErrInvalidArgument && fault != "":
		return &Error{Status: status, Text: fault}
	case status == ErrMessageTooLarge:
		text := fmt.Sprintf("topic %q, a key of %d and a value of %d bytes: ", m.Topic, len(m.Key), len(m.Value))
		return &Error{Status: status, Text: text + status.text()}
	case status == ErrUnsupported:
		return &Error{Status: status, Text: "OnReport or Reports, of a producer made with NoReports"}
	}
	return status
}

// refusedOf is the error of a batch; it names the message where one is seen to be wrong.
func refusedOf(status Status, messages []Message) error {
	for i := range messages {
		if fault := messages[i].fault(); status == ErrInvalidArgument && fault != "" {
			return &Error{Status: status, Text: fmt.Sprintf("messages[%d]: %s", i, fault)}
		}
	}
	return status
}
