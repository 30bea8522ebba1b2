//! What can go wrong, as the number C sees and a sentence for a person.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt::{self, Write};

/// The outcome of a call. The numbers are the C ABI's and never change once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    InvalidArgument = -1,
    BufferOverflow = -2,
    MessageTooLarge = -3,
    ShutDown = -4,
    TimedOut = -5,
    Config = -6,
    Client = -7,
    Undelivered = -8,
    WouldDeadlock = -9,
    NoMemory = -10,
    Internal = -11,
    Unsupported = -12,
}

impl Status {
    const ALL: [Status; 13] = [
        Status::Ok,
        Status::InvalidArgument,
        Status::BufferOverflow,
        Status::MessageTooLarge,
        Status::ShutDown,
        Status::TimedOut,
        Status::Config,
        Status::Client,
        Status::Undelivered,
        Status::WouldDeadlock,
        Status::NoMemory,
        Status::Internal,
        Status::Unsupported,
    ];

    /// The number of the C ABI.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The status of a number; `None` where no status has it.
    pub fn from_code(code: i32) -> Option<Status> {
        let index = code.checked_neg()?;
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The name the header gives it.
    pub fn name(self) -> &'static CStr {
        match self {
            Status::Ok => c"AP_OK",
            Status::InvalidArgument => c"AP_ERR_INVALID_ARGUMENT",
            Status::BufferOverflow => c"AP_ERR_BUFFER_OVERFLOW",
            Status::MessageTooLarge => c"AP_ERR_MESSAGE_TOO_LARGE",
            Status::ShutDown => c"AP_ERR_SHUT_DOWN",
            Status::TimedOut => c"AP_ERR_TIMED_OUT",
            Status::Config => c"AP_ERR_CONFIG",
            Status::Client => c"AP_ERR_CLIENT",
            Status::Undelivered => c"AP_ERR_UNDELIVERED",
            Status::WouldDeadlock => c"AP_ERR_WOULD_DEADLOCK",
            Status::NoMemory => c"AP_ERR_NO_MEMORY",
            Status::Internal => c"AP_ERR_INTERNAL",
            Status::Unsupported => c"AP_ERR_UNSUPPORTED",
        }
    }

    /// One English sentence.
    pub fn message(self) -> &'static CStr {
        match self {
            Status::Ok => c"Done.",
            Status::InvalidArgument => c"An argument is not allowed; nothing was done.",
            Status::BufferOverflow => c"The limit of queued messages or bytes is reached; nothing was queued.",
            Status::MessageTooLarge => c"The message is larger than a limit allows; nothing was queued.",
            Status::ShutDown => c"The producer is shut down or shutting down; nothing was queued.",
            Status::TimedOut => c"The deadline passed first.",
            Status::Config => c"A configuration property is unknown, out of range or contradicts another.",
            Status::Client => c"The Kafka client could not be started.",
            Status::Undelivered => c"Some messages were not delivered; each was reported in an event.",
            Status::WouldDeadlock => c"A blocking call was made from inside the event callback.",
            Status::NoMemory => c"Memory could not be allocated.",
            Status::Internal => c"A defect of the library was contained; the producer refuses further work.",
            Status::Unsupported => c"Not available in this build, event mode or platform.",
        }
    }
}

/// A status with the sentence that names the key or value at fault and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: Status,
    pub text: Cow<'static, str>,
}

impl Error {
    /// Where there is no memory for the sentence, the one of the status has to do: a refusal must not need any.
    pub fn new(status: Status, text: impl fmt::Display) -> Error {
        let mut sentence = Sentence::default();
        match write!(sentence, "{text}") {
            Ok(()) => Error { status, text: Cow::Owned(sentence.0) },
            Err(fmt::Error) => status.into(),
        }
    }

    pub fn config(text: impl fmt::Display) -> Error {
        Error::new(Status::Config, text)
    }

    pub fn invalid(text: impl fmt::Display) -> Error {
        Error::new(Status::InvalidArgument, text)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        Error { status, text: status.message().to_string_lossy() }
    }
}

/// A text that takes memory only where there is some.
#[derive(Default)]
struct Sentence(String);

impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_by_its_number() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
    }

    #[test]
    fn numbers_of_no_status_are_refused() {
        for code in [1, -13, i32::MAX, i32::MIN] {
            assert_eq!(Status::from_code(code), None);
        }
    }
}
