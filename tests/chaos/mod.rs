//! Faults and the oracle: brokers behind proxies, what is done to them, what was told, what is in the log, and the verdict.

#![allow(dead_code)] // Each test binary uses a part of it.

pub mod admin;
pub mod cluster;
pub mod doors;
pub mod frames;
pub mod ledger;
pub mod log;
pub mod nemesis;
pub mod process;
pub mod proxy;
pub mod scribe;
pub mod soak;
pub mod summary;
pub mod value;
pub mod verdict;
