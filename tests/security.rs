//! TLS and SASL against a real broker: what is right delivers, what is wrong is said, and no password is.

#[path = "security/authority.rs"]
mod authority;
#[path = "security/relay.rs"]
mod relay;
#[path = "security/sasl.rs"]
mod sasl;
#[path = "security/secrets.rs"]
mod secrets;
#[path = "security/secured.rs"]
mod secured;
mod support;
#[path = "security/tls.rs"]
mod tls;
#[path = "security/trial.rs"]
mod trial;
