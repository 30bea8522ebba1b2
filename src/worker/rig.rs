//! A worker with everything around it, by a clock and a Kafka of the test's own: no threads, no sleeps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Turn, Worker};
use crate::error::Status;
use crate::event::{Event, Kind, Mask};
use crate::inbox::{Answer, Request};
use crate::limits::Release;
use crate::message::{Draft, PARTITION_ANY};
use crate::outbox::Outbox;
use crate::settings::Settings;
use crate::shared::{Phase, Shared};
use crate::transport::Connector;
use crate::transport::scripted::{Script, ScriptedConnector};

pub const TOPIC: &std::ffi::CStr = c"greetings";
pub const SECOND: Duration = Duration::from_secs(1);

/// `K` is what stands for Kafka.
pub struct Rig<K = Script> {
    pub shared: Arc<Shared>,
    pub worker: Worker,
    pub kafka: Arc<Mutex<K>>,
    pub now: Instant,
    pub events: Vec<Event>,
}

impl<K> Rig<K> {
    pub fn with(properties: &[(&str, &str)], kafka: Arc<Mutex<K>>, connector: Box<dyn Connector>, seed: u64) -> Rig<K> {
        let mut settings = Settings::default();
        for (key, value) in properties {
            settings.set(key, value).expect("a good value");
        }
        let outbox = Arc::new(Outbox::new(Mask::from_bits(0xFFF).expect("bits"), None));
        let shared = Arc::new(Shared::new(settings, outbox));
        let now = Instant::now();
        let worker = Worker::new(shared.clone(), connector, seed, now);
        Rig { shared, worker, kafka, now, events: Vec::new() }
    }

    pub fn kafka(&self) -> MutexGuard<'_, K> {
        self.kafka.lock().expect("no panic")
    }

    pub fn produce(&self, tag: u64) -> Result<(), Status> {
        self.produce_to(tag, PARTITION_ANY, None)
    }

    pub fn produce_to(&self, tag: u64, partition: i32, key: Option<&[u8]>) -> Result<(), Status> {
        let value = tag.to_string();
        self.shared.accept(&Draft {
            topic: TOPIC,
            value: Some(value.as_bytes()),
            key,
            tag,
            partition,
            ..Draft::default()
        })
    }

    pub fn produce_all(&self, tags: impl IntoIterator<Item = u64>) {
        for tag in tags {
            self.produce(tag).expect("room");
        }
    }

    pub fn deliver(&self) {
        self.shared.inbox.deliver();
    }

    pub fn flush(&self) -> Arc<Answer> {
        let answer = Arc::new(Answer::default());
        self.shared.inbox.request(Request::Flush(answer.clone()));
        answer
    }

    pub fn shutdown(&self, timeout: Option<Duration>) {
        self.shared.inbox.close(timeout.map(|timeout| self.now + timeout), self.shared.counters.undelivered());
        self.shared.advance(Phase::Closing);
    }

    pub fn has_unread(&self) -> bool {
        self.shared.outbox.unread() > 0
    }

    /// Reads the events, as a callback would, and gives their places back.
    pub fn read(&mut self) {
        let mut events = VecDeque::new();
        while self.shared.outbox.take(Some(Instant::now()), usize::MAX, &mut events, |_| Ok(())).expect("memory") {
            let mut release = Release::default();
            for event in &events {
                event.give_back(&mut release);
            }
            self.shared.queue.release(release);
            self.shared.outbox.done();
            self.events.extend(events.drain(..));
        }
    }

    pub fn tags(&self, kind: Kind) -> Vec<u64> {
        self.events.iter().filter(|event| event.kind == kind).map(|event| event.tag).collect()
    }

    pub fn last(&self, kind: Kind) -> &Event {
        self.events.iter().rev().find(|event| event.kind == kind).unwrap_or_else(|| panic!("no {kind:?} event"))
    }
}

impl Rig {
    pub fn new(properties: &[(&str, &str)]) -> Rig {
        let kafka = Arc::new(Mutex::new(Script::default()));
        Rig::with(properties, kafka.clone(), Box::new(ScriptedConnector(kafka)), 7)
    }

    /// Turns until the worker would sleep and no report is left; answers what it wants then.
    pub fn run(&mut self) -> Turn {
        let mut turn = self.worker.turn(self.now);
        for _ in 0..100_000 {
            self.read();
            let before = self.kafka().windows.len();
            let next = self.worker.turn(self.now);
            let quiet = next == turn && self.kafka().windows.len() == before && !self.has_unread();
            turn = next;
            if let Turn::Sleep { until: Some(until), .. } = turn {
                assert!(!quiet || until > self.now, "a turn that did nothing asks to be called at once");
            }
            if turn == Turn::Over || (quiet && turn != Turn::Again) {
                self.read();
                return turn;
            }
        }
        panic!("the worker does not come to rest");
    }

    pub fn advance(&mut self, time: Duration) -> Turn {
        self.now += time;
        self.run()
    }

    pub fn delivered(&self) -> Vec<u64> {
        self.kafka().tags(TOPIC, 0)
    }
}
