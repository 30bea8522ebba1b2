//! A descriptor that is readable while events wait.
//!
//! One end of a socket pair: libuv (Node) takes neither an eventfd nor one end of a pipe it did not open. One byte is
//! written when the bell begins to ring; a reader may read it or leave it, what counts is that it was woken.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::sys;

pub struct Bell {
    rope: UnixStream,
    ear: UnixStream,
    ringing: AtomicBool,
}

impl Bell {
    pub fn new() -> io::Result<Bell> {
        let (rope, ear) = UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Bell { rope, ear, ringing: AtomicBool::new(false) })
    }

    /// A fresh duplicate of the readable end, closed on exec, for the program to own.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.ear.as_fd().try_clone_to_owned()
    }

    /// Begins to ring. Ringing already, it does nothing: the pair never fills.
    pub fn ring(&self) {
        if !self.ringing.swap(true, SeqCst) {
            sys::send_byte(self.rope.as_fd());
        }
    }

    /// Stops ringing, whether the program read the byte or not.
    pub fn silence(&self) {
        if self.ringing.swap(false, SeqCst) {
            let mut bytes = [0; 8];
            while matches!((&self.ear).read(&mut bytes), Ok(count) if count > 0) {}
        }
    }

    #[cfg(test)]
    pub fn is_ringing(&self) -> bool {
        self.ringing.load(SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(bell: &Bell) -> bool {
        let reader = UnixStream::from(bell.descriptor().expect("descriptors"));
        let mut byte = [0];
        matches!((&reader).read(&mut byte), Ok(1))
    }

    #[test]
    fn readable_while_it_rings() {
        let bell = Bell::new().expect("descriptors");
        assert!(!is_readable(&bell));
        bell.ring();
        assert!(is_readable(&bell));
    }

    #[test]
    fn silence_drains_what_the_reader_left() {
        let bell = Bell::new().expect("descriptors");
        bell.ring();
        bell.silence();
        assert!(!is_readable(&bell));
        bell.ring();
        assert!(is_readable(&bell));
    }

    #[test]
    fn ringing_again_adds_nothing() {
        let bell = Bell::new().expect("descriptors");
        for _ in 0..100_000 {
            bell.ring();
        }
        assert!(is_readable(&bell));
        assert!(!is_readable(&bell), "one byte only");
    }
}
