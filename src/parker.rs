//! Where the worker sleeps, and how it is woken without costing those who need not wake it.

use std::time::Instant;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct Parker {
    sleeping: AtomicBool,
    /// Messages in the queue that are worth waking for.
    level: AtomicUsize,
    state: Mutex<State>,
    call: Condvar,
}

#[derive(Default)]
struct State {
    called: bool,
    /// It waits: only then is there somebody to wake, which is a system call.
    asleep: bool,
}

impl Parker {
    /// Wakes the worker, or keeps it from its next sleep.
    pub fn unpark(&self) {
        let mut state = self.lock();
        state.called = true;
        if state.asleep {
            drop(state);
            self.call.notify_one();
        }
    }

    /// Wakes the worker where it sleeps and `queued` messages are worth it. `full`: the message found the buffer full.
    pub fn nudge(&self, full: bool, queued: impl Fn() -> usize) {
        if !self.sleeping.load(SeqCst) {
            return;
        }
        let level = self.level.load(SeqCst);
        let worth = (full && level != usize::MAX) || queued() >= level;
        if worth && self.sleeping.swap(false, SeqCst) {
            self.unpark();
        }
    }

    /// Sleeps until somebody calls, `level` messages are queued, or the deadline passes.
    ///
    /// `idle` is asked once more after callers can see that the worker sleeps: what came before is not missed.
    pub fn park(&self, deadline: Option<Instant>, level: usize, idle: impl Fn() -> bool) {
        self.level.store(level, SeqCst);
        self.sleeping.store(true, SeqCst);
        if idle() {
            self.sleep(deadline);
        }
        self.sleeping.store(false, SeqCst);
    }

    fn sleep(&self, deadline: Option<Instant>) {
        let mut state = self.lock();
        state.asleep = true;
        while !state.called {
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.call.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => break,
                Some(left) => self.call.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *state = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_before_the_sleep_is_not_lost() {
        let parker = Parker::default();
        parker.unpark();
        parker.park(None, usize::MAX, || true);
    }

    #[test]
    fn the_deadline_ends_the_sleep() {
        Parker::default().park(Some(Instant::now()), usize::MAX, || true);
    }

    #[test]
    fn no_sleep_where_there_is_work() {
        Parker::default().park(None, usize::MAX, || false);
    }

    #[test]
    fn a_nudge_wakes_only_at_its_level() {
        let parker = Parker::default();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| parker.park(None, 3, || true));
            while !parker.sleeping.load(SeqCst) {
                std::thread::yield_now();
            }
            parker.nudge(false, || 2);
            assert!(parker.sleeping.load(SeqCst), "two messages are not worth it");
            parker.nudge(false, || 3);
            sleeper.join().expect("no panic");
        });
    }

    #[test]
    fn a_message_that_found_the_buffer_full_is_worth_waking_for_unless_nothing_is() {
        let parker = Parker::default();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| parker.park(None, usize::MAX, || true));
            while !parker.sleeping.load(SeqCst) {
                std::thread::yield_now();
            }
            parker.nudge(true, || 3);
            assert!(parker.sleeping.load(SeqCst), "the worker knows that the buffer is full");
            parker.unpark();
            sleeper.join().expect("no panic");
            let sleeper = scope.spawn(|| parker.park(None, 1000, || true));
            while !parker.sleeping.load(SeqCst) {
                std::thread::yield_now();
            }
            parker.nudge(true, || 3);
            sleeper.join().expect("no panic");
        });
        parker.nudge(true, || panic!("nobody sleeps"));
    }
}
