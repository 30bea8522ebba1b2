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
