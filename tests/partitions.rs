//! Which partition a message goes to, against a real Kafka: ruby-kafka's answer by default, Java's where it is asked for.

mod support;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use support::PATIENCE;
use support::kafka::Broker;
use support::producer::*;

const PARTITIONS: u32 = 7;

/// CRC-32 as ISO 3309 has it, a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[test]
fn the_crc_of_this_test_is_crc_32() {
    assert_eq!(crc32(b""), 0);
    assert_eq!(crc32(b"a"), 0xe8b7_be43);
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
}

fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..200).map(|number| format!("key-{number}").into_bytes()).collect();
    keys.extend((0..=255).map(|byte| vec![byte]));
    keys.extend((0..60_u32).map(|number| number.to_be_bytes().to_vec()));
    keys.push(Vec::new());
    keys.push(b"123456789".to_vec());
    keys.push("\u{fc}ber/\u{6771}\u{4eac}".into());
    keys.push(vec![0; 1000]);
    keys
}

/// Sends the keys, one message each, and answers where Kafka has them.
fn partitions_of(topic: &str, partitioner: &[(&str, &str)], keys: &[Vec<u8>]) -> HashMap<Vec<u8>, i32> {
    let broker = Broker::shared();
    broker.topic(topic, PARTITIONS, &[]);
    let producer = Producer::new(broker.bootstrap(), partitioner);
    for (tag, key) in keys.iter().enumerate() {
        producer.produce(topic, Some(key), Some(b"value"), tag as u64);
    }
    producer.finish();
    read(topic)
}

fn read(topic: &str) -> HashMap<Vec<u8>, i32> {
    let records = Broker::shared().read(topic);
    records.into_iter().map(|record| (record.key.expect("a key"), record.partition)).collect()
}

#[test]
fn keys_go_by_crc_32_as_in_ruby_kafka() {
    let keys = keys();
    let found = partitions_of("crc", &[], &keys);
    let expected = keys.into_iter().map(|key| (crc32(&key) % PARTITIONS, key));
    let expected: HashMap<Vec<u8>, i32> = expected.map(|(partition, key)| (key, partition as i32)).collect();
    assert_eq!(found, expected);
    assert_eq!(found[&b""[..]], 0, "an empty key is a key");
}

#[test]
fn the_partition_key_goes_before_the_key() {
    let broker = Broker::shared();
    let topic = "partition_keys";
    broker.topic(topic, PARTITIONS, &[]);
    let producer = Producer::new(broker.bootstrap(), &[]);
    let keys = keys();
    for (tag, key) in keys.iter().enumerate() {
        let value = Some(&key[..]);
        let tag = tag as u64;
        producer.send(&Message { partition_key: Some(key), key: Some(b"the same"), value, tag, ..Message::to(topic) });
    }
    producer.finish();
    let records = broker.read(topic);
    assert_eq!(records.len(), keys.len());
    for record in records {
        assert_eq!(record.key.as_deref(), Some(&b"the same"[..]));
        let chosen_by = record.value.as_deref().expect("a value");
        assert_eq!(record.partition as u32, crc32(chosen_by) % PARTITIONS, "{}", chosen_by.escape_ascii());
    }
}

const MURMUR2: (&str, &str) = ("partitioner", "murmur2_random");

/// From the tests of Kafka's own `Utils.murmur2`.
const MURMUR2_HASHES: [(&str, i32); 6] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ("abc", 479_470_107),
];

#[test]
fn murmur2_gives_the_published_partitions() {
    let keys: Vec<Vec<u8>> = MURMUR2_HASHES.iter().map(|(key, _)| key.as_bytes().to_vec()).collect();
    let found = partitions_of("murmur2", &[MURMUR2], &keys);
    for (key, hash) in MURMUR2_HASHES {
        assert_eq!(found[key.as_bytes()], (hash & 0x7fff_ffff) % PARTITIONS as i32, "{key}");
    }
}

#[test]
fn murmur2_agrees_with_kafkas_own_producer() {
    // Text in UTF-8, without the tab and the newline that end a key and a line there.
    let keys: Vec<Vec<u8>> = keys()
        .into_iter()
        .filter(|key| std::str::from_utf8(key).is_ok_and(|key| !key.contains(['\t', '\n', '\r', '\0'])))
        .collect();
    assert!(keys.len() > 250 && keys.contains(&Vec::new()), "{} keys", keys.len());
    let ours = partitions_of("murmur2_ours", &[MURMUR2], &keys);
    Broker::shared().topic("murmur2_theirs", PARTITIONS, &[]);
    let lines: String = keys.iter().map(|key| format!("{}\tvalue\n", std::str::from_utf8(key).unwrap())).collect();
    Broker::shared().write("murmur2_theirs", &lines);
    assert_eq!(ours, read("murmur2_theirs"));
}

#[test]
fn without_a_key_all_partitions_are_used() {
    for (topic, partitioner) in [("keyless", &[][..]), ("keyless_murmur2", &[MURMUR2])] {
        Broker::shared().topic(topic, PARTITIONS, &[]);
        let producer = Producer::new(Broker::shared().bootstrap(), partitioner);
        let deadline = Instant::now() + PATIENCE;
        let mut used = HashSet::new();
        while used.len() < PARTITIONS as usize {
            assert!(Instant::now() < deadline, "only partitions {used:?} were used");
            let sent = producer.stats().accepted;
            for tag in 0..20 {
                producer.say(topic, "no key", tag);
            }
            producer.flush();
            used.extend(producer.wait_for(DELIVERED, sent as usize + 20).iter().map(|event| event.partition));
        }
        producer.finish();
        let found: HashSet<i32> = Broker::shared().read(topic).iter().map(|record| record.partition).collect();
        assert_eq!(found, used);
    }
}
