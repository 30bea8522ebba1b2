//! Against librdkafka's mock cluster, which answers what a test tells it to: errors of every kind, brokers that go and
//! come, a leader that moves.

mod support;

use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t::{self as Code, *};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use support::PATIENCE;
use support::producer::*;

const TOPIC: &str = "topic";

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// With one topic of one partition, led by broker 1.
fn cluster(brokers: i32) -> Cluster {
    let cluster = MockCluster::new(brokers).expect("a mock cluster");
    cluster.create_topic(TOPIC, 1, brokers).expect("a topic");
    cluster.partition_leader(TOPIC, 0, Some(1)).expect("a leader");
    cluster
}

fn producer(cluster: &Cluster, properties: &[(&str, &str)]) -> Producer {
    Producer::new(&cluster.bootstrap_servers(), properties)
}

/// The values in the log, in order.
fn read(cluster: &Cluster) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let deadline = Instant::now() + PATIENCE;
    let mut values = Vec::new();
    loop {
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => {
                let value = message.payload().expect("a value").to_vec();
                values.push(String::from_utf8(value).expect("text"));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return values,
            Some(Err(error)) => eprintln!("reading: {error}"),
            None => {}
        }
        assert!(Instant::now() < deadline, "the log was not read to its end; so far {values:?}");
    }
}

fn say(producer: &Producer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(TOPIC, &number.to_string(), number);
    }
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

// Errors that pass

#[test]
fn passing_errors_are_overcome() {
    let passing = [
        RD_KAFKA_RESP_ERR_INVALID_MSG, // a checksum that does not fit
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ];
    std::thread::scope(|scope| {
        for code in passing {
            for times in [1, 3] {
                std::thread::Builder::new()
                    .name(format!("{code:?} {times} times"))
                    .spawn_scoped(scope, move || one_passing_error(code, times))
                    .expect("a thread");
            }
        }
    });
}

fn one_passing_error(code: Code, times: usize) {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0..3);
    producer.flush();
    cluster.request_errors(RDKafkaApiKey::Produce, &vec![code; times]);
    say(&producer, 3..13);
    producer.deliver();
    say(&producer, 13..20);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..20), "{code:?}, {times} times");
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0..3);
    producer.flush();
    // The mock broker hangs up instead of an answer, and has not written the messages.
    cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR__TRANSPORT; 2]);
    say(&producer, 3..20);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..20));
}

// Errors that stay

#[test]
fn refusals_fail_with_their_code() {
    let lasting = [
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
    ];
    std::thread::scope(|scope| {
        for code in lasting {
            std::thread::Builder::new()
                .name(format!("{code:?}"))
                .spawn_scoped(scope, move || one_refusal(code))
                .expect("a thread");
        }
    });
}

fn one_refusal(code: Code) {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0..3);
    producer.flush();
    cluster.request_errors(RDKafkaApiKey::Produce, &[code]);
    say(&producer, 3..4);
    assert_eq!(producer.try_flush(PATIENCE.as_millis() as i64), UNDELIVERED, "{code:?}");
    say(&producer, 4..10);
    producer.flush();

    let settled = producer.wait_for(SETTLED, 10);
    assert_eq!(settled.len(), 10);
    let failed = producer.events(FAILED);
    let told: Vec<_> = failed.iter().map(|event| (event.tag, event.kafka_error, event.persistence)).collect();
    assert_eq!(told, [(3, code as i32, NOT_PERSISTED)], "{failed:?}");
    assert_eq!(failed[0].value.as_deref(), Some(&b"3"[..]));
    assert_eq!(read(&cluster), texts((0..3).chain(4..10)), "{code:?}");
    producer.check_stats();
}

/// librdkafka then takes the whole topic for forbidden until it has asked for the metadata again.
#[test]
fn a_forbidden_topic_is_asked_for_again() {
    const FORBIDDEN: i32 = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as i32;
    let cluster = cluster(1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0..3);
    producer.flush();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    say(&producer, 3..4);
    assert_eq!(producer.try_flush(PATIENCE.as_millis() as i64), UNDELIVERED);

    let deadline = Instant::now() + PATIENCE;
    let mut sent = 4;
    loop {
        assert!(Instant::now() < deadline, "{sent} messages, and the topic is forbidden still");
        say(&producer, sent..sent + 1);
        sent += 1;
        if producer.try_flush(PATIENCE.as_millis() as i64) == OK {
            break;
        }
    }
    let settled = producer.wait_for(SETTLED, sent as usize);
    let (delivered, failed): (Vec<_>, Vec<_>) = settled.iter().partition(|event| event.kind == DELIVERED);
    assert!(failed.iter().any(|event| event.tag == 3));
    assert!(failed.iter().all(|event| (event.kafka_error, event.persistence) == (FORBIDDEN, NOT_PERSISTED)));
    assert_eq!(read(&cluster), texts(delivered.iter().map(|event| event.tag)));
    producer.check_stats();
}

// Leaders and brokers

#[test]
fn a_leader_may_move() {
    let cluster = cluster(3);
    let producer = producer(&cluster, &[]);
    for round in 0..6 {
        let leader = 1 + (round % 3) as i32;
        cluster.partition_leader(TOPIC, 0, Some(leader)).expect("a leader");
        say(&producer, round * 10..round * 10 + 10);
        producer.flush();
    }
    producer.finish();
    assert_eq!(read(&cluster), texts(0..60));
}

#[test]
fn a_partition_may_be_without_a_leader_for_a_while() {
    let cluster = cluster(3);
    let producer = producer(&cluster, &[("stall_report_interval", "0.3")]);
    say(&producer, 0..10);
    producer.flush();
    cluster.partition_leader(TOPIC, 0, None).expect("no leader");
    say(&producer, 10..20);
    producer.deliver();
    producer.wait_for(STALLED, 1);
    cluster.partition_leader(TOPIC, 0, Some(2)).expect("a leader");
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
    cluster.broker_down(-1).expect("down");
    say(&producer, 10..20);
    producer.deliver();

    let stalled = &producer.wait_for(STALLED, 1)[0];
    assert!(!stalled.text.is_empty(), "{stalled:?}");
    let error = &producer.wait_for(ERROR, 1)[0];
    assert!(error.kafka_error != 0 && !error.text.is_empty(), "{error:?}");
    assert_eq!(producer.try_flush(0), TIMED_OUT);
    assert_eq!(producer.events(SETTLED).len(), 10, "nothing is given up");

    cluster.broker_up(-1).expect("up");
    say(&producer, 20..30);
    producer.finish();
    assert_eq!(read(&cluster), texts(0..30));
}

#[test]
fn a_broker_that_was_never_there_stalls_and_says_so() {
    let cluster = cluster(1);
    cluster.broker_down(-1).expect("down");
    let producer =
        producer(&cluster, &[("stall_report_interval", "0.2"), ("max_queue_size", "50"), ("max_buffer_size", "50")]);
    let mut accepted = 0;
    while producer.try_produce(TOPIC, None, Some(accepted.to_string().as_bytes()), accepted) == OK {
        accepted += 1;
        assert!(accepted <= 100, "max_queue_size and max_buffer_size hold 100 messages");
    }
    assert!(accepted >= 50, "{accepted} messages found room");
    producer.wait_for(STALLED, 2);
    cluster.broker_up(-1).expect("up");
    producer.finish();
    assert_eq!(read(&cluster), texts(0..accepted));
}

#[test]
fn a_slow_broker_is_only_slow() {
    let cluster = cluster(1);
    cluster.broker_round_trip_time(-1, Duration::from_millis(300)).expect("a delay");
    let producer =
        producer(&cluster, &[("delivery_threshold", "20"), ("max_buffer_size", "60"), ("overflow_wait", "90")]);
    say(&producer, 0..500);
    producer.finish();
    let slowest = producer.events(DELIVERED).iter().map(|event| event.duration_us).max();
    assert!(slowest >= Some(300_000), "{slowest:?} us is less than one round trip");
    cluster.broker_round_trip_time(-1, Duration::ZERO).expect("no delay");
    assert_eq!(read(&cluster), texts(0..500));
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
    cluster.broker_down(-1).expect("down");
    say(&producer, 3..6);
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed = producer.wait_for(FAILED, 3);
    for (event, tag) in failed.iter().zip(3..) {
        assert_eq!((event.tag, event.persistence), (tag, NOT_PERSISTED), "never sent: {event:?}");
        assert_eq!(event.value.as_deref(), Some(tag.to_string().as_bytes()));
    }
    assert!(!producer.events(RETRY).is_empty(), "the second attempt is told");

    cluster.broker_up(-1).expect("up");
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
    cluster.broker_round_trip_time(-1, Duration::from_secs(80)).expect("a delay");
    say(&producer, 3..4);
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed = producer.wait_for(FAILED, 1);
    assert_eq!((failed[0].tag, failed[0].persistence), (3, POSSIBLY_PERSISTED), "{failed:?}");
    assert_eq!((producer.stats().failed, producer.stats().unknown), (1, 1));

    cluster.broker_round_trip_time(-1, Duration::ZERO).expect("no delay");
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
    cluster.broker_round_trip_time(-1, Duration::from_secs(60)).expect("a delay");
    say(&producer, 5..10); // on their way
    producer.wait_for(DELIVERY_STARTED, 2);
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

// Fatal errors

#[test]
fn a_fatal_error_makes_a_new_client() {
    let cluster = cluster(1);
    let producer = producer(&cluster, &[]);
    say(&producer, 0..10);
    producer.flush();
    // For the oldest request on its way, librdkafka holds this to be beyond repair.
    cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    say(&producer, 10..20);
    producer.deliver();
    producer.wait_for(SETTLED, 20);
    say(&producer, 20..30);
    producer.deliver();
    producer.wait_for(SETTLED, 30);

    assert_eq!(producer.stats().client_resets, 1);
    let errors = producer.wait_for(ERROR, 1);
    assert!(errors.iter().any(|error| error.text.contains("fatal")), "{errors:?}");

    let mut tags: Vec<u64> = producer.events(SETTLED).iter().map(|event| event.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, Vec::from_iter(0..30), "each is settled once");
    let (delivered, failed) = (producer.events(DELIVERED), producer.events(FAILED));
    for event in &failed {
        assert!((10..20).contains(&event.tag), "{event:?}");
        assert_eq!(event.persistence, POSSIBLY_PERSISTED, "what Kafka surely does not have is sent again: {event:?}");
    }
    let mut delivered: Vec<u64> = delivered.iter().map(|event| event.tag).collect();
    delivered.sort_unstable();
    assert_eq!(read(&cluster), texts(delivered), "the mock broker wrote none of the request that it refused");
    producer.check_stats();
    assert_eq!(producer.shutdown(-1), OK, "what failed was reported before it began");
}
