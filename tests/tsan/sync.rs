//! In the place of the library's `sync` under ThreadSanitizer: locks made of POSIX's, which it knows.
//!
//! std comes compiled without it. Of std's own locks it sees what is inlined, but not a wait for one, so that each
//! contended lock and each condition variable would be a false alarm.

#![allow(unsafe_code)]

/// The library's `sync`: scripts/sanitize puts it there.
#[allow(unused_imports)]
mod usual;

pub use usual::{Arc, PoisonError, atomic, channel, thread, thread_number};

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::LockResult;
use std::time::Duration;

unsafe extern "C" {
    fn pthread_cond_clockwait(
        condition: *mut libc::pthread_cond_t,
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> libc::c_int;
}

/// As std's, but that a panic does not poison it.
pub struct Mutex<T> {
    raw: UnsafeCell<libc::pthread_mutex_t>, // Moved only before it is used.
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time has the value.
unsafe impl<T: Send> Send for Mutex<T> {}
unsafe impl<T: Send> Sync for Mutex<T> {}

pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        // SAFETY: initialised; who uses it borrows it, so it stays where it is.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.raw.get()) }, 0);
        Ok(MutexGuard(self))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        // SAFETY: nobody has it.
        unsafe { libc::pthread_mutex_destroy(self.raw.get()) };
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread locked it.
        unsafe { libc::pthread_mutex_unlock(self.0.raw.get()) };
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this thread has the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.value.get() }
    }
}

pub struct Condvar(UnsafeCell<libc::pthread_cond_t>);

// SAFETY: made for it.
unsafe impl Send for Condvar {}
unsafe impl Sync for Condvar {}

impl Condvar {
    pub const fn new() -> Condvar {
        Condvar(UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER))
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        // SAFETY: this thread has the lock, and has it again afterwards.
        unsafe { libc::pthread_cond_wait(self.0.get(), guard.0.raw.get()) };
        Ok(guard)
    }

    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a place for the time; then as `wait`.
        let outcome = unsafe {
            libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut until);
            let nanoseconds = until.tv_nsec + i64::from(timeout.subsec_nanos());
            let seconds = timeout.as_secs().min(1 << 32) as i64; // A century is no limit.
            until.tv_sec += seconds + nanoseconds / 1_000_000_000;
            until.tv_nsec = nanoseconds % 1_000_000_000;
            pthread_cond_clockwait(self.0.get(), guard.0.raw.get(), libc::CLOCK_MONOTONIC, &raw const until)
        };
        Ok((guard, outcome == libc::ETIMEDOUT))
    }

    pub fn notify_one(&self) {
        // SAFETY: initialised; who uses it borrows it, so it stays where it is.
        unsafe { libc::pthread_cond_signal(self.0.get()) };
    }

    pub fn notify_all(&self) {
        // SAFETY: as above.
        unsafe { libc::pthread_cond_broadcast(self.0.get()) };
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl Drop for Condvar {
    fn drop(&mut self) {
        // SAFETY: nobody waits.
        unsafe { libc::pthread_cond_destroy(self.0.get()) };
    }
}

/// As std's; whoever comes second waits for the first.
pub struct Once(UnsafeCell<libc::pthread_mutex_t>, UnsafeCell<bool>);

// SAFETY: the second is read and written with the first locked.
unsafe impl Sync for Once {}

impl Once {
    pub const fn new() -> Once {
        Once(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER), UnsafeCell::new(false))
    }

    pub fn call_once(&self, body: impl FnOnce()) {
        // SAFETY: all of them are statics.
        unsafe {
            libc::pthread_mutex_lock(self.0.get());
            if !std::mem::replace(&mut *self.1.get(), true) {
                body();
            }
            libc::pthread_mutex_unlock(self.0.get());
        }
    }
}
