//! The way to Kafka, as the worker sees it: librdkafka in `kafka`, a script in the tests.

#[cfg(not(model))] // tests/model has one of its own.
pub mod kafka;
#[cfg(test)]
pub mod scripted;
#[cfg(test)]
pub mod simulated;

use std::ffi::CStr;
use std::time::Duration;

use crate::delivery;
use crate::error::Result;
use crate::event::Persistence;
use crate::message::Message;
use crate::stage::Stage;

/// A message in the worker's hands.
#[derive(Debug)]
pub struct Parcel {
    pub message: Message,
    /// Its number in the order in which the worker took messages.
    pub sequence: u64,
    /// The lane it travels on.
    pub lane: u32,
    /// The delivery it belongs to, once it is due.
    pub delivery: Option<delivery::Number>,
    /// How often it was handed to Kafka.
    pub attempts: u32,
}

/// What became of a parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// librdkafka's error code; 0 = acknowledged.
    pub error: i32,
    pub persistence: Persistence,
    pub partition: i32,
    /// -1 = unknown.
    pub offset: i64,
    /// The reason where there is an error.
    pub text: Option<Box<str>>,
    /// How far it came, where there is an error.
    pub stage: Stage,
}

/// What a transport reports.
#[derive(Debug)]
pub enum Notice {
    Settled(Parcel, Verdict),
    /// An error of the client. After a fatal one it accepts nothing any more.
    Error {
        code: i32,
        text: String,
        fatal: bool,
    },
    /// A log line and its syslog level.
    Log {
        level: i32,
        text: String,
    },
    /// Statistics as JSON.
    Stats(Box<[u8]>),
}

/// What is known of a topic's partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    Known(i32),
    /// Being found out; the worker is woken when it is known.
    Unknown,
    /// There is no such topic, or it may not be used: librdkafka's error code.
    Refused(i32),
}

/// How much may be handed over at a time for one partition, so that it fits in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub messages: usize,
    pub bytes: u64,
}

/// What a purge takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// What is not on its way; an answer to the rest may still come.
    Unsent,
    /// What is on its way, too: its fate is unknown then.
    All,
}

/// A client of Kafka. Each parcel handed over comes back in exactly one [`Notice::Settled`], or from [`Transport::abandon`].
pub trait Transport: Send {
    fn partitions(&mut self, topic: &CStr) -> Partitions;

    /// The partition for a routing key among `count`; `None` = any will do.
    fn partition_of(&self, key: Option<&[u8]>, count: i32) -> Option<i32>;

    fn window(&self) -> Window;

    /// How long messages may wait for more to go in the same window.
    fn linger(&self) -> Duration;

    /// How long an attempt may take before it counts as failed, where attempts are limited.
    fn attempt_timeout(&self) -> Duration;

    /// Keeps what is handed over for partitions from leaving before [`Transport::release`], so that it leaves whole.
    fn hold(&mut self, partitions: &mut dyn Iterator<Item = (&CStr, i32)>);

    /// Hands parcels over, in order: a single one where the partition is not held, for it may leave at once, and the next
    /// would not go in one request with it; and none after one that is refused.
    fn send(&mut self, topic: &CStr, partition: i32, parcels: &mut dyn Iterator<Item = Parcel>);

    /// Lets go what is held.
    fn release(&mut self);

    /// Collects some of what happened, so much that a cache holds it; never waits. Whether there may be more.
    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool;

    /// Asks for what was handed over to be settled now.
    fn purge(&mut self, what: Purge);

    /// Parcels handed over and not settled.
    fn in_flight(&self) -> usize;

    /// Gives up waiting: a copy of every parcel that is not settled. The originals live until the client is gone.
    fn abandon(&mut self) -> Vec<Parcel>;

    /// Ends the client; returns when it is gone, or soon after the patience ends, leaving the rest to the background.
    fn close(self: Box<Self>, patience: Duration);
}

/// Makes a transport.
pub trait Connector: Send {
    fn connect(&mut self) -> Result<Box<dyn Transport>>;
}
