//! Fork: how a child knows that what it inherited is not its own, and how the known hangs are kept out.
//!
//! A child of fork has one thread. Our worker, librdkafka's threads and any lock another thread held are gone or stuck,
//! so the child touches nothing of it: it sees by the generation that a producer is inherited and starts afresh.

#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

/// Counts forks along the line of descent of this process.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Clients being made or ended now, and whether a fork waits for there to be none.
///
/// Making and ending a client takes locks inside librdkafka, OpenSSL and the C library that a child would inherit locked.
static BUSY: AtomicU32 = AtomicU32::new(0);
static FORKING: AtomicBool = AtomicBool::new(false);

/// A fork waits this long for clients being made or ended, then goes ahead: ending one may take seconds.
const PATIENCE: Duration = Duration::from_millis(200);
const STEP: Duration = Duration::from_micros(100);

/// What a child does to the handles it inherited.
type Hook = fn();
static mut IN_CHILD: Option<Hook> = None;

/// The generation of this process: 0, and one more in a child. A load, where getpid would be a system call.
pub fn generation() -> u32 {
    GENERATION.load(SeqCst)
}

/// Watches for forks from now on. `in_child` runs in each child before fork returns and may use atomics only.
pub fn watch(in_child: Hook) {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        // SAFETY: written once, before the handler that reads it is registered.
        unsafe {
            IN_CHILD = Some(in_child);
            libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
        }
    });
}

/// Runs what must not be under way when the process forks.
pub fn exclude<T>(body: impl FnOnce() -> T) -> T {
    loop {
        BUSY.fetch_add(1, SeqCst);
        if !FORKING.load(SeqCst) {
            break;
        }
        BUSY.fetch_sub(1, SeqCst);
        std::thread::yield_now();
    }
    let born = generation();
    let result = body();
    if generation() == born {
        BUSY.fetch_sub(1, SeqCst);
    }
    result
}

extern "C" fn before() {
    FORKING.store(true, SeqCst);
    let mut waited = Duration::ZERO;
    while BUSY.load(SeqCst) > 0 && waited < PATIENCE {
        // SAFETY: plain system call. Waiting for another thread's short section, with a bound: a lock here could hang fork.
        unsafe { libc::usleep(STEP.as_micros() as libc::c_uint) };
        waited += STEP;
    }
}

extern "C" fn after_in_parent() {
    FORKING.store(false, SeqCst);
}

extern "C" fn after_in_child() {
    GENERATION.fetch_add(1, SeqCst);
    BUSY.store(0, SeqCst);
    FORKING.store(false, SeqCst);
    // SAFETY: written before this handler was registered.
    if let Some(hook) = unsafe { IN_CHILD } {
        hook();
    }
}
