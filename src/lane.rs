//! A lane: the messages of one partition, in order, of which one window at a time is on its way.
//!
//! One window at a time is what keeps the order: when Kafka refuses a window, nothing accepted later has gone before
//! what must be sent again. A window is at most one request of librdkafka, so nothing is lost in throughput but the
//! pause between two requests of one partition.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::delivery;
use crate::transport::{Parcel, Verdict, Window};
use crate::verdict::{Remedy, code, remedy};

/// The longest and the shortest pause between attempts: a missing broker must not be asked in a busy loop.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
const MIN_BACKOFF: Duration = Duration::from_millis(100);

pub struct Lane {
    pub topic: usize,
    pub partition: i32,
    /// It stands among the buffer's lanes that may be ready.
    pub is_listed: bool,
    /// Messages that wait, oldest first; the first `due` of them may go.
    waiting: VecDeque<Parcel>,
    due: usize,
    due_bytes: u64,
    /// Since when there has been something due, and until when it waits for more to go with it.
    due_since: Option<Instant>,
    lingers_until: Option<Instant>,
    in_flight: usize,
    /// Messages of the window that came back, with what was wrong.
    returned: Vec<(Parcel, Verdict)>,
    /// The size of the window on its way, and the most the next one may be.
    window_bytes: u64,
    limit: Window,
    /// Windows that failed in a row, and when the next may go.
    failures: u32,
    not_before: Option<Instant>,
    /// Since when the window is on its way, or the last time that was counted as a failure.
    pub attempt_since: Option<Instant>,
}

/// What became of a window that has come back whole.
pub struct Outcome {
    /// Messages that fail, with the reason.
    pub failed: Vec<(Parcel, Verdict)>,
    /// Messages that must find another partition.
    pub rerouted: Vec<Parcel>,
    /// How many will be sent again, after which pause, for what reason.
    pub again: usize,
    pub pause: Duration,
    pub reason: Option<Verdict>,
}

impl Lane {
    pub fn new(topic: usize, partition: i32) -> Lane {
        Lane {
            topic,
            partition,
            is_listed: false,
            waiting: VecDeque::new(),
            due: 0,
            due_bytes: 0,
            due_since: None,
            lingers_until: None,
            in_flight: 0,
            returned: Vec::new(),
            window_bytes: 0,
            limit: Window { messages: usize::MAX, bytes: u64::MAX },
            failures: 0,
            not_before: None,
            attempt_since: None,
        }
    }

    pub fn push(&mut self, parcel: Parcel, due: bool) {
        if cfg!(test) {
            assert!(!due || self.due == self.waiting.len(), "what is due stands in front");
        }
        if due {
            self.due += 1;
            self.due_bytes += parcel.message.wire_len();
        }
        self.waiting.push_back(parcel);
    }

    /// Makes everything that waits due, as part of a delivery. How many became due.
    pub fn release(&mut self, delivery: delivery::Number) -> usize {
        let fresh = self.waiting.len() - self.due;
        for parcel in self.waiting.range_mut(self.due..) {
            parcel.delivery = Some(delivery);
            self.due_bytes += parcel.message.wire_len();
        }
        self.due = self.waiting.len();
        fresh
    }

    /// Messages that wait and are not due.
    pub fn idle(&self) -> usize {
        self.waiting.len() - self.due
    }

    pub fn due(&self) -> usize {
        self.due
    }

    pub fn due_bytes(&self) -> u64 {
        self.due_bytes
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn count_failure(&mut self) {
        self.failures += 1;
    }

    pub fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// An attempt failed: the next may be made after a pause, which is answered.
    pub fn postpone(&mut self, backoff: Duration, now: Instant) -> Duration {
        self.failures += 1;
        let pause = pause(backoff, self.failures);
        self.not_before = Some(now + pause);
        pause
    }

    pub fn is_idle(&self) -> bool {
        self.due == 0 && self.in_flight == 0
    }

    /// What is due waits for as long as `linger` from the first of it on, which may have come at `since`, unless it fills a
    /// window; the time in which the window before is on its way counts, too. Whether such a wait begins.
    pub fn linger(&mut self, linger: Duration, most: Window, since: Instant, now: Instant) -> bool {
        if self.due == 0 {
            return false;
        }
        let since = *self.due_since.get_or_insert(since);
        if self.in_flight > 0 {
            return false;
        }
        let most = self.most(most);
        let is_full = self.due >= most.messages || self.due_bytes >= most.bytes;
        let before = self.lingers_until;
        self.lingers_until = Some(since + linger).filter(|until| !is_full && *until > now);
        before.is_none() && self.lingers_until.is_some()
    }

    /// Whether it waits for nothing but more messages.
    pub fn lingers(&self) -> bool {
        self.lingers_until.is_some() && self.ready_at() == self.lingers_until
    }

    pub fn end_lingering(&mut self) {
        self.lingers_until = None;
    }

    /// Whether a window may go now.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.due > 0 && self.in_flight == 0 && self.ready_at().is_none_or(|start| start <= now)
    }

    /// When a window may go that may not go yet.
    pub fn ready_at(&self) -> Option<Instant> {
        if self.due > 0 && self.in_flight == 0 { self.not_before.max(self.lingers_until) } else { None }
    }

    fn most(&self, most: Window) -> Window {
        Window { messages: most.messages.min(self.limit.messages), bytes: most.bytes.min(self.limit.bytes) }
    }

    /// Begins the next window: as many due messages as fit, at least one. What is not taken of it stays for the one after.
    pub fn window(&mut self, most: Window, now: Instant) -> Departure<'_> {
        let mut most = self.most(most);
        most.messages = most.messages.min(self.due);
        self.window_bytes = 0;
        self.not_before = None;
        self.lingers_until = None;
        self.attempt_since = Some(now);
        Departure { lane: self, most }
    }

    /// One message of the window is settled.
    pub fn settled(&mut self) {
        self.in_flight -= 1;
    }

    /// One message of the window came back.
    pub fn give_back(&mut self, parcel: Parcel, verdict: Verdict) {
        self.in_flight -= 1;
        self.returned.push((parcel, verdict));
    }

    /// Once the window has come back whole: decides about what was returned, and puts in front again what will be sent
    /// again. `None` where it all was delivered.
    pub fn finish(&mut self, max_retries: Option<u32>, backoff: Duration, now: Instant) -> Option<Outcome> {
        self.attempt_since = None;
        if self.returned.is_empty() {
            self.failures = 0;
            self.limit.messages = self.limit.messages.saturating_mul(2);
            return None;
        }
        let mut returned = std::mem::take(&mut self.returned);
        returned.sort_unstable_by_key(|(parcel, _)| parcel.sequence);
        let size = returned.len();
        let alone = size == 1;
        let named = returned.iter().any(|(_, verdict)| verdict.error == code::INVALID_DIFFERENT_RECORD);
        let mut outcome =
            Outcome { failed: Vec::new(), rerouted: Vec::new(), again: 0, pause: Duration::ZERO, reason: None };
        let mut again = Vec::new();
        let (mut counted, mut exhausted) = (false, false);
        // More failures than retries: the window was called back because no answer came in time.
        let given_up = max_retries.is_some_and(|most| self.failures > most);
        for (mut parcel, verdict) in returned {
            match remedy(verdict.error) {
                Remedy::Resend | Remedy::Retry if given_up => {
                    exhausted = true;
                    parcel.attempts = parcel.attempts.max(self.failures);
                    outcome.failed.push((parcel, Verdict { error: code::TIMED_OUT, text: None, ..verdict }));
                }
                Remedy::Fail => outcome.failed.push((parcel, verdict)),
                Remedy::Isolate if alone || named => outcome.failed.push((parcel, verdict)),
                Remedy::Shrink if alone => outcome.failed.push((parcel, verdict)),
                Remedy::Retry if max_retries.is_some_and(|most| self.failures >= most) => {
                    exhausted = true;
                    outcome.failed.push((parcel, verdict));
                }
                Remedy::Reroute if parcel.message.partition() >= 0 => outcome.failed.push((parcel, verdict)),
                Remedy::Reroute => outcome.rerouted.push(parcel),
                kind => {
                    match kind {
                        Remedy::Isolate => self.limit.messages = size / 2,
                        Remedy::Shrink => self.limit.bytes = self.limit.bytes.min(self.window_bytes / 2).max(1),
                        Remedy::Retry => counted = true,
                        _ => {}
                    }
                    outcome.reason.get_or_insert(verdict);
                    again.push(parcel);
                }
            }
        }
        outcome.again = again.len();
        if exhausted {
            self.failures = 0;
        } else if counted {
            outcome.pause = self.postpone(backoff, now);
        }
        self.due += again.len();
        for parcel in again.into_iter().rev() {
            self.due_bytes += parcel.message.wire_len();
            self.waiting.push_front(parcel);
        }
        Some(outcome)
    }

    /// Takes out everything that waits, due or not.
    pub fn clear(&mut self) -> VecDeque<Parcel> {
        self.due = 0;
        self.due_bytes = 0;
        self.due_since = None;
        self.lingers_until = None;
        self.not_before = None;
        std::mem::take(&mut self.waiting)
    }

    /// Takes out the oldest message that waits, and whether it was due.
    pub fn pop(&mut self) -> Option<(Parcel, bool)> {
        let parcel = self.waiting.pop_front()?;
        let due = self.due > 0;
        if due {
            self.less_due(parcel.message.wire_len());
        }
        Some((parcel, due))
    }

    pub fn front(&self) -> Option<&Parcel> {
        self.waiting.front()
    }

    #[inline]
    fn less_due(&mut self, bytes: u64) {
        self.due -= 1;
        self.due_bytes -= bytes;
        if self.due == 0 {
            self.due_since = None;
        }
    }
}

/// A window on its way out, message by message: who takes them may stop at any of them.
pub struct Departure<'a> {
    lane: &'a mut Lane,
    most: Window,
}

impl Iterator for Departure<'_> {
    type Item = Parcel;

    #[inline]
    fn next(&mut self) -> Option<Parcel> {
        let Departure { lane, most } = self;
        if lane.in_flight >= most.messages {
            return None;
        }
        let bytes = lane.waiting.front()?.message.wire_len();
        if lane.in_flight > 0 && lane.window_bytes + bytes > most.bytes {
            return None;
        }
        let mut parcel = lane.waiting.pop_front()?;
        parcel.attempts += 1;
        lane.less_due(bytes);
        lane.in_flight += 1;
        lane.window_bytes += bytes;
        Some(parcel)
    }
}

/// The pause before attempt `failures` + 1: doubled each time, within bounds.
pub fn pause(backoff: Duration, failures: u32) -> Duration {
    let factor = 1u32 << failures.saturating_sub(1).min(16);
    backoff.max(MIN_BACKOFF).saturating_mul(factor).min(MAX_BACKOFF.max(backoff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Place;
    use crate::message::{Draft, Message, PARTITION_ANY};
    use delivery::Number;

    const NO_BACKOFF: Duration = Duration::ZERO;
    const ALL: Window = Window { messages: usize::MAX, bytes: u64::MAX };

    fn parcel(sequence: u64, partition: i32) -> Parcel {
        let draft = Draft { topic: c"t", value: Some(b"value"), partition, ..Draft::default() };
        let message = Message::copy(&draft, Place::Buffer, 0, 0).expect("memory");
        Parcel { message, sequence, lane: 0, delivery: None, attempts: 0 }
    }

    /// With as many due messages.
    fn lane(count: u64) -> Lane {
        let mut lane = Lane::new(0, 0);
        (0..count).for_each(|sequence| lane.push(parcel(sequence, PARTITION_ANY), true));
        lane
    }

    fn size() -> u64 {
        parcel(0, 0).message.wire_len()
    }

    fn numbers(parcels: &[Parcel]) -> Vec<u64> {
        parcels.iter().map(|parcel| parcel.sequence).collect()
    }

    /// The whole window comes back with this error.
    fn refuse(lane: &mut Lane, window: Vec<Parcel>, error: i32, max_retries: Option<u32>, now: Instant) -> Outcome {
        window.into_iter().rev().for_each(|parcel| lane.give_back(parcel, Verdict { error, ..Verdict::default() }));
        lane.finish(max_retries, NO_BACKOFF, now).expect("something came back")
    }

    #[test]
    fn a_pause_doubles_between_its_bounds() {
        let second = Duration::from_secs(1);
        assert_eq!([0, 1, 2, 3, 4].map(|failures| pause(second, failures).as_secs()), [1, 1, 2, 4, 8]);
        assert_eq!([6, 7, 17, 18, u32::MAX].map(|failures| pause(second, failures).as_secs()), [32, 60, 60, 60, 60]);
        assert_eq!(pause(NO_BACKOFF, 1), MIN_BACKOFF);
        assert_eq!(pause(NO_BACKOFF, 2), 2 * MIN_BACKOFF);
        assert_eq!(pause(90 * second, 5), 90 * second, "never less than was asked for");
    }

    #[test]
    fn a_window_is_full_by_messages_or_bytes_and_never_empty() {
        let now = Instant::now();
        let window = |messages, bytes| lane(5).window(Window { messages, bytes }, now).count();
        assert_eq!(window(3, u64::MAX), 3);
        assert_eq!(window(99, u64::MAX), 5);
        assert_eq!((window(99, 2 * size()), window(99, 3 * size() - 1)), (2, 2));
        assert_eq!(window(99, 1), 1, "one that is too large goes alone");
    }

    #[test]
    fn only_what_is_due_goes_and_one_window_at_a_time() {
        let (mut lane, now) = (lane(2), Instant::now());
        lane.push(parcel(2, PARTITION_ANY), false);
        assert_eq!((lane.due(), lane.idle(), lane.is_ready(now)), (2, 1, true));
        assert_eq!((lane.release(Number::of(6)), lane.idle()), (1, 0), "two were due already");
        lane.push(parcel(3, PARTITION_ANY), false);
        let window: Vec<_> = lane.window(ALL, now).collect();
        assert_eq!((numbers(&window), lane.due(), lane.in_flight()), (vec![0, 1, 2], 0, 3));
        assert_eq!([0, 2].map(|index: usize| window[index].delivery), [None, Some(Number::of(6))]);
        assert_eq!(lane.release(Number::of(7)), 1);
        assert!(!lane.is_ready(now) && !lane.is_idle() && lane.ready_at().is_none(), "a window is on its way");
        window.iter().for_each(|_| lane.settled());
        assert!(lane.finish(None, NO_BACKOFF, now).is_none());
        assert!(lane.is_ready(now));
        let window: Vec<_> = lane.window(ALL, now).collect();
        assert_eq!((numbers(&window), window[0].delivery, window[0].attempts), (vec![3], Some(Number::of(7)), 1));
        lane.settled();
        assert!(lane.is_idle());
    }

    #[test]
    fn what_is_due_waits_for_more_unless_a_window_is_full() {
        const LINGER: Duration = Duration::from_millis(5);
        let ms = Duration::from_millis;
        let (mut lane, now) = (lane(1), Instant::now());
        assert!(lane.linger(LINGER, ALL, now, now), "a wait begins");
        assert!(!lane.is_ready(now));
        assert_eq!(lane.ready_at(), Some(now + LINGER));
        lane.push(parcel(1, PARTITION_ANY), true);
        assert!(!lane.linger(LINGER, ALL, now + ms(1), now + ms(1)), "the wait of the first is that of all");
        assert_eq!(lane.ready_at(), Some(now + LINGER));
        for full in [Window { messages: 2, ..ALL }, Window { bytes: 2 * size(), ..ALL }] {
            assert!(!lane.linger(LINGER, full, now, now) && lane.is_ready(now), "{full:?} is full");
            assert!(lane.linger(LINGER, ALL, now, now));
        }
        assert!(!lane.linger(LINGER, ALL, now + LINGER, now + LINGER) && lane.is_ready(now + LINGER));
        assert_eq!(lane.window(ALL, now + LINGER).count(), 2);

        // What comes while the window is on its way waits from then on.
        lane.push(parcel(2, PARTITION_ANY), true);
        let arrival = now + ms(6);
        assert!(!lane.linger(LINGER, ALL, arrival, arrival));
        for begins in [false, true] {
            lane.settled();
            assert_eq!(lane.linger(LINGER, ALL, arrival + ms(2), arrival + ms(2)), begins);
        }
        assert!(lane.finish(None, NO_BACKOFF, arrival + ms(2)).is_none());
        assert_eq!(lane.ready_at(), Some(arrival + LINGER));
        assert_eq!(lane.window(Window { messages: 1, ..ALL }, arrival + LINGER).count(), 1);
    }

    #[test]
    fn what_becomes_due_later_fills_a_window_as_well() {
        const LINGER: Duration = Duration::from_millis(5);
        let (mut lane, now) = (lane(1), Instant::now());
        lane.push(parcel(1, PARTITION_ANY), false);
        let full = Window { bytes: 2 * size(), ..ALL };
        assert!(lane.linger(LINGER, full, now, now), "one of two is due");
        assert_eq!(lane.release(Number::of(1)), 1);
        assert!(!lane.linger(LINGER, full, now, now) && lane.is_ready(now));
        assert!(lane.linger(LINGER, Window { bytes: 2 * size() + 1, ..ALL }, now, now), "and no more than that");
    }

    #[test]
    fn a_window_that_is_called_back_after_the_last_retry_has_timed_out() {
        let (mut lane, now) = (lane(1), Instant::now());
        let window: Vec<_> = lane.window(ALL, now).collect();
        lane.count_failure();
        let verdict = Verdict { error: code::PURGE_QUEUE, text: Some("purged".into()), ..Verdict::default() };
        window.into_iter().for_each(|parcel| lane.give_back(parcel, verdict.clone()));
        let outcome = lane.finish(Some(0), NO_BACKOFF, now).expect("not delivered");
        let (parcel, verdict) = &outcome.failed[0];
        assert_eq!((verdict.error, &verdict.text, parcel.attempts), (code::TIMED_OUT, &None, 1));
    }

    #[test]
    fn what_a_full_window_left_does_not_wait_again() {
        const LINGER: Duration = Duration::from_millis(5);
        let (mut lane, now) = (lane(3), Instant::now());
        lane.linger(LINGER, ALL, now, now);
        assert_eq!(lane.window(Window { messages: 2, ..ALL }, now + LINGER).count(), 2);
        lane.settled();
        lane.settled();
        assert!(!lane.linger(LINGER, ALL, now + LINGER, now + LINGER));
        assert!(lane.is_ready(now + LINGER));
        assert_eq!(lane.clear().len(), 1);
        lane.push(parcel(9, PARTITION_ANY), true);
        assert!(lane.linger(LINGER, ALL, now + LINGER, now + LINGER), "and after all are gone one waits anew");
    }

    #[test]
    fn what_was_not_handed_over_goes_first_in_the_next_window() {
        let (mut lane, now) = (lane(4), Instant::now());
        lane.window(Window { messages: 3, ..ALL }, now).next().expect("a message");
        assert_eq!((lane.in_flight(), lane.due()), (1, 3));
        lane.settled();
        assert!(lane.finish(None, NO_BACKOFF, now).is_none());
        let window: Vec<_> = lane.window(ALL, now).collect();
        assert_eq!((numbers(&window), window[0].attempts), (vec![1, 2, 3], 1), "the attempt is not counted");
    }

    #[test]
    fn what_was_not_handed_over_does_not_count_as_too_large() {
        let (mut lane, now) = (lane(6), Instant::now());
        let window: Vec<_> = lane.window(ALL, now).take(4).collect();
        assert_eq!(refuse(&mut lane, window, code::MSG_SIZE_TOO_LARGE, None, now).again, 4);
        assert_eq!(lane.window(ALL, now).count(), 2, "half of four");
    }

    #[test]
    fn a_lane_with_nothing_due_is_not_ready_nor_will_be() {
        let (mut lane, now) = (lane(0), Instant::now());
        assert!(!lane.is_ready(now) && lane.is_idle());
        lane.postpone(NO_BACKOFF, now);
        assert_eq!((lane.ready_at(), lane.failures()), (None, 1));
        lane.forget_failures();
        assert_eq!(lane.failures(), 0);
    }

    #[test]
    fn what_passes_is_sent_again_in_order_after_a_pause() {
        let (mut lane, now) = (lane(3), Instant::now());
        for failures in 1..=3 {
            let start = lane.ready_at().unwrap_or(now);
            let window: Vec<_> = lane.window(ALL, start).collect();
            assert_eq!((numbers(&window), window[0].attempts), (vec![0, 1, 2], failures));
            let outcome = refuse(&mut lane, window, code::TRANSPORT, None, start);
            assert_eq!((outcome.again, outcome.failed.len(), outcome.rerouted.len()), (3, 0, 0));
            assert_eq!((outcome.pause, lane.failures()), (pause(NO_BACKOFF, failures), failures));
            assert_eq!(outcome.reason.map(|reason| reason.error), Some(code::TRANSPORT));
            assert_eq!(lane.ready_at(), Some(start + outcome.pause));
            assert!(!lane.is_ready(start) && lane.is_ready(start + outcome.pause) && lane.due() == 3);
        }
    }

    #[test]
    fn retries_end_at_their_number() {
        let (mut lane, now) = (lane(2), Instant::now());
        let window: Vec<_> = lane.window(ALL, now).collect();
        let outcome = refuse(&mut lane, window, code::TRANSPORT, Some(1), now);
        assert_eq!((outcome.again, outcome.failed.len()), (2, 0), "one retry is left");
        let window: Vec<_> = lane.window(ALL, now).collect();
        let outcome = refuse(&mut lane, window, code::TRANSPORT, Some(1), now);
        assert_eq!((outcome.again, outcome.failed.len(), lane.failures()), (0, 2, 0), "and those after start anew");
        assert_eq!(outcome.failed[0].1.error, code::TRANSPORT);
    }

    #[test]
    fn a_refused_window_is_halved_until_one_is_alone_and_grows_again() {
        let (mut lane, now) = (lane(4), Instant::now());
        for (size, failed) in [(4, 0), (2, 0), (1, 1)] {
            let window: Vec<_> = lane.window(ALL, now).collect();
            assert_eq!(window.len(), size);
            let outcome = refuse(&mut lane, window, code::INVALID_RECORD, None, now);
            assert_eq!((outcome.failed.len(), outcome.again), (failed, size - failed));
            assert!(outcome.pause.is_zero(), "there is nothing to wait for");
        }
        for size in [1, 2] {
            let window: Vec<_> = lane.window(ALL, now).collect();
            assert_eq!(window.len(), size);
            window.iter().for_each(|_| lane.settled());
            assert!(lane.finish(None, NO_BACKOFF, now).is_none());
        }
    }

    #[test]
    fn a_window_too_large_for_the_topic_is_halved_in_bytes_and_stays_so() {
        let (mut lane, now) = (lane(4), Instant::now());
        let window: Vec<_> = lane.window(ALL, now).collect();
        assert_eq!(refuse(&mut lane, window, code::MSG_SIZE_TOO_LARGE, None, now).again, 4);
        for left in [2, 0] {
            assert_eq!(lane.window(ALL, now).count(), 2);
            (0..2).for_each(|_| lane.settled());
            assert!(lane.finish(None, NO_BACKOFF, now).is_none());
            assert_eq!(lane.due(), left);
        }
    }

    #[test]
    fn a_partition_that_is_gone_sends_away_those_it_was_not_chosen_for() {
        let (mut lane, now) = (lane(1), Instant::now());
        lane.push(parcel(1, 0), true);
        let window: Vec<_> = lane.window(ALL, now).collect();
        let outcome = refuse(&mut lane, window, code::UNKNOWN_PARTITION, None, now);
        assert_eq!(numbers(&outcome.rerouted), [0]);
        assert_eq!(outcome.failed.iter().map(|(parcel, _)| parcel.sequence).collect::<Vec<_>>(), [1]);
        assert_eq!((outcome.again, lane.due()), (0, 0));
    }

    #[test]
    fn what_is_taken_out_is_counted_no_more() {
        let mut lane = lane(2);
        lane.push(parcel(2, PARTITION_ANY), false);
        let popped = std::iter::from_fn(|| lane.pop()).map(|(parcel, due)| (parcel.sequence, due)).collect::<Vec<_>>();
        assert_eq!((popped, lane.due()), (vec![(0, true), (1, true), (2, false)], 0));
        lane.push(parcel(3, PARTITION_ANY), true);
        lane.postpone(NO_BACKOFF, Instant::now());
        assert_eq!((lane.clear().len(), lane.due(), lane.ready_at()), (1, 0, None));
        lane.push(parcel(4, PARTITION_ANY), true);
        assert!(lane.is_ready(Instant::now()), "a pause was of what is gone");
    }
}
