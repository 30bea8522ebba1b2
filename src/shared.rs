//! What the callers and the worker of one producer share.

use crate::error::Status;
use crate::inbox::Inbox;
use crate::lounge::Lounge;
use crate::outbox::Outbox;
use crate::parker::Parker;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::stats::Counters;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};

/// Where a producer is in its life. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    Open = 0,
    /// No message is accepted any more; the worker settles what there is.
    Closing = 1,
    Closed = 2,
    /// A defect was contained.
    Broken = 3,
}

impl Phase {
    /// Refuses new work in every phase but the first.
    pub fn admits(self) -> Result<(), Status> {
        match self {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Closed => Err(Status::ShutDown),
            Phase::Broken => Err(Status::Internal),
        }
    }
}

pub struct Shared {
    pub settings: Settings,
    pub queue: Arc<Queue>,
    pub outbox: Arc<Outbox>,
    pub inbox: Inbox,
    pub lounge: Lounge,
    pub parker: Arc<Parker>,
    pub counters: Counters,
    /// Messages ever accepted. Compared with what the worker took, it says whether a caller is still on the way in.
    pub accepted: AtomicU64,
    /// Messages settled whose events can be read.
    pub settled: AtomicU64,
    phase: AtomicU8,
}

impl Shared {
    pub fn new(settings: Settings, outbox: Arc<Outbox>) -> Shared {
        Shared {
            queue: Arc::new(Queue::new(settings.bounds())),
            settings,
            outbox,
            inbox: Inbox::default(),
            lounge: Lounge::default(),
            parker: Arc::default(),
            counters: Counters::default(),
            accepted: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Open as u8),
        }
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(SeqCst) {
            0 => Phase::Open,
            1 => Phase::Closing,
            2 => Phase::Closed,
            _ => Phase::Broken,
        }
    }

    /// Whether everything accepted before the call is settled.
    pub fn is_settled(&self) -> bool {
        let accepted = self.accepted.load(SeqCst);
        self.settled.load(SeqCst) >= accepted
    }

    pub fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, SeqCst);
        self.queue.dismiss();
        self.lounge.announce();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Mask;

    fn shared() -> Shared {
        Shared::new(Settings::default(), Arc::new(Outbox::new(Mask::from_bits(0).expect("bits"), None)))
    }

    #[test]
    fn a_phase_goes_only_forward_and_says_what_it_refuses() {
        let shared = shared();
        let phases = [
            (Phase::Open, Ok(())),
            (Phase::Closing, Err(Status::ShutDown)),
            (Phase::Closed, Err(Status::ShutDown)),
            (Phase::Broken, Err(Status::Internal)),
        ];
        for (phase, answer) in phases {
            shared.advance(phase);
            shared.advance(Phase::Open);
            assert_eq!((shared.phase(), shared.phase().admits()), (phase, answer));
        }
    }

    #[test]
    fn settled_is_what_was_accepted() {
        let shared = shared();
        assert!(shared.is_settled());
        shared.accepted.store(2, SeqCst);
        shared.settled.store(1, SeqCst);
        assert!(!shared.is_settled());
        shared.settled.store(2, SeqCst);
        assert!(shared.is_settled());
    }
}
