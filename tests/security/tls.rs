//! Row 29: TLS with each thing that can be wrong, and then made right.

use crate::relay::Relay;
use crate::secured::{secured, text};
use crate::support::producer::Producer;
use crate::trial::{KEY_PASSWORD, Trial, WRONG, delivers};

const SSL: (&str, &str) = ("security.protocol", "ssl");

fn start(listener: &str, topic: &str, properties: &[(&str, &str)]) -> Trial {
    Trial::start(Relay::to(&secured().at(listener)), topic, properties)
}

#[test]
fn r29_tls_with_the_right_authority_delivers() {
    delivers("TLS", "tls", &[SSL, ("ssl.ca.location", &secured().ca())]);
}

/// An expired certificate, one for another host, one of another authority; then the broker gets the right one.
#[test]
fn r29_a_wrong_certificate_of_the_broker_is_refused_until_it_is_replaced() {
    let ca = secured().ca();
    let trust = [SSL, ("ssl.ca.location", ca.as_str())];
    let trials = [
        (start("EXPIRED", "expired", &trust), "broker certificate could not be verified"),
        (start("ELSEWHERE", "elsewhere", &trust), "broker certificate could not be verified"),
        (start("STRANGER", "stranger", &trust), "broker certificate could not be verified"),
    ];
    for (trial, cause) in &trials {
        trial.says(cause);
        trial.waits();
    }
    secured().correct_certificates(&["EXPIRED", "ELSEWHERE", "STRANGER"]);
    for (trial, _) in &trials {
        trial.recovers();
    }
}

/// That the name is looked at by default is seen by what is allowed without.
#[test]
fn r29_the_name_of_the_host_is_not_looked_at_where_that_is_turned_off() {
    let (ca, relay) = (secured().ca(), Relay::to(&secured().at("TLS")));
    let here = relay.address().replace("127.0.0.1", "localhost");
    let trust = [SSL, ("ssl.ca.location", ca.as_str())];
    let loose = [&trust[..], &[("ssl.endpoint.identification.algorithm", "none")]].concat();
    let producer = Producer::new(&here, &loose);
    producer.say("by-another-name", "hello", 1);
    producer.finish();
}

/// No certificate of the client, one of a stranger, the right one; then the broker trusts the stranger.
#[test]
fn r29_a_broker_that_wants_a_certificate_refuses_clients_without_the_right_one() {
    let ca = secured().ca();
    let trust = [SSL, ("ssl.ca.location", ca.as_str())];
    let known = secured().authority.issue("client");
    let locked = text(&secured().authority.lock(&known, KEY_PASSWORD));
    let certificate = text(&known.certificate);
    let right = [
        &trust[..],
        &[
            ("ssl.certificate.location", certificate.as_str()),
            ("ssl.key.location", &locked),
            ("ssl.key.password", KEY_PASSWORD),
        ],
    ]
    .concat();
    let unknown = secured().stranger.issue("client");
    let (certificate, key) = (text(&unknown.certificate), text(&unknown.key));
    let wrong =
        [&trust[..], &[("ssl.certificate.location", certificate.as_str()), ("ssl.key.location", &key)]].concat();

    let without = start("MUTUAL", "no-certificate", &trust);
    let with_wrong = start("MUTUAL", "wrong-certificate", &wrong);
    delivers("MUTUAL", "right-certificate", &right);
    for trial in [&without, &with_wrong] {
        trial.says("bad certificate");
        trial.waits();
    }
    without.is_replaced("MUTUAL", &right);
    secured().trust_the_stranger();
    with_wrong.recovers();
}

#[test]
fn r29_the_wrong_protocol_for_the_port_is_an_error() {
    let ca = secured().ca();
    let trust = [SSL, ("ssl.ca.location", ca.as_str())];
    let plain_to_tls = start("TLS", "plain-to-tls", &[]);
    let tls_to_plain = start("PLAINTEXT", "tls-to-plain", &trust);
    let tls_to_web = Trial::start(Relay::web_server(), "tls-to-web", &trust);
    let plain_to_web = Trial::start(Relay::web_server(), "plain-to-web", &[]);
    let trials = [(&tls_to_plain, "PLAINTEXT"), (&tls_to_web, "SSL handshake failed")];
    for (trial, cause) in trials {
        trial.says(cause);
        trial.waits();
    }
    for trial in [&plain_to_tls, &plain_to_web] {
        trial.logs("APIVERSION_QUERY");
        trial.waits();
    }
    plain_to_tls.is_replaced("TLS", &trust);
    tls_to_plain.is_replaced("PLAINTEXT", &[]);
    tls_to_web.gives_up();
    plain_to_web.gives_up();
}

/// What can be known without a broker is said by `ap_new()`.
#[test]
fn r29_files_that_cannot_be_used_are_refused_and_their_property_named() {
    let authority = &secured().authority;
    let (client, other) = (authority.issue("files"), authority.issue("files-other"));
    let [certificate, key, other_key] = [&client.certificate, &client.key, &other.key].map(|path| text(path));
    let locked = text(&authority.lock(&client, KEY_PASSWORD));
    let garbage = client.key.with_extension("garbage");
    std::fs::write(&garbage, "this is no certificate and no key").expect("a file");
    let (garbage, missing) = (text(&garbage), "/nowhere/at/all.pem");
    let certified = ("ssl.certificate.location", certificate.as_str());
    let cases: [(&str, &[(&str, &str)]); 15] = [
        ("ssl.ca.location", &[("ssl.ca.location", missing)]),
        ("ssl.ca.location", &[("ssl.ca.location", &garbage)]),
        ("ssl.ca.pem", &[("ssl.ca.pem", "no certificate")]),
        ("ssl.crl.location", &[("ssl.crl.location", missing)]),
        ("ssl.certificate.location", &[("ssl.certificate.location", missing)]),
        ("ssl.certificate.location", &[("ssl.certificate.location", &garbage)]),
        ("ssl.certificate.pem", &[("ssl.certificate.pem", "no certificate")]),
        ("ssl.key.location", &[certified, ("ssl.key.location", missing)]),
        ("ssl.key.location", &[certified, ("ssl.key.location", &garbage)]),
        ("ssl.key.location", &[certified, ("ssl.key.location", &other_key)]),
        ("ssl.key.pem", &[certified, ("ssl.key.pem", KEY_PASSWORD)]),
        ("ssl.key.password", &[certified, ("ssl.key.location", &locked), ("ssl.key.password", WRONG)]),
        ("ssl.key.password", &[certified, ("ssl.key.location", &locked)]),
        ("ssl.keystore.location", &[("ssl.keystore.location", missing), ("ssl.keystore.password", WRONG)]),
        ("ssl.keystore.location", &[("ssl.keystore.location", &key), ("ssl.keystore.password", WRONG)]),
    ];
    for (name, properties) in cases {
        let properties = [&[SSL], properties].concat();
        let refusal = Producer::try_new("127.0.0.1:1", &properties).err();
        let text = refusal.unwrap_or_else(|| panic!("allowed: {properties:?}"));
        assert!(text.contains(name), "{name}: {text}");
        assert!(!text.contains(WRONG) && !text.contains(KEY_PASSWORD), "{text}");
    }
}
