//! One broker with a listener for each way to get it right or wrong.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::authority::{Authority, Identity};
use crate::support::PATIENCE;
use crate::support::kafka::{Broker, free_ports};

pub const PASSWORD: &str = "a-password-of-alice";

/// Names of listeners; those of TLS differ in the certificate that they show.
const LISTENERS: [(&str, &str); 9] = [
    ("PLAINTEXT", "PLAINTEXT"),
    ("CONTROLLER", "PLAINTEXT"),
    ("SASL", "SASL_PLAINTEXT"),
    ("SASLTLS", "SASL_SSL"),
    ("TLS", "SSL"),
    ("EXPIRED", "SSL"),
    ("ELSEWHERE", "SSL"),
    ("STRANGER", "SSL"),
    ("MUTUAL", "SSL"), // wants a certificate of the client
];

pub struct Secured {
    broker: Broker,
    ports: [u16; LISTENERS.len()],
    /// Whom the clients trust, and somebody else.
    pub authority: Authority,
    pub stranger: Authority,
    /// The broker's as it should be.
    good: Identity,
    /// Both authorities in one file.
    both: PathBuf,
}

pub fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    extern "C" fn end() {
        if let Some(secured) = SECURED.get() {
            secured.broker.end();
        }
    }
    SECURED.get_or_init(|| {
        // SAFETY: `end` takes no lock that a thread could hold for ever.
        unsafe { libc::atexit(end) };
        start()
    })
}

impl Secured {
    /// Where a listener is.
    pub fn at(&self, listener: &str) -> String {
        let index = LISTENERS.iter().position(|(name, _)| *name == listener).expect("a listener");
        format!("127.0.0.1:{}", self.ports[index])
    }

    /// For `ssl.ca.location`.
    pub fn ca(&self) -> String {
        text(&self.authority.certificate())
    }

    /// The listeners show the right certificate from now on.
    pub fn correct_certificates(&self, listeners: &[&str]) {
        let store = text(&self.good.store);
        self.configure(listeners.iter().map(|name| property(name, "ssl.keystore.location", &store)));
    }

    /// Clients of the other authority are trusted too from now on.
    pub fn trust_the_stranger(&self) {
        self.configure([property("MUTUAL", "ssl.truststore.location", &text(&self.both))]);
    }

    fn configure(&self, properties: impl IntoIterator<Item = String>) {
        let properties: Vec<String> = properties.into_iter().collect();
        self.broker.configure("brokers", "1", &properties.join(","));
    }

    /// Or gives one another password.
    pub fn add_user(&self, name: &str, password: &str) {
        let add = |mechanism| self.broker.configure("users", name, &format!("{mechanism}=[password={password}]"));
        std::thread::scope(|scope| {
            scope.spawn(|| add("SCRAM-SHA-256"));
            add("SCRAM-SHA-512");
        });
    }

    /// The values in the topic's one partition, by librdkafka's own consumer: Kafka's tools take seconds to start.
    pub fn read_values(&self, topic: &str) -> Vec<String> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.at("PLAINTEXT"))
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer");
        let mut partition = TopicPartitionList::new();
        partition.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
        consumer.assign(&partition).expect("an assignment");
        let (begin, mut values) = (Instant::now(), Vec::new());
        loop {
            match consumer.poll(Duration::from_secs(1)) {
                Some(Ok(message)) => {
                    values.push(String::from_utf8_lossy(message.payload().expect("a value")).into_owned())
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return values,
                Some(Err(error)) => eprintln!("reading {topic}: {error}"),
                None => {}
            }
            assert!(begin.elapsed() < PATIENCE, "{topic} was not read to its end; so far {values:?}");
        }
    }
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").into()
}

fn property(listener: &str, name: &str, value: &str) -> String {
    format!("listener.name.{}.{name}={value}", listener.to_lowercase())
}

fn start() -> Secured {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("certificates-{}", std::process::id()));
    let (authority, stranger) = (Authority::new(&directory, "authority"), Authority::new(&directory, "stranger"));
    let good = authority.issue("broker");
    let expired = authority.issue_expired("expired");
    let elsewhere = authority.issue_for_elsewhere("elsewhere");
    let strange = stranger.issue("strange");
    let both = directory.join("both.pem");
    let certificates =
        [&authority, &stranger].map(|one| std::fs::read_to_string(one.certificate()).expect("a certificate"));
    std::fs::write(&both, certificates.concat()).expect("a file");

    let ports = free_ports();
    let mut properties = listeners(&ports);
    properties.extend(sasl());
    properties.extend(["ssl.keystore.type=PEM", "ssl.truststore.type=PEM"].map(String::from));
    properties.extend(["ssl.allow.dn.changes=true", "ssl.allow.san.changes=true"].map(String::from));
    let shown = [
        ("SASLTLS", &good),
        ("TLS", &good),
        ("EXPIRED", &expired),
        ("ELSEWHERE", &elsewhere),
        ("STRANGER", &strange),
        ("MUTUAL", &good),
    ];
    properties.extend(shown.map(|(name, identity)| property(name, "ssl.keystore.location", &text(&identity.store))));
    properties.push(property("MUTUAL", "ssl.client.auth", "required"));
    properties.push(property("MUTUAL", "ssl.truststore.location", &text(&authority.certificate())));
    let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
    let secured = Secured { broker: Broker::start(&properties), ports, authority, stranger, good, both };
    secured.add_user("alice", PASSWORD);
    secured
}

fn listeners(ports: &[u16; LISTENERS.len()]) -> Vec<String> {
    let addresses: Vec<String> =
        LISTENERS.iter().zip(ports).map(|((name, _), port)| format!("{name}://127.0.0.1:{port}")).collect();
    let protocols: Vec<String> = LISTENERS.iter().map(|(name, protocol)| format!("{name}:{protocol}")).collect();
    vec![
        format!("listeners={}", addresses.join(",")),
        format!("listener.security.protocol.map={}", protocols.join(",")),
        format!("controller.quorum.voters=1@127.0.0.1:{}", ports[1]),
    ]
}

/// Without TLS there is OAUTHBEARER too.
fn sasl() -> Vec<String> {
    let modules = "org.apache.kafka.common.security";
    let mut properties = vec![
        property("SASL", "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"),
        property("SASLTLS", "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"),
        jaas("SASL", "oauthbearer", &format!("{modules}.oauthbearer.OAuthBearerLoginModule required")),
    ];
    for listener in ["SASL", "SASLTLS"] {
        let users = format!("{modules}.plain.PlainLoginModule required user_alice=\"{PASSWORD}\"");
        properties.push(jaas(listener, "plain", &users));
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            properties.push(jaas(listener, mechanism, &format!("{modules}.scram.ScramLoginModule required")));
        }
    }
    properties
}

fn jaas(listener: &str, mechanism: &str, module: &str) -> String {
    property(listener, &format!("{mechanism}.sasl.jaas.config"), &format!("{module};"))
}
