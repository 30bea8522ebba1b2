//! Callers that wait for room (`overflow_wait`), served in the order they came.

use std::collections::VecDeque;
use std::time::Instant;

use crate::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A line of waiting callers. Only the first of it may try; nobody overtakes.
#[derive(Default)]
pub struct Turnstile {
    waiting: AtomicUsize,
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    next_ticket: u64,
    tickets: VecDeque<u64>,
}

impl Turnstile {
    /// Whether somebody waits, so that newcomers must line up.
    pub fn is_busy(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    /// Lines up and tries until it works, `give_up` says so, or the deadline passes.
    pub fn wait<T>(
        &self,
        deadline: Instant,
        mut attempt: impl FnMut() -> Option<T>,
        give_up: impl Fn() -> bool,
    ) -> Option<T> {
        self.waiting.fetch_add(1, SeqCst);
        let mut line = self.lock();
        if line.tickets.try_reserve(1).is_err() {
            // No memory to wait in: there is no room.
            self.waiting.fetch_sub(1, SeqCst);
            return None;
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.tickets.push_back(ticket);
        let outcome = loop {
            if give_up() {
                break None;
            }
            if line.tickets.front() == Some(&ticket)
                && let Some(result) = attempt()
            {
                break Some(result);
            }
            let now = Instant::now();
            if now >= deadline {
                break None;
            }
            line = self.moved.wait_timeout(line, deadline - now).unwrap_or_else(PoisonError::into_inner).0;
        };
        line.tickets.retain(|other| *other != ticket);
        self.waiting.fetch_sub(1, SeqCst);
        self.moved.notify_all();
        outcome
    }

    /// Room was made, or nobody will be served any more: those who wait look again.
    pub fn notify(&self) {
        if self.is_busy() {
            drop(self.lock());
            self.moved.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn an_attempt_that_works_at_once_does_not_wait() {
        assert_eq!(Turnstile::default().wait(far(), || Some(1), || false), Some(1));
    }

    #[test]
    fn the_deadline_ends_the_wait() {
        let turnstile = Turnstile::default();
        assert_eq!(turnstile.wait(Instant::now(), || None::<()>, || false), None);
        assert!(!turnstile.is_busy());
    }

    #[test]
    fn giving_up_ends_the_wait() {
        assert_eq!(Turnstile::default().wait(far(), || None::<()>, || true), None);
    }

    #[test]
    fn callers_are_served_in_order() {
        let turnstile = Turnstile::default();
        let room = AtomicUsize::new(0);
        let served = Mutex::new(Vec::new());
        let take = || room.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).ok();
        std::thread::scope(|scope| {
            let mut callers = Vec::new();
            for number in 0..8 {
                let (turnstile, take, served) = (&turnstile, &take, &served);
                callers.push(scope.spawn(move || {
                    let note = || take().map(|_| served.lock().expect("no panic").push(number));
                    assert_eq!(turnstile.wait(far(), note, || false), Some(()));
                }));
                while turnstile.lock().tickets.len() <= number {
                    std::thread::yield_now();
                }
            }
            for count in 1..=8 {
                room.fetch_add(1, SeqCst);
                turnstile.notify();
                while served.lock().expect("no panic").len() < count {
                    std::thread::yield_now();
                }
            }
            callers.into_iter().for_each(|caller| caller.join().expect("no panic")); // ThreadSanitizer sees no scope end.
        });
        assert_eq!(served.into_inner().expect("no panic"), (0..8).collect::<Vec<_>>());
    }
}
