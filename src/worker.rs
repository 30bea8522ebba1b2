//! The worker: takes messages from the queue, decides when they go, and settles each exactly once.
//!
//! It is a state machine: [`Worker::turn`] does all there is to do at a moment and says when it wants to be called again.
//! The thread in `producer` calls it by the real clock; the tests call it by theirs, with a scripted transport.

mod complaints;
mod ending;
mod link;
#[cfg(test)]
mod rig;
mod settlement;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;
mod watch;

use std::time::{Duration, Instant};

use crate::buffer::Buffer;
use crate::delivery::{self, Deliveries};
use crate::event::{Event, Kind};
use crate::inbox::{Answer, Request};
use crate::message::Message;
use crate::policy::Policy;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::transport::{Connector, Notice};

use complaints::Complaints;
use ending::Ending;
use link::Link;
use settlement::Desk;
use watch::Watch;

/// Messages taken in one turn, so that reports are read in between.
const MOST_TAKEN: usize = 2048;

/// Where messages come this close together they are taken in crowds: a wake-up for each costs its caller more than the
/// call. One that comes alone is taken at once.
const CROWDED: Duration = Duration::from_micros(200);
const CROWD: usize = 256;

/// What the worker wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// More is to be done at once.
    Again,
    /// Sleep until a call, the time, or this many messages in the queue.
    Sleep { until: Option<Instant>, level: usize },
    /// Everything is settled and the producer is closed.
    Over,
}

pub struct Worker {
    shared: Arc<Shared>,
    buffer: Buffer,
    policy: Policy,
    deliveries: Deliveries,
    link: Link,
    desk: Desk,
    watch: Watch,
    errors: Complaints,
    logs: Complaints,
    ending: Ending,
    /// A message taken from the queue for which the buffer has no bytes left.
    stowed: Option<Message>,
    /// Messages taken from the queue.
    taken: u64,
    /// When the last ones were taken, and whether that was soon after those before.
    last_taken: Option<Instant>,
    crowded: bool,
    /// Since when it sleeps although messages may come: one that came meanwhile may have waited as long.
    lulled_at: Option<Instant>,
    /// Messages in the queue that a delivery was asked for: due as soon as they are taken.
    credit: usize,
    notices: Vec<Notice>,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, connector: Box<dyn Connector>, seed: u64, now: Instant) -> Worker {
        let settings = &shared.settings;
        Worker {
            buffer: Buffer::new(seed),
            policy: Policy::new(settings.delivery_threshold as usize, settings.delivery_interval, now),
            deliveries: Deliveries::default(),
            link: Link::new(connector),
            desk: Desk::default(),
            watch: Watch::new(settings.stall_report_interval, now),
            errors: Complaints::default(),
            logs: Complaints::default(),
            ending: Ending::default(),
            stowed: None,
            taken: 0,
            last_taken: None,
            crowded: false,
            lulled_at: None,
            credit: 0,
            notices: Vec::new(),
            shared,
        }
    }

    /// Does all there is to do at `now`.
    pub fn turn(&mut self, now: Instant) -> Turn {
        self.collect(now);
        self.read_inbox(now);
        let more = self.take(now);
        let due = self.policy.is_due(self.buffer.idle(), now); // Asked in any case: it keeps the time of the next tick.
        if due || self.is_full() {
            self.begin_delivery(now);
        }
        self.end(now);
        self.dispatch(now);
        self.watch(now);
        self.hand_out();
        if self.is_over() {
            self.finish();
            return Turn::Over;
        }
        self.lulled_at = None;
        if more { Turn::Again } else { self.sleep(now) }
    }

    /// Sleeps as [`Turn::Sleep`] says.
    pub fn park(&self, until: Option<Instant>, level: usize) {
        let shared = &self.shared;
        shared.parker.park(until, level, || !shared.inbox.has_news() && shared.queue.len() < level);
    }

    fn read_inbox(&mut self, now: Instant) {
        if !self.shared.inbox.open() {
            return;
        }
        if self.shared.inbox.take_deliver() {
            self.deliver_all(now);
        }
        for request in self.shared.inbox.take_requests() {
            match request {
                Request::Flush(answer) => self.flush(answer, now),
                Request::Clear(answer) => self.clear(answer, now),
            }
        }
        if let Some(closing) = self.shared.inbox.closing() {
            self.begin_delivery(now); // Before the first message that is due on its arrival: what is due stands in front.
            self.ending.ask(closing);
        }
    }

    /// Makes everything due that was accepted up to now: what waits here, and what waits in the queue on its arrival.
    fn deliver_all(&mut self, now: Instant) {
        self.credit = self.credit.max(self.shared.queue.len() + usize::from(self.stowed.is_some()));
        self.begin_delivery(now);
    }

    fn flush(&mut self, answer: Arc<Answer>, now: Instant) {
        self.deliver_all(now);
        let unseen = self.credit as u64;
        self.desk.await_settlement(answer, self.buffer.next_sequence() + unseen, self.buffer.held() as u64 + unseen);
    }

    /// Takes messages from the queue while the buffer has room. Whether there is more to take.
    fn take(&mut self, now: Instant) -> bool {
        let mut arrivals = None;
        let mut started = 0;
        let mut count = 0;
        while count < MOST_TAKEN {
            if self.buffer.held() as u64 >= self.shared.settings.max_buffer_size {
                break;
            }
            let Some(message) = self.stowed.take().or_else(|| self.pop()) else { break };
            if !self.has_room_for(&message) {
                self.stowed = Some(message);
                break;
            }
            let mut delivery = None;
            if self.credit > 0 || self.ending.has_begun() {
                self.credit = self.credit.saturating_sub(1);
                let number = *arrivals.get_or_insert_with(|| self.begin_arrivals(now));
                self.deliveries.add(number, 1);
                delivery = Some(number);
                started += 1;
            }
            self.insert(message, delivery, now);
            count += 1;
        }
        if started > 0 {
            self.report_start(started);
        }
        self.crowded = count > 0 && self.last_taken.is_some_and(|last| now < last + CROWDED);
        if count > 0 {
            self.last_taken = Some(now);
        }
        count == MOST_TAKEN && !self.is_full()
    }

    /// A delivery of messages that are due as they come.
    fn begin_arrivals(&mut self, now: Instant) -> delivery::Number {
        self.buffer.unstick();
        self.deliveries.begin(now)
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Message> {
        let mut message = self.shared.queue.pop()?;
        self.taken += 1;
        self.shared.queue.limits().promote(&mut message);
        Some(message)
    }

    #[inline(always)]
    fn insert(&mut self, message: Message, delivery: Option<delivery::Number>, now: Instant) {
        self.buffer.insert(message, delivery, self.link.transport(), now);
    }

    /// A message larger than the whole buffer is taken when the buffer is empty.
    #[inline(always)]
    fn has_room_for(&self, message: &Message) -> bool {
        let bytes = self.buffer.held_bytes() + message.payload_len();
        self.buffer.held() == 0 || bytes <= self.shared.settings.max_buffer_bytesize
    }

    /// A full buffer starts a delivery and takes nothing more until there is room.
    fn is_full(&self) -> bool {
        self.stowed.is_some() || self.buffer.held() as u64 >= self.shared.settings.max_buffer_size
    }

    fn begin_delivery(&mut self, now: Instant) {
        if self.buffer.idle() == 0 {
            return;
        }
        let delivery = self.deliveries.begin(now);
        let count = self.buffer.release(delivery);
        self.deliveries.add(delivery, count);
        self.report_start(count);
    }

    fn report_start(&mut self, count: usize) {
        self.shared.counters.deliveries.fetch_add(1, Relaxed);
        if self.shared.outbox.wants(Kind::DeliveryStarted) {
            let event = Event {
                message_count: count as u64,
                buffer_size: self.buffer.held() as u32,
                ..Event::now(Kind::DeliveryStarted, c"a delivery begins")
            };
            self.desk.tell(event);
        }
    }

    /// Sends a window on every lane that may.
    fn dispatch(&mut self, now: Instant) {
        if self.buffer.held() == self.buffer.idle() || !self.connect(now) {
            return;
        }
        let Some(transport) = self.link.transport() else { return };
        for (lane, error) in self.buffer.route(transport, now) {
            self.refuse_or_retry(lane, error, now);
        }
        let Some(transport) = self.link.transport() else { return };
        let linger = if self.desk.is_awaited() || self.ending.has_begun() {
            self.buffer.end_lingering(); // Somebody waits for it.
            Duration::ZERO
        } else {
            transport.linger()
        };
        self.buffer.wake_lanes(now);
        let (window, since) = (transport.window(), self.lulled_at.unwrap_or(now));
        while self.buffer.send(window, linger, since, transport, now) {}
    }

    fn sleep(&mut self, now: Instant) -> Turn {
        let times = [
            self.crowded.then_some(now + CROWDED),
            self.policy.next_tick(),
            self.buffer.wake_lanes(now),
            self.link.next_look(self.buffer.held() > self.buffer.idle()),
            self.watch.next_look(),
            self.ending.next_look(),
        ];
        self.lulled_at = self.buffer.lingers().then_some(now);
        Turn::Sleep { until: times.into_iter().flatten().min(), level: self.level() }
    }

    /// How many messages in the queue are worth waking for: those that fill the buffer or bring a delivery about.
    fn level(&self) -> usize {
        if self.is_full() {
            return usize::MAX;
        }
        if self.ending.has_begun() {
            return 1;
        }
        let room = self.shared.settings.max_buffer_size as usize - self.buffer.held();
        let least = if self.crowded || self.lulled_at.is_some() { CROWD } else { 1 };
        self.policy.missing(self.buffer.idle()).map_or(room, |missing| missing.max(least).min(room))
    }

    /// Callers still on their way in are waited for: they have been counted and will push or take it back.
    fn everything_is_taken(&self) -> bool {
        self.shared.accepted.load(SeqCst) == self.taken
    }
}
