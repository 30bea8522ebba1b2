//! What the integration tests share: a real broker, the mock cluster, the C ABI as a Rust type, programs in C.

#![allow(dead_code)] // Each test binary uses a part of it.

pub mod kafka;
pub mod mock;
pub mod producer;
pub mod program;

use std::time::Duration;

/// How long anything may take before a test calls it a hang. No test is decided by how fast something is.
pub const PATIENCE: Duration = Duration::from_secs(90);
