//! The bounded queue between the callers and the worker: the limits, the line of those who wait, and the channel.

use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::error::Status;
use crate::limits::{Bounds, Limits, Place, Release, Size};
use crate::message::Message;
use crate::turnstile::Turnstile;

pub struct Queue {
    limits: Limits,
    turnstile: Turnstile,
    channel: Channel,
}

impl Queue {
    pub fn new(bounds: Bounds) -> Queue {
        // The limits admit no more than this, so a send never waits.
        let channel = Channel::new((bounds.max_queue_size + bounds.max_buffer_size) as usize);
        Queue { limits: Limits::new(bounds), turnstile: Turnstile::default(), channel }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes room for a message; where there is none, waits for it as long as `wait` says, in turn.
    #[inline(always)]
    pub fn admit(&self, size: Size, wait: Duration, give_up: impl Fn() -> bool) -> Option<Place> {
        if wait.is_zero() {
            return self.limits.admit(size);
        }
        if !self.turnstile.is_busy()
            && let Some(place) = self.limits.admit(size)
        {
            return Some(place);
        }
        self.turnstile.wait(Instant::now() + wait, || self.limits.admit(size), give_up)
    }

    /// Gives back the room of a message that was admitted and not pushed.
    pub fn retract(&self, place: Place, size: Size) {
        self.limits.retract(place, size);
        self.turnstile.notify();
    }

    /// Gives back the room of settled messages.
    pub fn release(&self, release: Release) {
        if !release.is_empty() {
            self.limits.release(release);
            self.turnstile.notify();
        }
    }

    /// Lets those who wait for room look again, because nobody will be served any more.
    pub fn dismiss(&self) {
        self.turnstile.notify();
    }

    /// Hands an admitted message to the worker.
    #[inline(always)]
    pub fn push(&self, message: Message) -> Result<(), Status> {
        self.channel.push(message)
    }

    pub fn pop(&self) -> Option<Message> {
        self.channel.pop()
    }

    /// Messages handed over and not yet taken by the worker.
    pub fn len(&self) -> usize {
        self.channel.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Draft;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn draft() -> Draft<'static> {
        Draft { topic: c"t", ..Draft::default() }
    }

    fn size() -> Size {
        Size { payload: draft().payload_len(), charge: draft().charge() }
    }

    /// With room for one message in the buffer and one in the queue.
    fn queue() -> Queue {
        Queue::new(Bounds { max_queue_size: 1, max_buffer_size: 1, max_buffer_bytesize: 1000, max_pending_bytes: 0 })
    }

    fn full() -> Queue {
        let queue = queue();
        assert_eq!(queue.admit(size(), Duration::ZERO, || false), Some(Place::Buffer));
        assert_eq!(queue.admit(size(), PATIENCE, || false), Some(Place::Queue), "room: nobody waits");
        queue
    }

    /// What a caller gets who waited when `act` came, and long before its patience was at its end.
    fn waits_for(queue: &Queue, give_up: &AtomicBool, act: impl FnOnce()) -> Option<Place> {
        let began = Instant::now();
        let place = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| queue.admit(size(), PATIENCE, || give_up.load(SeqCst)));
            while !queue.turnstile.is_busy() {
                std::thread::yield_now();
            }
            act();
            waiter.join().expect("no panic")
        });
        assert!(began.elapsed() < PATIENCE, "nobody told it");
        place
    }

    #[test]
    fn without_patience_a_full_queue_refuses_at_once() {
        assert_eq!(full().admit(size(), Duration::ZERO, || panic!("does not wait")), None);
    }

    #[test]
    fn who_waits_gets_the_room_that_is_given_back() {
        let (queue, never) = (full(), AtomicBool::new(false));
        assert_eq!(waits_for(&queue, &never, || queue.retract(Place::Queue, size())), Some(Place::Queue));
        let mut release = Release::default();
        release.add(&Message::copy(&draft(), Place::Buffer, 0, 0).expect("memory"));
        assert_eq!(waits_for(&queue, &never, || queue.release(release)), Some(Place::Buffer));
        assert_eq!(queue.limits().charged_bytes(), 2 * size().charge);
    }

    #[test]
    fn who_waits_for_nothing_is_sent_away() {
        let (queue, give_up) = (full(), AtomicBool::new(false));
        let dismiss = || {
            give_up.store(true, SeqCst);
            queue.dismiss();
        };
        assert_eq!(waits_for(&queue, &give_up, dismiss), None);
    }

    #[test]
    fn a_newcomer_does_not_overtake_who_waits() {
        let queue = full();
        let overtake = || {
            queue.limits.retract(Place::Queue, size()); // Not told to who waits.
            assert_eq!(queue.admit(size(), Duration::from_nanos(1), || false), None);
        };
        assert_eq!(waits_for(&queue, &AtomicBool::new(false), overtake), Some(Place::Queue));
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let queue = queue();
        for tag in [1, 2] {
            let message = Message::copy(&Draft { tag, ..draft() }, Place::Queue, 0, 0).expect("memory");
            queue.push(message).expect("room");
        }
        assert_eq!(queue.len(), 2);
        let tags: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|message| message.tag()).collect();
        assert_eq!((tags, queue.len()), (vec![1, 2], 0));
    }
}
