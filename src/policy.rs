//! When a delivery begins by itself: at a number of messages, or every so often.

use std::time::{Duration, Instant};

pub struct Policy {
    /// 0 = off.
    threshold: usize,
    interval: Option<Duration>,
    next_tick: Option<Instant>,
}

impl Policy {
    /// `interval` of zero = off.
    pub fn new(threshold: usize, interval: Duration, now: Instant) -> Policy {
        let interval = (!interval.is_zero()).then_some(interval);
        Policy { threshold, interval, next_tick: interval.map(|interval| now + interval) }
    }

    /// Whether `waiting` messages are to be delivered now.
    pub fn is_due(&mut self, waiting: usize, now: Instant) -> bool {
        let ticked = self.tick(now);
        waiting > 0 && (ticked || (self.threshold > 0 && waiting >= self.threshold))
    }

    /// When to ask again at the latest.
    pub fn next_tick(&self) -> Option<Instant> {
        self.next_tick
    }

    /// How many more messages bring a delivery about; `None` = no number does.
    pub fn missing(&self, waiting: usize) -> Option<usize> {
        (self.threshold > 0).then(|| self.threshold.saturating_sub(waiting).max(1))
    }

    /// Ticks that were missed do not pile up: the next comes an interval from now.
    fn tick(&mut self, now: Instant) -> bool {
        let (Some(interval), Some(next)) = (self.interval, self.next_tick) else { return false };
        let ticked = now >= next;
        if ticked {
            self.next_tick = Some(now + interval);
        }
        ticked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nothing_by_itself_unless_asked() {
        let now = Instant::now();
        let mut policy = Policy::new(0, Duration::ZERO, now);
        assert!(!policy.is_due(1_000_000, now + SECOND * 3600));
        assert_eq!((policy.next_tick(), policy.missing(5)), (None, None));
    }

    #[test]
    fn at_the_threshold() {
        let now = Instant::now();
        let mut policy = Policy::new(3, Duration::ZERO, now);
        assert!(!policy.is_due(2, now));
        assert!(policy.is_due(3, now));
        assert_eq!(policy.missing(1), Some(2));
    }

    #[test]
    fn every_interval_where_something_waits() {
        let now = Instant::now();
        let mut policy = Policy::new(0, SECOND, now);
        assert!(!policy.is_due(1, now));
        assert!(policy.is_due(1, now + SECOND));
        assert!(!policy.is_due(1, now + SECOND), "once a tick");
        assert!(!policy.is_due(0, now + SECOND * 2), "an empty buffer is not delivered");
        assert!(policy.is_due(1, now + SECOND * 3));
    }

    #[test]
    fn missed_ticks_do_not_pile_up() {
        let now = Instant::now();
        let mut policy = Policy::new(0, SECOND, now);
        assert!(policy.is_due(1, now + SECOND * 100));
        assert!(!policy.is_due(1, now + SECOND * 100));
        assert_eq!(policy.next_tick(), Some(now + SECOND * 101));
    }
}
