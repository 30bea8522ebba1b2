//! What a person is told of a message that is not delivered: how far it came, which broker, how often, the last cause, and
//! what is known of the log. Against librdkafka, whose mock cluster plays the broker.

mod support;

use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t::*;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;

use support::producer::*;

const TOPIC: &str = "topic";

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    cluster
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_refusal_names_the_broker() {
    let cluster = cluster();
    let producer = Producer::new(&cluster.bootstrap_servers(), &[]);
    producer.say(TOPIC, "first", 1);
    producer.flush();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RD_KAFKA_RESP_ERR_POLICY_VIOLATION]);
    producer.say(TOPIC, "second", 2);
    producer.deliver();
    let failed = &producer.wait_for(FAILED, 1)[0];
    let text = "not delivered: refused by broker 1: Broker: Policy violation (POLICY_VIOLATION); attempts: 1; ";
    has(&failed.text, &[text, "it is not in Kafka's log"]);
}

#[test]
fn without_a_broker_it_was_not_sent() {
    let cluster = cluster();
    cluster.broker_down(-1).expect("down");
    let properties = [
        ("max_retries", "0"),
        ("request.timeout.ms", "3000"),
        ("stall_report_interval", "1"),
        ("reconnect.backoff.max.ms", "200"),
    ];
    let producer = Producer::new(&cluster.bootstrap_servers(), &properties);
    producer.say(TOPIC, "first", 1);
    producer.deliver();
    has(&producer.wait_for(STALLED, 1)[0].text, &["1 waiting, none delivered for 1 s: "]);
    let failed = &producer.wait_for(FAILED, 1)[0];
    let cause = ["no connection: ", "; last error: 127.0.0.1:", "attempts: 1", "it is not in Kafka's log"];
    has(&failed.text, &cause);
    let errors = producer.wait_for(ERROR, 1);
    has(&errors[0].text, &["no connection: ", "127.0.0.1:"]);
}

#[test]
fn without_an_answer_it_is_said_who_was_asked() {
    let cluster = cluster();
    let properties = [("max_retries", "0"), ("request.timeout.ms", "10000"), ("stall_report_interval", "1")];
    let producer = Producer::new(&cluster.bootstrap_servers(), &properties);
    producer.say(TOPIC, "first", 1);
    producer.flush();
    cluster.broker_round_trip_time(-1, Duration::from_secs(80)).expect("a delay");
    producer.say(TOPIC, "second", 2);
    producer.deliver();
    has(&producer.wait_for(STALLED, 1)[0].text, &["1 for the acknowledgement"]);
    let failed = &producer.wait_for(FAILED, 1)[0];
    has(&failed.text, &["sent to broker 1, not acknowledged: ", "attempts: 1", "it may be in Kafka's log"]);
}

#[test]
fn a_partition_that_is_not_there_is_a_matter_of_metadata() {
    let cluster = cluster();
    let producer = Producer::new(&cluster.bootstrap_servers(), &[]);
    producer.say(TOPIC, "first", 1);
    producer.flush();
    producer.send(&Message { partition: 7, tag: 2, ..Message::to(TOPIC) });
    producer.deliver();
    let failed = &producer.wait_for(FAILED, 1)[0];
    has(&failed.text, &["not delivered: no metadata: ", "it is not in Kafka's log"]);
}
