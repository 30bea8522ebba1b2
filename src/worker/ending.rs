//! The end: everything is settled, or dropped at the deadline.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event::Kind;
use crate::inbox::{Answer, Closing};
use crate::shared::Phase;
use crate::sync::Arc;
use crate::transport::Purge;

use super::Worker;
use super::settlement::withdrawn;

/// How long the client may take, after the deadline, to say what became of what it has.
const GRACE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Ending {
    asked: Option<Closing>,
    dropping: bool,
}

impl Ending {
    pub(super) fn ask(&mut self, closing: Closing) {
        self.asked = Some(closing);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.asked.is_some()
    }

    /// The deadline has passed: what is not delivered is dropped.
    pub(super) fn is_dropping(&self) -> bool {
        self.dropping
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        match self.asked {
            Some(Closing::By(deadline)) if !self.dropping => Some(deadline),
            _ => None,
        }
    }
}

impl Worker {
    pub(super) fn end(&mut self, now: Instant) {
        match self.ending.asked {
            None => return,
            Some(Closing::By(deadline)) if now >= deadline && !self.ending.dropping => {
                self.ending.dropping = true;
                self.link.leave(now + GRACE, Purge::All);
            }
            Some(_) => {}
        }
        if self.ending.dropping {
            self.take_everything(now);
            self.drop_what_waits(Status::ShutDown);
        } else {
            self.begin_delivery(now);
        }
    }

    /// Drops what is not on its way and was accepted before the call.
    pub(super) fn clear(&mut self, answer: Arc<Answer>, now: Instant) {
        for _ in 0..self.shared.queue.len() + usize::from(self.stowed.is_some()) {
            let Some(message) = self.stowed.take().or_else(|| self.pop()) else { break };
            self.insert(message, None, now);
        }
        self.credit = 0;
        let count = self.drop_what_waits(Status::Undelivered);
        self.desk.answer(answer, count);
    }

    fn take_everything(&mut self, now: Instant) {
        while let Some(message) = self.stowed.take().or_else(|| self.pop()) {
            self.insert(message, None, now);
        }
    }

    fn drop_what_waits(&mut self, status: Status) -> u64 {
        let parcels = self.buffer.clear();
        let count = parcels.len() as u64;
        for parcel in parcels {
            self.settle(parcel, Kind::Dropped, status, &withdrawn());
        }
        count
    }

    pub(super) fn is_over(&self) -> bool {
        self.ending.has_begun() && self.everything_is_taken() && self.stowed.is_none() && self.buffer.held() == 0
    }

    pub(super) fn finish(&mut self) {
        self.link.close();
        self.shared.outbox.close();
        self.shared.advance(Phase::Closed);
    }
}
