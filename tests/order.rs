//! A refused batch is sent again before anything that was accepted after it, however long it took to hand it over.

mod support;

use support::mock::{Cluster, PRODUCE};
use support::producer::*;

const TOPIC: &str = "topic";
const INVALID_RECORD: i32 = 87;

/// Handing these over takes so long that librdkafka, left to itself, would send them in several requests, of which the
/// second is on its way when the first comes back.
const MANY: u64 = 9000;

#[test]
fn a_window_that_is_handed_over_slowly_is_one_request() {
    for linger in ["0", "0.5", "1", "5"] {
        let cluster = Cluster::new(1, TOPIC, 1);
        let settings = [("max_queue_size", "20000"), ("max_buffer_size", "20000"), ("linger.ms", linger)];
        let producer = Producer::new(&cluster.bootstrap(), &settings);
        producer.say(TOPIC, "first", MANY);
        producer.flush();
        cluster.errors(PRODUCE, &[0, INVALID_RECORD]); // the first window is what one turn of the worker took
        for number in 0..MANY {
            producer.say(TOPIC, &number.to_string(), number);
        }
        producer.finish();
        let expected: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
        let found = &cluster.read(TOPIC, 0)[1..];
        let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!(found.len(), expected.len());
        assert_eq!(wrong, None, "linger.ms={linger}: the first message out of its place");
    }
}
