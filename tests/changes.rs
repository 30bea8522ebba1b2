//! What changes at a real Kafka while messages are produced: a topic goes and comes again, a permission is taken away, a
//! quota is set, the producer is forgotten.

mod support;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::kafka::{Broker, free_ports};
use support::producer::*;

const PASSWORD: &str = "a-password-of-alice";
const FORBIDDEN: i32 = 29;

/// Makes topics by itself, forgets producers after a second, and lets alice do only what she is allowed to.
struct Guarded {
    broker: Broker,
    sasl: String,
}

fn guarded() -> &'static Guarded {
    static GUARDED: OnceLock<Guarded> = OnceLock::new();
    extern "C" fn end() {
        if let Some(guarded) = GUARDED.get() {
            guarded.broker.end();
        }
    }
    GUARDED.get_or_init(|| {
        // SAFETY: `end` takes no lock that a thread could hold for ever.
        unsafe { libc::atexit(end) };
        let [plain, controller, sasl] = free_ports();
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
        let properties = [
            format!(
                "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},\
                 SASL_PLAINTEXT://127.0.0.1:{sasl}"
            ),
            "listener.security.protocol.map=\
             PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT"
                .into(),
            format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
            "sasl.enabled.mechanisms=PLAIN".into(),
            format!("listener.name.sasl_plaintext.plain.sasl.jaas.config={module} required user_alice=\"{PASSWORD}\";"),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".into(),
            "super.users=User:ANONYMOUS".into(),
            "producer.id.expiration.ms=1000".into(),
            "producer.id.expiration.check.interval.ms=200".into(),
        ];
        let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
        Guarded { broker: Broker::start(&properties), sasl: format!("127.0.0.1:{sasl}") }
    })
}

fn broker() -> &'static Broker {
    &guarded().broker
}

fn producer(properties: &[(&str, &str)]) -> Producer {
    Producer::new(broker().bootstrap(), properties)
}

/// One that alice has started.
fn producer_of_alice(properties: &[(&str, &str)]) -> Producer {
    let common = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", PASSWORD),
    ];
    Producer::new(&guarded().sasl, &[&common[..], properties].concat())
}

fn say(producer: &Producer, topic: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(topic, &number.to_string(), number);
    }
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn numbers(values: &[String]) -> Vec<u64> {
    values.iter().map(|value| value.parse().expect("a number")).collect()
}

fn tags(producer: &Producer, kind: u32) -> BTreeSet<u64> {
    producer.events(kind).iter().map(|event| event.tag).collect()
}

#[test]
fn r10_kafka_forgets_the_producer() {
    let topic = "forgotten";
    broker().topic(topic, 1, &[]);
    let producer = producer(&[]);
    say(&producer, topic, 0..10);
    producer.flush();
    let deadline = Instant::now() + PATIENCE;
    let known = || {
        let said = broker().tool(&["TransactionsCommand", "describe-producers", "--topic", topic, "--partition", "0"]);
        said.lines().count() > 1 // The first is the heading.
    };
    while known() {
        assert!(Instant::now() < deadline, "Kafka does not forget the producer");
    }
    say(&producer, topic, 10..20);
    producer.finish();
    assert_eq!(broker().read_values(topic), texts(0..20));
}

/// The topic goes while messages are produced, and is made anew by the next one that comes.
#[test]
fn r24_a_topic_is_deleted_and_made_anew_by_kafka() {
    let topic = "deleted";
    broker().topic(topic, 1, &[]);
    let producer = producer(&[("topic.metadata.refresh.interval.ms", "200")]);
    say(&producer, topic, 0..50);
    producer.flush();
    let mut sent = 50;
    thread::scope(|scope| {
        let deletion = scope.spawn(|| broker().delete_topic(topic));
        while !deletion.is_finished() {
            say(&producer, topic, sent..sent + 1);
            sent += 1;
            producer.deliver();
            thread::sleep(Duration::from_millis(20)); // Between two messages.
        }
        deletion.join().expect("deleted");
    });
    let deadline = Instant::now() + PATIENCE;
    let last = loop {
        say(&producer, topic, sent..sent + 10);
        sent += 10;
        // Until librdkafka has asked again, it takes the topic for missing.
        if producer.try_flush(PATIENCE.as_millis() as i64) == OK {
            break sent;
        }
        assert!(Instant::now() < deadline, "the topic is not made anew");
        thread::sleep(Duration::from_millis(100));
    };
    let settled = producer.wait_for(SETTLED, last as usize);
    assert_eq!(settled.len() as u64, last, "each ends once");
    producer.check_stats();
    // What was delivered is in the new topic, but for a beginning that went with the old one.
    let log = numbers(&broker().read_values(topic));
    let delivered = tags(&producer, DELIVERED);
    let first = *log.first().expect("the last ten at least");
    let expected: Vec<u64> = delivered.iter().copied().filter(|tag| *tag >= first).collect();
    assert_eq!(log, expected, "once and in order");
    assert!(log.ends_with(&Vec::from_iter(last - 10..last)));
    assert_eq!(producer.shutdown(-1), OK);
}

fn acl(action: &str, arguments: &[&str]) {
    let common = ["AclCommand", action, "--allow-principal", "User:alice"];
    broker().tool(&[&common[..], arguments].concat());
}

fn allow(topics: &[&str]) {
    let named: Vec<&str> = topics.iter().flat_map(|name| ["--topic", name]).collect();
    acl("--add", &[&named[..], &["--operation", "Write", "--operation", "Describe"]].concat());
}

#[test]
fn r31_a_permission_is_taken_away_and_given_back() {
    let (topic, other) = ("revoked", "permitted");
    for name in [topic, other] {
        broker().topic(name, 1, &[]);
    }
    allow(&[topic, other]);
    let producer = producer_of_alice(&[]);
    say(&producer, topic, 0..10);
    producer.flush();
    acl("--remove", &["--topic", topic, "--operation", "Write", "--force"]);
    // The broker learns of it a little later.
    let deadline = Instant::now() + PATIENCE;
    let mut sent = 10;
    let produce_until = |status: i32, mut sent: u64| {
        loop {
            for _ in 0..5 {
                say(&producer, topic, sent..sent + 1);
                say(&producer, other, sent + 1..sent + 2);
                sent += 2;
            }
            if producer.try_flush(PATIENCE.as_millis() as i64) == status {
                return sent;
            }
            assert!(Instant::now() < deadline, "status {status} does not come");
            thread::sleep(Duration::from_millis(100));
        }
    };
    sent = produce_until(UNDELIVERED, sent);
    allow(&[topic]);
    sent = produce_until(OK, sent);

    let settled = producer.wait_for(SETTLED, sent as usize);
    assert_eq!(settled.len() as u64, sent, "each ends once");
    let failed = producer.events(FAILED);
    assert!(!failed.is_empty());
    for event in &failed {
        let told = (event.topic.as_deref(), event.kafka_error, event.persistence);
        assert_eq!(told, (Some(topic), FORBIDDEN, NOT_PERSISTED), "{event:?}");
        assert_eq!(event.value, Some(event.tag.to_string().into_bytes()), "handed back whole");
    }
    for name in [topic, other] {
        let mut delivered = producer.events(DELIVERED);
        delivered.retain(|event| event.topic.as_deref() == Some(name));
        assert_eq!(broker().read_values(name), texts(delivered.iter().map(|event| event.tag)), "{name}");
    }
    producer.check_stats();
    assert_eq!(producer.shutdown(-1), OK);
}

/// 50 kB a second for alice: calls meet a full queue, and everything is delivered in the end.
#[test]
fn r32_a_quota_is_back_pressure_only() {
    let topic = "quota";
    broker().topic(topic, 1, &[]);
    allow(&[topic]);
    broker().tool(&[
        "kafka.admin.ConfigCommand",
        "--alter",
        "--add-config",
        "producer_byte_rate=51200",
        "--entity-type",
        "clients",
        "--entity-name",
        "throttled",
    ]);
    let small = [("max_queue_size", "20"), ("max_buffer_size", "20"), ("client.id", "throttled")];
    let producer = producer_of_alice(&small);
    let deadline = Instant::now() + PATIENCE;
    let mut overflows = 0;
    let message = |number: u64| format!("{number:05}{}", "x".repeat(995));
    for number in 0..300 {
        let text = message(number);
        loop {
            match producer.try_produce(topic, None, Some(text.as_bytes()), number) {
                OK => break,
                BUFFER_OVERFLOW => overflows += 1,
                status => panic!("status {status}"),
            }
            assert!(Instant::now() < deadline, "no room for message {number}");
            thread::sleep(Duration::from_millis(1)); // It is the program's to wait.
        }
    }
    producer.finish();
    assert!(overflows > 0, "the limits hold 40 messages, and 50 go in a second");
    assert!(broker().read_values(topic) == (0..300).map(message).collect::<Vec<_>>(), "once and in order");
}
