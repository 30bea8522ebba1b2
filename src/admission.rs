//! Admission: how a caller's message gets into the queue, or why not.

use std::time::Duration;

use crate::clock;
use crate::error::Status;
use crate::event::{Event, Kind, Subject};
use crate::limits::{Place, Size};
use crate::message::{Draft, Message};
use crate::observer;
use crate::shared::{Phase, Shared};
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};

impl Shared {
    /// Accepts a message, or says why not; then nothing is held of it.
    pub fn accept(&self, draft: &Draft) -> Result<(), Status> {
        let size = Size { payload: draft.payload_len(), charge: draft.charge() };
        let Some(place) = self.queue.admit(size, self.patience(), || self.phase() != Phase::Open) else {
            self.phase().admits()?;
            self.report_overflow(draft);
            return Err(Status::BufferOverflow);
        };
        // The worker ends when all that is counted is taken: from here on it waits for this message or its withdrawal.
        self.accepted.fetch_add(1, SeqCst);
        self.hand_over(draft, place).inspect_err(|_| self.withdraw(place, size))
    }

    fn hand_over(&self, draft: &Draft, place: Place) -> Result<(), Status> {
        self.phase().admits()?;
        let timestamp_ms = if draft.timestamp_ms == 0 { clock::wall_ms() } else { draft.timestamp_ms };
        // Read only where it is reported: a clock costs as much as the rest of the call.
        let accepted_at_us = if self.outbox.wants_settlements() { clock::monotonic_us() } else { 0 };
        let message = Message::copy(draft, place, timestamp_ms, accepted_at_us)?;
        let push = || self.queue.push(message);
        if self.outbox.wants(Kind::Enqueued) {
            self.outbox.post_with(self.admission_event(Kind::Enqueued, Status::Ok, draft)?, push)?;
        } else {
            push()?;
        }
        self.parker.nudge(place == Place::Queue, || self.queue.len());
        Ok(())
    }

    fn withdraw(&self, place: Place, size: Size) {
        self.queue.retract(place, size);
        self.accepted.fetch_sub(1, SeqCst);
        self.parker.unpark();
    }

    /// How long the caller may wait for room. In the callback not at all: it may be what makes room.
    fn patience(&self) -> Duration {
        let patience = self.settings.overflow_wait;
        if patience.is_zero() || !observer::is_observing() { patience } else { Duration::ZERO }
    }

    fn report_overflow(&self, draft: &Draft) {
        self.counters.overflowed.fetch_add(1, Relaxed);
        if self.outbox.wants(Kind::BufferOverflow)
            && let Ok(event) = self.admission_event(Kind::BufferOverflow, Status::BufferOverflow, draft)
        {
            self.outbox.offer(event);
        }
    }

    fn admission_event(&self, kind: Kind, status: Status, draft: &Draft) -> Result<Event, Status> {
        let limits = self.queue.limits();
        let text = if kind == Kind::Enqueued { c"accepted" } else { c"refused: the queue is full" };
        Ok(Event {
            status: status.code(),
            tag: draft.tag,
            queue_size: limits.queue_size() as u32,
            max_queue_size: limits.bounds().max_queue_size as u32,
            buffer_size: limits.buffer_size() as u32,
            subject: Subject::topic(draft.topic)?,
            ..Event::now(kind, text)
        })
    }
}
