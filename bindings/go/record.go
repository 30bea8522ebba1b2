package asyncproducer

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// A message as ap_produce_packed takes it and ap_event_message answers it: a head of fixed size, then the topic, the
// key, the value, the partition key and the headers. All integers are little-endian; a length of -1 is null.
const (
	recordHead = 48
	headerHead = 8
	null       = -1
)

var le = binary.LittleEndian

// size is the bytes of the message as a record.
func (m *Message) size() int {
	size := recordHead + len(m.Topic) + 1 + len(m.Key) + len(m.Value) + len(m.PartitionKey)
	for i := range m.Headers {
		size += headerHead + len(m.Headers[i].Name) + 1 + len(m.Headers[i].Value)
	}
	return size
}

// appendRecord packs a message; its size is below 2 GiB.
func appendRecord(buf []byte, m *Message, tag uint64) []byte {
	partition := int32(null)
	if m.Partition != nil {
		partition = *m.Partition
	}
	var head [recordHead]byte
	le.PutUint32(head[0:], uint32(m.size()))
	le.PutUint32(head[4:], uint32(len(m.Topic)))
	le.PutUint32(head[8:], uint32(partition))
	le.PutUint32(head[12:], packedLen(m.Key))
	le.PutUint32(head[16:], packedLen(m.Value))
	le.PutUint32(head[20:], packedLen(m.PartitionKey))
	le.PutUint64(head[24:], uint64(m.timestampMs()))
	le.PutUint64(head[32:], tag)
	le.PutUint32(head[40:], uint32(len(m.Headers)))
	buf = append(buf, head[:]...)
	buf = append(buf, m.Topic...)
	buf = append(buf, 0)
	buf = append(buf, m.Key...)
	buf = append(buf, m.Value...)
	buf = append(buf, m.PartitionKey...)
	for i := range m.Headers {
		header := &m.Headers[i]
		buf = le.AppendUint32(buf, uint32(len(header.Name)))
		buf = le.AppendUint32(buf, packedLen(header.Value))
		buf = append(buf, header.Name...)
		buf = append(buf, 0)
		buf = append(buf, header.Value...)
	}
	return buf
}

func packedLen(part []byte) uint32 {
	if part == nil {
		return ^uint32(0) // -1
	}
	return uint32(len(part))
}

// readRecord unpacks a record of the library into a message of its own memory.
func readRecord(record []byte) Message {
	r := record[recordHead:]
	take := func(size int) []byte {
		part := r[:size:size]
		r = r[size:]
		return part
	}
	name := func(size uint32) string {
		text := string(take(int(size)))
		take(1) // its NUL
		return text
	}
	part := func(size uint32) []byte {
		if int32(size) == null {
			return nil
		}
		return append([]byte{}, take(int(size))...) // not slices.Clone: empty must not become nil
	}
	var m Message
	m.Topic = name(le.Uint32(record[4:]))
	if partition := int32(le.Uint32(record[8:])); partition != null {
		m.Partition = &partition
	}
	m.Key = part(le.Uint32(record[12:]))
	m.Value = part(le.Uint32(record[16:]))
	m.PartitionKey = part(le.Uint32(record[20:]))
	m.Timestamp = time.UnixMilli(int64(le.Uint64(record[24:])))
	m.Tag = le.Uint64(record[32:])
	for range le.Uint32(record[40:]) {
		head := take(headerHead)
		m.Headers = append(m.Headers, Header{Name: name(le.Uint32(head)), Value: part(le.Uint32(head[4:]))})
	}
	return m
}

// buffers are for packing; one that has grown large is left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxPooled = 1 << 20

// withBuffer lends an empty buffer with room for size bytes.
func withBuffer(size int, use func(buf []byte)) {
	pooled := buffers.Get().(*[]byte)
	buf := slices.Grow((*pooled)[:0], size)
	use(buf)
	if cap(buf) <= maxPooled {
		*pooled = buf
		buffers.Put(pooled)
	}
}
