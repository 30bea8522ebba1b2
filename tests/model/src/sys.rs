//! In the place of the library's `sys`: its threads are shuttle's.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sync::thread::{self, JoinHandle};

pub fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer; with a clock that there is it cannot fail.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    time
}

pub fn send_byte(socket: BorrowedFd<'_>) {
    let byte = 1u8;
    // SAFETY: one readable byte, a descriptor that is open for the call.
    unsafe { libc::send(socket.as_raw_fd(), (&raw const byte).cast(), 1, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
}

pub fn spawn(_: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Ok(thread::spawn(body))
}

pub struct BareThread(JoinHandle<()>);

pub fn spawn_bare<T: Send + 'static>(_: &CStr, mut context: Box<T>, body: fn(&mut T)) -> io::Result<BareThread> {
    Ok(BareThread(thread::spawn(move || body(&mut context))))
}

impl BareThread {
    pub fn join(self) {
        self.0.join().expect("no panic");
    }
}
