//! Watches for what does not happen: no progress, no answer.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event::{Event, Kind, c_text};
use crate::transport::kafka;
use crate::verdict::code;

use super::Worker;

pub(super) struct Watch {
    /// Zero = off.
    interval: Duration,
    /// The last time something was settled, nothing was waiting, or a stall was reported.
    since: Instant,
    /// When there will be something to see, where messages wait.
    next: Option<Instant>,
    last_error: Option<(i32, String)>,
}

impl Watch {
    pub(super) fn new(interval: Duration, now: Instant) -> Watch {
        Watch { interval, since: now, next: None, last_error: None }
    }

    pub(super) fn progress(&mut self, now: Instant) {
        self.since = now;
    }

    /// That all brokers are down says less than why one of them is, which came before it.
    pub(super) fn remember(&mut self, code: i32, text: &str) {
        if code != code::ALL_BROKERS_DOWN || self.last_error.is_none() {
            self.last_error = Some((code, text.into()));
        }
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    /// A code in words, with the last error of the client behind it where that may be the cause.
    pub(super) fn explain(&self, error: i32) -> String {
        let name = kafka::describe(error);
        match &self.last_error {
            Some((_, last)) if error == code::TIMED_OUT => format!("{name}; last error: {last}"),
            _ => name,
        }
    }
}

impl Worker {
    pub(super) fn watch(&mut self, now: Instant) {
        self.watch.next = None;
        if self.buffer.held() == self.buffer.idle() {
            self.watch.progress(now);
            return;
        }
        self.watch_for_stall(now);
        self.watch_attempts(now);
    }

    fn watch_for_stall(&mut self, now: Instant) {
        if self.watch.interval.is_zero() {
            return;
        }
        if now.saturating_duration_since(self.watch.since) >= self.watch.interval {
            self.watch.since = now;
            self.report_stall();
        }
        self.look_again(self.watch.since + self.watch.interval);
    }

    fn report_stall(&mut self) {
        if !self.shared.outbox.wants(Kind::Stalled) {
            return;
        }
        let count = self.buffer.held();
        let (error, last) = match &self.watch.last_error {
            Some((error, text)) => (*error, text.as_str()),
            None => (0, "none"),
        };
        let seconds = self.watch.interval.as_secs_f64();
        let text = c_text(format!("{count} waiting, none delivered for {seconds} s; last error: {last}"));
        self.desk.tell(Event {
            status: Status::TimedOut.code(),
            kafka_error: error,
            message_count: count as u64,
            ..Event::now(Kind::Stalled, text)
        });
    }

    /// Where attempts are limited, one that takes too long has failed; librdkafka itself would wait for ever.
    fn watch_attempts(&mut self, now: Instant) {
        let Some(most) = self.shared.settings.max_retries else { return };
        let Some(transport) = self.link.transport() else { return };
        let timeout = transport.attempt_timeout();
        let mut exhausted = false;
        for lane in 0..self.buffer.lanes().len() {
            let state = self.buffer.lane(lane);
            if state.is_idle() || state.ready_at().is_some_and(|end_of_pause| end_of_pause > now) {
                continue;
            }
            let since = *state.attempt_since.get_or_insert(now);
            if now < since + timeout {
                self.look_again(since + timeout);
                continue;
            }
            state.attempt_since = Some(now);
            state.count_failure();
            let (failures, count) = (state.failures(), state.in_flight().max(state.due()) as u64);
            if failures <= most {
                self.report_retry(lane, count, failures, 0, None);
                self.look_again(now + timeout);
            } else if self.buffer.lane(lane).in_flight() > 0 {
                exhausted = true;
            } else {
                self.refuse(lane, code::TIMED_OUT, failures, now);
            }
        }
        if exhausted {
            self.leave_client(now);
        }
    }

    fn look_again(&mut self, time: Instant) {
        self.watch.next = Some(self.watch.next.map_or(time, |next| next.min(time)));
    }
}
