//! Every error code that a broker can answer to a produce request, once, three times in a row and for as long as it
//! takes, with and without idempotence, against librdkafka's mock cluster. The table below says what must come of each.

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::mock::*;
use support::producer::*;

const TOPIC: &str = "topic";

/// Cases at a time: they wait, mostly.
const PARALLEL: usize = 48;

/// More errors than any case meets.
const FOR_EVER: usize = 1000;

/// What must come of the messages that meet an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Tried again until it is over: all are delivered.
    Passes,
    /// The batch is refused: smaller ones are tried, and alone a message fails.
    Alone,
    /// It is about the topic, the client or the request: the whole batch fails.
    Whole,
    /// Kafka has them already: they are delivered, where is not known.
    Delivered,
    /// The client is beyond repair and is made anew; whether Kafka has the batch is unknown.
    Fatal,
    /// They fail, and whether Kafka has them is unknown.
    Unknown,
}

use Class::*;

/// Codes of the protocol guide, with their class with idempotence and without it.
const TABLE: &[(i32, &str, Class, Class)] = &[
    (-1, "UNKNOWN_SERVER_ERROR", Alone, Alone),
    (2, "CORRUPT_MESSAGE", Passes, Passes),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", Passes, Passes),
    (4, "INVALID_FETCH_SIZE", Alone, Alone),
    (5, "LEADER_NOT_AVAILABLE", Passes, Passes),
    (6, "NOT_LEADER_OR_FOLLOWER", Passes, Passes),
    (7, "REQUEST_TIMED_OUT", Passes, Passes),
    (8, "BROKER_NOT_AVAILABLE", Passes, Passes),
    (9, "REPLICA_NOT_AVAILABLE", Passes, Passes),
    (10, "MESSAGE_TOO_LARGE", Alone, Alone),
    (13, "NETWORK_EXCEPTION", Passes, Passes),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", Passes, Passes),
    (15, "COORDINATOR_NOT_AVAILABLE", Passes, Passes),
    (16, "NOT_COORDINATOR", Passes, Passes),
    (17, "INVALID_TOPIC_EXCEPTION", Whole, Whole),
    (18, "RECORD_LIST_TOO_LARGE", Alone, Alone),
    (19, "NOT_ENOUGH_REPLICAS", Passes, Passes),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Passes, Passes),
    (21, "INVALID_REQUIRED_ACKS", Whole, Whole),
    (29, "TOPIC_AUTHORIZATION_FAILED", Whole, Whole),
    (31, "CLUSTER_AUTHORIZATION_FAILED", Whole, Whole),
    (32, "INVALID_TIMESTAMP", Alone, Alone),
    (35, "UNSUPPORTED_VERSION", Whole, Whole),
    (41, "NOT_CONTROLLER", Passes, Passes),
    (42, "INVALID_REQUEST", Alone, Alone),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Alone, Alone),
    (44, "POLICY_VIOLATION", Alone, Alone),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", Fatal, Unknown),
    (46, "DUPLICATE_SEQUENCE_NUMBER", Delivered, Unknown),
    (47, "INVALID_PRODUCER_EPOCH", Passes, Passes),
    (48, "INVALID_TXN_STATE", Alone, Alone),
    (49, "INVALID_PRODUCER_ID_MAPPING", Alone, Alone),
    (51, "CONCURRENT_TRANSACTIONS", Passes, Passes),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Whole, Whole),
    (54, "SECURITY_DISABLED", Alone, Alone),
    (56, "KAFKA_STORAGE_ERROR", Passes, Passes),
    (58, "SASL_AUTHENTICATION_FAILED", Alone, Alone),
    (59, "UNKNOWN_PRODUCER_ID", Passes, Passes),
    (72, "LISTENER_NOT_FOUND", Passes, Passes),
    (74, "FENCED_LEADER_EPOCH", Passes, Passes),
    (75, "UNKNOWN_LEADER_EPOCH", Passes, Passes),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", Whole, Whole),
    (78, "OFFSET_NOT_AVAILABLE", Passes, Passes),
    (87, "INVALID_RECORD", Alone, Alone),
    (89, "THROTTLING_QUOTA_EXCEEDED", Passes, Passes),
    (90, "PRODUCER_FENCED", Alone, Alone),
    (100, "UNKNOWN_TOPIC_ID", Passes, Passes),
    (103, "INCONSISTENT_TOPIC_ID", Passes, Passes),
    (9999, "a code that librdkafka does not know", Alone, Alone),
    (HANG_UP, "no answer but the end of the connection", Passes, Passes),
];

/// The last code of the protocol guide. Those that are not in the table are never said of a produce request.
const LAST_CODE: i32 = 133;

#[derive(Clone, Copy)]
struct Case {
    code: i32,
    name: &'static str,
    class: Class,
    times: usize,
    idempotent: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.times == FOR_EVER { "for ever".into() } else { format!("{} times", self.times) };
        let mode = if self.idempotent { "idempotent" } else { "plain" };
        write!(f, "{} ({}), {times}, {mode}: {:?}", self.name, self.code, self.class)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for times in [FOR_EVER, 3, 1] {
        for &(code, name, idempotent, plain) in TABLE {
            cases.push(Case { code, name, class: idempotent, times, idempotent: true });
            cases.push(Case { code, name, class: plain, times, idempotent: false });
        }
    }
    let foreign = (1..=LAST_CODE).filter(|code| TABLE.iter().all(|(known, ..)| known != code));
    cases.extend(foreign.map(|code| Case {
        code,
        name: "an answer to other requests",
        class: Alone,
        times: 1,
        idempotent: true,
    }));
    cases
}

#[test]
fn r06_r07_r08_r09_r10_every_error_code() {
    let cases = Mutex::new(cases().into_iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            let body = || {
                loop {
                    let Some(case) = cases.lock().expect("no panic").next() else { return };
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(case))) {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        failures.lock().expect("no panic").push(format!("{case}: {}", text.unwrap_or_default()));
                    }
                }
            };
            thread::Builder::new().name("case".into()).spawn_scoped(scope, body).expect("a thread");
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

fn run(case: Case) {
    let cluster = Cluster::new(1, TOPIC, 1);
    let producer = producer(&cluster, case);
    say(&producer, 0..3);
    producer.flush();
    if case.times == FOR_EVER {
        lasts(case, &cluster, &producer);
    } else {
        comes_and_goes(case, &cluster, &producer);
    }
    let next = producer.stats().accepted;
    recover(case, &producer, next);
    assert_eq!(producer.shutdown(-1), OK, "what failed was reported before");
    check(case, &producer, &cluster.read(TOPIC, 0));
}

fn producer(cluster: &Cluster, case: Case) -> Producer {
    let idempotent = if case.idempotent { "true" } else { "false" };
    let properties = [("enable.idempotence", idempotent), ("stall_report_interval", "0.2")];
    Producer::new(&cluster.bootstrap(), &properties)
}

/// The number of a message is its tag and its text.
fn say(producer: &Producer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(TOPIC, &number.to_string(), number);
    }
}

fn flush(producer: &Producer) -> i32 {
    producer.try_flush(PATIENCE.as_millis() as i64)
}

/// Some requests are answered with the error: with a batch in each, and then with a message alone.
fn comes_and_goes(case: Case, cluster: &Cluster, producer: &Producer) {
    cluster.errors(PRODUCE, &vec![case.code; case.times]);
    say(producer, 3..13);
    producer.deliver();
    say(producer, 13..20);
    let status = flush(producer);
    match case.class {
        Passes | Delivered => assert_eq!(status, OK),
        Whole | Fatal | Unknown => assert_eq!(status, UNDELIVERED),
        Alone => assert!(failed(producer) <= case.times, "one refusal fails one message at the most"),
    }
    cluster.clear_errors(PRODUCE);
    if case.class == Alone {
        cluster.errors(PRODUCE, &[case.code]);
        say(producer, 20..21);
        assert_eq!(flush(producer), UNDELIVERED, "a message alone is refused");
        let told = producer.wait_for(FAILED, failed(producer));
        assert_eq!(told.last().map(|event| event.tag), Some(20));
    }
}

/// Every request is answered with the error, until it ends.
fn lasts(case: Case, cluster: &Cluster, producer: &Producer) {
    cluster.errors(PRODUCE, &[case.code; FOR_EVER]);
    say(producer, 3..20);
    if case.class == Passes {
        producer.wait_for(SETTLED, 3);
        let stalls = producer.events(STALLED).len(); // The first connection may have taken its time.
        producer.deliver();
        producer.wait_for(STALLED, stalls + 2);
        assert_eq!(producer.events(SETTLED).len(), 3, "nothing is given up");
        hands_back_at_the_deadline(case, cluster);
    } else {
        assert_eq!(flush(producer), if case.class == Delivered { OK } else { UNDELIVERED });
        let settled = producer.wait_for(SETTLED, 20);
        let fallen = settled.iter().filter(|event| event.kind == FAILED).count();
        assert_eq!(fallen, if case.class == Delivered { 0 } else { 17 });
    }
    cluster.clear_errors(PRODUCE);
}

/// A producer that is shut down meanwhile keeps its deadline and gives everything back.
fn hands_back_at_the_deadline(case: Case, cluster: &Cluster) {
    let producer = producer(cluster, case);
    say(&producer, 1000..1005);
    producer.deliver();
    producer.wait_for(STALLED, 1);
    assert_eq!(producer.shutdown(50), UNDELIVERED);
    let settled = producer.wait_for(SETTLED, 5);
    let mut tags: Vec<u64> = settled.iter().map(|event| event.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, Vec::from_iter(1000..1005), "each ends once");
    for event in settled {
        let dropped = (event.kind, event.persistence) == (DROPPED, NOT_PERSISTED);
        let unknown = (event.kind, event.persistence) == (FAILED, POSSIBLY_PERSISTED);
        assert!(dropped || unknown, "{event:?}");
        assert_eq!(event.value, Some(event.tag.to_string().into_bytes()), "handed back whole");
    }
    producer.check_stats();
}

/// The error is over: what is produced now is delivered.
fn recover(case: Case, producer: &Producer, mut next: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        say(producer, next..next + 3);
        next += 3;
        if flush(producer) == OK {
            return;
        }
        // librdkafka takes the topic for forbidden until it has asked for the metadata again.
        assert!(case.code == 29 && Instant::now() < deadline, "the error is over, and messages fail still");
        thread::sleep(Duration::from_millis(20)); // The next question, not too soon: all answers are kept.
    }
}

fn failed(producer: &Producer) -> usize {
    producer.stats().failed as usize
}

/// What must hold in the end, whatever came between.
fn check(case: Case, producer: &Producer, log: &[String]) {
    let stats = producer.stats();
    let settled = producer.wait_for(SETTLED, stats.accepted as usize);
    let by_tag: BTreeMap<u64, &Event> = settled.iter().map(|event| (event.tag, event)).collect();
    assert!(by_tag.len() == settled.len() && settled.len() as u64 == stats.accepted, "each ends once: {settled:#?}");
    producer.check_stats();

    let unknown = matches!(case.class, Fatal | Unknown);
    let persistence = if unknown { POSSIBLY_PERSISTED } else { NOT_PERSISTED };
    for event in settled.iter().filter(|event| event.kind != DELIVERED) {
        assert_eq!((event.kind, event.kafka_error, event.persistence), (FAILED, case.code, persistence), "{event:?}");
        assert_eq!(event.value, Some(event.tag.to_string().into_bytes()), "handed back whole");
    }
    let resets = stats.client_resets;
    assert_eq!(resets > 0, case.class == Fatal, "{resets} clients were made anew");
    if case.class == Fatal {
        assert!(producer.events(ERROR).iter().any(|error| error.text.contains("fatal")), "an event says so");
    }

    let mut found = Vec::new();
    for (tag, event) in by_tag.iter().filter(|(_, event)| event.kind == DELIVERED) {
        if case.class == Delivered && case.idempotent && event.offset < 0 {
            assert!((3..20).contains(tag), "the mock cluster had not said so of {event:?}");
            continue;
        }
        assert_eq!(log.get(event.offset as usize), Some(&tag.to_string()), "not in the log: {event:?}");
        found.push(tag.to_string());
    }
    if case.idempotent {
        assert_eq!(log, found, "once and in order");
    } else {
        // Order and copies are then the program's affair; here nothing was written that was not acknowledged.
        let mut log = log.to_vec();
        log.sort_by_key(|text| text.parse::<u64>().expect("a number"));
        assert_eq!(log, found);
    }
}
