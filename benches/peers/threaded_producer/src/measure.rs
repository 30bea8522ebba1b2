//! Clocks, figures of the process, and the line of JSON at the end, as in peer.h.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_arch = "x86_64")]
pub fn ticks() -> u64 {
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn ticks() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(id, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds a tick, and what reading the clock costs.
pub struct Scale {
    began: (u64, u64),
    pub overhead: u64,
}

impl Scale {
    pub fn begin() -> Scale {
        let began = (clock(libc::CLOCK_MONOTONIC), ticks());
        let mut empty: Vec<u64> = (0..1001)
            .map(|_| {
                let start = ticks();
                ticks() - start
            })
            .collect();
        empty.sort_unstable();
        Scale { began, overhead: empty[500] }
    }

    fn ns_a_tick(&self) -> f64 {
        (clock(libc::CLOCK_MONOTONIC) - self.began.0) as f64 / (ticks() - self.began.1) as f64
    }
}

/// Sends a thread to sleep until a message is due.
pub struct Pace {
    begin: Instant,
    rate: f64,
}

impl Pace {
    pub fn new(rate: f64) -> Pace {
        Pace { begin: Instant::now(), rate }
    }

    pub fn wait(&mut self, number: u64) {
        if self.rate > 0.0 {
            let due = self.begin + Duration::from_secs_f64(number as f64 / self.rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// What one producing thread measured.
pub struct Sample {
    pub calls: Vec<u64>,
    wall_ns: u64,
    cpu_ns: u64,
}

impl Sample {
    pub fn begin(room: u64) -> Sample {
        let mut calls = vec![1; room as usize]; // No page faults while measuring.
        calls.clear();
        Sample { calls, wall_ns: clock(libc::CLOCK_MONOTONIC), cpu_ns: clock(libc::CLOCK_THREAD_CPUTIME_ID) }
    }

    pub fn end(&mut self) {
        self.wall_ns = clock(libc::CLOCK_MONOTONIC) - self.wall_ns;
        self.cpu_ns = clock(libc::CLOCK_THREAD_CPUTIME_ID) - self.cpu_ns;
    }
}

/// Times from the call to the acknowledgement.
#[derive(Clone)]
pub struct Times(Arc<Mutex<Vec<u64>>>);

impl Times {
    pub fn new(room: u64) -> Times {
        Times(Arc::new(Mutex::new(Vec::with_capacity(room as usize))))
    }

    pub fn add(&self, ticks: u64) {
        self.0.lock().expect("no panic").push(ticks);
    }

    pub fn clear(&self) {
        self.0.lock().expect("no panic").clear();
    }
}

/// The process at the beginning.
pub struct Usage {
    began: Instant,
    cpu_s: f64,
    rss_kib: u64,
}

impl Usage {
    pub fn begin() -> Usage {
        Usage { rss_kib: memory("VmRSS:"), cpu_s: cpu_s(), began: Instant::now() }
    }
}

fn cpu_s() -> f64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID) as f64 / 1e9
}

fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

pub fn print(name: &str, version: &str, count: u64, usage: &Usage, samples: Vec<Sample>, acks: &Times, scale: &Scale) {
    let (wall_s, cpu_s) = (usage.began.elapsed().as_secs_f64(), cpu_s() - usage.cpu_s);
    let (after, peak) = (memory("VmRSS:"), memory("VmHWM:"));
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>() as f64 / count as f64;
    let mut line = format!(
        "{{\"peer\": \"{name}\", \"version\": \"{version}\", \"messages\": {count}, \"wall_s\": {wall_s:.6}, \
         \"cpu_s\": {cpu_s:.6}, \"rss_peak_kib\": {peak}, \"rss_before_kib\": {}, \"rss_after_kib\": {after}, \
         \"call_wall_ns\": {:.1}, \"call_cpu_ns\": {:.1}",
        usage.rss_kib,
        sum(|sample| sample.wall_ns),
        sum(|sample| sample.cpu_ns),
    );
    let calls = samples.into_iter().flat_map(|sample| sample.calls).collect();
    add_times(&mut line, "call", calls, scale.overhead, scale);
    add_times(&mut line, "ack", std::mem::take(&mut acks.0.lock().expect("no panic")), 0, scale);
    println!("{line}}}");
}

fn add_times(line: &mut String, name: &str, mut ticks: Vec<u64>, overhead: u64, scale: &Scale) {
    if ticks.is_empty() {
        return;
    }
    ticks.sort_unstable();
    let ns = |ticks: f64| (ticks - overhead as f64).max(0.0) * scale.ns_a_tick();
    let at = |fraction: f64| ns(ticks[((ticks.len() - 1) as f64 * fraction) as usize] as f64);
    let mean = ns(ticks.iter().sum::<u64>() as f64 / ticks.len() as f64);
    let values = [("mean", mean), ("p50", at(0.5)), ("p99", at(0.99)), ("p999", at(0.999)), ("max", at(1.0))];
    let fields: Vec<String> = values.iter().map(|(name, value)| format!("\"{name}\": {value:.1}")).collect();
    write!(line, ", \"{name}\": {{{}}}", fields.join(", ")).expect("a string");
}
