//! ruby-kafka's `Kafka::AsyncProducer` as a shared library with a C ABI, on librdkafka.
//!
//! The road of a message: `ffi` checks what C passes in; `producer` copies it once and pushes it into the bounded
//! `queue`; the `worker` takes it onto the `lane` of its partition, hands it to the `transport` when the `policy` says so,
//! and settles it exactly once; the `outbox` and the `notifier` bring the event to the program's callback.

#![deny(unsafe_code)]

mod admission;
mod bell;
mod buffer;
mod channel;
mod clock;
mod config;
mod delivery;
mod dice;
mod error;
mod event;
#[allow(unsafe_code)]
pub mod ffi;
mod fork;
mod inbox;
mod lane;
mod limits;
mod lounge;
mod message;
mod notifier;
mod observer;
mod outbox;
mod parker;
mod policy;
mod producer;
mod queue;
mod settings;
mod shared;
mod shelf;
mod stage;
mod stats;
mod sync;
mod sys;
mod transport;
mod turnstile;
mod verdict;
mod worker;
