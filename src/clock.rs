//! The two clocks: the wall's for timestamps, the monotonic one for durations.

use crate::sys;

/// Milliseconds since 1970 (UTC).
pub fn wall_ms() -> i64 {
    let time = sys::clock(libc::CLOCK_REALTIME);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Microseconds on the monotonic clock: std's `Instant` takes as long for a difference as for reading the clock.
pub fn monotonic_us() -> u64 {
    let time = sys::clock(libc::CLOCK_MONOTONIC);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}
