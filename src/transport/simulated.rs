//! A Kafka and its clients with librdkafka's semantics and a will of their own, drawn from dice: for the simulator.
//!
//! What is played here was measured on librdkafka: a batch with one bad record is refused whole; a purge settles what waits
//! in the client as not written, and what is on the wire as of unknown fate, which Kafka may write later all the same; after
//! a fatal error a client takes nothing more; a client may hang and not even answer a purge; errors that pass are retried
//! inside, so they are only delay; the call itself refuses what finds its queue full.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::error::{Error, Result, Status};
use crate::event::Persistence;
use crate::verdict::code;

use super::{Connector, Notice, Parcel, Partitions, Purge, Transport, Verdict, Window};

/// What a client or Kafka must never do, done once on purpose: whoever checks must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A message is never reported.
    ForgetReport,
    /// A message is acknowledged, and not written.
    FalseAcknowledgement,
    /// A request is refused, and written.
    FalseRefusal,
    WriteTwice,
    WriteBackwards,
    /// An acknowledgement names another place in the log.
    WrongOffset,
}

/// Refusals after which the message may be sent again, and those that are final.
const PASSING: [i32; 5] = [6, 19, 47, 56, 59];
const FINAL: [i32; 3] = [17, 29, 44];

pub struct Cluster {
    pub now: Instant,
    /// Nothing goes wrong any more.
    pub fair: bool,
    /// Messages with these tags spoil their batch.
    pub poison: HashSet<u64>,
    /// How many clients were made and how many are gone.
    pub clients: u64,
    pub closed: u64,
    dice: Dice,
    defect: Option<Defect>,
    log: HashMap<(CString, i32), Vec<u64>>,
    topics: HashMap<CString, Topic>,
    requests: Vec<Request>,
    notices: Vec<(u64, Notice)>,
    /// A client has news and wakes the worker.
    calls: bool,
    window: Window,
    linger: Duration,
    attempt_timeout: Duration,
    max_batch_bytes: u64,
    /// Whether Kafka says which record of a batch is bad.
    names_bad_records: bool,
}

struct Topic {
    /// `None` = it is known.
    known_at: Option<Instant>,
    partitions: i32,
}

/// Parcels of one partition on their way.
struct Request {
    client: u64,
    topic: CString,
    partition: i32,
    /// Empty once the client has given them back: what is left is what is still on the wire.
    parcels: Vec<Parcel>,
    tags: Vec<u64>,
    fate: Fate,
    /// When it leaves the client, when Kafka writes it where it will, and when the answer is back.
    leaves: Instant,
    written: Option<Instant>,
    answered: Option<Instant>,
    /// Where the first of it stands in the log.
    offset: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Refused(i32),
    /// Acknowledged or not, the client does not know.
    Lost(i32),
    /// The client breaks over it.
    Fatal,
    /// One record is bad, or the batch is too large.
    Spoiled,
}

impl Cluster {
    pub fn new(seed: u64, defect: Option<Defect>, now: Instant) -> Cluster {
        let mut dice = Dice::new(seed);
        Cluster {
            now,
            fair: false,
            poison: HashSet::new(),
            clients: 0,
            closed: 0,
            defect,
            log: HashMap::new(),
            topics: HashMap::new(),
            requests: Vec::new(),
            notices: Vec::new(),
            calls: false,
            window: Window { messages: 1 + dice.below(8) as usize, bytes: 100 + dice.below(400) },
            linger: Duration::from_millis(dice.below(4).saturating_sub(1) * 10),
            attempt_timeout: Duration::from_secs(5 + dice.below(25)),
            max_batch_bytes: if dice.below(3) == 0 { 150 + dice.below(200) } else { u64::MAX },
            names_bad_records: dice.below(2) == 0,
            dice,
        }
    }

    /// The tags in the log of a partition, in order.
    pub fn tags(&self, topic: &CStr, partition: i32) -> &[u64] {
        self.log.get(&(topic.to_owned(), partition)).map_or(&[], Vec::as_slice)
    }

    pub fn log(&self) -> &HashMap<(CString, i32), Vec<u64>> {
        &self.log
    }

    /// Nothing goes wrong any more, and what hangs on the way goes on.
    pub fn heal(&mut self) {
        self.fair = true;
        let now = self.now;
        for request in &mut self.requests {
            if request.answered.is_none() {
                request.written = (request.offset.is_none()).then_some(now);
                request.answered = Some(now);
            }
        }
    }

    /// More partitions than before.
    pub fn grow(&mut self, topic: &CStr) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.partitions += 1;
        }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Instant> {
        let of_requests = self.requests.iter().flat_map(|request| [request.written, request.answered]).flatten();
        of_requests.chain(self.topics.values().filter_map(|topic| topic.known_at)).min()
    }

    /// Does what happens up to now.
    pub fn pass(&mut self) {
        for index in 0..self.requests.len() {
            if self.requests[index].written.is_some_and(|at| at <= self.now) {
                self.write(index);
            }
        }
        let now = self.now;
        for topic in self.topics.values_mut() {
            self.calls |= topic.known_at.take_if(|at| *at <= now).is_some();
        }
        let (answered, waiting) = std::mem::take(&mut self.requests)
            .into_iter()
            .partition(|request| request.answered.is_some_and(|at| at <= now) && request.written.is_none());
        self.requests = waiting;
        for request in answered {
            self.answer(request);
        }
    }

    fn write(&mut self, index: usize) {
        let request = &mut self.requests[index];
        request.written = None;
        let mut tags = request.tags.clone();
        let acknowledged = request.fate == Fate::Acknowledged;
        let log = self.log.entry((request.topic.clone(), request.partition)).or_default();
        request.offset = Some(log.len() as i64);
        if acknowledged && tags.len() > 1 && self.defect.take_if(|defect| *defect == Defect::WriteBackwards).is_some() {
            tags.reverse();
        }
        if self.defect.take_if(|defect| *defect == Defect::WriteTwice).is_some() {
            log.extend(&tags);
        }
        if acknowledged && self.defect.take_if(|defect| *defect == Defect::FalseAcknowledgement).is_some() {
            tags.pop();
        }
        log.extend(tags);
    }

    fn answer(&mut self, request: Request) {
        let fatal = request.fate == Fate::Fatal && !request.parcels.is_empty();
        let (client, partition) = (request.client, request.partition);
        let wrong = self.defect.take_if(|defect| *defect == Defect::WrongOffset && request.offset.is_some()).is_some();
        for (index, parcel) in request.parcels.into_iter().enumerate() {
            let (error, persistence) = match request.fate {
                Fate::Acknowledged => (0, Persistence::Yes),
                Fate::Refused(error) => (error, Persistence::No),
                Fate::Lost(error) => (error, Persistence::Possibly),
                Fate::Fatal => (code::FATAL, Persistence::Possibly),
                Fate::Spoiled => (self.blame(&request.tags, parcel.message.tag()), Persistence::No),
            };
            let offset = match request.offset {
                Some(first) if error == 0 => first + index as i64 + i64::from(wrong),
                _ => -1,
            };
            self.report(client, parcel, Verdict { error, persistence, partition, offset, ..Verdict::default() });
        }
        if fatal {
            let text = "fatal error: simulated".into();
            self.tell(client, Notice::Error { code: 45, text, fatal: true });
        }
    }

    /// The error of one message of a spoiled batch.
    fn blame(&self, batch: &[u64], tag: u64) -> i32 {
        let bad = |tag: &u64| self.poison.contains(tag);
        match batch.iter().any(bad) {
            false => code::MSG_SIZE_TOO_LARGE,
            true if self.names_bad_records && !bad(&tag) => code::INVALID_DIFFERENT_RECORD,
            true => code::INVALID_RECORD,
        }
    }

    fn report(&mut self, client: u64, parcel: Parcel, verdict: Verdict) {
        if self.defect.take_if(|defect| *defect == Defect::ForgetReport).is_none() {
            self.tell(client, Notice::Settled(parcel, verdict));
        }
    }

    fn receive(&mut self, client: u64, hung: bool, topic: &CStr, partition: i32, mut parcels: Vec<Parcel>) {
        if !self.fair && self.dice.below(40) == 0 {
            let fit = self.dice.below(parcels.len() as u64) as usize;
            for parcel in parcels.drain(fit..).collect::<Vec<_>>() {
                self.report(client, parcel, verdict_of(code::QUEUE_FULL, Persistence::No, partition));
            }
        }
        if parcels.is_empty() {
            return;
        }
        let tags: Vec<u64> = parcels.iter().map(|parcel| parcel.message.tag()).collect();
        let bytes: u64 = parcels.iter().map(|parcel| parcel.message.wire_len()).sum();
        let spoiled = bytes > self.max_batch_bytes || tags.iter().any(|tag| self.poison.contains(tag));
        let (fate, delay) = if spoiled { (Fate::Spoiled, Some(0)) } else { self.draw(hung) };
        let leaves = self.now + Duration::from_millis(self.dice.below(5));
        let answered = delay.map(|delay| leaves + Duration::from_millis(delay));
        let refused_falsely = matches!(fate, Fate::Refused(_) | Fate::Spoiled)
            && self.defect.take_if(|defect| *defect == Defect::FalseRefusal).is_some();
        let is_written = match fate {
            Fate::Acknowledged => true,
            Fate::Refused(_) | Fate::Spoiled => refused_falsely,
            Fate::Lost(_) | Fate::Fatal => self.dice.below(2) == 0,
        };
        // Without an answer it may be written at once, or never as far as the client lives.
        let written = match answered {
            Some(answered) => is_written.then_some(answered),
            None => (self.dice.below(2) == 0).then_some(leaves),
        };
        self.requests.push(Request {
            client,
            topic: topic.to_owned(),
            partition,
            parcels,
            tags,
            fate,
            leaves,
            written,
            answered,
            offset: None,
        });
    }

    /// What becomes of a request, and after how many milliseconds; `None`: not before the weather is better.
    fn draw(&mut self, hung: bool) -> (Fate, Option<u64>) {
        if self.fair {
            return (Fate::Acknowledged, Some(self.dice.below(20)));
        }
        if hung {
            return (Fate::Acknowledged, None);
        }
        match self.dice.below(100) {
            0..8 => (Fate::Acknowledged, Some(self.dice.below(20_000))),
            8..14 => (Fate::Refused(PASSING[self.dice.below(5) as usize]), Some(self.dice.below(500))),
            14..18 => (Fate::Refused(FINAL[self.dice.below(3) as usize]), Some(self.dice.below(500))),
            18..21 => (Fate::Lost(7), Some(self.dice.below(5000))),
            21..23 => (Fate::Fatal, Some(self.dice.below(500))),
            23..30 => (Fate::Acknowledged, None),
            _ => (Fate::Acknowledged, Some(self.dice.below(50))),
        }
    }

    /// Settles what a client has, at once.
    fn purge(&mut self, client: u64, what: Purge) {
        for index in 0..self.requests.len() {
            let request = &mut self.requests[index];
            if request.client != client {
                continue;
            }
            if what == Purge::Unsent && request.leaves <= self.now {
                continue;
            }
            let partition = request.partition;
            let verdict = if request.leaves > self.now {
                verdict_of(code::PURGE_QUEUE, Persistence::No, partition)
            } else {
                verdict_of(code::PURGE_INFLIGHT, Persistence::Possibly, partition)
            };
            for parcel in std::mem::take(&mut request.parcels) {
                self.report(client, parcel, verdict.clone());
            }
        }
        let now = self.now;
        self.requests.retain(|request| request.client != client || request.leaves <= now);
        if what == Purge::All {
            self.leave_on_the_wire(client);
        }
    }

    /// Keeps of a client's requests only what Kafka will write yet.
    fn leave_on_the_wire(&mut self, client: u64) {
        self.requests.retain(|request| request.client != client || request.written.is_some());
        for request in &mut self.requests {
            if request.client == client {
                request.answered = request.written;
            }
        }
    }

    fn partitions(&mut self, name: &CStr) -> Partitions {
        if !self.topics.contains_key(name) {
            let known_at = self.now + Duration::from_millis(self.dice.below(3000));
            let partitions = 1 + self.dice.below(3) as i32;
            self.topics.insert(name.to_owned(), Topic { known_at: Some(known_at), partitions });
        }
        let topic = &self.topics[name];
        match self.dice.below(60) {
            0 if !self.fair => Partitions::Refused(code::MSG_TIMED_OUT),
            1 if !self.fair => Partitions::Refused(3),
            _ if topic.known_at.is_some() => Partitions::Unknown,
            _ => Partitions::Known(topic.partitions),
        }
    }

    /// Whether a client woke the worker since the last time that was asked.
    pub fn take_call(&mut self) -> bool {
        std::mem::take(&mut self.calls)
    }

    fn tell(&mut self, client: u64, notice: Notice) {
        self.notices.push((client, notice));
        self.calls = true;
    }
}

fn verdict_of(error: i32, persistence: Persistence, partition: i32) -> Verdict {
    Verdict { error, persistence, partition, offset: -1, ..Verdict::default() }
}

pub struct SimulatedConnector(pub Arc<Mutex<Cluster>>);

impl Connector for SimulatedConnector {
    fn connect(&mut self) -> Result<Box<dyn Transport>> {
        let mut cluster = self.0.lock().expect("no panic");
        if !cluster.fair && cluster.dice.below(8) == 0 {
            return Err(Error::new(Status::Client, "simulated: no connection"));
        }
        cluster.clients += 1;
        let hung = !cluster.fair && cluster.dice.below(20) == 0;
        let (number, cluster) = (cluster.clients, self.0.clone());
        Ok(Box::new(Client { number, cluster, hung, holds: HashSet::new(), in_flight: 0 }))
    }
}

struct Client {
    number: u64,
    cluster: Arc<Mutex<Cluster>>,
    /// It answers nothing, not even a purge, before the weather is better.
    hung: bool,
    holds: HashSet<(CString, i32)>,
    in_flight: usize,
}

impl Client {
    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().expect("no panic")
    }
}

impl Transport for Client {
    fn partitions(&mut self, topic: &CStr) -> Partitions {
        self.cluster().partitions(topic)
    }

    fn partition_of(&self, key: Option<&[u8]>, count: i32) -> Option<i32> {
        key.map(|key| key.iter().map(|byte| i32::from(*byte)).sum::<i32>() % count)
    }

    fn window(&self) -> Window {
        self.cluster().window
    }

    fn linger(&self) -> Duration {
        self.cluster().linger
    }

    fn attempt_timeout(&self) -> Duration {
        self.cluster().attempt_timeout
    }

    /// A client that does not know of a partition cannot hold it.
    fn hold(&mut self, partitions: &mut dyn Iterator<Item = (&CStr, i32)>) {
        for (topic, partition) in partitions {
            let is_known = self.cluster().dice.below(10) > 0;
            if is_known {
                self.holds.insert((topic.to_owned(), partition));
            }
        }
    }

    fn send(&mut self, topic: &CStr, partition: i32, parcels: &mut dyn Iterator<Item = Parcel>) {
        let most = if self.holds.contains(&(topic.to_owned(), partition)) { usize::MAX } else { 1 };
        let parcels: Vec<Parcel> = parcels.take(most).collect();
        self.in_flight += parcels.len();
        self.cluster().receive(self.number, self.hung, topic, partition, parcels);
    }

    fn release(&mut self) {
        self.holds.clear();
    }

    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool {
        let mut cluster = self.cluster();
        let (mine, others) =
            std::mem::take(&mut cluster.notices).into_iter().partition(|(client, _)| *client == self.number);
        cluster.notices = others;
        drop(cluster);
        let mine: Vec<(u64, Notice)> = mine;
        self.in_flight -= mine.iter().filter(|(_, notice)| matches!(notice, Notice::Settled(..))).count();
        notices.extend(mine.into_iter().map(|(_, notice)| notice));
        false
    }

    fn purge(&mut self, what: Purge) {
        let mut cluster = self.cluster();
        if !self.hung || cluster.fair {
            cluster.purge(self.number, what);
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn abandon(&mut self) -> Vec<Parcel> {
        self.in_flight = 0;
        let mut cluster = self.cluster();
        let number = self.number;
        let mine = cluster.requests.iter_mut().filter(|request| request.client == number);
        let parcels = mine.flat_map(|request| std::mem::take(&mut request.parcels)).collect();
        cluster.leave_on_the_wire(number);
        parcels
    }

    fn close(self: Box<Self>, _: Duration) {
        let mut cluster = self.cluster();
        cluster.closed += 1;
        cluster.notices.retain(|(client, _)| *client != self.number);
        cluster.leave_on_the_wire(self.number);
    }
}
