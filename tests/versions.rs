//! Row 33: brokers of other versions.

mod support;

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::types::RDKafkaApiKey;

use support::kafka::Broker;
use support::producer::*;

/// One older version; KAFKA_VERSIONS="3.3.2 3.7.2" tries others.
const OLDER: &str = "3.9.1";

#[test]
fn r33_an_older_broker_gets_everything_once_and_in_order() {
    let versions = std::env::var("KAFKA_VERSIONS").unwrap_or_else(|_| OLDER.into());
    for version in versions.split_whitespace() {
        // Which 2.8 does not know by itself.
        let protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
        let broker = Broker::start_version(version, &[protocols]);
        let producer = Producer::new(broker.bootstrap(), &[("compression.codec", "zstd")]);
        let values: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        for (tag, value) in (0..).zip(&values) {
            producer.produce("older", Some(b"key"), Some(value.as_bytes()), tag);
        }
        producer.flush();
        producer.send(&Message { value: Some(b"last"), headers: &[("name", Some(b"value"))], ..Message::to("older") });
        producer.finish();
        let records = broker.read("older");
        let expected: Vec<&str> = values.iter().map(String::as_str).chain(["last"]).collect();
        assert_eq!(records.iter().map(|record| record.text()).collect::<Vec<_>>(), expected, "{version}");
        assert_eq!(records[500].headers, [("name".to_owned(), Some(b"value".to_vec()))], "{version}");
        let log = std::fs::read_to_string(broker.directory().join("server.log")).expect("the broker's log");
        assert!(log.contains(&format!("Kafka version: {version}")), "another version runs");
        eprintln!("{version}: {} records read back", records.len());
    }
}

/// As brokers before 0.11, which know no idempotent producers: an error says it, and nothing is lost or sent in a hurry. A
/// producer without idempotence delivers.
#[test]
fn r33_a_broker_without_idempotence_is_an_error_and_keeps_the_messages() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("old", 1, 1).expect("a topic");
    cluster.apiversion(RDKafkaApiKey::InitProducerId, Some(-1), Some(-1)).expect("it can be taken away");
    let producer = Producer::new(&cluster.bootstrap_servers(), &[("stall_report_interval", "1")]);
    producer.say("old", "hello", 1);
    producer.deliver();
    let error = &producer.wait_for(ERROR, 1)[0];
    assert!(error.text.contains("Idempotent producer not supported") && error.text.contains("0.11"), "{error:?}");
    producer.wait_for(STALLED, 1);
    let (before, resets) = (std::time::Instant::now(), producer.stats().client_resets);
    while producer.stats().client_resets < resets + 3 {
        assert!(before.elapsed() < support::PATIENCE, "{:?}", producer.stats());
        std::thread::sleep(Duration::from_millis(10));
    }
    eprintln!("three new clients in {:?}", before.elapsed());
    assert!(before.elapsed() > Duration::from_millis(500), "the client is made anew without a pause");
    let stats = producer.stats();
    assert_eq!((stats.delivered, stats.failed, stats.dropped), (0, 0, 0), "{stats:?}");
    assert_eq!(producer.shutdown(0), UNDELIVERED);
    assert_eq!(producer.wait_for(DROPPED, 1)[0].value.as_deref(), Some(&b"hello"[..]));

    let plain = Producer::new(&cluster.bootstrap_servers(), &[("enable.idempotence", "false")]);
    plain.say("old", "hello", 1);
    plain.finish();
}
