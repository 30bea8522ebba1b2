//! Where callers of `ap_flush`, `ap_clear` and `ap_shutdown` wait for the worker.

use std::time::Instant;

use crate::sync::{Condvar, Mutex, PoisonError};

#[derive(Default)]
pub struct Lounge {
    wakes: Mutex<u64>,
    changed: Condvar,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    TimedOut,
    Woken,
}

impl Lounge {
    /// Waits until `done`, the deadline (`None` = no limit), or a [`Lounge::wake`].
    pub fn wait(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> Ended {
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *wakes;
        loop {
            if done() {
                return Ended::Done;
            }
            if *wakes != before {
                return Ended::Woken;
            }
            wakes = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(wakes).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return Ended::TimedOut,
                Some(left) => self.changed.wait_timeout(wakes, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// As [`Lounge::wait`], but not to be woken: whether it is done.
    pub fn wait_through(&self, deadline: Option<Instant>, done: impl Fn() -> bool) -> bool {
        loop {
            match self.wait(deadline, &done) {
                Ended::Done => return true,
                Ended::TimedOut => return false,
                Ended::Woken => {}
            }
        }
    }

    /// Something changed that somebody may wait for.
    pub fn announce(&self) {
        drop(self.wakes.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Sends everybody who waits now away.
    pub fn wake(&self) {
        *self.wakes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    #[test]
    fn done_at_once_and_never() {
        let lounge = Lounge::default();
        assert_eq!(lounge.wait(None, || true), Ended::Done);
        assert_eq!(lounge.wait(Some(Instant::now()), || false), Ended::TimedOut);
    }

    #[test]
    fn an_announcement_is_noticed() {
        let (lounge, done) = (Lounge::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| lounge.wait(None, || done.load(SeqCst)));
            done.store(true, SeqCst);
            lounge.announce();
            assert_eq!(waiter.join().expect("no panic"), Ended::Done);
        });
    }

    #[test]
    fn wake_ends_a_wait_without_limit() {
        let lounge = Lounge::default();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| lounge.wait(None, || false));
            while !waiter.is_finished() {
                lounge.wake();
                std::thread::yield_now();
            }
            assert_eq!(waiter.join().expect("no panic"), Ended::Woken);
        });
    }

    #[test]
    fn who_waits_through_is_not_woken() {
        let lounge = Lounge::default();
        let looks = std::sync::atomic::AtomicUsize::new(0);
        assert!(!lounge.wait_through(Some(Instant::now()), || false));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| lounge.wait_through(None, || looks.fetch_add(1, SeqCst) >= 3));
            while !waiter.is_finished() {
                lounge.wake();
                std::thread::yield_now();
            }
            assert!(waiter.join().expect("no panic"));
        });
    }
}
