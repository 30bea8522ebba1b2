//! The counters behind `ap_stats`.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counted by the worker, read by anyone.
#[derive(Default)]
pub struct Counters {
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub unknown: AtomicU64,
    pub dropped: AtomicU64,
    pub overflowed: AtomicU64,
    pub retried: AtomicU64,
    pub in_flight: AtomicU64,
    pub deliveries: AtomicU64,
    pub last_delivery_us: AtomicU64,
    pub client_resets: AtomicU64,
}

impl Counters {
    /// Messages settled without delivery.
    pub fn undelivered(&self) -> u64 {
        self.failed.load(Relaxed) + self.dropped.load(Relaxed)
    }
}

/// The counters at one time; the fields are those of `ap_stats_t`, where their meaning is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub accepted: u64,
    pub delivered: u64,
    pub failed: u64,
    pub unknown: u64,
    pub dropped: u64,
    pub overflowed: u64,
    pub retried: u64,
    pub queue_size: u64,
    pub max_queue_size: u64,
    pub buffer_size: u64,
    pub max_buffer_size: u64,
    pub in_flight: u64,
    pub pending_bytes: u64,
    pub max_pending_bytes: u64,
    pub deliveries: u64,
    pub last_delivery_us: u64,
    pub unread_events: u64,
    pub client_resets: u64,
}
