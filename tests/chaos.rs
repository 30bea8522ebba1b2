//! Nothing lost, nothing twice, nothing out of order, whatever happens to the brokers and the network; and the oracle that
//! says so turns red on each defect that is put in on purpose.
//!
//! `make chaos SECONDS=600 SEED=7` runs the long form. A seed repeats the faults and the messages; the times between
//! are the machine's.

#[path = "chaos/mod.rs"]
mod chaos;
mod support;

use std::time::{Duration, Instant};

use chaos::cluster::Cluster;
use chaos::ledger::Ledger;
use chaos::log::Log;
use chaos::nemesis::{Nemesis, are_unreadable_answers_wanted};
use chaos::soak::Soak;
use chaos::summary::Summary;
use chaos::value::Value;
use chaos::verdict::{Fault, Verdict, judge};
use support::kafka::{Broker, Record};

/// How long the soak program may take to deliver what is left once the faults are over.
const PATIENCE: Duration = Duration::from_secs(120);

// The oracle

/// Two messages accepted, one refused, and the probe: delivered at the offsets 0 to 2.
const SOUND: &str = "I 1\nA 1 100\nD 1 0 0 150\nI 2\nA 2 101\nD 2 0 1 151\nI 3\nR 3 -2\nP 4\nI 4\nA 4 200\nD 4 0 2 250\n\
                     M 10000\nS 3 3 0 0 1 0";

/// Numbers of messages of thread 0 with their partitions, in the order of the log.
fn log_of(messages: &[(u64, i32)]) -> Log<'static> {
    let records: Vec<_> = messages.iter().map(|(number, partition)| record(*number, *partition, "key")).collect();
    log_of_records(records)
}

fn record(number: u64, partition: i32, key: &str) -> Record {
    let value = Value { run: "run", thread: 0, number, topic: "topic" }.compose(3, key.as_bytes());
    let (key, value) = (Some(key.as_bytes().to_vec()), Some(value.into_bytes()));
    Record { partition, offset: -1, timestamp: 0, headers: Vec::new(), key, value }
}

fn log_of_records(mut records: Vec<Record>) -> Log<'static> {
    let (mut log, mut next) = (Log::new("run", "topic"), [0; 2]);
    for record in &mut records {
        let next = &mut next[record.partition as usize];
        record.offset = *next;
        *next += 1;
        log.add(record);
    }
    log
}

fn judge_change(from: &str, to: &str, messages: &[(u64, i32)]) -> Verdict {
    assert!(SOUND.contains(from), "{from}");
    judge(&Ledger::parse(&SOUND.replacen(from, to, 1)), &log_of(messages))
}

const WHOLE: &[(u64, i32)] = &[(1, 0), (2, 0), (4, 0)];

#[test]
fn the_oracle_is_silent_where_all_is_well() {
    assert!(judge_change("", "", WHOLE).is_clean(), "{}", judge_change("", "", WHOLE));
    let unknown_place = judge_change("D 2 0 1 151", "D 2 0 -1 151", WHOLE);
    assert!(unknown_place.is_clean(), "Kafka had it already and did not say where: {unknown_place}");
    for (end, statistics) in [("F 2 -8 1", "S 3 2 1 0 1 0"), ("F 2 -8 0", "S 3 2 1 0 1 0"), ("X 2", "S 3 2 0 1 1 0")] {
        let text = SOUND.replace("D 2 0 1 151", end).replace("S 3 3 0 0 1 0", statistics).replace("4 0 2", "4 0 1");
        let verdict = judge(&Ledger::parse(&text), &log_of(&[(1, 0), (4, 0)]));
        assert!(verdict.is_clean(), "{end}: {verdict}");
    }
    let killed_in_a_call = judge_change("A 2 101\nD 2 0 1 151", "I 2", &[(1, 0), (2, 0), (4, 0)]);
    assert!(!killed_in_a_call.has(Fault::Phantom), "intended, and nobody knows whether accepted: {killed_in_a_call}");
}

#[test]
fn the_oracle_tells_each_fault_from_the_others() {
    let lost = judge_change("4 0 2", "4 0 1", &[(1, 0), (4, 0)]);
    assert!(lost.is_only(Fault::Lost), "{lost}");
    let twice = judge_change("", "", &[(1, 0), (2, 0), (4, 0), (1, 0)]);
    assert!(twice.is_only(Fault::Dup), "{twice}");
    let twice_elsewhere = judge_change("", "", &[(1, 0), (2, 0), (4, 0), (2, 1)]);
    assert!(twice_elsewhere.is_only(Fault::Dup), "{twice_elsewhere}");
    let swapped = judge_change(
        "D 1 0 0 150\nI 2\nA 2 101\nD 2 0 1",
        "D 1 0 1 150\nI 2\nA 2 101\nD 2 0 0",
        &[(2, 0), (1, 0), (4, 0)],
    );
    assert!(swapped.is_only(Fault::Reorder), "{swapped}");
    let astray = judge_change("D 4 0 2", "D 4 1 0", &[(1, 0), (2, 0), (4, 1)]);
    assert!(astray.is_only(Fault::Reorder), "of a key in two partitions: {astray}");
    let never_intended = judge_change("", "", &[(1, 0), (2, 0), (4, 0), (9, 0)]);
    assert!(never_intended.is_only(Fault::Phantom), "{never_intended}");
    let refused = judge_change("", "", &[(1, 0), (2, 0), (4, 0), (3, 1)]);
    assert!(refused.has(Fault::Phantom), "{refused}");
    for (end, statistics) in [("F 2 -8 0", "S 3 2 1 0 1 0"), ("X 2", "S 3 2 0 1 1 0")] {
        let text = SOUND.replace("D 2 0 1 151", end).replace("S 3 3 0 0 1 0", statistics);
        let false_failure = judge(&Ledger::parse(&text), &log_of(WHOLE));
        assert!(false_failure.is_only(Fault::FalseFail), "{false_failure}");
    }
    for (from, to) in [("D 2 0 1", "D 2 0 0"), ("D 2 0 1", "D 2 1 1"), ("D 2 0 1", "D 2 1 -1")] {
        let wrong_place = judge_change(from, to, WHOLE);
        assert!(wrong_place.is_only(Fault::WrongReport), "{wrong_place}");
    }
    let untold = judge_change("D 2 0 1 151\n", "", WHOLE);
    assert!(untold.has(Fault::Unsettled) && untold.has(Fault::Unbalanced), "{untold}");
    let told_twice = judge_change("D 2 0 1 151", "D 2 0 1 151\nD 2 0 1 152", WHOLE);
    assert!(told_twice.has(Fault::Unsettled), "{told_twice}");
    let told_unasked = judge_change("R 3 -2", "R 3 -2\nX 3", WHOLE);
    assert!(told_unasked.has(Fault::Unsettled), "{told_unasked}");
    for statistics in ["S 4 3 0 0 1 0", "S 3 2 0 0 1 0", "S 3 3 1 0 1 0", "S 3 3 0 1 1 0", "S 3 3 0 0 0 0"] {
        let miscounted = judge_change("S 3 3 0 0 1 0", statistics, WHOLE);
        assert!(miscounted.is_only(Fault::Unbalanced), "{miscounted}");
    }
    for (from, to) in [("\nS 3 3 0 0 1 0", ""), ("P 4\n", ""), ("D 4 0 2 250", "D 4 0 2 10201")] {
        let wedged = judge_change(from, to, WHOLE);
        assert!(wedged.is_only(Fault::Wedged), "{wedged}");
    }
}

#[test]
fn the_oracle_finds_a_changed_byte_wherever_it_is() {
    let sound = record(2, 0, "key");
    for index in 0..sound.value.as_ref().map_or(0, Vec::len) {
        let mut changed = sound.clone();
        changed.value.as_mut().expect("a value")[index] ^= 1;
        assert!(log_of_records(vec![changed]).verdict.has(Fault::Corrupt), "byte {index} of {sound:?}");
    }
    let mut other_key = sound.clone();
    other_key.key = Some(b"kez".to_vec());
    assert!(log_of_records(vec![other_key]).verdict.is_only(Fault::Corrupt));
    let mut no_value = sound;
    no_value.value = None;
    assert!(log_of_records(vec![no_value]).verdict.is_only(Fault::Corrupt));
}

/// One defect after another, each of which the oracle must find under its name; and none, where it must find nothing.
#[test]
fn the_oracle_finds_each_defect_of_a_program() {
    let broker = Broker::shared();
    let defects = [
        ("none", None),
        ("drop-report", Some(Fault::Unsettled)),
        ("send-twice", Some(Fault::Dup)),
        ("send-elsewhere", Some(Fault::Dup)),
        ("swap", Some(Fault::Reorder)),
        ("flip", Some(Fault::Corrupt)),
        ("false-report", Some(Fault::Lost)),
        ("early-report", Some(Fault::WrongReport)),
        ("wrong-report", Some(Fault::WrongReport)),
        ("false-failure", Some(Fault::FalseFail)),
        ("phantom", Some(Fault::Phantom)),
        ("miscount", Some(Fault::Unbalanced)),
        ("slow-probe", Some(Fault::Wedged)),
        ("hang", Some(Fault::Wedged)),
    ];
    broker.topic("oracle", 2, &[]);
    let ledgers = defects.map(|(defect, _)| {
        let options = [format!("sabotage={defect}"), "messages=300".into(), "rate=100000".into(), "seconds=60".into()];
        let patience = if defect == "hang" { Duration::from_secs(3) } else { PATIENCE };
        Soak::start(defect, broker.bootstrap(), "oracle", &options).finish(patience)
    });
    let records = broker.read("oracle");
    for ((defect, wanted), ledger) in defects.iter().zip(ledgers) {
        let mut log = Log::new(defect, "oracle");
        let begin = format!("{defect} ");
        records.iter().filter(|record| record.text().starts_with(&begin)).for_each(|record| log.add(record));
        let verdict = judge(&ledger, &log);
        match wanted {
            None => assert!(verdict.is_clean(), "without a defect: {verdict}"),
            Some(fault) => assert!(verdict.has(*fault), "{defect} was not found as {fault:?}: {verdict}"),
        }
    }
}

// The run

const TOPIC: &str = "chaos";
const PARTITIONS: u32 = 6;

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let (seconds, seed, rate) = (number("CHAOS_SECONDS", 60), number("CHAOS_SEED", 1), number("CHAOS_RATE", 500));
    let cluster = Cluster::start();
    cluster.brokers[0].topic(TOPIC, PARTITIONS, &[]);
    let library = async_producer::ffi::ap_version_string();
    // SAFETY: a static string.
    let library = unsafe { std::ffi::CStr::from_ptr(library) }.to_string_lossy();
    let title = format!(
        "seed {seed}, {seconds} s, {rate} messages a second of each of two threads, async_producer {library}, Kafka {}",
        support::kafka::version()
    );
    eprintln!("chaos: {title}; brokers {}", cluster.bootstrap());

    let mut options = vec![
        format!("seed={seed}"),
        format!("rate={rate}"),
        format!("seconds={}", seconds * 10 + 600),
        "socket.timeout.ms=5000".into(),
        "request.timeout.ms=4000".into(),
        "reconnect.backoff.max.ms=1000".into(),
    ];
    if are_unreadable_answers_wanted() {
        options.push("enable.gapless.guarantee=true".into());
    }
    let mut soak = Soak::start("chaos", &cluster.bootstrap(), TOPIC, &options);
    // A short run has short faults, so that it has most kinds of them.
    let longest = Duration::from_millis((seconds * 20).clamp(1000, 6000));
    let mut nemesis = Nemesis::new(seed, longest, TOPIC, PARTITIONS as usize);
    let mut past = Vec::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    std::thread::sleep(Duration::from_secs(seconds / 20)); // calm, to compare the rest with
    while Instant::now() < end {
        nemesis.rest();
        past.push(nemesis.strike(&cluster));
    }
    nemesis.rest();
    soak.end();
    let ledger = soak.finish(PATIENCE);
    let log = Log::read(&cluster.brokers[0], "chaos", TOPIC, &cluster.brokers[0].end_offsets(TOPIC));
    let verdict = judge(&ledger, &log);
    eprintln!("{}", Summary { title, ledger: &ledger, past: &past, verdict: &verdict });
    assert!(verdict.is_clean(), "CHAOS_SEED={seed}: {verdict}");
    assert!(ledger.accepted() > 1000, "only {} messages were accepted", ledger.accepted());
}

/// As many as the longest runs have, in memory and time that any machine has.
#[test]
fn the_oracle_judges_a_million_and_a_half() {
    const COUNT: u64 = 1_500_000;
    let begin = Instant::now();
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("million-{}", std::process::id()));
    let mut text = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    let mut log = Log::new("run", "topic");
    for number in 1..=COUNT {
        let (partition, offset) = ((number % 6) as i32, (number / 6) as i64 - i64::from(number % 6 == 0));
        let line = format!("I {number}\nA {number} {number}\nD {number} {partition} {offset} {}\n", number + 9);
        std::io::Write::write_all(&mut text, line.as_bytes()).expect("space");
        log.add(&Record { offset, ..record(number, partition, "") });
    }
    let end = format!("P {COUNT}\nS {COUNT} {COUNT} 0 0 0 0\n");
    std::io::Write::write_all(&mut text, end.as_bytes()).expect("space");
    drop(text);
    let before = chaos::process::resident_kib();
    let parsing = Instant::now();
    let ledger = Ledger::read(&path);
    drop(std::fs::remove_file(&path));
    let judging = Instant::now();
    let verdict = judge(&ledger, &log);
    let memory = chaos::process::resident_kib();
    eprintln!(
        "{COUNT} messages: made in {:?}, the ledger read in {:?}, judged in {:?}; ledger {} MiB, in all {} MiB",
        parsing - begin,
        judging - parsing,
        judging.elapsed(),
        (memory - before) / 1024,
        memory / 1024
    );
    assert!(verdict.is_clean(), "{verdict}");
    assert!(memory < 2 << 20, "{memory} KiB");
}
