//! Row 30: SASL with each thing that can be wrong, and then made right.

use crate::relay::Relay;
use crate::secured::{PASSWORD, secured};
use crate::trial::{Trial, WRONG, delivers};

fn login<'a>(mechanism: &'a str, name: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [("sasl.mechanisms", mechanism), ("sasl.username", name), ("sasl.password", password)]
}

/// With and without TLS.
fn at<'a>(listener: &str, ca: &'a str, properties: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let protocol = if listener == "SASL" { "sasl_plaintext" } else { "sasl_ssl" };
    [&[("security.protocol", protocol), ("ssl.ca.location", ca)], properties].concat()
}

fn start(listener: &str, topic: &str, properties: &[(&str, &str)]) -> Trial {
    Trial::start(Relay::to(&secured().at(listener)), topic, &at(listener, &secured().ca(), properties))
}

const LISTENERS: [&str; 2] = ["SASL", "SASLTLS"];

#[test]
fn r30_the_right_password_delivers() {
    for listener in LISTENERS {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let topic = format!("right-{listener}-{mechanism}");
            let ca = secured().ca();
            delivers(listener, &topic, &at(listener, &ca, &login(mechanism, "alice", PASSWORD)));
        }
    }
}

#[test]
fn r30_a_token_delivers() {
    let token = [
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=alice"),
    ];
    delivers("SASL", "oauthbearer", &at("SASL", &secured().ca(), &token));
}

/// Then the broker gets to know the password that the producers have.
#[test]
fn r30_a_wrong_password_is_an_error_until_the_broker_has_it() {
    secured().add_user("bob", PASSWORD);
    let trials: Vec<Trial> = LISTENERS
        .iter()
        .flat_map(|listener| ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(|mechanism| (listener, mechanism)))
        .map(|(listener, mechanism)| {
            start(listener, &format!("wrong-{listener}-{mechanism}"), &login(mechanism, "bob", WRONG))
        })
        .collect();
    for trial in &trials {
        trial.says("Authentication failed");
        trial.waits();
    }
    secured().add_user("bob", WRONG);
    for trial in &trials {
        trial.recovers();
    }
}

#[test]
fn r30_who_is_not_known_gets_everything_back() {
    let trials = LISTENERS.map(|listener| {
        let topic = |what: &str| format!("{what}-{listener}");
        [
            start(listener, &topic("wrong-plain"), &login("PLAIN", "alice", WRONG)),
            start(listener, &topic("unknown-plain"), &login("PLAIN", "nobody", WRONG)),
            start(listener, &topic("unknown-scram"), &login("SCRAM-SHA-256", "nobody", WRONG)),
        ]
    });
    for (listener, trials) in LISTENERS.iter().zip(&trials) {
        for trial in trials {
            trial.says("Authentication failed");
            trial.waits();
            trial.gives_up();
        }
        let ca = secured().ca();
        trials[0].delivers_after(listener, &at(listener, &ca, &login("PLAIN", "alice", PASSWORD)));
    }
}

#[test]
fn r30_a_mechanism_that_the_broker_does_not_have_is_an_error() {
    let token = [
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=alice"),
    ];
    let trial = start("SASLTLS", "wrong-mechanism", &token);
    trial.says("mechanism");
    trial.waits();
    trial.is_replaced("SASLTLS", &at("SASLTLS", &secured().ca(), &login("PLAIN", "alice", PASSWORD)));
}
