//! `ap_stats_t`: the counters of a producer.

use crate::error::Error;
use crate::stats::Snapshot;

use super::guard::guard_status;
use super::input;
use super::producer::{ap_producer_t, pin};
use super::status::ap_status_t;

/// The counters of a producer since it was made. Set struct_size to sizeof(ap_stats_t) before the call, or start from
/// AP_STATS_INIT; the struct grows only at its end.
///
/// accepted = delivered + failed + dropped + queue_size + buffer_size, but for messages whose settlement event is not
/// read yet: those are settled and still hold their place in the sizes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ap_stats_t {
    /// Bytes of this struct the caller knows; set by the caller.
    pub struct_size: usize,
    /// Messages taken by ap_produce() and the like.
    pub accepted: u64,
    /// Messages Kafka acknowledged.
    pub delivered: u64,
    /// Messages settled without delivery: refused for good, given up, or of unknown fate.
    pub failed: u64,
    /// Of the failed ones, those of which it is not known whether Kafka has them.
    pub unknown: u64,
    /// Messages dropped by ap_clear() or at the end of ap_shutdown().
    pub dropped: u64,
    /// Calls (or, in a batch, messages) refused with AP_ERR_BUFFER_OVERFLOW.
    pub overflowed: u64,
    /// Messages handed to Kafka again after a failure, each time counted.
    pub retried: u64,
    /// Messages that wait in the queue now; never more than max_queue_size.
    pub queue_size: u64,
    /// The limit of queue_size.
    pub max_queue_size: u64,
    /// Messages in the buffer now, those on their way to Kafka included; never more than max_buffer_size.
    pub buffer_size: u64,
    /// The limit of buffer_size.
    pub max_buffer_size: u64,
    /// Messages handed to Kafka and not answered yet; never more than max_buffer_size.
    pub in_flight: u64,
    /// Bytes of memory held for messages: key, value, headers, topic and overhead.
    pub pending_bytes: u64,
    /// The limit of pending_bytes, 0 = none.
    pub max_pending_bytes: u64,
    /// Deliveries started.
    pub deliveries: u64,
    /// How long the last finished delivery took, in microseconds.
    pub last_delivery_us: u64,
    /// Events that wait to be read by the callback or by ap_poll().
    pub unread_events: u64,
    /// Times the Kafka client was made anew after a fatal error.
    pub client_resets: u64,
}

/// Reads the counters.
///
/// Ownership: stats stays the caller's; as many bytes as its struct_size says are written, at most those this version
///            knows, and struct_size becomes the number written.
/// NULL:      producer or stats -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread, also in the callback. Never blocks and takes no lock. Each counter is exact; the set is not a
///            single instant while other threads produce.
/// Returns:   AP_OK                    written
///            AP_ERR_INVALID_ARGUMENT  not a producer, stats is NULL, or struct_size is smaller than version 0.1.0's
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_stats(producer: *const ap_producer_t, stats: *mut ap_stats_t) -> ap_status_t {
    guard_status(|| {
        let producer = pin(producer.cast_mut())?;
        if stats.is_null() {
            return Err(Error::invalid("stats is NULL"));
        }
        unsafe { input::write_sized(stats, ap_stats_t::from(producer.stats())) }
    })
}

impl From<Snapshot> for ap_stats_t {
    fn from(now: Snapshot) -> ap_stats_t {
        ap_stats_t {
            struct_size: size_of::<ap_stats_t>(),
            accepted: now.accepted,
            delivered: now.delivered,
            failed: now.failed,
            unknown: now.unknown,
            dropped: now.dropped,
            overflowed: now.overflowed,
            retried: now.retried,
            queue_size: now.queue_size,
            max_queue_size: now.max_queue_size,
            buffer_size: now.buffer_size,
            max_buffer_size: now.max_buffer_size,
            in_flight: now.in_flight,
            pending_bytes: now.pending_bytes,
            max_pending_bytes: now.max_pending_bytes,
            deliveries: now.deliveries,
            last_delivery_us: now.last_delivery_us,
            unread_events: now.unread_events,
            client_resets: now.client_resets,
        }
    }
}
