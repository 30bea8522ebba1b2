//! TLS and SASL against a real broker: what is right delivers, what is wrong is said, and no password is.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::kafka::{Broker, free_ports};
use support::producer::*;

const PASSWORD: &str = "a-password-of-alice";
const WRONG: &str = "a-password-of-nobody";
const STORE_PASSWORD: &str = "a-password-of-the-store";

/// A broker that also listens with SASL and with TLS.
struct Secured {
    broker: Broker,
    sasl: String,
    tls: String,
    /// Its certificate, and that of somebody else.
    certificate: PathBuf,
    stranger: PathBuf,
}

fn secured() -> &'static Secured {
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

fn start() -> Secured {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("certificates-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let (keys, certificate) = certify(&directory, "broker");
    let (_, stranger) = certify(&directory, "stranger");
    let [plain, controller, sasl, tls] = free_ports();
    let modules = "org.apache.kafka.common.security";
    let properties = [
        format!(
            "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},\
             SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}"
        ),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL"
            .into(),
        format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,OAUTHBEARER".into(),
        jaas("plain", &format!("{modules}.plain.PlainLoginModule required user_alice=\"{PASSWORD}\"")),
        jaas("scram-sha-256", &format!("{modules}.scram.ScramLoginModule required")),
        jaas("oauthbearer", &format!("{modules}.oauthbearer.OAuthBearerLoginModule required")),
        "ssl.keystore.type=PKCS12".into(),
        format!("ssl.keystore.location={}", keys.display()),
        format!("ssl.keystore.password={STORE_PASSWORD}"),
    ];
    let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
    let broker = Broker::start(&properties);
    broker.add_user("alice", PASSWORD);
    let at = |port: u16| format!("127.0.0.1:{port}");
    Secured { broker, sasl: at(sasl), tls: at(tls), certificate, stranger }
}

fn jaas(mechanism: &str, module: &str) -> String {
    format!("listener.name.sasl_plaintext.{mechanism}.sasl.jaas.config={module};")
}

/// A key with a certificate of its own making: the store for the broker, the certificate for its clients.
fn certify(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (store, certificate) = (directory.join(format!("{name}.p12")), directory.join(format!("{name}.pem")));
    let make = ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-validity", "30", "-dname", "CN=127.0.0.1"];
    let extensions = ["-ext", "SAN=IP:127.0.0.1", "-ext", "BC:critical=ca:true"];
    let export = ["-exportcert", "-rfc", "-file", certificate.to_str().expect("UTF-8")];
    for arguments in [[&make[..], &extensions].concat(), export.to_vec()] {
        let mut keytool = Command::new("keytool");
        keytool.args(arguments).args(["-alias", name, "-storepass", STORE_PASSWORD, "-keystore"]).arg(&store);
        run(keytool);
    }
    (store, certificate)
}

fn run(mut command: Command) {
    let output = command.output().expect("keytool, of the JDK");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stdout));
}

fn sasl(mechanism: &str, properties: &[(&str, &str)]) -> Producer {
    let common = [("security.protocol", "sasl_plaintext"), ("sasl.mechanisms", mechanism)];
    Producer::new(&secured().sasl, &[&common[..], properties].concat())
}

fn tls(authority: &Path) -> Producer {
    let authority = authority.to_str().expect("UTF-8");
    Producer::new(&secured().tls, &[("security.protocol", "ssl"), ("ssl.ca.location", authority)])
}

fn delivers(producer: &Producer, topic: &str) {
    secured().broker.topic(topic, 1, &[]);
    producer.say(topic, "hello", 1);
    producer.finish();
    assert_eq!(secured().broker.read_values(topic), ["hello"]);
}

/// It says so, keeps the message, and hands it back at the end.
fn is_refused(producer: &Producer, topic: &str, because: &str) {
    secured().broker.topic(topic, 1, &[]);
    producer.say(topic, "hello", 1);
    producer.deliver();
    let mut count = 1;
    while !producer.wait_for(ERROR, count).iter().any(|error| error.text.to_lowercase().contains(because)) {
        count += 1;
    }
    assert_eq!(producer.stats().delivered, 0);
    assert_eq!(producer.shutdown(0), UNDELIVERED);
    assert_eq!(producer.events(DROPPED).len(), 1);
    for event in producer.events(u32::MAX) {
        assert!(!event.text.contains(WRONG) && !event.text.contains(PASSWORD), "{event:?}");
    }
    assert!(secured().broker.read_values(topic).is_empty());
}

#[test]
fn sasl_plain() {
    delivers(&sasl("PLAIN", &[("sasl.username", "alice"), ("sasl.password", PASSWORD)]), "plain");
}

#[test]
fn sasl_scram() {
    delivers(&sasl("SCRAM-SHA-256", &[("sasl.username", "alice"), ("sasl.password", PASSWORD)]), "scram");
}

#[test]
fn sasl_oauthbearer() {
    let token = [("enable.sasl.oauthbearer.unsecure.jwt", "true"), ("sasl.oauthbearer.config", "principal=alice")];
    delivers(&sasl("OAUTHBEARER", &token), "oauthbearer");
}

#[test]
fn a_wrong_password_is_an_error_event() {
    let plain = sasl("PLAIN", &[("sasl.username", "alice"), ("sasl.password", WRONG)]);
    is_refused(&plain, "wrong-plain", "authentication");
    let scram = sasl("SCRAM-SHA-256", &[("sasl.username", "alice"), ("sasl.password", WRONG)]);
    is_refused(&scram, "wrong-scram", "authentication");
}

#[test]
fn tls_with_the_right_authority() {
    delivers(&tls(&secured().certificate), "tls");
}

#[test]
fn tls_with_another_authority_is_an_error_event() {
    is_refused(&tls(&secured().stranger), "wrong-tls", "certificate");
}
