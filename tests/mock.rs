//! Against librdkafka's mock cluster, which answers what a test tells it to: errors of every kind, brokers that go and
//! come, a leader that moves. Errors in answer to produce requests are in matrix.rs, fatal ones in fatal.rs.

mod support;

use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t::*;

use support::mock::*;
use support::producer::*;

const TOPIC: &str = "topic";

/// With one topic of one partition, led by broker 1.
fn cluster(brokers: i32) -> Cluster {
    Cluster::new(brokers, TOPIC, 1)
}

fn producer(cluster: &Cluster, properties: &[(&str, &str)]) -> Producer {
    Producer::new(&cluster.bootstrap(), properties)
}

fn read(cluster: &Cluster) -> Vec<String> {
    cluster.read(TOPIC, 0)
}

fn say(producer: &Producer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(TOPIC, &number.to_string(), number);
    }
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

// Leaders and brokers

#[test]
fn r05_a_leader_moves() {
    let cluster = cluster(3);
    let producer = producer(&cluster, &[]);
    for round in 0..6 {
        let leader = 1 + (round % 3) as i32;
        cluster.partition_leader(TOPIC, 0, Some(leader));
        say(&producer, round * 10..round * 10 + 10);
        producer.flush();
    }
    producer.finish();
    assert_eq!(read(&cluster), texts(0..60));
}

#[test]
fn a_partition_may_be_without_a_leader_for_a_while() {
    let cluster = cluster(3);
    let producer =
        producer(&cluster, &[("stall_report_interval", "0.3"), ("topic.metadata.refresh.interval.ms", "100")]);
    say(&producer, 0..10);
    producer.flush();
    cluster.partition_leader(TOPIC, 0, None);
    // The client hears of it first: the mock broker crashes where it must name a leader that there is not.
    cluster.wait_for_requests(METADATA, cluster.requests(METADATA) + 3);
    say(&producer, 10..20);
    producer.deliver();
    producer.wait_for(STALLED, 1);
    cluster.partition_leader(TOPIC, 0, Some(2));
    say(&producer, 20..30);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..30));
}

#[test]
fn a_broker_may_be_down_and_come_back() {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[("stall_report_interval", "0.3")]);
    say(&producer, 0..10);
    producer.flush();
    cluster.broker_down(-1);
    say(&producer, 10..20);
    producer.deliver();

    let stalled = &producer.wait_for(STALLED, 1)[0];
    assert!(!stalled.text.is_empty(), "{stalled:?}");
    let error = &producer.wait_for(ERROR, 1)[0];
    assert!(error.kafka_error != 0 && !error.text.is_empty(), "{error:?}");
    assert_eq!(producer.try_flush(0), TIMED_OUT);
    assert_eq!(producer.events(SETTLED).len(), 10, "nothing is given up");

    cluster.broker_up(-1);
    say(&producer, 20..30);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..30));
}

#[test]
fn a_broker_that_was_never_there_stalls_and_says_so() {
    let cluster = cluster(1);
    cluster.broker_down(-1);
    let producer =
        producer(&cluster, &[("stall_report_interval", "0.2"), ("max_queue_size", "50"), ("max_buffer_size", "50")]);
    let mut accepted = 0;
    while producer.try_produce(TOPIC, None, Some(accepted.to_string().as_bytes()), accepted) == OK {
        accepted += 1;
        assert!(accepted <= 100, "max_queue_size and max_buffer_size hold 100 messages");
    }
    assert!(accepted >= 50, "{accepted} messages found room");
    producer.wait_for(STALLED, 2);
    cluster.broker_up(-1);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..accepted));
}

#[test]
fn a_flush_does_not_wait_for_more_messages() {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[("linger.ms", "900000"), ("delivery_threshold", "1")]);
    say(&producer, 0..10);
    producer.flush();
    say(&producer, 10..20);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..20));
}

#[test]
fn a_slow_broker_is_only_slow() {
    let cluster = cluster(1);
    cluster.round_trip_time(-1, Duration::from_millis(300));
    let producer =
        producer(&cluster, &[("delivery_threshold", "20"), ("max_buffer_size", "60"), ("overflow_wait", "90")]);
    say(&producer, 0..500);
    producer.finish();
    let slowest = producer.events(DELIVERED).iter().map(|event| event.duration_us).max();
    assert!(slowest >= Some(300_000), "{slowest:?} us is less than one round trip");
    cluster.round_trip_time(-1, Duration::ZERO);
    assert_eq!(read(&cluster), texts(0..500));
}

// Topics

/// Kafka may say for a while that a topic is not there, which librdkafka believes at once of one it has known for long.
#[test]
fn r22_a_topic_is_said_to_be_missing_for_a_while() {
    for idempotent in ["true", "false"] {
        let cluster = cluster(1);
        let properties = [
            ("topic.metadata.refresh.interval.ms", "100"),
            ("topic.metadata.propagation.max.ms", "4000"),
            ("enable.idempotence", idempotent),
            ("overflow_wait", "90"),
        ];
        let producer = producer(&cluster, &properties);
        let mut sent = 0;
        let mut say_next = || {
            let partition = if sent % 2 == 0 { -1 } else { 0 };
            let text = sent.to_string();
            producer.send(&Message { value: Some(text.as_bytes()), partition, tag: sent, ..Message::to(TOPIC) });
            sent += 1;
        };
        say_next();
        producer.flush();
        std::thread::sleep(Duration::from_millis(4500)); // Longer than the metadata may be late.
        for _ in 0..2 {
            let before = cluster.requests(METADATA);
            cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
            while cluster.requests(METADATA) < before + 5 {
                say_next();
                producer.deliver();
                std::thread::sleep(Duration::from_millis(5)); // Between two messages.
            }
            cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
            producer.flush();
        }
        say_next();
        producer.finish();
        assert_eq!(read(&cluster), texts(0..sent), "idempotent: {idempotent}");
    }
}

#[test]
fn r22_a_topic_that_stays_missing_fails() {
    let cluster = cluster(1);
    cluster.create_topic("other", 1, 1);
    let grace = Duration::from_millis(1000);
    let properties = [("topic.metadata.refresh.interval.ms", "100"), ("topic.metadata.propagation.max.ms", "1000")];
    let producer = producer(&cluster, &properties);
    say(&producer, 0..5);
    producer.flush();
    cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    let begun = Instant::now();
    let mut sent = 5;
    while producer.events(FAILED).is_empty() {
        say(&producer, sent..sent + 1);
        producer.say("other", "untouched", 1000 + sent);
        sent += 1;
        producer.try_flush(-1);
        producer.wait_for(SETTLED, 2 * sent as usize - 5);
    }
    assert!(begun.elapsed() >= grace, "after {:?}", begun.elapsed());
    for event in producer.events(FAILED) {
        assert_eq!((event.topic.as_deref(), event.persistence), (Some(TOPIC), NOT_PERSISTED), "{event:?}");
    }
    cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
    let deadline = Instant::now() + support::PATIENCE;
    let status = loop {
        say(&producer, sent..sent + 1);
        sent += 1;
        match producer.try_flush(-1) {
            UNDELIVERED if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            status => break status,
        }
    };
    assert_eq!(status, OK, "it is there again");
    producer.check_stats();
    let mut delivered = producer.events(DELIVERED);
    delivered.retain(|event| event.topic.as_deref() == Some(TOPIC));
    assert_eq!(read(&cluster), texts(delivered.iter().map(|event| event.tag)));
    assert_eq!(
        cluster.read("other", 0).len() + producer.events(FAILED).len() + delivered.len(),
        producer.stats().accepted as usize
    );
}

/// Where it cannot be sent, librdkafka keeps a window for a topic that it held once, for ever.
#[test]
fn r22_a_topic_that_is_gone_before_its_messages_are_sent_fails() {
    let cluster = cluster(2);
    let properties = [("topic.metadata.refresh.interval.ms", "100"), ("topic.metadata.propagation.max.ms", "1000")];
    let producer = producer(&cluster, &properties);
    say(&producer, 0..50);
    producer.flush();
    cluster.broker_down(1); // The leader: the other one tells of topics.
    // Then the connection is known to be lost.
    cluster.wait_for_requests(METADATA, cluster.requests(METADATA) + 3);
    say(&producer, 50..60);
    producer.deliver();
    while producer.stats().in_flight == 0 {
        std::thread::yield_now();
    }
    cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed = producer.wait_for(FAILED, 10);
    for (event, tag) in failed.iter().zip(50..) {
        assert_eq!((event.tag, event.persistence), (tag, NOT_PERSISTED), "{event:?}");
    }
    producer.check_stats();
    cluster.broker_up(1);
    cluster.topic_error(TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_eq!(read(&cluster), texts(0..50));
}

// Limits

#[test]
fn attempts_end_where_they_are_limited() {
    let cluster = cluster(1);
    // Time enough for a new connection to be made within the attempts.
    let limits = [("max_retries", "1"), ("request.timeout.ms", "5000"), ("reconnect.backoff.max.ms", "500")];
    let producer = producer(&cluster, &limits);
    say(&producer, 0..3);
    producer.flush();
    cluster.broker_down(-1);
    say(&producer, 3..6);
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed = producer.wait_for(FAILED, 3);
    for (event, tag) in failed.iter().zip(3..) {
        assert_eq!((event.tag, event.persistence), (tag, NOT_PERSISTED), "never sent: {event:?}");
        assert_eq!(event.value.as_deref(), Some(tag.to_string().as_bytes()));
    }
    assert!(!producer.events(RETRY).is_empty(), "the second attempt is told");

    cluster.broker_up(-1);
    say(&producer, 6..9);
    producer.flush();
    assert_eq!(producer.wait_for(SETTLED, 9).len(), 9);
    assert_eq!(read(&cluster), texts((0..3).chain(6..9)));
    producer.check_stats();
}

#[test]
fn without_an_answer_the_fate_is_unknown() {
    let cluster = cluster(1);
    // Time enough for the new client to connect within its one attempt.
    let producer = producer(&cluster, &[("max_retries", "0"), ("request.timeout.ms", "10000")]);
    say(&producer, 0..3);
    producer.flush();
    cluster.round_trip_time(-1, Duration::from_secs(80));
    say(&producer, 3..4);
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed = producer.wait_for(FAILED, 1);
    assert_eq!((failed[0].tag, failed[0].persistence), (3, POSSIBLY_PERSISTED), "{failed:?}");
    assert_eq!((producer.stats().failed, producer.stats().unknown), (1, 1));

    cluster.round_trip_time(-1, Duration::ZERO);
    say(&producer, 4..6);
    producer.flush();
    let mut log = read(&cluster);
    log.retain(|value| value != "3"); // it may be there or not
    assert_eq!(log, texts((0..3).chain(4..6)));
    producer.check_stats();
}

#[test]
fn a_shutdown_ends_at_its_deadline() {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[("delivery_threshold", "5")]);
    say(&producer, 0..5);
    producer.wait_for(DELIVERED, 5);
    cluster.round_trip_time(-1, Duration::from_secs(60));
    let before = cluster.requests(PRODUCE);
    say(&producer, 5..10);
    cluster.wait_for_requests(PRODUCE, before + 1); // Then they are on their way.
    say(&producer, 10..13); // not due
    let begun = Instant::now();
    assert_eq!(producer.shutdown(500), UNDELIVERED);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?} for a deadline of 0.5 s", begun.elapsed());

    let settled = producer.wait_for(SETTLED, 13);
    let mut tags: Vec<u64> = settled.iter().map(|event| event.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, Vec::from_iter(0..13), "each is settled once");
    for event in &settled[5..] {
        let unknown = event.kind == FAILED && event.persistence == POSSIBLY_PERSISTED;
        let dropped = event.kind == DROPPED && event.persistence == NOT_PERSISTED;
        assert!(dropped || (unknown && event.tag < 10), "{event:?}");
        assert_eq!(event.value.as_deref(), Some(event.tag.to_string().as_bytes()), "handed back whole");
    }
    assert_eq!(producer.try_produce(TOPIC, None, None, 0), SHUT_DOWN);
    producer.check_stats();
}
