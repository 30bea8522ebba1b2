//! No secret is in anything that the library says: texts, values read back, events of every kind, what a process prints.

use std::process::Command;

use crate::secured::{PASSWORD, secured, text};
use crate::support::program;

const LOGINS: [&str; 2] = ["SASL", "SASLTLS"];

/// A C program that prints everything it gets from the library, with everything logged.
fn everything_said(end: &str, listener: &str, properties: &[(&str, &str)]) -> String {
    let mut command = Command::new(program::compile("tests/security/secrets.c"));
    let protocol = if listener == "SASL" { "sasl_plaintext" } else { "sasl_ssl" };
    command.args([end, "debug=all", "statistics.interval.ms=100"]);
    command.arg(format!("bootstrap.servers={}", secured().at(listener)));
    command.arg(format!("security.protocol={protocol}")).arg(format!("ssl.ca.location={}", secured().ca()));
    command.args(properties.iter().map(|(key, value)| format!("{key}={value}")));
    let output = command.output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    for kind in ["LOG", "STATS"] {
        assert!(said.lines().any(|line| line.starts_with(kind)), "no {kind} in:\n{said}");
    }
    said
}

fn is_silent_of(said: &str, secrets: &[&str]) {
    for secret in secrets {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in: {}", line.unwrap_or_default());
    }
}

#[test]
fn r30_no_password_is_in_anything_that_is_said() {
    let wrong = "marker-of-a-wrong-password";
    let key_password = "marker-of-the-password-of-a-key";
    let client = secured().authority.issue("secrets");
    let locked = text(&secured().authority.lock(&client, key_password));
    let key = std::fs::read_to_string(&client.key).expect("the key");
    let inside: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    let certificate = text(&client.certificate);
    for listener in LOGINS {
        for (mechanism, password) in [("PLAIN", PASSWORD), ("PLAIN", wrong), ("SCRAM-SHA-256", wrong)] {
            let login = [("sasl.mechanisms", mechanism), ("sasl.username", "alice"), ("sasl.password", password)];
            let by_file = [
                ("ssl.certificate.location", certificate.as_str()),
                ("ssl.key.location", &locked),
                ("ssl.key.password", key_password),
            ];
            let by_text = [("ssl.certificate.location", certificate.as_str()), ("ssl.key.pem", &key)];
            let with_key: &[(&str, &str)] = if password == wrong { &by_text } else { &by_file };
            let (end, fate) = if password == wrong { ("STALLED", "DROPPED") } else { ("DELIVERED", "DELIVERED") };
            let said = everything_said(end, listener, &[&login[..], with_key].concat());
            assert!(said.lines().any(|line| line.starts_with(fate)), "no {fate} in:\n{said}");
            is_silent_of(&said, &[PASSWORD, wrong, key_password]);
            is_silent_of(&said, &inside);
        }
    }
}

/// librdkafka quotes what it cannot read of it.
#[test]
fn r30_the_configuration_of_a_token_is_in_nothing_that_is_said() {
    let token = [
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=alice lifeSeconds=marker-of-a-token marker-of-another=x"),
    ];
    let said = everything_said("STALLED", "SASL", &token);
    assert!(said.lines().any(|line| line.starts_with("ERROR") && line.contains("[redacted]")), "{said}");
    is_silent_of(&said, &["marker-of-a-token", "marker-of-another"]);
}
