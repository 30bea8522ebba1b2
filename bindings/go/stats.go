package asyncproducer

// #include <async_producer.h>
import "C"

import "time"

// Stats are the counters of a producer since it was made. Each is exact; they are not of a single instant.
type Stats struct {
	Accepted   uint64 // messages taken
	Delivered  uint64 // messages Kafka acknowledged
	Failed     uint64 // messages settled without delivery: refused for good, given up, or of unknown fate
	Unknown    uint64 // of the failed ones, those of which it is not known whether Kafka has them
	Dropped    uint64 // messages dropped by Clear or at the end of Shutdown
	Overflowed uint64 // messages refused with ErrBufferOverflow
	Retried    uint64 // messages handed to Kafka again after a failure, each time counted

	QueueSize       uint64 // messages that wait in the queue now
	MaxQueueSize    uint64
	BufferSize      uint64 // messages in the buffer now, those on their way to Kafka included
	MaxBufferSize   uint64
	InFlight        uint64 // messages handed to Kafka and not answered yet
	PendingBytes    uint64 // memory held for messages
	MaxPendingBytes uint64 // 0 = no limit

	Deliveries   uint64        // deliveries started
	LastDelivery time.Duration // how long the last finished delivery took
	UnreadEvents uint64        // events that wait for the reader
	ClientResets uint64        // times the Kafka client was made anew after a fatal error
}

// Stats reads the counters. After Close they stay as they were.
func (p *Producer) Stats() Stats {
	raw := C.ap_stats_t{struct_size: C.sizeof_ap_stats_t}
	if C.ap_stats(p.handle, &raw) != C.AP_OK {
		if last := p.lastStats.Load(); last != nil {
			return *last
		}
	}
	return Stats{
		Accepted:        uint64(raw.accepted),
		Delivered:       uint64(raw.delivered),
		Failed:          uint64(raw.failed),
		Unknown:         uint64(raw.unknown),
		Dropped:         uint64(raw.dropped),
		Overflowed:      uint64(raw.overflowed),
		Retried:         uint64(raw.retried),
		QueueSize:       uint64(raw.queue_size),
		MaxQueueSize:    uint64(raw.max_queue_size),
		BufferSize:      uint64(raw.buffer_size),
		MaxBufferSize:   uint64(raw.max_buffer_size),
		InFlight:        uint64(raw.in_flight),
		PendingBytes:    uint64(raw.pending_bytes),
		MaxPendingBytes: uint64(raw.max_pending_bytes),
		Deliveries:      uint64(raw.deliveries),
		LastDelivery:    time.Duration(raw.last_delivery_us) * time.Microsecond,
		UnreadEvents:    uint64(raw.unread_events),
		ClientResets:    uint64(raw.client_resets),
	}
}
