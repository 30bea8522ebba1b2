//! What is done to the cluster while the soak runs: faults one after another, chosen by a seed.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, SIZE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a broker, and its restart.
    Kill,
    /// SIGSTOP of a broker, and SIGCONT.
    Stop,
    /// SIGTERM and restart of every broker, one after the other.
    RollingRestart,
    /// The connections to a broker end.
    Cut,
    /// All of them end.
    CutAll,
    /// A broker's connections stay open, and nothing passes.
    BlackHole,
    /// The same for all brokers.
    BlackHoleAll,
    /// What passes is late.
    Delay,
    /// A response begins with an absurd size.
    Garble,
}

const FAULTS: [Fault; 9] = [
    Fault::Kill,
    Fault::Stop,
    Fault::RollingRestart,
    Fault::Cut,
    Fault::CutAll,
    Fault::BlackHole,
    Fault::BlackHoleAll,
    Fault::Delay,
    Fault::Garble,
];

/// A fault that is over.
#[derive(Debug)]
pub struct Past {
    pub fault: Fault,
    /// When it ended, on the monotonic clock.
    pub ended_ms: i64,
}

pub struct Nemesis {
    random: u64,
    begin: Instant,
    /// Faults not used yet in this round: each comes once before any comes again.
    round: Vec<Fault>,
}

impl Nemesis {
    pub fn new(seed: u64) -> Nemesis {
        Nemesis { random: seed, begin: Instant::now(), round: Vec::new() }
    }

    /// One fault from its beginning to its end.
    pub fn strike(&mut self, cluster: &Cluster) -> Past {
        if self.round.is_empty() {
            self.round = FAULTS.to_vec();
        }
        let choice = self.below(self.round.len() as u64) as usize;
        let fault = self.round.swap_remove(choice);
        let victim = self.below(SIZE as u64) as usize;
        let time = Duration::from_millis(500 + self.below(3500));
        eprintln!("chaos: {:6.1} s: {fault:?}, broker {}, {time:?}", self.begin.elapsed().as_secs_f64(), victim + 1);
        let (broker, proxy) = (&cluster.brokers[victim], &cluster.proxies[victim]);
        match fault {
            Fault::Kill => {
                broker.kill();
                last(time);
                broker.restart();
            }
            Fault::Stop => {
                signal(broker.pid(), libc::SIGSTOP);
                last(time);
                signal(broker.pid(), libc::SIGCONT);
            }
            Fault::RollingRestart => cluster.brokers.iter().for_each(|broker| broker.restart()),
            Fault::Cut => proxy.cut(),
            Fault::CutAll => cluster.proxies.iter().for_each(|proxy| proxy.cut()),
            Fault::BlackHole => {
                proxy.black_hole(true);
                last(time);
                proxy.cut();
                proxy.black_hole(false);
            }
            Fault::BlackHoleAll => {
                cluster.proxies.iter().for_each(|proxy| proxy.black_hole(true));
                last(time);
                cluster.proxies.iter().for_each(|proxy| proxy.black_hole(false));
            }
            Fault::Delay => {
                proxy.delay(Duration::from_millis(50 + self.below(400)));
                last(time);
                proxy.delay(Duration::ZERO);
            }
            Fault::Garble => proxy.garble(),
        }
        Past { fault, ended_ms: monotonic_ms() }
    }

    /// The time between two faults.
    pub fn rest(&mut self) {
        last(Duration::from_millis(500 + self.below(2500)));
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

fn signal(pid: u32, signal: i32) {
    // SAFETY: a system call; the process is a broker of this test.
    unsafe { libc::kill(pid as i32, signal) };
}

/// The clock of the soak program, too.
pub fn monotonic_ms() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
