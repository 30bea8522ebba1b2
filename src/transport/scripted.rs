//! A transport that does what a test says, with librdkafka's semantics: a batch is refused as a whole, a purge says what
//! was sent and what was not, a fatal error ends the client.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::error::{Error, Result, Status};
use crate::event::Persistence;
use crate::stage::Stage;
use crate::verdict::code;

use super::{Connector, Notice, Parcel, Partitions, Purge, Transport, Verdict, Window};

/// What is done with the next window.
#[derive(Clone, Debug)]
pub enum Reply {
    Acknowledge,
    /// Nothing, until it is purged or released.
    Hold,
    /// Refused as a whole, not in the log.
    Refuse(i32),
    /// Fate unknown; in the log all the same.
    Lose(i32),
    /// The client dies: this window is of unknown fate.
    Die,
}

/// Kafka and the client as the test sees them.
pub struct Script {
    /// Windows without a reply of their own get this one.
    pub habit: Reply,
    pub replies: VecDeque<Reply>,
    pub topics: HashMap<CString, Partitions>,
    /// Messages with these tags spoil their batch; `named`: the broker says which they are.
    pub poison: HashSet<u64>,
    pub named: bool,
    /// Windows larger than this are refused with MSG_SIZE_TOO_LARGE.
    pub max_batch_bytes: u64,
    pub window: Window,
    /// The client knows of no partition, and holds none.
    pub holds_nothing: bool,
    pub linger: Duration,
    pub attempt_timeout: Duration,
    pub refuse_connections: bool,
    /// What a purge does not settle: a client that hangs.
    pub hung: bool,
    /// What is held is on its way to Kafka, not in the client's queue.
    pub held_is_sent: bool,
    pub purges: Vec<Purge>,
    /// Called at each window that is handed over.
    pub on_window: Option<Box<dyn FnMut() + Send>>,
    /// Kafka's log: topic, partition, tag.
    pub log: Vec<(CString, i32, u64)>,
    /// The partitions that were held, each time there were any.
    pub holds: Vec<Vec<i32>>,
    /// The tags of each window sent.
    pub windows: Vec<Vec<u64>>,
    pub clients: usize,
    pub closed: usize,
    held: Vec<(CString, i32, Parcel)>,
    notices: Vec<Notice>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            habit: Reply::Acknowledge,
            replies: VecDeque::new(),
            topics: HashMap::new(),
            poison: HashSet::new(),
            named: false,
            max_batch_bytes: u64::MAX,
            window: Window { messages: 10_000, bytes: 1_000_000 },
            holds_nothing: false,
            linger: Duration::ZERO,
            attempt_timeout: Duration::from_secs(30),
            refuse_connections: false,
            hung: false,
            held_is_sent: false,
            purges: Vec::new(),
            on_window: None,
            log: Vec::new(),
            holds: Vec::new(),
            windows: Vec::new(),
            clients: 0,
            closed: 0,
            held: Vec::new(),
            notices: Vec::new(),
        }
    }
}

impl Script {
    /// The tags in the log of a partition, in order.
    pub fn tags(&self, topic: &CStr, partition: i32) -> Vec<u64> {
        self.log
            .iter()
            .filter(|(name, number, _)| **name == *topic && *number == partition)
            .map(|(.., tag)| *tag)
            .collect()
    }

    pub fn report(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Acknowledges what is held.
    pub fn release(&mut self) {
        for (topic, partition, parcel) in std::mem::take(&mut self.held) {
            self.acknowledge(&topic, partition, parcel);
        }
    }

    fn acknowledge(&mut self, topic: &CStr, partition: i32, parcel: Parcel) {
        let offset = self.tags(topic, partition).len() as i64;
        self.log.push((topic.to_owned(), partition, parcel.message.tag()));
        let verdict = Verdict { persistence: Persistence::Yes, partition, offset, ..Verdict::default() };
        self.notices.push(Notice::Settled(parcel, verdict));
    }

    fn fail(&mut self, partition: i32, parcel: Parcel, error: i32, persistence: Persistence) {
        let text = Some("scripted".into());
        let stage = Stage::of_report(error, persistence, Some(1));
        self.notices.push(Notice::Settled(parcel, Verdict { error, persistence, partition, offset: -1, text, stage }));
    }

    fn receive(&mut self, topic: &CStr, partition: i32, parcels: Vec<Parcel>) {
        if let Some(call) = &mut self.on_window {
            call();
        }
        self.windows.push(parcels.iter().map(|parcel| parcel.message.tag()).collect());
        let spoiled = parcels.iter().any(|parcel| self.poison.contains(&parcel.message.tag()));
        let bytes: u64 = parcels.iter().map(|parcel| parcel.message.wire_len()).sum();
        let reply = self.replies.pop_front().unwrap_or_else(|| self.habit.clone());
        for parcel in parcels {
            match reply {
                _ if bytes > self.max_batch_bytes => {
                    self.fail(partition, parcel, code::MSG_SIZE_TOO_LARGE, Persistence::No);
                }
                _ if spoiled => {
                    let innocent = self.named && !self.poison.contains(&parcel.message.tag());
                    let error = if innocent { code::INVALID_DIFFERENT_RECORD } else { code::INVALID_RECORD };
                    self.fail(partition, parcel, error, Persistence::No);
                }
                Reply::Acknowledge => self.acknowledge(topic, partition, parcel),
                Reply::Hold => self.held.push((topic.to_owned(), partition, parcel)),
                Reply::Refuse(error) => self.fail(partition, parcel, error, Persistence::No),
                Reply::Lose(error) => {
                    self.log.push((topic.to_owned(), partition, parcel.message.tag()));
                    self.fail(partition, parcel, error, Persistence::Possibly);
                }
                Reply::Die => self.fail(partition, parcel, code::FATAL, Persistence::Possibly),
            }
        }
        if matches!(reply, Reply::Die) {
            self.notices.push(Notice::Error { code: 45, text: "scripted death".into(), fatal: true });
        }
    }
}

pub type SharedScript = Arc<Mutex<Script>>;

pub struct ScriptedConnector(pub SharedScript);

impl Connector for ScriptedConnector {
    fn connect(&mut self) -> Result<Box<dyn Transport>> {
        let mut script = self.0.lock().expect("no panic");
        if script.refuse_connections {
            return Err(Error::new(Status::Client, "scripted: no connection"));
        }
        script.clients += 1;
        Ok(Box::new(Scripted { script: self.0.clone(), holds: HashSet::new(), in_flight: 0 }))
    }
}

struct Scripted {
    script: SharedScript,
    holds: HashSet<(CString, i32)>,
    in_flight: usize,
}

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no panic")
    }
}

impl Transport for Scripted {
    fn partitions(&mut self, topic: &CStr) -> Partitions {
        self.script().topics.get(topic).copied().unwrap_or(Partitions::Known(1))
    }

    fn partition_of(&self, key: Option<&[u8]>, count: i32) -> Option<i32> {
        key.map(|key| key.iter().map(|byte| i32::from(*byte)).sum::<i32>() % count)
    }

    fn window(&self) -> Window {
        self.script().window
    }

    fn linger(&self) -> Duration {
        self.script().linger
    }

    fn attempt_timeout(&self) -> Duration {
        self.script().attempt_timeout
    }

    fn hold(&mut self, partitions: &mut dyn Iterator<Item = (&CStr, i32)>) {
        assert!(self.holds.is_empty(), "what was held is let go");
        let mut script = self.script.lock().expect("no panic");
        let partitions: Vec<_> = partitions.map(|(topic, partition)| (topic.to_owned(), partition)).collect();
        if !partitions.is_empty() && !script.holds_nothing {
            script.holds.push(partitions.iter().map(|(_, partition)| *partition).collect());
            self.holds.extend(partitions);
        }
    }

    fn send(&mut self, topic: &CStr, partition: i32, parcels: &mut dyn Iterator<Item = Parcel>) {
        let most = if self.holds.contains(&(topic.to_owned(), partition)) { usize::MAX } else { 1 };
        let parcels: Vec<Parcel> = parcels.take(most).collect();
        self.in_flight += parcels.len();
        self.script().receive(topic, partition, parcels);
    }

    fn release(&mut self) {
        self.holds.clear();
    }

    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool {
        assert!(self.holds.is_empty(), "what was held is let go");
        let news = std::mem::take(&mut self.script().notices);
        self.in_flight -= news.iter().filter(|notice| matches!(notice, Notice::Settled(..))).count();
        notices.extend(news);
        false
    }

    fn purge(&mut self, what: Purge) {
        let mut script = self.script();
        script.purges.push(what);
        if script.hung || (what == Purge::Unsent && script.held_is_sent) {
            return;
        }
        for (_, partition, parcel) in std::mem::take(&mut script.held) {
            let (error, persistence) = match script.held_is_sent {
                true => (code::PURGE_INFLIGHT, Persistence::Possibly),
                false => (code::PURGE_QUEUE, Persistence::No),
            };
            script.fail(partition, parcel, error, persistence);
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn abandon(&mut self) -> Vec<Parcel> {
        self.in_flight = 0;
        std::mem::take(&mut self.script().held).into_iter().map(|(.., parcel)| parcel).collect()
    }

    fn close(self: Box<Self>, _: Duration) {
        self.script().closed += 1;
    }
}
