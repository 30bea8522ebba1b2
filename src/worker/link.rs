//! The worker's link to Kafka: made when there is something to send, made anew after a fatal error.

use std::time::{Duration, Instant};

use crate::error::Status;
use crate::event::{Event, Kind, c_text};
use crate::lane;
use crate::sync::atomic::Ordering::Relaxed;
use crate::transport::{Connector, Notice, Purge, Transport};
use crate::verdict::{self, code};

use super::Worker;

/// How long a client that is to go may take to settle what it has.
const LEAVING_TIME: Duration = Duration::from_secs(5);

/// How long the worker waits for a client to be gone before it leaves that to the background.
const CLOSING_TIME: Duration = Duration::from_millis(250);

pub(super) struct Link {
    connector: Box<dyn Connector>,
    state: State,
    /// Clients in a row that went, or could not be made, before anything was delivered.
    failures: u32,
}

enum State {
    Down {
        retry_at: Option<Instant>,
    },
    Up(Box<dyn Transport>),
    /// Nothing is sent any more; what was sent is awaited until the time.
    Leaving {
        transport: Box<dyn Transport>,
        until: Instant,
    },
}

impl Link {
    pub(super) fn new(connector: Box<dyn Connector>) -> Link {
        Link { connector, state: State::Down { retry_at: None }, failures: 0 }
    }

    /// The client, where messages may be sent through it.
    pub(super) fn transport(&mut self) -> Option<&mut dyn Transport> {
        match &mut self.state {
            State::Up(transport) => Some(transport.as_mut()),
            State::Down { .. } | State::Leaving { .. } => None,
        }
    }

    /// The client, also where it is about to go.
    fn any_transport(&mut self) -> Option<&mut dyn Transport> {
        match &mut self.state {
            State::Up(transport) | State::Leaving { transport, .. } => Some(transport.as_mut()),
            State::Down { .. } => None,
        }
    }

    /// Messages that the client has.
    pub(super) fn in_flight(&self) -> usize {
        match &self.state {
            State::Up(transport) | State::Leaving { transport, .. } => transport.in_flight(),
            State::Down { .. } => 0,
        }
    }

    /// `waiting`: there is something to send.
    pub(super) fn next_look(&self, waiting: bool) -> Option<Instant> {
        match &self.state {
            State::Down { retry_at } => retry_at.filter(|_| waiting),
            State::Up(_) => None,
            State::Leaving { until, .. } => Some(*until),
        }
    }

    /// Sends nothing more through the client and takes back what the purge says; the rest is awaited `until` then.
    pub(super) fn leave(&mut self, until: Instant, purge: Purge) {
        let (mut transport, until) = match std::mem::replace(&mut self.state, State::Down { retry_at: None }) {
            State::Up(transport) => (transport, until),
            State::Leaving { transport, until: before } => (transport, before.min(until)),
            down @ State::Down { .. } => {
                self.state = down;
                return;
            }
        };
        transport.purge(purge);
        self.state = State::Leaving { transport, until };
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    /// Takes out a client whose time has come.
    fn departed(&mut self, now: Instant) -> Option<Box<dyn Transport>> {
        let State::Leaving { transport, until } = &self.state else { return None };
        if transport.in_flight() > 0 && now < *until {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Down { retry_at: None }) {
            State::Leaving { transport, .. } => Some(transport),
            State::Up(_) | State::Down { .. } => None,
        }
    }

    /// Something was delivered.
    pub(super) fn serves(&mut self) {
        self.failures = 0;
    }

    /// A client has gone. The next one may be made at once where this one served, and after a growing pause where it was
    /// one of several that did not: Kafka may refuse each of them, a producer id for instance.
    fn count_departure(&mut self, backoff: Duration, now: Instant) {
        let pause = (self.failures > 0).then(|| lane::pause(backoff, self.failures));
        self.failures += 1;
        self.state = State::Down { retry_at: pause.map(|pause| now + pause) };
    }

    /// A client could not be made.
    fn count_refusal(&mut self, backoff: Duration, now: Instant) {
        self.failures += 1;
        self.state = State::Down { retry_at: Some(now + lane::pause(backoff, self.failures)) };
    }

    /// Ends the client, whatever state it is in.
    pub(super) fn close(&mut self) {
        match std::mem::replace(&mut self.state, State::Down { retry_at: None }) {
            State::Up(transport) | State::Leaving { transport, .. } => transport.close(CLOSING_TIME),
            State::Down { .. } => {}
        }
    }
}

impl Worker {
    /// Whether messages can be sent now; makes the client where there is none.
    pub(super) fn connect(&mut self, now: Instant) -> bool {
        let retry_at = match &self.link.state {
            State::Up(_) => return true,
            State::Leaving { .. } => return false,
            State::Down { retry_at } => *retry_at,
        };
        if self.ending.is_dropping() || retry_at.is_some_and(|time| now < time) {
            return false;
        }
        match self.link.connector.connect() {
            Ok(transport) => {
                self.link.state = State::Up(transport);
                true
            }
            Err(error) => {
                self.link.count_refusal(self.shared.settings.retry_backoff, now);
                self.report_error(error.status, 0, &error.text, 1);
                false
            }
        }
    }

    /// Reads what the client has to say.
    pub(super) fn collect(&mut self, now: Instant) {
        let mut notices = std::mem::take(&mut self.notices);
        while let Some(transport) = self.link.any_transport() {
            let more = transport.poll(&mut notices);
            for notice in notices.drain(..) {
                self.note(notice, now);
            }
            if !more {
                break;
            }
        }
        self.notices = notices;
        if let Some(transport) = self.link.departed(now) {
            self.part(transport, now);
        }
    }

    #[inline(always)]
    fn note(&mut self, notice: Notice, now: Instant) {
        match notice {
            Notice::Settled(parcel, verdict) => self.judge(parcel, verdict, now),
            Notice::Error { code, text, fatal } => self.hear_error(code, text, fatal, now),
            Notice::Log { level, text } => {
                if self.shared.outbox.wants(Kind::Log)
                    && let Some(message_count) = self.logs.hear(&text, now)
                {
                    self.desk.tell(Event { status: level, message_count, ..Event::now(Kind::Log, c_text(text)) });
                }
            }
            Notice::Stats(json) => {
                if self.shared.outbox.wants(Kind::Stats) {
                    self.desk.tell(Event::now(Kind::Stats, c"statistics of the client").with_document(json));
                }
            }
        }
    }

    fn hear_error(&mut self, code: i32, text: String, fatal: bool, now: Instant) {
        if fatal && self.link.is_leaving() {
            return; // It goes anyway, and what it complains of may be that we took back what was on its way.
        }
        // librdkafka's text counts brokers, and not always those that are down.
        let text = if code == code::ALL_BROKERS_DOWN { "all brokers are down".into() } else { text };
        if let Some(count) = self.errors.hear(&text, now) {
            self.tell_error(Status::Client, code, &text, count);
        }
        self.watch.remember(code, &text);
        if fatal {
            self.leave_client(now, Purge::Unsent);
        }
    }

    /// The client goes. What it has not settled is of unknown fate; what came back goes through the next one.
    fn part(&mut self, mut transport: Box<dyn Transport>, now: Instant) {
        for parcel in transport.abandon() {
            self.give_up(parcel, now);
        }
        transport.close(CLOSING_TIME);
        self.link.count_departure(self.shared.settings.retry_backoff, now);
        if !self.ending.is_dropping() {
            self.shared.counters.client_resets.fetch_add(1, Relaxed);
            // Not remembered as the last error: the reason is what came before it.
            let text = "the Kafka client is made anew";
            if let Some(count) = self.errors.hear(text, now) {
                self.tell_error(Status::Client, 0, text, count);
            }
        }
    }

    pub(super) fn report_error(&mut self, status: Status, code: i32, text: &str, message_count: u64) {
        self.watch.remember(code, text);
        self.tell_error(status, code, text, message_count);
    }

    fn tell_error(&mut self, status: Status, code: i32, text: &str, message_count: u64) {
        let text = if verdict::is_of_connection(code) { format!("no connection: {text}") } else { text.to_owned() };
        if self.shared.outbox.wants(Kind::Error) {
            let event = Event::now(Kind::Error, c_text(text));
            self.desk.tell(Event { status: status.code(), kafka_error: code, message_count, ..event });
        }
    }

    /// Leaves the client, and takes back what the purge says.
    pub(super) fn leave_client(&mut self, now: Instant, purge: Purge) {
        self.link.leave(now + LEAVING_TIME, purge);
    }
}
