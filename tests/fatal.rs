//! Errors after which librdkafka's client is of no use any more: it is made anew, what Kafka surely does not have is sent
//! again, what it may have is reported as such, and events say so. On the mock cluster.

mod support;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::mock::*;
use support::producer::*;

const TOPIC: &str = "topic";

/// For the oldest request on its way, librdkafka holds this to be beyond repair.
const OUT_OF_ORDER: i32 = 45;
const NOT_ENOUGH_REPLICAS: i32 = 19;

fn producer(cluster: &Cluster, properties: &[(&str, &str)]) -> Producer {
    Producer::new(&cluster.bootstrap(), properties)
}

/// The number of a message is its tag and its text.
fn say(producer: &Producer, partition: i32, numbers: std::ops::Range<u64>) {
    for tag in numbers {
        let text = tag.to_string();
        producer.send(&Message { value: Some(text.as_bytes()), partition, tag, ..Message::to(TOPIC) });
    }
}

/// Waits for something that no event tells of.
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited for {what}");
        thread::yield_now();
    }
}

fn tags<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<u64> {
    events.into_iter().map(|event| event.tag).collect()
}

/// Each message has ended once; those that failed are of unknown fate, whole. Answers those delivered, and those failed.
fn account(producer: &Producer, count: u64) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let settled = producer.wait_for(SETTLED, count as usize);
    assert_eq!(settled.len() as u64, count, "each ends once: {settled:#?}");
    assert_eq!(tags(&settled), (0..count).collect());
    producer.check_stats();
    let failed: Vec<Event> = settled.iter().filter(|event| event.kind == FAILED).cloned().collect();
    for event in &failed {
        assert_eq!(event.persistence, POSSIBLY_PERSISTED, "what Kafka surely does not have is sent again: {event:?}");
        assert_eq!(event.value, Some(event.tag.to_string().into_bytes()));
    }
    (tags(settled.iter().filter(|event| event.kind == DELIVERED)), tags(&failed))
}

/// Every delivered message is there once and in order; of the others only those of unknown fate may be.
fn check_log(log: Vec<String>, delivered: impl IntoIterator<Item = u64>, unknown: &BTreeSet<u64>) {
    let mut log: Vec<u64> = log.iter().map(|text| text.parse().expect("a number")).collect();
    log.retain(|number| !unknown.contains(number));
    assert_eq!(log, Vec::from_iter(delivered));
}

fn says_so(producer: &Producer) {
    let errors = producer.events(ERROR);
    assert!(errors.iter().any(|error| error.text.contains("fatal")), "{errors:?}");
    assert!(errors.iter().any(|error| error.text.contains("made anew")), "{errors:?}");
}

#[test]
fn r09_a_fatal_error_makes_a_new_client() {
    let cluster = Cluster::new(1, TOPIC, 1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0, 0..10);
    producer.flush();
    cluster.errors(PRODUCE, &[OUT_OF_ORDER]);
    say(&producer, 0, 10..20);
    producer.deliver();
    producer.wait_for(SETTLED, 20);
    say(&producer, 0, 20..30);
    producer.flush();

    assert_eq!(producer.stats().client_resets, 1);
    says_so(&producer);
    let (delivered, failed) = account(&producer, 30);
    assert!(!failed.is_empty() && failed.iter().all(|tag| (10..20).contains(tag)), "{failed:?}");
    check_log(cluster.read(TOPIC, 0), delivered, &failed);
    assert_eq!(producer.shutdown(-1), OK, "what failed was reported before it began");
}

#[test]
fn r09_other_partitions_have_messages_on_their_way_and_queued() {
    let cluster = Cluster::new(3, TOPIC, 3);
    cluster.partition_leader(TOPIC, 1, Some(2));
    cluster.partition_leader(TOPIC, 2, Some(3));
    let producer = producer(&cluster, &[]);
    for partition in 0..3 {
        say(&producer, partition, partition as u64 * 5..partition as u64 * 5 + 5);
    }
    producer.flush();

    // Partition 1 is not answered, the leader of partition 2 is away, and then the client fails over partition 0.
    let before = cluster.requests(PRODUCE);
    cluster.round_trip_time(2, Duration::from_secs(60));
    cluster.broker_down(3);
    say(&producer, 1, 15..25);
    say(&producer, 2, 25..35);
    producer.deliver();
    until("a request for partition 1", || cluster.requests(PRODUCE) > before);
    say(&producer, 1, 35..40);
    say(&producer, 2, 40..45);
    cluster.errors_of_broker(1, PRODUCE, &[OUT_OF_ORDER]);
    say(&producer, 0, 45..55);
    producer.deliver();
    until("a new client", || producer.stats().client_resets == 1);

    cluster.round_trip_time(2, Duration::ZERO);
    cluster.broker_up(3);
    for partition in 0..3 {
        say(&producer, partition, 55 + partition as u64 * 5..60 + partition as u64 * 5);
    }
    producer.flush(); // What failed had failed before.
    says_so(&producer);
    assert_eq!(producer.stats().client_resets, 1);
    let (delivered, failed) = account(&producer, 70);
    assert!(failed.contains(&45) && failed.contains(&15), "these were on their way: {failed:?}");
    assert!(failed.iter().all(|tag| (15..25).contains(tag) || (45..55).contains(tag)), "{failed:?}");
    let settled = producer.events(DELIVERED);
    for partition in 0..3 {
        let here = tags(settled.iter().filter(|event| event.partition == partition));
        let delivered = delivered.intersection(&here).copied();
        check_log(cluster.read(TOPIC, partition), delivered, &failed);
    }
}

#[test]
fn r09_fatal_errors_in_a_row() {
    let cluster = Cluster::new(1, TOPIC, 1);
    let producer = producer(&cluster, &[("batch.num.messages", "5")]);
    say(&producer, 0, 0..10);
    producer.flush();
    // Each client fails with its first request; the fourth is sound.
    cluster.errors(PRODUCE, &[OUT_OF_ORDER; 3]);
    say(&producer, 0, 10..40);
    assert_eq!(producer.try_flush(PATIENCE.as_millis() as i64), UNDELIVERED);
    let resets = producer.stats().client_resets;
    // Where librdkafka has made two requests of a batch, one client meets two of the errors.
    assert!((1..=3).contains(&resets), "{resets} clients were made anew");
    says_so(&producer);
    let (delivered, failed) = account(&producer, 40);
    assert!(failed.len() <= 15, "three batches of five: {failed:?}");
    check_log(cluster.read(TOPIC, 0), delivered, &failed);
}

#[test]
fn r09_a_fatal_error_during_a_shutdown() {
    let cluster = Cluster::new(1, TOPIC, 1);
    for deadline in [-1, PATIENCE.as_millis() as i64] {
        let producer = producer(&cluster, &[("batch.num.messages", "5")]);
        let before = cluster.read(TOPIC, 0).len();
        say(&producer, 0, 0..3);
        producer.flush();
        cluster.errors(PRODUCE, &[OUT_OF_ORDER]);
        say(&producer, 0, 3..20);
        assert_eq!(producer.shutdown(deadline), UNDELIVERED);
        says_so(&producer);
        let (delivered, failed) = account(&producer, 20);
        assert!((1..=5).contains(&failed.len()), "one batch: {failed:?}");
        check_log(cluster.read(TOPIC, 0).split_off(before), delivered, &failed);
    }
}

#[test]
fn r09_a_fatal_error_during_a_shutdown_that_meets_its_deadline() {
    let cluster = Cluster::new(1, TOPIC, 1);
    let producer = producer(&cluster, &[("batch.num.messages", "5")]);
    say(&producer, 0, 0..3);
    producer.flush();
    // The next client does not get on.
    cluster.errors(PRODUCE, &[OUT_OF_ORDER]);
    cluster.errors(PRODUCE, &[NOT_ENOUGH_REPLICAS; 1000]);
    say(&producer, 0, 3..20);
    thread::scope(|scope| {
        let shutdown = scope.spawn(|| producer.shutdown(3000));
        until("a new client", || producer.stats().client_resets == 1 || shutdown.is_finished());
        assert_eq!(shutdown.join().expect("no panic"), UNDELIVERED);
    });
    let settled = producer.wait_for(SETTLED, 20);
    assert_eq!(settled.len(), 20);
    assert_eq!(tags(&settled), (0..20).collect());
    for event in &settled[3..] {
        let unknown = (event.kind, event.persistence) == (FAILED, POSSIBLY_PERSISTED);
        let dropped = (event.kind, event.persistence) == (DROPPED, NOT_PERSISTED);
        assert!(dropped || (unknown && event.tag < 8), "{event:?}");
        assert_eq!(event.value, Some(event.tag.to_string().into_bytes()), "handed back whole");
    }
    producer.check_stats();
    assert_eq!(cluster.read(TOPIC, 0), ["0", "1", "2"]);
}

/// Who asks for it trades speed after a refusal for the surety that nothing of another partition is written twice.
#[test]
fn r06_with_the_gapless_guarantee_a_refused_batch_makes_a_new_client() {
    const INVALID_RECORD: i32 = 87;
    let cluster = Cluster::new(2, TOPIC, 2);
    cluster.partition_leader(TOPIC, 1, Some(2));
    let producer = producer(&cluster, &[("enable.gapless.guarantee", "true")]);
    say(&producer, 0, 0..10);
    say(&producer, 1, 10..20);
    producer.flush();

    // The answer for partition 1 is on its way when the client dies over partition 0, and still counts.
    let before = cluster.requests(PRODUCE);
    cluster.round_trip_time(2, Duration::from_secs(2));
    say(&producer, 1, 20..30);
    producer.deliver();
    until("a request for partition 1", || cluster.requests(PRODUCE) > before);
    cluster.errors_of_broker(1, PRODUCE, &[INVALID_RECORD]);
    say(&producer, 0, 30..40);
    producer.deliver();
    until("a new client", || producer.stats().client_resets == 1);
    cluster.round_trip_time(2, Duration::ZERO);
    say(&producer, 1, 40..50);
    producer.flush();

    assert!(producer.events(ERROR).iter().any(|error| error.text.contains("gap-less")), "{:?}", producer.events(ERROR));
    says_so(&producer);
    let (delivered, failed) = account(&producer, 50);
    assert!(failed.is_empty(), "{failed:?}");
    for (partition, here) in [(0, [0..10, 30..40].as_slice()), (1, &[10..30, 40..50])] {
        check_log(cluster.read(TOPIC, partition), here.iter().cloned().flatten(), &failed);
    }
    assert_eq!(delivered.len(), 50);
}

/// Without a producer id, idempotence sends nothing. Some refusals of one are fatal for the client, others it logs.
#[test]
fn r09_no_producer_id() {
    let fatal = [31, 47, 53, 90];
    let passing = [-1, 7, 14, 15, 19, 29, 42, 9999];
    thread::scope(|scope| {
        for code in [&fatal[..], &passing].concat() {
            let body = move || no_producer_id(code, fatal.contains(&code));
            thread::Builder::new().name(format!("code {code}")).spawn_scoped(scope, body).expect("a thread");
        }
    });
}

fn no_producer_id(code: i32, is_fatal: bool) {
    let cluster = Cluster::new(1, TOPIC, 1);
    cluster.errors(INIT_PRODUCER_ID, &[code; 1000]);
    let producer = producer(&cluster, &[("stall_report_interval", "0.5")]);
    let begun = Instant::now();
    say(&producer, 0, 0..5);
    producer.deliver();
    let because = "Failed to acquire idempotence PID";
    let deadline = begun + PATIENCE;
    let mut count = 1;
    // The first may have come before the answer.
    while !producer.wait_for(STALLED, count).iter().any(|stall| stall.text.contains(because)) {
        assert!(Instant::now() < deadline, "no stall says why: {:#?}", producer.events(STALLED | ERROR));
        count += 1;
    }
    let stalls = producer.wait_for(STALLED, count + 2);
    assert!(stalls[count - 1..].iter().all(|stall| stall.text.contains(because)), "each says why: {stalls:#?}");
    let errors = producer.events(ERROR);
    assert!(errors.iter().any(|error| error.text.contains(because)), "{errors:#?}");
    let (requests, clients) = (cluster.requests(INIT_PRODUCER_ID), producer.stats().client_resets);
    let most = 5 + begun.elapsed().as_secs() as usize * 10;
    assert!(requests <= most && clients as usize <= most, "a busy loop: {requests} requests, {clients} clients");
    assert_eq!(clients > 0, is_fatal, "{clients} clients");
    assert_eq!(producer.stats().failed + producer.stats().delivered, 0, "nothing is given up");

    cluster.clear_errors(INIT_PRODUCER_ID);
    say(&producer, 0, 5..10);
    producer.finish();
    check_log(cluster.read(TOPIC, 0), 0..10, &BTreeSet::new());
}
