//! The library on a model checker: the real sources of queue, worker, producer, outbox and handles, whose locks,
//! atomics, channels and threads are shuttle's (`sync`, `sys`) and whose Kafka is a thread that acknowledges (`kafka`).
//!
//! shuttle runs one thread at a time and chooses who goes on at every access to something shared. Memory is
//! sequentially consistent in it, as it is for the library: what decides there is SeqCst or under a lock. Time stands
//! still (`time`): a wait with a deadline is one without, and a lost wake-up is a deadlock, which shuttle reports.
//!
//! A failing schedule is printed; `shuttle::replay` runs it again.

#![allow(dead_code, unused_imports)] // The library's parts that no model uses.

pub mod kafka;
pub mod sync;
pub mod sys;
pub mod time;

#[path = "../../../src"]
mod library {
    pub mod admission;
    pub mod bell;
    pub mod buffer;
    pub mod channel;
    pub mod clock;
    pub mod config;
    pub mod delivery;
    pub mod dice;
    pub mod error;
    pub mod event;
    pub mod fork;
    pub mod inbox;
    pub mod lane;
    pub mod limits;
    pub mod lounge;
    pub mod message;
    pub mod notifier;
    pub mod observer;
    pub mod outbox;
    pub mod parker;
    pub mod policy;
    pub mod producer;
    pub mod queue;
    pub mod settings;
    pub mod shared;
    pub mod shelf;
    pub mod stage;
    pub mod stats;
    pub mod turnstile;
    pub mod verdict;
    pub mod worker;
    pub mod ffi {
        pub mod handle;
    }
    #[path = "transport.rs"]
    pub mod road;
}

pub use library::*;

pub mod transport {
    pub use crate::kafka;
    pub use crate::library::road::*;
}
