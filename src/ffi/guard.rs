//! The boundary: errors become numbers, and no panic crosses it.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Status};
use crate::sys;

use super::input;
use super::status::ap_status_t;

/// Runs the body of an exported function; a panic in it is a defect and answers `fallback`.
pub(super) fn guard<T>(fallback: fn() -> T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| fallback())
}

/// As the guards below for functions that wait: the thread is not cancelled inside.
pub(super) fn guard_waiting<T>(body: impl FnOnce() -> T) -> T {
    sys::uncancelled(body)
}

/// For functions that answer a status.
pub(super) fn guard_status(body: impl FnOnce() -> Result<(), Error>) -> ap_status_t {
    let defect = || Status::Internal.code();
    guard(defect, || body().map_or_else(|error| error.status.code(), |()| Status::Ok.code()))
}

/// For functions that answer a status and write the reason into the caller's buffer.
pub(super) fn guard_text(
    errbuf: *mut c_char,
    errbuf_len: usize,
    body: impl FnOnce() -> Result<(), Error>,
) -> ap_status_t {
    let caught = sys::uncancelled(|| catch_unwind(AssertUnwindSafe(body)));
    let outcome = caught.unwrap_or_else(|_| Err(Status::Internal.into()));
    let (status, text) = match &outcome {
        Ok(()) => (Status::Ok, ""),
        Err(error) => (error.status, &*error.text),
    };
    // SAFETY: the header asks for a buffer of that length.
    unsafe { input::write_text(text, errbuf, errbuf_len) };
    status.code()
}

/// For functions that count.
pub(super) fn guard_count(body: impl FnOnce() -> Result<usize, Error>) -> i64 {
    let defect = || i64::from(Status::Internal.code());
    guard(defect, || body().map_or_else(|error| i64::from(error.status.code()), |count| count as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guard_status(|| panic!("a defect, on purpose")), Status::Internal.code());
        assert_eq!(guard_count(|| panic!("a defect, on purpose")), i64::from(Status::Internal.code()));
    }

    #[test]
    fn the_reason_is_written_and_cut() {
        let mut buffer = [1 as c_char; 8];
        let status = guard_text(buffer.as_mut_ptr(), buffer.len(), || Err(Error::config("0123456789")));
        assert_eq!(status, Status::Config.code());
        assert_eq!(buffer.map(|byte| byte as u8), *b"0123456\0");
    }

    #[test]
    fn success_empties_the_buffer() {
        let mut buffer = [1 as c_char; 8];
        assert_eq!(guard_text(buffer.as_mut_ptr(), buffer.len(), || Ok(())), 0);
        assert_eq!(buffer[0], 0);
    }
}
