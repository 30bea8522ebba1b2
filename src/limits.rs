//! The limits: how many messages and bytes are accepted and not settled, exact under any number of threads.
//!
//! A message is counted in the buffer while the buffer has room for it and in the queue otherwise. Counting at
//! acceptance, and not when the worker gets round to moving messages, makes the limits exact whatever the scheduler
//! does: with room for 5 in the buffer and 10 in the queue, 15 are accepted, never 10 because the worker was slow.

use crate::message::Message;
use crate::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Where a message is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    Buffer = 0,
    Queue = 1,
}

/// What a message takes of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Key, value and headers: what `max_buffer_bytesize` counts.
    pub payload: u64,
    /// All the memory it takes: what `max_pending_bytes` counts.
    pub charge: u64,
}

/// The limits as configured.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub max_queue_size: u64,
    pub max_buffer_size: u64,
    pub max_buffer_bytesize: u64,
    /// 0 = none.
    pub max_pending_bytes: u64,
}

/// The largest count and byte sum that [`Limits`] can hold: both share one word, so that they change together.
pub const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;
pub const MAX_BYTES: u64 = (1 << BYTES_BITS) - 1;
const COUNT_BITS: u32 = 24;
const BYTES_BITS: u32 = 40;

/// What is taken of the limits now.
#[repr(align(128))] // Its own cache lines: every producing thread writes here.
pub struct Limits {
    bounds: Bounds,
    /// Messages counted in the buffer (upper 24 bits) and their payload (lower 40).
    buffer: AtomicU64,
    queue: AtomicU64,
    charged: AtomicU64,
}

/// Sums to give back at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Release {
    buffer: u64,
    queue: u64,
    charge: u64,
}

impl Release {
    pub fn add(&mut self, message: &Message) {
        match message.place() {
            Place::Buffer => self.buffer += packed(1, message.payload_len()),
            Place::Queue => self.queue += 1,
        }
        self.charge += message.charge();
    }

    pub fn is_empty(&self) -> bool {
        self.charge == 0
    }
}

impl Limits {
    pub fn new(bounds: Bounds) -> Limits {
        Limits { bounds, buffer: AtomicU64::new(0), queue: AtomicU64::new(0), charged: AtomicU64::new(0) }
    }

    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Takes room for one message, or none at all.
    pub fn admit(&self, size: Size) -> Option<Place> {
        if !self.enter_memory(size.charge) {
            return None;
        }
        if self.enter_buffer(size.payload) {
            return Some(Place::Buffer);
        }
        if self.enter_queue() {
            return Some(Place::Queue);
        }
        self.charged.fetch_sub(size.charge, SeqCst);
        None
    }

    /// Counts a message of the queue in the buffer from now on, where there is room.
    pub fn promote(&self, message: &mut Message) {
        if message.place() == Place::Queue && self.enter_buffer(message.payload_len()) {
            self.queue.fetch_sub(1, SeqCst);
            message.set_place(Place::Buffer);
        }
    }

    /// Takes back what one [`Limits::admit`] took.
    pub fn retract(&self, place: Place, size: Size) {
        match place {
            Place::Buffer => self.buffer.fetch_sub(packed(1, size.payload), SeqCst),
            Place::Queue => self.queue.fetch_sub(1, SeqCst),
        };
        self.charged.fetch_sub(size.charge, SeqCst);
    }

    pub fn release(&self, release: Release) {
        if release.buffer > 0 {
            self.buffer.fetch_sub(release.buffer, SeqCst);
        }
        if release.queue > 0 {
            self.queue.fetch_sub(release.queue, SeqCst);
        }
        self.charged.fetch_sub(release.charge, SeqCst);
    }

    pub fn queue_size(&self) -> u64 {
        self.queue.load(SeqCst)
    }

    pub fn buffer_size(&self) -> u64 {
        self.buffer.load(SeqCst) >> BYTES_BITS
    }

    pub fn charged_bytes(&self) -> u64 {
        self.charged.load(SeqCst)
    }

    fn enter_memory(&self, charge: u64) -> bool {
        let most = match self.bounds.max_pending_bytes {
            0 => u64::MAX,
            bytes => bytes,
        };
        self.charged.fetch_update(SeqCst, SeqCst, |now| (now + charge <= most).then_some(now + charge)).is_ok()
    }

    fn enter_buffer(&self, payload: u64) -> bool {
        let mut now = self.buffer.load(SeqCst);
        loop {
            let (count, bytes) = (now >> BYTES_BITS, now & MAX_BYTES);
            if count >= self.bounds.max_buffer_size || bytes + payload > self.bounds.max_buffer_bytesize {
                return false;
            }
            match self.buffer.compare_exchange_weak(now, now + packed(1, payload), SeqCst, SeqCst) {
                Ok(_) => return true,
                Err(newer) => now = newer,
            }
        }
    }

    fn enter_queue(&self) -> bool {
        self.queue
            .fetch_update(SeqCst, SeqCst, |count| (count < self.bounds.max_queue_size).then_some(count + 1))
            .is_ok()
    }
}

fn packed(count: u64, payload: u64) -> u64 {
    (count << BYTES_BITS) + payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Draft;

    const SMALL: Size = Size { payload: 1, charge: 300 };

    fn limits(queue: u64, buffer: u64, bytes: u64, pending: u64) -> Limits {
        Limits::new(Bounds {
            max_queue_size: queue,
            max_buffer_size: buffer,
            max_buffer_bytesize: bytes,
            max_pending_bytes: pending,
        })
    }

    fn admit_all(limits: &Limits, size: Size) -> usize {
        std::iter::from_fn(|| limits.admit(size)).count()
    }

    #[test]
    fn the_buffer_fills_first_then_the_queue() {
        let limits = limits(10, 5, 1000, 0);
        assert_eq!(admit_all(&limits, SMALL), 15);
        assert_eq!((limits.buffer_size(), limits.queue_size()), (5, 10));
    }

    #[test]
    fn bytes_fill_the_buffer_too() {
        let limits = limits(10, 1000, 1000, 0);
        assert_eq!(admit_all(&limits, Size { payload: 300, charge: 600 }), 13);
    }

    #[test]
    fn pending_bytes_bound_everything() {
        let limits = limits(1000, 1000, 1 << 30, 1000);
        assert_eq!(admit_all(&limits, SMALL), 3);
        assert_eq!(limits.charged_bytes(), 900);
    }

    #[test]
    fn a_refusal_takes_nothing() {
        let limits = limits(1, 1, 1000, 0);
        assert_eq!(admit_all(&limits, SMALL), 2);
        assert_eq!(limits.admit(SMALL), None);
        assert_eq!(limits.charged_bytes(), 600);
    }

    #[test]
    fn what_is_released_can_be_taken_again() {
        let limits = limits(1, 1, 1000, 0);
        let draft = Draft { topic: c"t", value: Some(b"x"), ..Draft::default() };
        let size = Size { payload: draft.payload_len(), charge: draft.charge() };
        let mut release = Release::default();
        for _ in 0..2 {
            let place = limits.admit(size).expect("room");
            release.add(&Message::copy(&draft, place, 0, 0).expect("memory"));
        }
        assert_eq!(limits.admit(size), None);
        limits.release(release);
        assert_eq!((limits.buffer_size(), limits.queue_size(), limits.charged_bytes()), (0, 0, 0));
        assert_eq!(admit_all(&limits, size), 2);
    }

    #[test]
    fn promotion_frees_a_place_in_the_queue() {
        let limits = limits(1, 1, 1000, 0);
        let draft = Draft { topic: c"t", ..Draft::default() };
        let size = Size { payload: 0, charge: draft.charge() };
        let first = limits.admit(size).expect("room");
        let second = limits.admit(size).expect("room");
        let mut waiting = Message::copy(&draft, second, 0, 0).expect("memory");
        limits.promote(&mut waiting);
        assert_eq!(waiting.place(), Place::Queue, "the buffer is full");
        limits.retract(first, size);
        limits.promote(&mut waiting);
        assert_eq!(waiting.place(), Place::Buffer);
        assert_eq!((limits.buffer_size(), limits.queue_size()), (1, 0));
    }

    #[test]
    fn exact_under_many_threads() {
        let limits = limits(10, 5, 1000, 0);
        let accepted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| (0..200).filter_map(|_| limits.admit(SMALL)).count())).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(accepted, 15);
    }

    #[test]
    fn the_largest_count_and_the_largest_sum_of_bytes_have_room() {
        let limits = limits(0, MAX_COUNT, MAX_BYTES, 0);
        limits.buffer.store(packed(MAX_COUNT - 1, MAX_BYTES - 1), SeqCst);
        assert_eq!(limits.admit(Size { payload: 2, charge: 300 }), None);
        assert_eq!(limits.admit(SMALL), Some(Place::Buffer));
        assert_eq!((limits.buffer_size(), limits.buffer.load(SeqCst) & MAX_BYTES), (MAX_COUNT, MAX_BYTES));
        assert_eq!(limits.admit(Size { payload: 0, charge: 300 }), None);
    }
}
