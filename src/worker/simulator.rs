//! Queue, worker, policy, retries and shutdown over a simulated Kafka and a virtual clock, by random schedules: whatever
//! happens, each accepted message ends exactly once, nothing is lost, doubled or out of order, and nothing hangs.
//!
//! A seed is a schedule: the calls, their times, and what Kafka does. `AP_SEED=n cargo test --release --lib any_schedule`
//! repeats one, `AP_SCHEDULES` says how many run. The worker is called only when the thread of `producer` would wake it,
//! so a wake-up that it needs and does not ask for shows as a message that never ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Turn;
use super::rig::{Rig, SECOND, TOPIC};
use crate::dice::Dice;
use crate::error::Status;
use crate::event::{Event, Kind, Persistence};
use crate::inbox::{Answer, Request};
use crate::message::{Draft, PARTITION_ANY};
use crate::transport::simulated::{Cluster, Defect, SimulatedConnector};

const SCHEDULES: u64 = 100_000;
const OTHER_TOPIC: &std::ffi::CStr = c"other";

/// How late after its deadline a shutdown may be over.
const LATENESS: Duration = SECOND;

/// In fair weather everything is delivered within the longest pauses of client and lane, a minute each, and an attempt.
const RECOVERY: Duration = Duration::from_secs(200);

type Finding = Result<(), String>;

/// What happened over many schedules, so that a simulator that does nothing is found out.
#[derive(Debug, Default)]
struct Tally {
    delivered: usize,
    failed: usize,
    unknown: usize,
    dropped: usize,
    retried: usize,
    refused: usize,
    stalled: usize,
    clients: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.dropped += other.dropped;
        self.retried += other.retried;
        self.refused += other.refused;
        self.stalled += other.stalled;
        self.clients += other.clients;
    }
}

/// A flush on its way.
struct Flush {
    answer: Arc<Answer>,
    /// How many messages had been accepted before it.
    covers: usize,
    /// How many events had been told when it was answered.
    answered_at: Option<usize>,
}

struct Simulation {
    rig: Rig<Cluster>,
    dice: Dice,
    turn: Turn,
    /// A caller or a client woke the worker.
    nudged: bool,
    /// The tags of accepted messages in order.
    accepted: Vec<u64>,
    refused: usize,
    flushes: Vec<Flush>,
    deadline: Option<Instant>,
    /// The program does not read its events for a while.
    reads: bool,
}

impl Simulation {
    fn new(seed: u64, defect: Option<Defect>) -> Simulation {
        let mut dice = Dice::new(seed);
        let kafka = Arc::new(Mutex::new(Cluster::new(seed ^ 0x5EED, defect, Instant::now())));
        let (queue, buffer) = (1 + dice.below(30), 1 + dice.below(20));
        let properties = [
            ("max_queue_size", queue.to_string()),
            ("max_buffer_size", buffer.to_string()),
            ("max_buffer_bytesize", (20 + dice.below(300)).to_string()),
            ("max_pending_bytes", (3000 + dice.below(20_000)).to_string()),
            ("delivery_threshold", dice.below(buffer + 1).to_string()),
            ("delivery_interval", dice.below(3).to_string()),
            ("max_retries", ["-1", "-1", "0", "2"][dice.below(4) as usize].into()),
            ("retry_backoff", ["0", "0.5", "2"][dice.below(3) as usize].into()),
            ("stall_report_interval", dice.below(20).to_string()),
        ];
        let properties: Vec<_> = properties.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut rig = Rig::with(&properties, kafka.clone(), Box::new(SimulatedConnector(kafka)), seed);
        let begin = rig.kafka().now;
        rig.now = begin;
        Simulation {
            rig,
            dice,
            turn: Turn::Again,
            nudged: false,
            accepted: Vec::new(),
            refused: 0,
            flushes: Vec::new(),
            deadline: None,
            reads: true,
        }
    }

    fn run(mut self) -> Result<Tally, String> {
        for tag in 0..60 + self.dice.below(60) {
            self.act(tag)?;
            self.produce(tag);
            self.work()?;
        }
        self.end()?;
        self.check()?;
        Ok(self.tally())
    }

    /// One thing that a program or Kafka does.
    fn act(&mut self, tag: u64) -> Finding {
        match self.dice.below(16) {
            0 | 1 => self.rig.deliver(),
            2 => self.flush(),
            3 if self.dice.below(3) == 0 => {
                self.rig.shared.inbox.request(Request::Clear(Arc::default()));
            }
            4 => drop(self.rig.kafka().poison.insert(tag)),
            5 => self.reads = !self.reads,
            6 if self.dice.below(8) == 0 => self.rig.kafka().grow(TOPIC),
            7 if self.dice.below(60) == 0 => self.shutdown(),
            8..11 => {
                let time = Duration::from_millis(self.dice.below(4000));
                self.pass(time)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) {
        let (answer, covers) = (self.rig.flush(), self.accepted.len());
        self.flushes.push(Flush { answer, covers, answered_at: None });
    }

    fn shutdown(&mut self) {
        let timeout = (self.dice.below(2) == 0).then(|| Duration::from_millis(self.dice.below(8000)));
        self.rig.shutdown(timeout);
        self.deadline = self.deadline.or(timeout.map(|timeout| self.rig.now + timeout));
    }

    fn produce(&mut self, tag: u64) {
        let value = vec![b'v'; self.dice.below(60) as usize];
        let key = [self.dice.below(5) as u8];
        let with_key = self.dice.below(3) > 0;
        let draft = Draft {
            topic: if self.dice.below(4) == 0 { OTHER_TOPIC } else { TOPIC },
            value: Some(&value),
            key: with_key.then_some(&key),
            partition: if self.dice.below(5) == 0 { 0 } else { PARTITION_ANY },
            tag,
            ..Draft::default()
        };
        let shared = &self.rig.shared;
        let queued = shared.queue.limits().queue_size();
        match shared.accept(&draft) {
            Ok(()) => {
                self.accepted.push(tag);
                // As the parker does where it sleeps.
                let Turn::Sleep { level, .. } = self.turn else { return };
                let full = shared.queue.limits().queue_size() > queued && level != usize::MAX;
                self.nudged |= full || shared.queue.len() >= level;
            }
            Err(status) => {
                assert!(matches!(status, Status::BufferOverflow | Status::ShutDown), "{status:?}");
                self.refused += 1;
            }
        }
    }

    /// Lets time pass, and everything happen that happens meanwhile.
    fn pass(&mut self, time: Duration) -> Finding {
        let end = self.rig.now + time;
        self.work()?;
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            self.go_to(next)?;
        }
        self.go_to(end)
    }

    fn go_to(&mut self, time: Instant) -> Finding {
        self.rig.now = self.rig.now.max(time);
        let now = self.rig.now;
        let mut kafka = self.rig.kafka();
        kafka.now = now;
        kafka.pass();
        drop(kafka);
        self.work()
    }

    fn next_event(&self) -> Option<Instant> {
        let of_worker = match self.turn {
            Turn::Sleep { until, .. } => until,
            Turn::Again => Some(self.rig.now),
            Turn::Over => None,
        };
        of_worker.into_iter().chain(self.rig.kafka().next()).min()
    }

    /// The worker works until it sleeps.
    fn work(&mut self) -> Finding {
        let mut turns = 0;
        while self.is_awake() {
            self.nudged = false;
            self.turn = self.rig.worker.turn(self.rig.now);
            self.look()?;
            turns += 1;
            if turns > 1000 {
                return Err("the worker does not come to rest".into());
            }
        }
        Ok(())
    }

    fn is_awake(&mut self) -> bool {
        self.nudged |= self.rig.kafka().take_call();
        let Turn::Sleep { until, level } = self.turn else { return self.turn == Turn::Again };
        let shared = &self.rig.shared;
        self.nudged
            || until.is_some_and(|until| until <= self.rig.now)
            || shared.inbox.has_news()
            || shared.queue.len() >= level
    }

    /// What must be so after each turn.
    fn look(&mut self) -> Finding {
        let told = self.rig.events.len() + self.rig.shared.outbox.unread() as usize;
        for flush in &mut self.flushes {
            if flush.answered_at.is_none() && flush.answer.get().is_some() {
                flush.answered_at = Some(told);
            }
        }
        if self.reads {
            self.rig.read();
        }
        let (limits, settings) = (self.rig.shared.queue.limits(), &self.rig.shared.settings);
        let within = limits.queue_size() <= settings.max_queue_size
            && limits.buffer_size() <= settings.max_buffer_size
            && limits.charged_bytes() <= settings.max_pending_bytes;
        if !within {
            return Err("a limit is exceeded".into());
        }
        match (self.turn, self.deadline) {
            (Turn::Sleep { .. } | Turn::Again, Some(deadline)) if self.rig.now > deadline + LATENESS => {
                Err("the shutdown is late".into())
            }
            _ => Ok(()),
        }
    }

    /// The weather is good, and everything comes to its end.
    fn end(&mut self) -> Finding {
        self.rig.kafka().heal();
        self.reads = true;
        let begun = self.rig.shared.phase().admits().is_err();
        if !begun && self.dice.below(2) == 0 {
            self.rig.deliver();
            self.pass(RECOVERY)?;
            self.rig.read();
            let ended = self.rig.events.iter().filter(|event| event.kind.is_settlement()).count();
            if ended < self.accepted.len() {
                return Err(format!("{ended} of {} ended after a delivery in good weather", self.accepted.len()));
            }
        }
        if !begun {
            self.shutdown();
        }
        self.pass(RECOVERY)?;
        self.rig.read();
        if self.turn == Turn::Over { Ok(()) } else { Err("the shutdown does not end".into()) }
    }

    fn check(&self) -> Finding {
        let ends = self.check_ends()?;
        self.check_log(&ends)?;
        self.check_flushes(&ends)?;
        self.check_balance()
    }

    /// Each accepted message has one end, and no other has any. Answers the ends with their places among the events.
    fn check_ends(&self) -> Result<HashMap<u64, (usize, &Event)>, String> {
        let mut ends = HashMap::new();
        for (place, event) in self.rig.events.iter().enumerate().filter(|(_, event)| event.kind.is_settlement()) {
            if ends.insert(event.tag, (place, event)).is_some() {
                return Err(format!("message {} ended twice", event.tag));
            }
        }
        if let Some(lost) = self.accepted.iter().find(|tag| !ends.contains_key(tag)) {
            return Err(format!("message {lost} has no end"));
        }
        if ends.len() != self.accepted.len() {
            return Err("a message ended that was not accepted".into());
        }
        Ok(ends)
    }

    /// What is said of the messages is so.
    fn check_log(&self, ends: &HashMap<u64, (usize, &Event)>) -> Finding {
        let kafka = self.rig.kafka();
        let mut copies: HashMap<u64, usize> = HashMap::new();
        for log in kafka.log().values() {
            for tag in log {
                *copies.entry(*tag).or_default() += 1;
            }
            let delivered = log.iter().filter(|tag| ends.get(tag).is_some_and(|(_, end)| end.kind == Kind::Delivered));
            if !delivered.is_sorted_by(|one, other| one < other) {
                return Err(format!("out of order: {log:?}"));
            }
        }
        for (tag, (_, end)) in ends {
            let copies = copies.get(tag).copied().unwrap_or(0);
            let so = match (end.kind, end.persistence) {
                (Kind::Delivered, _) => copies == 1 && self.is_at(&kafka, end),
                (_, Persistence::No) => copies == 0,
                _ => copies <= 1,
            };
            if !so {
                return Err(format!("message {tag} is there {copies} times, and {end:?}"));
            }
        }
        Ok(())
    }

    fn is_at(&self, kafka: &Cluster, end: &Event) -> bool {
        let topic = end.topic().expect("a message's event has its topic");
        kafka.tags(topic, end.partition).get(end.offset as usize) == Some(&end.tag)
    }

    /// A flush is answered after everything accepted before it has ended, and it is answered.
    fn check_flushes(&self, ends: &HashMap<u64, (usize, &Event)>) -> Finding {
        for flush in &self.flushes {
            // One that came too late is answered by the phase, which `producer` looks at.
            let Some(answered_at) = flush.answered_at else { continue };
            if let Some(tag) = self.accepted[..flush.covers].iter().find(|tag| ends[*tag].0 >= answered_at) {
                return Err(format!("a flush was answered before the end of message {tag}"));
            }
        }
        Ok(())
    }

    fn check_balance(&self) -> Finding {
        let shared = &self.rig.shared;
        let limits = shared.queue.limits();
        if (limits.queue_size(), limits.buffer_size(), limits.charged_bytes()) != (0, 0, 0) {
            return Err("places were not given back".into());
        }
        let count = |kind| self.rig.events.iter().filter(|event| event.kind == kind).count() as u64;
        let told = [count(Kind::Delivered), count(Kind::Failed), count(Kind::Dropped)];
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::SeqCst);
        let counters = &shared.counters;
        let counted = [read(&counters.delivered), read(&counters.failed), read(&counters.dropped)];
        if told != counted || read(&counters.in_flight) != 0 || read(&shared.accepted) != self.accepted.len() as u64 {
            return Err(format!("told {told:?}, counted {counted:?}"));
        }
        let sum = |kind| -> u64 {
            self.rig.events.iter().filter(|event| event.kind == kind).map(|event| event.message_count).sum()
        };
        if sum(Kind::DeliveryStarted) != sum(Kind::DeliveryFinished) {
            return Err("a delivery has no end".into());
        }
        let kafka = self.rig.kafka();
        if kafka.clients != kafka.closed {
            return Err(format!("{} clients were made and {} ended", kafka.clients, kafka.closed));
        }
        Ok(())
    }

    fn tally(&self) -> Tally {
        let count = |kind| self.rig.events.iter().filter(|event| event.kind == kind).count();
        let unknown = |event: &&Event| event.kind == Kind::Failed && event.persistence == Persistence::Possibly;
        Tally {
            delivered: count(Kind::Delivered),
            failed: count(Kind::Failed),
            unknown: self.rig.events.iter().filter(unknown).count(),
            dropped: count(Kind::Dropped),
            retried: count(Kind::Retry),
            refused: self.refused,
            stalled: count(Kind::Stalled),
            clients: self.rig.kafka().clients,
        }
    }
}

/// The schedules of these seeds, on every core. The findings with their seeds.
fn simulate(seeds: std::ops::Range<u64>) -> (Tally, Vec<(u64, String)>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let sums: Vec<_> = std::thread::scope(|scope| {
        let part = |first: u64| {
            let mut sum = (Tally::default(), Vec::new());
            for seed in (seeds.start + first..seeds.end).step_by(threads as usize) {
                match Simulation::new(seed, None).run() {
                    Ok(tally) => sum.0.add(&tally),
                    Err(finding) => sum.1.push((seed, finding)),
                }
            }
            sum
        };
        let threads: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut whole = (Tally::default(), Vec::new());
    for (tally, findings) in sums {
        whole.0.add(&tally);
        whole.1.extend(findings);
    }
    whole.1.sort();
    whole
}

#[test]
fn any_schedule_ends_each_message_once_and_in_order() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let (only, schedules) = (number("AP_SEED"), number("AP_SCHEDULES").unwrap_or(SCHEDULES));
    let seeds = only.map_or(0..schedules, |seed| seed..seed + 1);
    let (tally, findings) = simulate(seeds);
    println!("{tally:?}");
    assert!(findings.is_empty(), "{} schedules, first AP_SEED={} {}", findings.len(), findings[0].0, findings[0].1);
    let happened =
        [tally.delivered, tally.failed, tally.unknown, tally.dropped, tally.retried, tally.refused, tally.stalled];
    assert!(
        only.is_some() || happened.iter().all(|count| *count as u64 > schedules / 10),
        "too little happened: {tally:?}"
    );
    assert!(only.is_some() || tally.clients > schedules + schedules / 10, "no client was made anew: {tally:?}");
}

/// Who checks the checker: a Kafka that does what it must never do is found out.
#[test]
fn each_defect_of_a_client_is_found() {
    let defects = [
        Defect::ForgetReport,
        Defect::FalseAcknowledgement,
        Defect::FalseRefusal,
        Defect::WriteTwice,
        Defect::WriteBackwards,
        Defect::WrongOffset,
    ];
    for defect in defects {
        let found = (0..200).filter(|seed| Simulation::new(*seed, Some(defect)).run().is_err()).count();
        assert!(found > 20, "{defect:?} was found in {found} of 200 schedules");
    }
}
