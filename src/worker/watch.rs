//! Watches for what does not happen: no progress, no answer.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event::{Event, Kind, c_text};
use crate::message::PARTITION_ANY;
use crate::stage::Stage;
use crate::transport::{Partitions, Purge, Verdict, kafka};
use crate::verdict::{code, is_of_missing_topic};

use super::Worker;

/// How long a window may be on its way before it is asked whether its partition is still there, and how often then.
const DOUBT: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    /// Zero = off.
    interval: Duration,
    /// The last time something was settled, nothing was waiting, or a stall was reported.
    since: Instant,
    /// When partitions are asked for again.
    doubt: Instant,
    /// When there will be something to see, where messages wait.
    next: Option<Instant>,
    /// The last error of the client since something was delivered.
    last_error: Option<(i32, String)>,
    /// No broker could be reached since then.
    unreachable: bool,
}

impl Watch {
    pub(super) fn new(interval: Duration, now: Instant) -> Watch {
        Watch { interval, since: now, doubt: now, next: None, last_error: None, unreachable: false }
    }

    pub(super) fn progress(&mut self, now: Instant) {
        self.since = now;
    }

    /// Something was acknowledged: what was wrong before is over.
    pub(super) fn delivered(&mut self, now: Instant) {
        self.progress(now);
        self.unreachable = false;
        self.last_error = None;
    }

    /// That all brokers are down says less than why one of them is, which came before it.
    pub(super) fn remember(&mut self, code: i32, text: &str) {
        self.unreachable |= code == code::ALL_BROKERS_DOWN;
        if code != code::ALL_BROKERS_DOWN || self.last_error.is_none() {
            self.last_error = Some((code, text.into()));
        }
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn last_cause(&self) -> Option<&str> {
        self.last_error.as_ref().map(|(_, text)| text.as_str())
    }

    /// Why something was not delivered: how far it came, the reason, and what may be the cause of it.
    pub(super) fn explain(&self, verdict: &Verdict) -> String {
        let mut text = verdict.stage.to_string();
        if self.unreachable && verdict.stage.needs_connection() {
            text += ", no connection";
        }
        match &verdict.text {
            Some(reason) => text += &format!(": {reason}"),
            None => text += &format!(": {}", kafka::describe(verdict.error)),
        }
        match self.last_cause() {
            Some(cause) if !matches!(verdict.stage, Stage::Refused(_)) => text += &format!("; last error: {cause}"),
            _ => {}
        }
        text
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
        self.watch_partitions(now);
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
        let stages = self.stages();
        let (error, last) = match &self.watch.last_error {
            Some((error, text)) => (*error, text.as_str()),
            None => (0, "none"),
        };
        let seconds = self.watch.interval.as_secs_f64();
        let text = c_text(format!("{count} waiting, none delivered for {seconds} s: {stages}; last error: {last}"));
        self.desk.tell(Event {
            status: Status::TimedOut.code(),
            kafka_error: error,
            message_count: count as u64,
            ..Event::now(Kind::Stalled, text)
        });
    }

    /// What the messages wait for that are due.
    fn stages(&mut self) -> String {
        let mut stages = Vec::new();
        if self.link.transport().is_none() {
            stages.push("no client".to_owned());
        } else if self.watch.unreachable {
            stages.push("no connection".to_owned());
        }
        let (mut unacknowledged, mut due, mut without_metadata) = (0, 0, None);
        for (index, lane) in self.buffer.lanes().iter().enumerate() {
            unacknowledged += lane.in_flight();
            if lane.partition != PARTITION_ANY {
                due += lane.due();
            } else if lane.due() > 0 {
                without_metadata = without_metadata.or(Some((index, lane.due())));
            }
        }
        if let Some((lane, count)) = without_metadata {
            let topic = self.buffer.topic_of(lane).to_string_lossy();
            stages.push(format!("{count} for the metadata of topic {topic}"));
        }
        if unacknowledged > 0 {
            stages.push(format!("{unacknowledged} for the acknowledgement"));
        }
        if due > 0 {
            stages.push(format!("{due} to be sent"));
        }
        stages.join(", ")
    }

    /// How far the messages of a lane came whose attempt takes too long.
    pub(super) fn stage_of_lane(&mut self, lane: usize) -> Stage {
        let reachable = !self.watch.unreachable;
        let lane = self.buffer.lane(lane);
        match lane.partition {
            PARTITION_ANY => Stage::Metadata,
            _ if lane.in_flight() > 0 && reachable => Stage::Unacknowledged(None),
            _ => Stage::Unsent,
        }
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
            self.leave_client(now, Purge::All);
        }
    }

    /// A client may keep what it was given for a partition that is no more, in the hope that it comes back. So that is taken
    /// back, and the next client says what becomes of it.
    fn watch_partitions(&mut self, now: Instant) {
        if now >= self.watch.doubt {
            self.watch.doubt = now + DOUBT;
            if let Some((error, text)) = self.find_missing_partition(now) {
                self.report_error(Status::Client, error, &text, 1);
                self.leave_client(now, Purge::Unsent);
            }
        }
        if self.link.in_flight() > 0 {
            self.look_again(self.watch.doubt);
        }
    }

    /// A partition that a window has been on its way to for long and that is not there: the error, and which it is.
    fn find_missing_partition(&mut self, now: Instant) -> Option<(i32, String)> {
        let transport = self.link.transport()?;
        (0..self.buffer.lanes().len()).find_map(|lane| {
            let state = self.buffer.lane(lane);
            let partition = state.partition;
            if state.in_flight() == 0 || state.attempt_since.is_none_or(|since| now < since + DOUBT) {
                return None;
            }
            let topic = self.buffer.topic_of(lane);
            let error = match transport.partitions(topic) {
                Partitions::Refused(error) if is_of_missing_topic(error) => error,
                Partitions::Known(count) if partition >= count => code::UNKNOWN_PARTITION,
                _ => return None,
            };
            let topic = topic.to_string_lossy();
            Some((error, format!("topic {topic}, partition {partition}: {}", kafka::describe(error))))
        })
    }

    fn look_again(&mut self, time: Instant) {
        self.watch.next = Some(self.watch.next.map_or(time, |next| next.min(time)));
    }
}
