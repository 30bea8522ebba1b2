//! Events: what the program is told of.

use std::borrow::Cow;
use std::ffi::{CStr, CString};

use crate::clock;
use crate::error::Status;
use crate::limits::Release;
use crate::message::{Header, Message, PARTITION_ANY};

/// The types of events; the numbers are the bits of the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Enqueued = 1,
    BufferOverflow = 1 << 1,
    DeliveryStarted = 1 << 2,
    DeliveryFinished = 1 << 3,
    Delivered = 1 << 4,
    Failed = 1 << 5,
    Retry = 1 << 6,
    Dropped = 1 << 7,
    Stalled = 1 << 8,
    Error = 1 << 9,
    Log = 1 << 10,
    Stats = 1 << 11,
}

impl Kind {
    /// How many types there are.
    pub const COUNT: usize = 12;

    pub fn bit(self) -> u32 {
        self as u32
    }

    pub fn index(self) -> usize {
        self.bit().trailing_zeros() as usize
    }

    /// Whether it ends a message's life: such an event is never lost.
    pub fn is_settlement(self) -> bool {
        matches!(self, Kind::Delivered | Kind::Failed | Kind::Dropped)
    }
}

/// A set of event types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u32);

impl Mask {
    pub fn from_bits(bits: u32) -> Option<Mask> {
        (bits >> Kind::COUNT == 0).then_some(Mask(bits))
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    pub fn has_settlements(self) -> bool {
        self.has(Kind::Delivered) || self.has(Kind::Failed) || self.has(Kind::Dropped)
    }
}

/// What is known of a message in the broker's log; the numbers are the C ABI's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum Persistence {
    #[default]
    No = 0,
    Possibly = 1,
    Yes = 2,
}

/// One line for a person.
pub type Text = Cow<'static, CStr>;

/// One event. The fields are those of `ap_event_t`, where their meaning is written.
#[derive(Debug)]
pub struct Event {
    pub kind: Kind,
    pub status: i32,
    pub kafka_error: i32,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub tag: u64,
    pub text: Text,
    /// Counts of messages have 24 bits at most (see `limits`). With them an event has 128 bytes, which are moved in place.
    pub queue_size: u32,
    pub max_queue_size: u32,
    pub buffer_size: u32,
    pub message_count: u64,
    pub duration_us: u64,
    pub attempt: u32,
    pub persistence: Persistence,
    pub subject: Subject,
}

/// What an event is about.
#[derive(Debug)]
pub enum Subject {
    Nothing,
    Topic(CString),
    Message(Message),
    Document(Box<[u8]>),
}

impl Subject {
    pub fn topic(name: &CStr) -> Result<Subject, Status> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(name.count_bytes() + 1).map_err(|_| Status::NoMemory)?;
        copy.extend_from_slice(name.to_bytes_with_nul());
        Ok(Subject::Topic(CString::from_vec_with_nul(copy).unwrap_or_default()))
    }
}

impl Event {
    #[inline(always)]
    pub fn new(kind: Kind, text: impl Into<Text>) -> Event {
        Event {
            kind,
            status: Status::Ok.code(),
            kafka_error: 0,
            partition: PARTITION_ANY,
            offset: -1,
            timestamp_ms: 0,
            tag: 0,
            text: text.into(),
            queue_size: 0,
            max_queue_size: 0,
            buffer_size: 0,
            message_count: 1,
            duration_us: 0,
            attempt: 0,
            persistence: Persistence::No,
            subject: Subject::Nothing,
        }
    }

    /// An event that happens now and is about no message.
    pub fn now(kind: Kind, text: impl Into<Text>) -> Event {
        Event { timestamp_ms: clock::wall_ms(), ..Event::new(kind, text) }
    }

    /// An event that settles a message and carries it.
    #[inline(always)]
    pub fn of_message(kind: Kind, text: impl Into<Text>, message: Message) -> Event {
        Event {
            timestamp_ms: message.timestamp_ms(),
            tag: message.tag(),
            partition: message.partition(),
            subject: Subject::Message(message),
            ..Event::new(kind, text)
        }
    }

    pub fn with_document(self, document: Box<[u8]>) -> Event {
        Event { subject: Subject::Document(document), ..self }
    }

    pub fn message(&self) -> Option<&Message> {
        match &self.subject {
            Subject::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Adds the place in the limits that its message holds, where it carries one: to be given back once it is read.
    pub fn give_back(&self, release: &mut Release) {
        if let Some(message) = self.message() {
            release.add(message);
        }
    }

    pub fn topic(&self) -> Option<&CStr> {
        self.topic_with_nul().and_then(|topic| CStr::from_bytes_with_nul(topic).ok())
    }

    pub fn topic_with_nul(&self) -> Option<&[u8]> {
        match &self.subject {
            Subject::Message(message) => Some(message.topic_with_nul()),
            Subject::Topic(topic) => Some(topic.as_bytes_with_nul()),
            Subject::Nothing | Subject::Document(_) => None,
        }
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.message()?.key()
    }

    pub fn value(&self) -> Option<&[u8]> {
        match &self.subject {
            Subject::Document(document) => Some(document),
            _ => self.message()?.value(),
        }
    }

    pub fn partition_key(&self) -> Option<&[u8]> {
        self.message()?.partition_key()
    }

    pub fn has_headers(&self) -> bool {
        self.message().is_some_and(|message| message.header_count() > 0)
    }

    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.message().into_iter().flat_map(Message::headers)
    }

    /// Takes in a later event of the same type: the counts add up, the rest is the later one's, but that a delivery lost
    /// messages is not forgotten.
    pub fn coalesce(&mut self, later: Event) {
        let message_count = self.message_count + later.message_count;
        let lost = self.kind == Kind::DeliveryFinished && later.status == Status::Ok.code();
        let status = if lost { self.status } else { later.status };
        *self = Event { message_count, status, ..later };
    }
}

/// A sentence as a C string; a NUL in it would end it early, so it is replaced.
pub fn c_text(text: impl Into<String>) -> Text {
    let text: String = text.into();
    Cow::Owned(CString::new(text.replace('\0', " ")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(status: Status, message_count: u64) -> Event {
        Event { status: status.code(), message_count, ..Event::new(Kind::DeliveryFinished, c"") }
    }

    #[test]
    fn that_a_delivery_lost_messages_survives_coalescing() {
        for (first, second) in [(Status::Undelivered, Status::Ok), (Status::Ok, Status::Undelivered)] {
            let mut event = finished(first, 3);
            event.coalesce(finished(second, 4));
            assert_eq!((event.status, event.message_count), (Status::Undelivered.code(), 7));
        }
    }
}
