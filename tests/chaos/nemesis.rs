//! What is done to the cluster while the soak runs: faults one after another, chosen by a seed.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, SIZE};
use super::process::{monotonic_ms, signal};
use super::proxy::{BOTH, GARBAGE, Proxy, Trap, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `kill -9` of a broker, and its restart.
    Kill,
    /// Of two: fewer than an acknowledgement needs (min.insync.replicas).
    KillTwo,
    KillAll,
    /// SIGSTOP of a broker, and SIGCONT.
    Stop,
    /// SIGTERM and restart of every broker, one after the other.
    RollingRestart,
    /// Every partition gets another leader.
    MoveLeaders,
    /// The connections to a broker end.
    Cut,
    /// All of them end.
    CutAll,
    /// Again and again, ten times a second.
    Churn,
    /// RST when half of a request has passed.
    ResetInRequest,
    /// RST when the broker has answered and the client does not know it.
    ResetBeforeAnswer,
    /// A broker's connections stay open, and nothing passes.
    BlackHole,
    BlackHoleAll,
    /// What was connected is half-open for ever, new connections are well.
    HalfOpen,
    /// Requests pass, answers do not.
    AnswersLost,
    /// The other way round.
    RequestsLost,
    /// What passes is late, always by the same time.
    Delay,
    /// ... by another time each time.
    Jitter,
    /// A narrow line.
    Bandwidth,
    /// A broker that reads a byte now and then.
    SlowReader,
    /// An answer of two gigabytes.
    AbsurdSize,
    /// An answer that was not asked for.
    WrongId,
    /// An answer of an HTTP server.
    Http,
    /// Another server altogether.
    Garbage,
    /// A byte of a value on its way to the broker.
    FlipInBatch,
}

const FAULTS: [Fault; 23] = [
    Fault::Kill,
    Fault::KillTwo,
    Fault::KillAll,
    Fault::Stop,
    Fault::RollingRestart,
    Fault::MoveLeaders,
    Fault::Cut,
    Fault::CutAll,
    Fault::Churn,
    Fault::ResetInRequest,
    Fault::ResetBeforeAnswer,
    Fault::BlackHole,
    Fault::BlackHoleAll,
    Fault::HalfOpen,
    Fault::AnswersLost,
    Fault::RequestsLost,
    Fault::Delay,
    Fault::Jitter,
    Fault::Bandwidth,
    Fault::SlowReader,
    Fault::WrongId,
    Fault::Garbage,
    Fault::FlipInBatch,
];

/// Answers that cannot be read. librdkafka fails the requests of that connection for good and begins a new epoch of its
/// producer id, in which Kafka does not know again what another broker has written without being able to say so: messages
/// of other partitions can be there twice. Only enable.gapless.guarantee keeps it from that, so these come only with
/// CHAOS_UNREADABLE=1, which sets that; what they do by themselves is r18_answers_that_make_no_sense.
const UNREADABLE: [Fault; 2] = [Fault::AbsurdSize, Fault::Http];

pub fn are_unreadable_answers_wanted() -> bool {
    std::env::var("CHAOS_UNREADABLE").is_ok_and(|value| value == "1")
}

/// A fault that is over. Times are of the monotonic clock.
#[derive(Debug)]
pub struct Past {
    pub fault: Fault,
    pub began_ms: i64,
    pub ended_ms: i64,
}

pub struct Nemesis {
    random: u64,
    begin: Instant,
    /// The longest that a fault lasts, and half as long at the most is the rest between two.
    longest: Duration,
    topic: &'static str,
    partitions: usize,
    /// Faults not used yet in this round: each comes once before any comes again.
    round: Vec<Fault>,
    moves: usize,
}

impl Nemesis {
    pub fn new(seed: u64, longest: Duration, topic: &'static str, partitions: usize) -> Nemesis {
        Nemesis { random: seed, begin: Instant::now(), longest, topic, partitions, round: Vec::new(), moves: 0 }
    }

    /// One fault from its beginning to its end.
    pub fn strike(&mut self, cluster: &Cluster) -> Past {
        if self.round.is_empty() {
            self.round = FAULTS.to_vec();
            if are_unreadable_answers_wanted() {
                self.round.extend(UNREADABLE);
            }
        }
        let choice = self.below(self.round.len() as u64) as usize;
        let fault = self.round.swap_remove(choice);
        let victim = self.below(SIZE as u64) as usize;
        let time = self.longest / 8 + self.part_of(self.longest * 7 / 8);
        eprintln!("chaos: {:6.1} s: {fault:?}, broker {}, {time:?}", self.begin.elapsed().as_secs_f64(), victim + 1);
        let began_ms = monotonic_ms();
        self.inflict(fault, victim, time, cluster);
        Past { fault, began_ms, ended_ms: monotonic_ms() }
    }

    fn inflict(&mut self, fault: Fault, victim: usize, time: Duration, cluster: &Cluster) {
        let proxy = &cluster.proxies[victim];
        let all = |act: &dyn Fn(&Proxy)| cluster.proxies.iter().for_each(act);
        let without = |victims: &[usize]| {
            cluster.kill(victims);
            last(time);
            cluster.restart(victims);
        };
        match fault {
            Fault::Kill => without(&[victim]),
            Fault::KillTwo => without(&[victim, (victim + 1) % SIZE]),
            Fault::KillAll => without(&[0, 1, 2]),
            Fault::Stop => {
                let pid = cluster.brokers[victim].pid();
                signal(pid, libc::SIGSTOP);
                last(time);
                signal(pid, libc::SIGCONT);
            }
            Fault::RollingRestart => cluster.brokers.iter().for_each(|broker| broker.restart()),
            Fault::MoveLeaders => {
                self.moves += 1;
                cluster.move_leaders(self.topic, self.partitions, self.moves);
            }
            Fault::Cut => proxy.cut(),
            Fault::CutAll => all(&|proxy| proxy.cut()),
            Fault::Churn => {
                let end = Instant::now() + time;
                while Instant::now() < end {
                    all(&|proxy| proxy.cut());
                    last(Duration::from_millis(100));
                }
            }
            Fault::ResetInRequest => spring(cluster, Trap::ResetInRequest, time),
            Fault::ResetBeforeAnswer => spring(cluster, Trap::ResetBeforeAnswer, time),
            Fault::BlackHole => {
                proxy.black_hole(true);
                last(time);
                proxy.cut();
                proxy.black_hole(false);
            }
            Fault::BlackHoleAll => {
                all(&|proxy| proxy.black_hole(true));
                last(time);
                all(&|proxy| proxy.black_hole(false));
            }
            Fault::HalfOpen => proxy.forget(),
            Fault::AnswersLost => {
                proxy.close(Way::ToClient, true);
                last(time);
                proxy.close(Way::ToClient, false);
            }
            Fault::RequestsLost => {
                proxy.close(Way::ToBroker, true);
                last(time);
                proxy.close(Way::ToBroker, false);
            }
            Fault::Delay => {
                let delay = Duration::from_millis(50 + self.below(950));
                all(&|proxy| proxy.delay(delay, Duration::ZERO));
                last(time);
                all(&|proxy| proxy.delay(Duration::ZERO, Duration::ZERO));
            }
            Fault::Jitter => {
                all(&|proxy| proxy.delay(Duration::from_millis(1), Duration::from_millis(500)));
                last(time);
                all(&|proxy| proxy.delay(Duration::ZERO, Duration::ZERO));
            }
            Fault::Bandwidth => {
                BOTH.iter().for_each(|way| proxy.limit(*way, 125_000 / 4));
                last(time);
                BOTH.iter().for_each(|way| proxy.limit(*way, 0));
            }
            Fault::SlowReader => {
                proxy.limit(Way::ToBroker, 10);
                last(time);
                proxy.limit(Way::ToBroker, 0);
            }
            Fault::AbsurdSize => spring(cluster, Trap::AbsurdSize, time),
            Fault::WrongId => spring(cluster, Trap::WrongId, time),
            Fault::Http => spring(cluster, Trap::Http, time),
            Fault::Garbage => {
                proxy.pretend(Some(GARBAGE));
                last(time);
                proxy.pretend(None);
            }
            Fault::FlipInBatch => spring(cluster, Trap::FlipInBatch, time),
        }
    }

    /// The time between two faults.
    pub fn rest(&mut self) {
        last(self.longest / 16 + self.part_of(self.longest / 2));
    }

    fn part_of(&mut self, time: Duration) -> Duration {
        Duration::from_millis(self.below(time.as_millis() as u64))
    }

    fn below(&mut self, limit: u64) -> u64 {
        // splitmix64: https://prng.di.unimi.it/splitmix64.c
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// A fault has a length; nothing is waited for.
fn last(time: Duration) {
    std::thread::sleep(time);
}

/// One trap for each broker, for as long as the fault lasts at the most.
fn spring(cluster: &Cluster, trap: Trap, time: Duration) {
    cluster.proxies.iter().for_each(|proxy| proxy.set_trap(trap));
    let end = Instant::now() + time;
    while cluster.proxies.iter().any(Proxy::is_set) && Instant::now() < end {
        last(Duration::from_millis(10));
    }
    cluster.proxies.iter().for_each(Proxy::unset_trap);
}
