//! A producer that cannot get through: it keeps what it has, says why, and does not spin.

use crate::relay::Relay;
use crate::secured::{PASSWORD, secured};
use crate::support::producer::*;

use std::time::Instant;

/// What is in no text, whatever happens.
pub const SECRETS: [&str; 3] = [PASSWORD, "a-password-of-nobody", "a-password-of-the-key"];
pub const WRONG: &str = SECRETS[1];
pub const KEY_PASSWORD: &str = SECRETS[2];

const VALUES: [&str; 3] = ["one", "two", "three"];

/// Events among which the cause is looked for.
const ENOUGH: usize = 8;

pub struct Trial {
    relay: Relay,
    topic: String,
    producer: Producer,
    since: Instant,
}

impl Trial {
    /// Three messages for a topic of its own, by way of a relay.
    pub fn start(relay: Relay, topic: &str, properties: &[(&str, &str)]) -> Trial {
        // Soon again, but not at once: the pause between two attempts grows from a tenth of a second.
        let common = [
            ("reconnect.backoff.max.ms", "1000"),
            ("stall_report_interval", "1"),
            // The topic is made at the first delivery, and librdkafka counts this time from the first message on (in
            // microseconds in 31 bits).
            ("topic.metadata.propagation.max.ms", "600000"),
        ];
        let producer = Producer::new(relay.address(), &[&common[..], properties].concat());
        say(&producer, topic);
        producer.deliver();
        Trial { relay, topic: topic.into(), producer, since: Instant::now() }
    }

    /// STALLED, which comes each second, names the cause, and so did an ERROR.
    pub fn says(&self, cause: &str) {
        let names = |event: &Event| event.text.contains(cause);
        let named = (1..=ENOUGH).any(|count| names(&self.producer.wait_for(STALLED, count)[count - 1]));
        let said = self.producer.events(STALLED | ERROR);
        assert!(named, "{}: not \"{cause}\" but {said:#?}", self.topic);
        assert!(said.iter().any(|event| event.kind == ERROR && names(event)), "{}: {said:#?}", self.topic);
    }

    /// Where librdkafka reports no error but that all brokers are down, its log has the cause.
    pub fn logs(&self, cause: &str) {
        self.producer.wait_for(STALLED, 3);
        let logs = self.producer.events(LOG);
        assert!(logs.iter().any(|event| event.text.contains(cause)), "{}: not \"{cause}\" but {logs:#?}", self.topic);
    }

    /// It tries again, but does not spin: the pauses leave room for some attempts a second. Nothing is settled.
    pub fn waits(&self) {
        self.producer.wait_for(STALLED, 3);
        let (count, seconds) = (self.relay.wait_for(4), self.since.elapsed().as_secs() as usize);
        assert!(count <= 10 + 3 * seconds, "{}: {count} connections in {seconds} s", self.topic);
        let stats = self.producer.stats();
        assert_eq!((stats.accepted, stats.delivered, stats.failed, stats.dropped), (3, 0, 0, 0), "{stats:?}");
        let errors = self.producer.events(ERROR);
        let minutes = 1 + seconds / 60;
        assert!(errors.len() <= 5 * minutes, "{}, in {minutes} minutes: {errors:#?}", self.topic);
        self.keeps_secrets();
    }

    pub fn keeps_secrets(&self) {
        for event in self.producer.events(u32::MAX) {
            for secret in SECRETS {
                assert!(!event.text.contains(secret), "{event:?}");
                assert!(event.kind != STATS || !contains(event.value.as_deref(), secret), "{event:?}");
            }
        }
    }

    /// The same producer delivers what it kept, once its cause is gone.
    pub fn recovers(&self) {
        self.producer.finish();
        self.keeps_secrets();
        assert_eq!(secured().read_values(&self.topic), VALUES);
    }

    /// Everything comes back whole.
    pub fn gives_up(&self) {
        assert_eq!(self.producer.shutdown(0), UNDELIVERED);
        let dropped = self.producer.wait_for(DROPPED, VALUES.len());
        let values: Vec<&[u8]> = dropped.iter().map(|event| event.value.as_deref().expect("a value")).collect();
        assert_eq!(values, VALUES.map(str::as_bytes));
        self.producer.check_stats();
        self.keeps_secrets();
    }

    /// What comes back is delivered by a producer that gets it right.
    pub fn is_replaced(&self, listener: &str, properties: &[(&str, &str)]) {
        self.gives_up();
        self.delivers_after(listener, properties);
    }

    pub fn delivers_after(&self, listener: &str, properties: &[(&str, &str)]) {
        delivers(listener, &self.topic, properties);
    }
}

/// Where nothing is wrong.
pub fn delivers(listener: &str, topic: &str, properties: &[(&str, &str)]) {
    let producer = Producer::new(&secured().at(listener), properties);
    say(&producer, topic);
    producer.finish();
    assert_eq!(secured().read_values(topic), VALUES);
}

fn say(producer: &Producer, topic: &str) {
    for (tag, value) in (1..).zip(VALUES) {
        producer.say(topic, value, tag);
    }
}

fn contains(bytes: Option<&[u8]>, text: &str) -> bool {
    bytes.is_some_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}
