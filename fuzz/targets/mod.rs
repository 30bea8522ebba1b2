//! What is fuzzed: each target takes any bytes, makes calls of the C ABI of them, and panics where an answer is not the
//! one the header promises.
//!
//! They are run by libFuzzer (`fuzz/fuzz_targets`, `scripts/fuzz`) and, with the seeds and some thousands of inputs that
//! are always the same, by `tests/fuzz.rs`.

mod abi;
mod desk;
mod input;
mod record;

pub mod arrays;
pub mod batch;
pub mod config;
pub mod events;
pub mod handles;
pub mod load;
pub mod message;
pub mod new;
pub mod packed;
pub mod program;
pub mod stats;
