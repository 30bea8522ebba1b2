//! The fuzz targets without libFuzzer: the seeds, and random inputs that are the same in every run.
//!
//! A target that panics names its input, to be run again with `FUZZ_INPUT=<file> cargo test --test fuzz <target>`. Where
//! the process dies, the input stands in the file that the test names at its start.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One at a time: a target looks at the threads of the process, another tries any number as a handle.
static TURN: Mutex<()> = Mutex::new(());

fn fuzz(name: &str, target: fn(&[u8]), inputs: u64) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    println!("{name}: the input of the moment is in {}", file.display());
    let run = |input: &[u8]| {
        std::fs::write(&file, input).expect("a file");
        target(input);
    };
    if let Some(path) = std::env::var_os("FUZZ_INPUT") {
        return run(&std::fs::read(path).expect("FUZZ_INPUT names a file"));
    }
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| run(seed));
    for number in 0..inputs {
        run(&Dice::new(name, number).input(&seeds));
    }
}

/// What libFuzzer found to be worth keeping.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

/// Marsaglia's xorshift, so that a name and a number are an input.
struct Dice(u64);

impl Dice {
    fn new(name: &str, number: u64) -> Dice {
        let name = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
        Dice((name ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    /// Random bytes, or a seed with some changes.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if seeds.is_empty() || self.below(2) == 0 {
            let len = self.below(300);
            return (0..len).map(|_| self.below(256) as u8).collect();
        }
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.below(input.len() + 1);
        match self.below(5) {
            0 => input.truncate(place),
            1 => input.insert(place, self.below(256) as u8),
            2 => input.extend_from_slice(&seeds[self.below(seeds.len())]),
            _ if place == input.len() => {}
            3 => drop(input.remove(place)),
            _ => input[place] = self.below(256) as u8,
        }
    }
}

#[test]
fn r38_config() {
    fuzz("config", targets::config::run, 1500);
}

#[test]
fn r38_load() {
    fuzz("load", targets::load::run, 1000);
}

#[test]
fn r38_new() {
    fuzz("new", targets::new::run, 150);
}

#[test]
fn r36_r37_r39_message() {
    fuzz("message", targets::message::run, 2000);
}

#[test]
fn r39_batch() {
    fuzz("batch", targets::batch::run, 1500);
}

#[test]
fn arrays() {
    fuzz("arrays", targets::arrays::run, 1500);
}

#[test]
fn packed() {
    fuzz("packed", targets::packed::run, 1500);
}

#[test]
fn events() {
    fuzz("events", targets::events::run, 1000);
}

#[test]
fn r34_handles() {
    fuzz("handles", targets::handles::run, 1000);
}

#[test]
fn r39_stats() {
    fuzz("stats", targets::stats::run, 500);
}

#[test]
fn r41_program() {
    fuzz("program", targets::program::run, 300);
}
