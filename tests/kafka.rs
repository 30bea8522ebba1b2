//! Against a real Kafka: what was accepted is in its log, byte for byte, once and in order, as its own console consumer
//! reads it.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::PATIENCE;
use support::kafka::{Broker, Record};
use support::producer::*;
use support::program;

const INVALID_RECORD: i32 = 87;
const MSG_SIZE_TOO_LARGE: i32 = 10;
/// The broker's word for it, and librdkafka's.
const UNKNOWN_TOPIC: [i32; 2] = [3, -188];

fn producer(properties: &[(&str, &str)]) -> Producer {
    Producer::new(Broker::shared().bootstrap(), properties)
}

fn topic(name: &str, partitions: u32) -> &str {
    Broker::shared().topic(name, partitions, &[]);
    name
}

fn numbered(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{prefix}{number}")).collect()
}

fn say(producer: &Producer, topic: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(topic, &number.to_string(), number);
    }
}

fn tags(producer: &Producer, kind: u32) -> BTreeSet<u64> {
    producer.events(kind).iter().map(|event| event.tag).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_millis() as i64
}

// A message

#[test]
fn every_part_of_a_message_arrives() {
    let topic = topic("every_part", 4);
    let everything: Vec<u8> = (0..=255).chain(*b"\0\0tab\tnewline\nreturn\rquote\"end\0").collect();
    let headers: &[(&str, Bytes)] = &[
        ("trace", Some(b"one")),
        ("trace", Some(b"two")),
        ("null", None),
        ("empty", Some(b"")),
        ("", Some(b"no name")),
        ("gr\u{fc}\u{df}e", Some("\u{1f980}".as_bytes())),
        ("binary", Some(b"\0\n\t\xff\0")),
        ("trace", Some(b"one")),
    ];
    let to = |partition| Message { partition, timestamp_ms: 1_500_000_000_000, ..Message::to(topic) };
    let messages = [
        Message { key: Some(b"key"), value: Some(b"value"), headers, ..to(0) },
        Message { key: Some(&everything), value: Some(&everything), timestamp_ms: 1, ..to(0) },
        Message { key: None, value: Some(b"no key"), ..to(1) },
        Message { key: Some(b""), value: Some(b"empty key"), ..to(1) },
        Message { key: Some(b"tombstone"), value: None, ..to(2) },
        Message { key: Some(b"empty value"), value: Some(b""), ..to(2) },
        Message { key: None, value: None, timestamp_ms: 1_600_000_000_123, ..to(3) },
        Message { key: Some(b""), value: Some(b""), headers: &headers[2..4], ..to(3) },
    ];
    let producer = producer(&[]);
    messages.iter().for_each(|message| producer.send(message));
    producer.finish();

    let owned = |bytes: Bytes| bytes.map(<[u8]>::to_vec);
    let expected: Vec<Record> = messages
        .iter()
        .enumerate()
        .map(|(number, message)| Record {
            partition: message.partition,
            offset: number as i64 % 2,
            timestamp: message.timestamp_ms,
            headers: message.headers.iter().map(|(name, value)| ((*name).to_owned(), owned(*value))).collect(),
            key: owned(message.key),
            value: owned(message.value),
        })
        .collect();
    assert_eq!(Broker::shared().read(topic), expected);
}

#[test]
fn a_delivered_event_says_where_the_message_is() {
    let topic = topic("where", 3);
    let producer = producer(&[]);
    for tag in 0..30 {
        let key = format!("key {tag}");
        producer.send(&Message { key: Some(key.as_bytes()), value: Some(b"v"), tag, ..Message::to(topic) });
    }
    producer.finish();

    let place = |key: &Option<Vec<u8>>, partition, offset, timestamp| (key.clone(), partition, offset, timestamp);
    let mut said: Vec<_> = producer
        .events(DELIVERED)
        .iter()
        .inspect(|event| assert_eq!((event.topic.as_deref(), event.status, event.kafka_error), (Some(topic), OK, 0)))
        .inspect(|event| assert_eq!(event.key, Some(format!("key {}", event.tag).into_bytes())))
        .map(|event| place(&event.key, event.partition, event.offset, event.timestamp_ms))
        .collect();
    let records = Broker::shared().read(topic);
    let mut found: Vec<_> = records.iter().map(|it| place(&it.key, it.partition, it.offset, it.timestamp)).collect();
    said.sort();
    found.sort();
    assert_eq!(said, found);
}

#[test]
fn a_megabyte_arrives() {
    let topic = "megabyte";
    Broker::shared().topic(topic, 1, &["max.message.bytes=2000000"]);
    let value = noise(1 << 20);
    let producer = producer(&[("message.max.bytes", "2000000")]);
    for tag in 0..3 {
        producer.produce(topic, Some(b"large"), Some(&value), tag);
    }
    producer.finish();

    let records = Broker::shared().read(topic);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.value.as_deref() == Some(&value)), "{records:?}");
}

#[test]
fn every_codec_compresses_and_arrives() {
    let value = "abcdefghij".repeat(100);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("codec_{codec}");
        Broker::shared().topic(&topic, 1, &[]);
        let producer = producer(&[("compression.codec", codec)]);
        for tag in 0..100 {
            producer.say(&topic, &format!("{tag}:{value}"), tag);
        }
        producer.finish();

        let expected: Vec<String> = (0..100).map(|number| format!("{number}:{value}")).collect();
        assert_eq!(Broker::shared().read_values(&topic), expected, "{codec}");
        let bytes = Broker::shared().bytes_on_disk(&topic);
        assert_eq!(bytes < 50_000, codec != "none", "{codec}: {bytes} bytes in the log");
    }
}

#[test]
fn the_timestamp_is_that_of_the_call() {
    let (topic, other) = (topic("time_of_call", 1), topic("time_of_call_other", 1));
    let patient = producer(&[]);
    let before = now_ms();
    for tag in 0..3 {
        patient.say(topic, "early", tag);
    }
    let after = now_ms();

    let busy = producer(&[]);
    busy.say(other, "meanwhile", 0);
    busy.finish();
    while now_ms() <= after {
        std::hint::spin_loop();
    }
    patient.finish();

    let times: Vec<i64> = Broker::shared().read(topic).iter().map(|record| record.timestamp).collect();
    assert_eq!(times.len(), 3);
    assert!(times.iter().all(|time| (before..=after).contains(time)), "{before} to {after}: {times:?}");
    let told: Vec<i64> = patient.events(DELIVERED).iter().map(|event| event.timestamp_ms).collect();
    assert_eq!(told, times);
}

#[test]
fn an_explicit_partition_is_used() {
    let topic = topic("explicit_partition", 5);
    let producer = producer(&[]);
    for partition in 0..5 {
        let value = format!("for {partition}");
        let key: Bytes = Some(b"one key for all");
        producer.send(&Message { key, value: Some(value.as_bytes()), partition, ..Message::to(topic) });
    }
    producer.finish();
    let found = Broker::shared().read(topic);
    let found: Vec<(i32, String)> = found.iter().map(|record| (record.partition, record.text())).collect();
    let expected: Vec<(i32, String)> = (0..5).map(|partition| (partition, format!("for {partition}"))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_partition_key_chooses_and_is_not_sent() {
    let topic = topic("partition_key", 7);
    let producer = producer(&[]);
    for number in 0..50 {
        let (key, value) = (format!("key {number}"), format!("{number}"));
        let message = Message { key: Some(key.as_bytes()), value: Some(value.as_bytes()), ..Message::to(topic) };
        producer.send(&Message { partition_key: Some(b"123456789"), ..message });
    }
    producer.finish();
    let records = Broker::shared().read(topic);
    let partition = (0xcbf4_3926_u32 % 7) as i32; // the published check value of CRC-32
    assert_eq!(records.len(), 50);
    for (number, record) in records.iter().enumerate() {
        let expected = (partition, Some(format!("key {number}").into_bytes()), number.to_string());
        assert_eq!((record.partition, record.key.clone(), record.text()), expected);
    }
}

// When a delivery begins

fn sizes_of_deliveries(producer: &Producer) -> Vec<u64> {
    producer.events(DELIVERY_STARTED).iter().map(|event| event.message_count).collect()
}

#[test]
fn a_threshold_alone_delivers() {
    let topic = topic("threshold", 1);
    let producer = producer(&[("delivery_threshold", "10")]);
    for tag in 0..10 {
        assert_eq!(producer.stats().deliveries, 0, "after {tag} messages");
        producer.say(topic, &tag.to_string(), tag);
    }
    producer.wait_for(DELIVERED, 10);
    producer.wait_for(DELIVERY_FINISHED, 1);
    assert_eq!(sizes_of_deliveries(&producer), [10]);
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..10));
}

#[test]
fn an_interval_alone_delivers() {
    let topic = topic("interval", 1);
    let producer = producer(&[("delivery_interval", "0.2")]);
    for round in 0..3 {
        for tag in 0..5 {
            producer.say(topic, &(round * 5 + tag).to_string(), tag);
        }
        producer.wait_for(DELIVERED, (round as usize + 1) * 5);
    }
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..15));
}

#[test]
fn asking_for_it_delivers() {
    let topic = topic("deliver", 1);
    let producer = producer(&[]);
    for round in 0..3 {
        for tag in 0..5 {
            producer.say(topic, &(round * 5 + tag).to_string(), tag);
        }
        producer.deliver();
        let settled = producer.wait_for(SETTLED, (round as usize + 1) * 5);
        assert_eq!(settled.len(), (round as usize + 1) * 5);
    }
    producer.wait_for(DELIVERY_FINISHED, 3);
    assert_eq!(sizes_of_deliveries(&producer), [5, 5, 5]);
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..15));
}

#[test]
fn a_full_buffer_delivers() {
    let topic = topic("full_buffer", 2);
    let by_count = producer(&[("max_buffer_size", "10")]);
    for tag in 0..10 {
        let value = tag.to_string();
        by_count.send(&Message { value: Some(value.as_bytes()), partition: 0, tag, ..Message::to(topic) });
    }
    by_count.wait_for(DELIVERED, 10);
    by_count.finish();

    let by_bytes = producer(&[("max_buffer_bytesize", "5000")]);
    let value = [b'x'; 500];
    for tag in 0..20 {
        by_bytes.send(&Message { value: Some(&value), partition: 1, tag, ..Message::to(topic) });
    }
    by_bytes.wait_for(DELIVERED, 10);
    by_bytes.finish();

    assert_eq!(Broker::shared().end_offsets(topic), [10, 20]);
}

#[test]
fn a_shutdown_delivers() {
    let topic = topic("shutdown", 1);
    let producer = producer(&[]);
    for tag in 0..7 {
        producer.say(topic, &tag.to_string(), tag);
    }
    assert_eq!(producer.shutdown(-1), OK);
    assert_eq!(producer.shutdown(-1), OK, "the second call answers the same");
    assert_eq!(producer.try_produce(topic, None, Some(b"late"), 0), SHUT_DOWN);
    assert_eq!(producer.try_flush(0), SHUT_DOWN);
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..7));
}

#[test]
fn flush_says_how_it_went() {
    let topic = "flush";
    Broker::shared().topic(topic, 1, &["cleanup.policy=compact"]);
    let sound = producer(&[]);
    assert_eq!(sound.try_flush(-1), OK, "nothing was produced");
    sound.produce(topic, Some(b"key"), Some(b"value"), 0);
    assert_eq!(sound.try_flush(-1), OK);
    sound.produce(topic, None, Some(b"a compacted topic takes no message without a key"), 1);
    assert_eq!(sound.try_flush(-1), UNDELIVERED);
    sound.produce(topic, Some(b"key"), Some(b"value"), 2);
    assert_eq!(sound.try_flush(-1), OK, "only what was not settled before the call counts");
    assert_eq!(sound.shutdown(-1), OK, "what failed was reported before the call");
    sound.wait_for(SETTLED, 3);
    sound.check_stats();

    let lonely = Producer::new("127.0.0.1:1", &[]); // nobody listens there
    lonely.say(topic, "nowhere to go", 7);
    assert_eq!(lonely.try_flush(0), TIMED_OUT);
    assert_eq!(lonely.try_flush(300), TIMED_OUT);
    assert_eq!(lonely.shutdown(0), UNDELIVERED);
    let settled = lonely.wait_for(SETTLED, 1);
    assert_eq!((settled[0].kind, settled[0].tag), (DROPPED, 7), "{settled:?}");
    assert_eq!(settled[0].value.as_deref(), Some(&b"nowhere to go"[..]));
    lonely.check_stats();
}

// Order

#[test]
fn order_holds_for_each_thread_and_partition() {
    const THREADS: usize = 4;
    const EACH: usize = 5000;
    const PARTITIONS: usize = 3;
    let topic = topic("order", PARTITIONS as u32);
    let small = [("max_queue_size", "100"), ("max_buffer_size", "64"), ("overflow_wait", "90")];
    let producer = producer(&small);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let producer = &producer;
            scope.spawn(move || {
                for number in 0..EACH {
                    let value = format!("{thread}:{number}");
                    let partition = (number % PARTITIONS) as i32;
                    producer.send(&Message { value: Some(value.as_bytes()), partition, ..Message::to(topic) });
                }
            });
        }
    });
    producer.finish();

    let records = Broker::shared().read(topic);
    assert_eq!(records.len(), THREADS * EACH);
    for thread in 0..THREADS {
        for partition in 0..PARTITIONS {
            let prefix = format!("{thread}:");
            let found: Vec<String> = records
                .iter()
                .filter(|record| record.partition == partition as i32)
                .map(Record::text)
                .filter(|text| text.starts_with(&prefix))
                .collect();
            let expected: Vec<String> =
                (partition..EACH).step_by(PARTITIONS).map(|number| format!("{prefix}{number}")).collect();
            assert!(found == expected, "thread {thread}, partition {partition}: {}", difference(&found, &expected));
        }
    }
}

fn difference(found: &[String], expected: &[String]) -> String {
    let place = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let around = |list: &[String]| {
        let begin = place.unwrap_or(list.len()).saturating_sub(2).min(list.len());
        format!("{:?} of {}", &list[begin..(begin + 5).min(list.len())], list.len())
    };
    format!("found {} where {} was expected", around(found), around(expected))
}

// What Kafka refuses

#[test]
fn r28_one_bad_record_fails_alone() {
    let topic = "one_bad_record";
    Broker::shared().topic(topic, 1, &["cleanup.policy=compact"]);
    let producer = producer(&[]);
    for tag in 0..100_u64 {
        let key = format!("k{tag}");
        let key: Bytes = (tag != 50).then_some(key.as_bytes());
        let value = format!("{tag}");
        producer.send(&Message {
            key,
            value: Some(value.as_bytes()),
            tag,
            headers: &[("h", None)],
            ..Message::to(topic)
        });
    }
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let settled = producer.wait_for(SETTLED, 100);
    assert_eq!(settled.len(), 100);
    let failed = producer.events(FAILED);
    assert_eq!(failed.len(), 1, "{failed:#?}");
    let failed = &failed[0];
    assert_eq!((failed.tag, failed.kafka_error, failed.persistence), (50, INVALID_RECORD, NOT_PERSISTED));
    let whole = (&failed.key, failed.value.as_deref(), failed.headers.as_slice());
    assert_eq!(whole, (&None, Some(&b"50"[..]), &[("h".to_owned(), None)][..]), "the message is handed back whole");
    assert_eq!(producer.events(DELIVERED).len(), 99);

    let expected: Vec<String> = (0..100).filter(|tag| *tag != 50).map(|tag| tag.to_string()).collect();
    assert_eq!(Broker::shared().read_values(topic), expected);
    producer.check_stats();
}

#[test]
fn r27_a_batch_larger_than_the_topic_takes_is_split() {
    let topic = "small_batches";
    Broker::shared().topic(topic, 1, &["max.message.bytes=10000"]);
    let producer = producer(&[]);
    for tag in 0..200_u64 {
        if tag == 100 {
            producer.produce(topic, None, Some(&[b'x'; 50_000]), 1000);
        }
        producer.say(topic, &format!("{tag:0100}"), tag);
    }
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    assert_eq!(producer.wait_for(SETTLED, 201).len(), 201);
    let failed = producer.events(FAILED);
    let told: Vec<_> = failed.iter().map(|event| (event.tag, event.kafka_error, event.persistence)).collect();
    assert_eq!(told, [(1000, MSG_SIZE_TOO_LARGE, NOT_PERSISTED)]);
    assert_eq!(failed[0].value.as_ref().map(Vec::len), Some(50_000));

    let expected: Vec<String> = (0..200).map(|tag| format!("{tag:0100}")).collect();
    assert_eq!(Broker::shared().read_values(topic), expected);
    producer.check_stats();
}

#[test]
fn r23_an_unknown_topic_fails_and_others_are_not_touched() {
    let known = topic("known_topic", 1);
    let producer = producer(&[("topic.metadata.propagation.max.ms", "1000")]);
    for tag in 0..3 {
        producer.say("no_such_topic", "lost", 100 + tag);
        producer.say(known, &tag.to_string(), tag);
    }
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let mut failed = producer.wait_for(FAILED, 3);
    failed.sort_by_key(|event| event.tag);
    for (number, event) in failed.iter().enumerate() {
        assert_eq!((event.tag, event.persistence), (100 + number as u64, NOT_PERSISTED), "{event:?}");
        assert_eq!((event.topic.as_deref(), event.value.as_deref()), (Some("no_such_topic"), Some(&b"lost"[..])));
        assert!(UNKNOWN_TOPIC.contains(&event.kafka_error), "{event:?}");
    }
    producer.say(known, "3", 3);
    producer.flush();
    assert_eq!(producer.wait_for(DELIVERED, 4).len(), 4);
    assert_eq!(Broker::shared().read_values(known), numbered("", 0..4));
    producer.check_stats();
}

/// Bad records first, last, in between and everywhere, of two kinds, in a partition each; one read for all of it.
#[test]
fn r27_r28_bad_records_anywhere_in_a_batch() {
    const BATCH: u64 = 30;
    let topic = "bad_anywhere";
    Broker::shared().topic(topic, 32, &["cleanup.policy=compact", "max.message.bytes=10000"]);
    let shapes: [fn(u64) -> bool; 4] =
        [|number| number == 0, |number| number == BATCH - 1, |number| number % 7 < 2, |_| true];
    let large = noise(20_000);
    let mut expected = Vec::new();
    let mut partition = 0;
    for idempotent in ["true", "false"] {
        for codec in ["none", "lz4"] {
            let producer = producer(&[("enable.idempotence", idempotent), ("compression.codec", codec)]);
            let mut bad = Vec::new();
            for (is_large, is_bad) in shapes.iter().flat_map(|shape| [(true, shape), (false, shape)]) {
                for number in 0..BATCH {
                    let tag = partition as u64 * 100 + number;
                    let text = tag.to_string();
                    let sound = Message { value: Some(text.as_bytes()), partition, tag, ..Message::to(topic) };
                    let key: Bytes = Some(b"key");
                    match (is_bad(number), is_large) {
                        (true, true) => producer.send(&Message { key, value: Some(&large), ..sound }),
                        (true, false) => producer.send(&sound),
                        (false, _) => producer.send(&Message { key, ..sound }),
                    }
                    if is_bad(number) {
                        bad.push((tag, if is_large { MSG_SIZE_TOO_LARGE } else { INVALID_RECORD }, NOT_PERSISTED));
                    } else {
                        expected.push((partition, text));
                    }
                }
                partition += 1;
            }
            assert_eq!(producer.try_flush(-1), UNDELIVERED);
            producer.wait_for(SETTLED, 8 * BATCH as usize);
            let mut failed: Vec<_> =
                producer.events(FAILED).iter().map(|event| (event.tag, event.kafka_error, event.persistence)).collect();
            failed.sort_unstable();
            assert_eq!(failed, bad, "idempotent: {idempotent}, {codec}");
            producer.check_stats();
        }
    }
    let found: Vec<(i32, String)> =
        Broker::shared().read(topic).iter().map(|record| (record.partition, record.text())).collect();
    assert_eq!(found, expected);
}

/// Where librdkafka has made several requests of what was handed over at once, too.
#[test]
fn r28_the_order_holds_around_a_bad_record_among_many() {
    let topic = "bad_among_many";
    Broker::shared().topic(topic, 1, &["cleanup.policy=compact"]);
    let producer = producer(&[("max_queue_size", "20000"), ("max_buffer_size", "20000")]);
    for tag in 0..20_000_u64 {
        let key: Bytes = (tag % 4000 != 10).then_some(b"key");
        let text = tag.to_string();
        producer.send(&Message { key, value: Some(text.as_bytes()), partition: 0, tag, ..Message::to(topic) });
    }
    assert_eq!(producer.try_flush(-1), UNDELIVERED);
    let failed: Vec<u64> = producer.wait_for(FAILED, 5).iter().map(|event| event.tag).collect();
    assert_eq!(failed, [10, 4010, 8010, 12010, 16010]);
    let expected: Vec<String> = (0..20_000).filter(|tag| tag % 4000 != 10).map(|tag| tag.to_string()).collect();
    let found = Broker::shared().read_values(topic);
    assert!(found == expected, "{}", difference(&found, &expected));
}

/// What compresses badly.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64; // xorshift
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).collect()
}

#[test]
fn r26_a_message_over_the_limit_is_refused_at_once() {
    const LIMIT: usize = 100_000;
    let topic = topic("over_the_limit", 1);
    let producer = producer(&[("message.max.bytes", &LIMIT.to_string())]);
    assert_eq!(producer.try_produce(topic, None, Some(&vec![b'x'; LIMIT]), 1), MESSAGE_TOO_LARGE);
    let stats = producer.stats();
    assert_eq!((stats.accepted, stats.queue_size + stats.buffer_size, stats.pending_bytes), (0, 0, 0), "{stats:?}");
    producer.produce(topic, None, Some(&vec![b'y'; LIMIT - 1000]), 2);
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), ["y".repeat(LIMIT - 1000)]);
}

// Topics that go and come

/// Where Kafka makes no topics by itself (where it does: changes.rs).
#[test]
fn r24_a_topic_is_deleted_and_made_anew_later() {
    let (topic, other) = ("deleted_for_long", "not_deleted");
    for name in [topic, other] {
        Broker::shared().topic(name, 1, &[]);
    }
    let settings = [("topic.metadata.refresh.interval.ms", "200"), ("topic.metadata.propagation.max.ms", "1000")];
    let producer = producer(&settings);
    say(&producer, topic, 0..10);
    producer.flush();
    Broker::shared().delete_topic(topic);
    say(&producer, topic, 10..20);
    say(&producer, other, 20..30);
    assert_eq!(producer.try_flush(PATIENCE.as_millis() as i64), UNDELIVERED);
    producer.wait_for(SETTLED, 30);
    assert_eq!(tags(&producer, FAILED), (10..20).collect::<BTreeSet<u64>>());
    for event in producer.events(FAILED) {
        assert!([3, -188].contains(&event.kafka_error) && event.persistence == NOT_PERSISTED, "{event:?}");
    }

    Broker::shared().topic(topic, 1, &[]);
    let deadline = Instant::now() + PATIENCE;
    let mut sent = 30;
    loop {
        say(&producer, topic, sent..sent + 1);
        sent += 1;
        if producer.try_flush(PATIENCE.as_millis() as i64) == OK {
            break;
        }
        assert!(Instant::now() < deadline, "the new topic is not found");
        thread::sleep(Duration::from_millis(100));
    }
    say(&producer, topic, sent..sent + 10);
    producer.flush();
    producer.wait_for(SETTLED, sent as usize + 10);
    let delivered = tags(&producer, DELIVERED).split_off(&30);
    let expected: Vec<String> = delivered.iter().map(u64::to_string).collect();
    assert_eq!(Broker::shared().read_values(topic), expected, "once and in order");
    assert_eq!(Broker::shared().end_offsets(other), [10]);
    producer.check_stats();
}

// Other settings

#[test]
fn one_acknowledgement_without_idempotence() {
    let topic = topic("acks_1", 1);
    let producer = producer(&[("acks", "1"), ("enable.idempotence", "false")]);
    for tag in 0..500 {
        producer.say(topic, &tag.to_string(), tag);
    }
    producer.finish();
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..500));
}

#[test]
fn no_acknowledgement() {
    let topic = topic("acks_0", 1);
    let unacknowledged = [("acks", "0"), ("enable.idempotence", "false")];
    let producer =
        producer(&[&unacknowledged[..], &[("max_queue_size", "3000"), ("max_buffer_size", "3000")]].concat());
    for tag in 0..2500 {
        producer.say(topic, &tag.to_string(), tag);
    }
    producer.finish();
    for event in producer.events(DELIVERED) {
        assert_eq!((event.partition, event.offset), (0, -1), "nobody has said where it is: {event:?}");
    }
    // Nothing says when the broker has them all.
    let deadline = Instant::now() + PATIENCE;
    while Broker::shared().end_offsets(topic) != [2500] {
        assert!(Instant::now() < deadline, "{:?} of 2500 messages arrived", Broker::shared().end_offsets(topic));
    }
    assert_eq!(Broker::shared().read_values(topic), numbered("", 0..2500));
}

#[test]
fn r25_a_partition_added_later_is_used() {
    let topic = topic("one_more_partition", 1);
    let producer = producer(&[("topic.metadata.refresh.interval.ms", "500")]);
    producer.say(topic, "0", 0);
    producer.flush();
    Broker::shared().add_partitions(topic, 2);

    // When the client learns of it is its own affair; until then and from then on each key has one partition.
    let keys: Vec<String> = (0..20).map(|number| format!("key {number}")).collect();
    let deadline = Instant::now() + PATIENCE;
    let mut sent = 1;
    while !producer.events(DELIVERED).iter().any(|event| event.partition == 1) {
        assert!(Instant::now() < deadline, "{sent} messages, and none on the new partition");
        for key in &keys {
            producer.produce(topic, Some(key.as_bytes()), Some(sent.to_string().as_bytes()), sent);
            sent += 1;
        }
        producer.deliver();
        producer.wait_for(SETTLED, sent as usize - 10);
    }
    producer.send(&Message { value: Some(sent.to_string().as_bytes()), partition: 1, tag: sent, ..Message::to(topic) });
    producer.finish();

    let records = Broker::shared().read(topic);
    let mut partition_of: HashMap<Vec<u8>, i32> = HashMap::new();
    let mut seen = BTreeSet::new();
    for partition in 0..2 {
        let mut last = None;
        for record in records.iter().filter(|record| record.partition == partition) {
            let number: u64 = record.text().parse().expect("a number");
            assert!(last < Some(number), "in order: {record:?} after {last:?}");
            last = Some(number);
            assert!(seen.insert(number), "once: {record:?}");
        }
    }
    assert_eq!(seen, (0..=sent).collect());
    let mut by_number: Vec<&Record> = records.iter().filter(|record| record.key.is_some()).collect();
    by_number.sort_by_key(|record| record.text().parse::<u64>().expect("a number"));
    for record in by_number {
        let before = partition_of.insert(record.key.clone().expect("a key"), record.partition);
        assert!(before <= Some(record.partition), "a key moves once, to the new partition: {record:?}");
    }
}

// A broker that dies

#[test]
fn what_a_dead_broker_misses_is_delivered_when_it_is_back() {
    let broker = Broker::start(&[]);
    let topic = "made_by_the_broker"; // it does not exist until the first message
    let producer = Producer::new(broker.bootstrap(), &[("max_queue_size", "10000"), ("overflow_wait", "90")]);
    producer.send(&Message { value: Some(b"0"), partition: 0, ..Message::to(topic) });
    producer.flush();

    broker.kill();
    for tag in 1..500 {
        producer.say(topic, &tag.to_string(), tag);
    }
    producer.deliver();
    producer.wait_for(ERROR, 1); // it has noticed
    broker.restart();
    producer.flush();

    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for tag in 500..20_000 {
                producer.say(topic, &tag.to_string(), tag);
            }
        });
        producer.wait_for(DELIVERED, 3000);
        broker.kill(); // with messages on their way
        broker.restart();
        sender.join().expect("nothing is refused");
    });
    producer.finish();
    let found = broker.read_values(topic);
    let expected = numbered("", 0..20_000);
    assert!(found == expected, "{}", difference(&found, &expected));
}

// Fork

#[test]
fn r51_forked_children_go_on_with_the_producer_they_inherit() {
    const CHILDREN: usize = 100;
    let topic = topic("fork", 3);
    let output = Command::new(program::compile("tests/kafka/fork.c"))
        .args([Broker::shared().bootstrap(), topic, &CHILDREN.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("fork runs");
    assert!(output.status.success(), "{}", output.status);

    let mut expected: HashMap<String, usize> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| line.split_once(' ').expect("name and count"))
        .map(|(name, count)| (name.to_owned(), count.parse().expect("a count")))
        .collect();
    assert_eq!(expected.len(), 3, "the threads of the parent: {expected:?}");
    assert!(expected.values().all(|count| *count > 0), "{expected:?}");
    expected.extend((0..CHILDREN).filter(|child| child % 10 < 8).map(|child| (format!("c{child}"), 20)));

    // Every sender's messages have one key, so one partition: they must be there once and in order.
    let mut found: HashMap<String, usize> = HashMap::new();
    for record in Broker::shared().read(topic) {
        let text = record.text();
        let (name, number) = text.split_once(':').expect("name and number");
        let next = found.entry(name.to_owned()).or_default();
        assert_eq!(number.parse(), Ok(*next), "{name}: its next message was expected, not {record:?}");
        *next += 1;
    }
    assert_eq!(found, expected);
}

// The harness

#[test]
fn a_broker_leaves_nothing_behind() {
    let broker = Broker::start(&[]);
    let process = Path::new("/proc").join(broker.pid().to_string());
    assert!(process.exists());
    let directory = broker.directory().to_owned();
    drop(broker);
    assert!(!directory.exists());
    // It may be a zombie until the system has buried it, but it runs no more.
    let state = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
