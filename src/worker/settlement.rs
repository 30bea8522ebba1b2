//! Settlement: each message ends exactly once, as delivered, failed or dropped.

use std::collections::VecDeque;
use std::time::Instant;

use crate::clock;
use crate::delivery;
use crate::error::Status;
use crate::event::{Event, Kind, Persistence, Subject, Text, c_text};
use crate::inbox::Answer;
use crate::limits::Release;
use crate::stage::Stage;
use crate::sync::Arc;
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::transport::{Parcel, Verdict, kafka};
use crate::verdict::code;

use super::Worker;

/// What the worker hands out at the end of a turn.
#[derive(Default)]
pub(super) struct Desk {
    events: VecDeque<Event>,
    release: Release,
    awaited: Vec<Awaited>,
    answers: Vec<(Arc<Answer>, u64)>,
    settled: u64,
    delivered: u64,
    /// The time on the clock of acceptance, once it was needed in this turn.
    now_us: Option<u64>,
}

/// A flush that waits for everything accepted before it.
struct Awaited {
    answer: Arc<Answer>,
    /// The number of the first message it does not wait for.
    before: u64,
    left: u64,
    undelivered: u64,
}

impl Desk {
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Answers when `left` messages with numbers below `before` are settled.
    pub(super) fn await_settlement(&mut self, answer: Arc<Answer>, before: u64, left: u64) {
        if left == 0 {
            self.answer(answer, 0);
        } else {
            self.awaited.push(Awaited { answer, before, left, undelivered: 0 });
        }
    }

    /// Whether somebody waits for what was accepted.
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Answers a caller once the events of this turn can be read.
    pub(super) fn answer(&mut self, answer: Arc<Answer>, count: u64) {
        self.answers.push((answer, count));
    }

    /// Counts a settled message.
    fn count(&mut self, sequence: u64, delivered: bool) {
        if self.awaited.is_empty() {
            return;
        }
        let answers = &mut self.answers;
        self.awaited.retain_mut(|awaited| {
            if sequence < awaited.before {
                awaited.left -= 1;
                awaited.undelivered += u64::from(!delivered);
            }
            if awaited.left == 0 {
                answers.push((awaited.answer.clone(), awaited.undelivered));
            }
            awaited.left > 0
        });
    }
}

impl Worker {
    /// Decides about a message that the client has settled.
    #[inline(always)]
    pub(super) fn judge(&mut self, parcel: Parcel, verdict: Verdict, now: Instant) {
        let lane = parcel.lane as usize;
        if verdict.error == 0 {
            self.buffer.lane(lane).settled();
            self.watch.delivered(now);
            self.link.serves();
            self.settle(parcel, Kind::Delivered, Status::Ok, &verdict);
        } else if verdict.persistence != Persistence::No {
            self.buffer.lane(lane).settled();
            self.settle(parcel, Kind::Failed, Status::Undelivered, &verdict);
        } else if self.ending.is_dropping() {
            self.buffer.lane(lane).settled();
            self.settle(parcel, Kind::Dropped, Status::ShutDown, &withdrawn());
        } else {
            self.buffer.lane(lane).give_back(parcel, verdict);
        }
        self.look_at_window(lane, now);
    }

    /// A message whose client is gone without a word about it.
    pub(super) fn give_up(&mut self, parcel: Parcel, now: Instant) {
        let verdict = Verdict {
            error: code::PURGE_INFLIGHT,
            persistence: Persistence::Possibly,
            partition: parcel.message.partition(),
            offset: -1,
            text: Some("the client did not answer in time".into()),
            stage: Stage::Unacknowledged(None),
        };
        self.judge(parcel, verdict, now);
    }

    /// A topic's partitions could not be found out. Where only the time of the attempt has passed, there may be another.
    pub(super) fn refuse_or_retry(&mut self, lane: usize, error: i32, now: Instant) {
        let settings = &self.shared.settings;
        let (max_retries, backoff) = (settings.max_retries, settings.retry_backoff);
        let failures = self.buffer.lane(lane).failures();
        if error != code::MSG_TIMED_OUT || max_retries.is_some_and(|most| failures >= most) {
            self.refuse(lane, error, failures + 1, now);
            return;
        }
        let pause = self.buffer.lane(lane).postpone(backoff, now);
        self.buffer.pause(lane);
        let count = self.buffer.lane(lane).due() as u64;
        self.report_retry(lane, count, failures + 1, pause.as_micros() as u64, None);
    }

    /// Every due message of a lane fails with an error of its topic.
    pub(super) fn refuse(&mut self, lane: usize, error: i32, attempts: u32, now: Instant) {
        let text: Option<Box<str>> = Some(kafka::describe(error).into());
        let stage = self.stage_of_lane(lane);
        self.buffer.lane(lane).forget_failures();
        while self.buffer.lane(lane).due() > 0 {
            let Some((mut parcel, _)) = self.buffer.lane(lane).pop() else { break };
            parcel.attempts = parcel.attempts.max(attempts);
            let partition = parcel.message.partition();
            let text = text.clone();
            let verdict = Verdict { error, persistence: Persistence::No, partition, offset: -1, text, stage };
            self.watch.progress(now);
            self.settle(parcel, Kind::Failed, status_of(&verdict), &verdict);
        }
    }

    /// Once a window has come back whole: fails what must fail, sends again what can be, lets the next one go.
    #[inline(always)]
    fn look_at_window(&mut self, lane: usize, now: Instant) {
        if self.buffer.lane(lane).in_flight() > 0 {
            return;
        }
        let settings = &self.shared.settings;
        let (max_retries, backoff) = (settings.max_retries, settings.retry_backoff);
        let attempt = self.buffer.lane(lane).failures() + 1;
        if let Some(outcome) = self.buffer.lane(lane).finish(max_retries, backoff, now) {
            if !outcome.pause.is_zero() {
                self.buffer.pause(lane);
            }
            for (parcel, verdict) in outcome.failed {
                self.watch.progress(now);
                self.settle(parcel, Kind::Failed, status_of(&verdict), &verdict);
            }
            if outcome.again + outcome.rerouted.len() > 0 {
                let count = (outcome.again + outcome.rerouted.len()) as u64;
                self.shared.counters.retried.fetch_add(count, Relaxed);
                // Where there is a pause it was refused; else it was withdrawn, and the reason is what came before that.
                if let Some(Verdict { error, text: Some(text), .. }) = &outcome.reason
                    && !outcome.pause.is_zero()
                {
                    self.watch.remember(*error, text);
                }
                self.report_retry(lane, count, attempt, outcome.pause.as_micros() as u64, outcome.reason.as_ref());
            }
            if !outcome.rerouted.is_empty() {
                self.begin_delivery(now); // What is due stands in front, on the lanes these will come to as well.
                self.buffer.reroute(lane, outcome.rerouted);
            }
        }
        self.buffer.look_at(lane);
    }

    /// Ends a message's life.
    #[inline(always)]
    pub(super) fn settle(&mut self, parcel: Parcel, kind: Kind, status: Status, verdict: &Verdict) {
        let delivered = kind == Kind::Delivered;
        self.tally(kind, verdict);
        self.buffer.forget(&parcel.message);
        self.desk.settled += 1;
        self.desk.count(parcel.sequence, delivered);
        let (delivery, attempts) = (parcel.delivery, parcel.attempts);
        if self.shared.outbox.wants(kind) {
            let text = self.tell_end(kind, verdict, parcel.attempts);
            let now_us = *self.desk.now_us.get_or_insert_with(clock::monotonic_us);
            self.desk.tell(settlement_event(parcel, kind, text, status, verdict, now_us));
        } else {
            self.desk.release.add(&parcel.message);
        }
        if let Some(delivery) = delivery {
            self.settle_delivery(delivery, delivered, attempts);
        }
    }

    fn tell_end(&self, kind: Kind, verdict: &Verdict, attempts: u32) -> Text {
        match kind {
            Kind::Delivered => c"delivered".into(),
            Kind::Dropped => match self.watch.last_cause() {
                None => c"dropped before it was delivered".into(),
                Some(cause) => c_text(format!("dropped before it was delivered; last error: {cause}")),
            },
            _ => {
                let fate = match verdict.persistence {
                    Persistence::No => "it is not in Kafka's log",
                    Persistence::Possibly | Persistence::Yes => "it may be in Kafka's log",
                };
                c_text(format!("not delivered: {}; attempts: {attempts}; {fate}", self.watch.explain(verdict)))
            }
        }
    }

    #[inline(always)]
    fn tally(&mut self, kind: Kind, verdict: &Verdict) {
        if kind == Kind::Delivered {
            self.desk.delivered += 1;
            return;
        }
        let counters = &self.shared.counters;
        match kind {
            Kind::Dropped => counters.dropped.fetch_add(1, Relaxed),
            _ => {
                if verdict.persistence == Persistence::Possibly {
                    counters.unknown.fetch_add(1, Relaxed);
                }
                counters.failed.fetch_add(1, Relaxed)
            }
        };
    }

    #[inline(always)]
    fn settle_delivery(&mut self, delivery: delivery::Number, delivered: bool, attempts: u32) {
        let Some(finished) = self.deliveries.settle(delivery, delivered, attempts) else { return };
        let duration_us = finished.started.elapsed().as_micros() as u64;
        self.shared.counters.last_delivery_us.store(duration_us, Relaxed);
        if self.shared.outbox.wants(Kind::DeliveryFinished) {
            let (status, text) = match finished.undelivered {
                0 => (Status::Ok, c"every message of the delivery is delivered".into()),
                count => (Status::Undelivered, c_text(format!("{count} of the delivery's messages not delivered"))),
            };
            self.desk.tell(Event {
                status: status.code(),
                message_count: finished.messages,
                attempt: finished.attempts,
                duration_us,
                ..Event::now(Kind::DeliveryFinished, text)
            });
        }
    }

    pub(super) fn report_retry(
        &mut self,
        lane: usize,
        count: u64,
        attempt: u32,
        pause_us: u64,
        reason: Option<&Verdict>,
    ) {
        if !self.shared.outbox.wants(Kind::Retry) {
            return;
        }
        let timed_out = Verdict { error: code::TIMED_OUT, stage: self.stage_of_lane(lane), ..Verdict::default() };
        let text = c_text(format!("{count} to be sent again: {}", self.watch.explain(reason.unwrap_or(&timed_out))));
        let event = Event {
            partition: self.buffer.lane(lane).partition,
            kafka_error: reason.map_or(0, |verdict| verdict.error),
            message_count: count,
            attempt,
            duration_us: pause_us,
            subject: Subject::topic(self.buffer.topic_of(lane)).unwrap_or(Subject::Nothing),
            ..Event::now(Kind::Retry, text)
        };
        self.desk.tell(event);
    }

    /// Gives out what the turn brought: places in the limits, events, and then the answers of those who waited for them.
    pub(super) fn hand_out(&mut self) {
        self.desk.now_us = None;
        self.hand_out_counts();
        self.shared.queue.release(std::mem::take(&mut self.desk.release));
        if !self.desk.events.is_empty() {
            self.shared.outbox.post_all(&mut self.desk.events);
        }
        self.shared.settled.fetch_add(std::mem::take(&mut self.desk.settled), SeqCst);
        if !self.desk.answers.is_empty() {
            for (answer, count) in self.desk.answers.drain(..) {
                answer.give(count);
            }
            self.shared.lounge.announce();
        }
    }

    /// Counted once a turn: atomics cost too much for each message, and who looks must not see what comes back in a turn
    /// beside what goes in its place.
    fn hand_out_counts(&mut self) {
        let counters = &self.shared.counters;
        counters.delivered.fetch_add(std::mem::take(&mut self.desk.delivered), Relaxed);
        counters.in_flight.store(self.link.in_flight() as u64, Relaxed);
    }
}

/// What is said of a message that is dropped.
pub(super) fn withdrawn() -> Verdict {
    Verdict { partition: -1, offset: -1, ..Verdict::default() }
}

/// The status of a failure.
fn status_of(verdict: &Verdict) -> Status {
    match verdict.error {
        code::MSG_SIZE_TOO_LARGE => Status::MessageTooLarge,
        code::MSG_TIMED_OUT | code::TIMED_OUT => Status::TimedOut,
        _ => Status::Undelivered,
    }
}

#[inline(always)]
fn settlement_event(parcel: Parcel, kind: Kind, text: Text, status: Status, verdict: &Verdict, now_us: u64) -> Event {
    let attempts = parcel.attempts;
    let accepted_at = parcel.message.accepted_at_us();
    let event = Event::of_message(kind, text, parcel.message);
    Event {
        status: status.code(),
        kafka_error: verdict.error,
        partition: if verdict.partition >= 0 { verdict.partition } else { event.partition },
        offset: verdict.offset,
        attempt: attempts,
        duration_us: now_us.saturating_sub(accepted_at),
        persistence: verdict.persistence,
        ..event
    }
}
