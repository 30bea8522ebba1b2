//! The few calls of the operating system that std has no safe form of.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread::JoinHandle;

/// Reads one of the system's clocks.
#[inline]
pub fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer; with a clock that there is it cannot fail.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    time
}

/// Sends one byte on a socket; neither a full nor a closed one matters, and no signal is raised.
pub fn send_byte(socket: BorrowedFd<'_>) {
    let byte = 1u8;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: one readable byte, a descriptor that is open for the call.
    uncancelled(|| unsafe { libc::send(socket.as_raw_fd(), (&raw const byte).cast(), 1, flags) });
}

/// Runs `body` so that a cancellation of this thread (pthread_cancel) waits for its end: it would unwind through frames
/// that hold locks, and a foreign unwinding that meets a catch_unwind ends the process.
pub fn uncancelled<T>(body: impl FnOnce() -> T) -> T {
    const DISABLE: libc::c_int = 1; // PTHREAD_CANCEL_DISABLE, the same in glibc and musl.
    unsafe extern "C" {
        fn pthread_setcancelstate(state: libc::c_int, before: *mut libc::c_int) -> libc::c_int;
    }
    let mut before = 0;
    // SAFETY: plain calls about this thread; a panic in `body` is caught by it or leaves the state disabled.
    unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
    let result = body();
    unsafe { pthread_setcancelstate(before, std::ptr::null_mut()) };
    result
}

/// Starts a thread that no signal is ever delivered to: signals are the program's.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    without_signals(|| std::thread::Builder::new().name(name.into()).spawn(body))
}

/// A thread started by [`spawn_bare`].
pub struct BareThread {
    id: libc::pthread_t,
}

/// Starts a plain POSIX thread with all signals blocked, whose frames hold no guards.
///
/// It runs foreign code, and foreign code may end its thread: CPython before 3.14 calls pthread_exit in a callback at
/// interpreter exit. In a std::thread that meets a catch_unwind and aborts the process; here it unwinds through plain
/// frames. `body` must keep nothing with a destructor in its own frame while it calls out; `context` is where it lives.
pub fn spawn_bare<T: Send + 'static>(name: &CStr, context: Box<T>, body: fn(&mut T)) -> io::Result<BareThread> {
    struct Start<T> {
        context: Box<T>,
        body: fn(&mut T),
    }
    extern "C-unwind" fn run<T>(start: *mut c_void) -> *mut c_void {
        let start: *mut Start<T> = start.cast();
        // SAFETY: made by Box::into_raw below, for this thread alone.
        unsafe {
            ((*start).body)(&mut (*start).context);
            drop(Box::from_raw(start));
        }
        std::ptr::null_mut()
    }
    let start = Box::into_raw(Box::new(Start { context, body }));
    let mut id = 0;
    // SAFETY: pthread_create takes a C function; unwinding out of it ends in the C library, as it would in C.
    let main: extern "C" fn(*mut c_void) -> *mut c_void =
        unsafe { std::mem::transmute(run::<T> as extern "C-unwind" fn(*mut c_void) -> *mut c_void) };
    let failed = without_signals(|| unsafe { libc::pthread_create(&raw mut id, std::ptr::null(), main, start.cast()) });
    if failed != 0 {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(start) });
        return Err(io::Error::from_raw_os_error(failed));
    }
    // SAFETY: a thread that is not joined yet; names of at most 15 characters.
    unsafe { libc::pthread_setname_np(id, name.as_ptr()) };
    Ok(BareThread { id })
}

impl BareThread {
    /// Waits for its end.
    pub fn join(self) {
        // SAFETY: joined once, since `self` is consumed.
        unsafe { libc::pthread_join(self.id, std::ptr::null_mut()) };
    }
}

/// Runs `body` with every signal blocked on this thread; threads it starts inherit that.
fn without_signals<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: plain data, filled before it is read.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let result = body();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        result
    }
}
