//! What callers ask of the worker, beside handing it messages. Never bounded by the queue, never refused.

use std::time::Instant;

use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An answer the worker will give: a count, -1 while there is none.
pub struct Answer(AtomicI64);

impl Default for Answer {
    fn default() -> Answer {
        Answer(AtomicI64::new(-1))
    }
}

impl Answer {
    pub fn give(&self, count: u64) {
        self.0.store(count as i64, SeqCst);
    }

    pub fn get(&self) -> Option<u64> {
        u64::try_from(self.0.load(SeqCst)).ok()
    }
}

pub enum Request {
    /// Answered, once everything accepted before is settled, with how many of it were not delivered.
    Flush(Arc<Answer>),
    /// Answered with how many messages were dropped.
    Clear(Arc<Answer>),
}

/// When a shutdown must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    WhenSettled,
    By(Instant),
}

#[derive(Default)]
pub struct Inbox {
    /// Something in here is new: looked at once a turn, instead of the locks.
    news: AtomicBool,
    deliver: AtomicBool,
    requests: Mutex<Vec<Request>>,
    closing: Mutex<Option<Closing>>,
    /// Messages not delivered when the shutdown began.
    undelivered_before: AtomicU64,
}

impl Inbox {
    /// Asks for a delivery; asking again before the worker looked changes nothing.
    pub fn deliver(&self) {
        self.deliver.store(true, SeqCst);
        self.news.store(true, SeqCst);
    }

    pub fn request(&self, request: Request) {
        lock(&self.requests).push(request);
        self.news.store(true, SeqCst);
    }

    /// Asks for the end; an earlier deadline than one asked for before shortens it. `undelivered` is remembered from the
    /// first time.
    pub fn close(&self, deadline: Option<Instant>, undelivered: u64) {
        let mut closing = lock(&self.closing);
        if closing.is_none() {
            self.undelivered_before.store(undelivered, SeqCst);
        }
        *closing = Some(match (*closing, deadline) {
            (Some(Closing::By(earlier)), Some(deadline)) => Closing::By(earlier.min(deadline)),
            (Some(earlier), None) => earlier,
            (_, Some(deadline)) => Closing::By(deadline),
            (None, None) => Closing::WhenSettled,
        });
        self.news.store(true, SeqCst);
    }

    pub fn undelivered_before(&self) -> u64 {
        self.undelivered_before.load(SeqCst)
    }

    pub fn has_news(&self) -> bool {
        self.news.load(SeqCst)
    }

    /// The worker looks: what is asked from now on is news again.
    pub fn open(&self) -> bool {
        self.news.load(SeqCst) && self.news.swap(false, SeqCst)
    }

    pub fn take_deliver(&self) -> bool {
        self.deliver.swap(false, SeqCst)
    }

    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *lock(&self.requests))
    }

    pub fn closing(&self) -> Option<Closing> {
        *lock(&self.closing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deliveries_coalesce() {
        let inbox = Inbox::default();
        inbox.deliver();
        inbox.deliver();
        assert!(inbox.open());
        assert!(inbox.take_deliver());
        assert!(!inbox.take_deliver());
        assert!(!inbox.open());
    }

    #[test]
    fn the_earliest_deadline_counts() {
        let (inbox, now) = (Inbox::default(), Instant::now());
        inbox.close(None, 3);
        assert_eq!(inbox.closing(), Some(Closing::WhenSettled));
        inbox.close(Some(now + Duration::from_secs(5)), 4);
        inbox.close(Some(now), 5);
        inbox.close(Some(now + Duration::from_secs(9)), 6);
        inbox.close(None, 7);
        assert_eq!(inbox.closing(), Some(Closing::By(now)));
        assert_eq!(inbox.undelivered_before(), 3);
    }

    #[test]
    fn an_answer_of_zero_is_an_answer() {
        let answer = Answer::default();
        assert_eq!(answer.get(), None);
        answer.give(0);
        assert_eq!(answer.get(), Some(0));
    }

    #[test]
    fn all_that_is_asked_is_news_until_it_is_looked_at() {
        let asks: [fn(&Inbox); 3] =
            [Inbox::deliver, |inbox| inbox.request(Request::Clear(Arc::default())), |inbox| inbox.close(None, 0)];
        for ask in asks {
            let inbox = Inbox::default();
            assert!(!inbox.has_news());
            ask(&inbox);
            assert!(inbox.has_news());
            assert!(inbox.open());
            assert!(!inbox.has_news());
        }
    }

    #[test]
    fn a_request_is_taken_once() {
        let inbox = Inbox::default();
        inbox.request(Request::Flush(Arc::default()));
        assert_eq!((inbox.take_requests().len(), inbox.take_requests().len()), (1, 0));
    }
}
