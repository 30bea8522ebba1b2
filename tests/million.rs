//! A million lines through the example program produce_stdin to a real Kafka: all are there, once and in order, and the
//! program stays small; also where Kafka is killed in the middle of it.

mod support;

use std::fmt::Write as _;
use std::io;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::kafka::Broker;
use support::program;

const LINES: usize = 1_000_000;
const KEYS: usize = 1009;
/// The most memory that the program may ever have, in MiB: 64 are the limit of pending messages, its default.
const MEMORY: u64 = 128;

#[test]
fn a_million_lines_arrive() {
    let broker = Broker::start(&[]);
    broker.topic("million", 3, &[]);
    let (mut program, mut input) = start(&broker, "million");
    std::thread::scope(|scope| {
        scope.spawn(move || feed(&mut input, 0..LINES));
        watch(&mut program);
    });
    check(&broker, "million");
}

#[test]
fn a_million_lines_arrive_although_kafka_is_killed() {
    let broker = Broker::start(&[]);
    broker.topic("killed", 3, &[]);
    let (mut program, mut input) = start(&broker, "killed");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            feed(&mut input, 0..LINES / 2);
            broker.kill();
            broker.restart();
            feed(&mut input, LINES / 2..LINES);
            drop(input);
        });
        watch(&mut program);
    });
    check(&broker, "killed");
}

/// The line of this number: a key, and how often the key came before.
fn line(number: usize) -> String {
    format!("key-{}\t{} of a million lines of some length", number % KEYS, number / KEYS)
}

fn feed(input: &mut impl io::Write, numbers: std::ops::Range<usize>) {
    let mut block = String::new();
    for number in numbers {
        writeln!(block, "{}", line(number)).expect("memory");
        if block.len() > 60_000 {
            input.write_all(block.as_bytes()).expect("the program reads");
            block.clear();
        }
    }
    input.write_all(block.as_bytes()).expect("the program reads");
}

fn start(broker: &Broker, topic: &str) -> (Child, ChildStdin) {
    let mut child = Command::new(program::compile("examples-c/produce_stdin.c"))
        .args(["-b", broker.bootstrap(), "-t", topic, "-k", "\t"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let input = child.stdin.take().expect("a pipe");
    (child, input)
}

/// Waits for the end of the program, and looks at its memory meanwhile.
fn watch(program: &mut Child) {
    let deadline = Instant::now() + 4 * PATIENCE;
    let mut memory = 0;
    let status = loop {
        memory = memory.max(most_memory(program.id()));
        if let Some(status) = program.try_wait().expect("its state") {
            break status;
        }
        if Instant::now() > deadline {
            program.kill().expect("it is there");
            panic!("the program hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    println!("{memory} MiB at the most");
    assert!(memory > 0 && memory <= MEMORY, "{memory} MiB are more than {MEMORY}");
}

/// The most memory that the process had so far, in MiB; 0 when it is gone.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024)
}

/// A key has one partition, so its lines must be there once and in order.
fn check(broker: &Broker, topic: &str) {
    let mut count = vec![0; KEYS];
    for record in broker.read(topic) {
        let key = record.key.as_deref().and_then(|key| key.strip_prefix(b"key-")).expect("a key of ours");
        let key: usize = std::str::from_utf8(key).expect("text").parse().expect("a number");
        let expected = line(count[key] * KEYS + key);
        let expected = expected.split_once('\t').expect("a tab").1;
        assert_eq!(record.text(), expected, "the next line of key {key} was expected, not {record:?}");
        count[key] += 1;
    }
    assert_eq!(count.iter().sum::<usize>(), LINES);
    assert!(count.iter().enumerate().all(|(key, &count)| count == (LINES - key).div_ceil(KEYS)), "{count:?}");
}
