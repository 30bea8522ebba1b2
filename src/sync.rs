//! What threads meet at: locks, atomics, channels, threads. tests/model builds the same sources with those of a model
//! checker in this file's place.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError, atomic};
pub use std::thread;

pub use crossbeam_channel as channel;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A number of this thread, the same at each call.
pub fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.with(|number| *number)
}
