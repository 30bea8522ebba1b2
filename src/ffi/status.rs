//! `ap_status_t`: what a call answers, by number, name and sentence.

use std::ffi::c_char;

use crate::error::Status;

/// What a function answers: AP_OK (0) or one of the negative AP_ERR_ values of enum ap_status.
///
/// It is a plain int32_t, so that any value may be passed to ap_status_name() and ap_status_message(). Values never
/// change once released. Functions that count return an int64_t: the count, or one of these as a negative number.
pub type ap_status_t = i32;

/// The values of ap_status_t.
#[repr(C)]
#[allow(dead_code)] // C reads the names; Rust goes by `Status`, checked against these in the tests below.
pub enum ap_status {
    /// Done.
    AP_OK = 0,
    /// An argument is not allowed: a NULL, freed or foreign handle; a NULL topic; NULL with a length; a length over
    /// 2 GiB - 1; an empty, illegal or overlong topic name; a negative partition other than AP_PARTITION_ANY; a
    /// timeout below -1; a struct_size this version does not know. Nothing was done.
    AP_ERR_INVALID_ARGUMENT = -1,
    /// The limit of messages (max_queue_size) or of bytes (max_pending_bytes) is reached. Nothing was queued.
    AP_ERR_BUFFER_OVERFLOW = -2,
    /// The message is larger than message.max.bytes, or can never fit in max_pending_bytes. Nothing was queued.
    AP_ERR_MESSAGE_TOO_LARGE = -3,
    /// ap_shutdown() has begun or is over. Nothing was queued.
    AP_ERR_SHUT_DOWN = -4,
    /// The deadline passed first, or ap_wake() was called.
    AP_ERR_TIMED_OUT = -5,
    /// An unknown property, a value that is not allowed, or properties that contradict each other; errbuf has the text.
    AP_ERR_CONFIG = -6,
    /// The Kafka client or a thread of the library could not be started; errbuf has the text.
    AP_ERR_CLIENT = -7,
    /// Shutdown or flush ended with messages that were not delivered; each was reported in an event of its own.
    AP_ERR_UNDELIVERED = -8,
    /// A blocking call was made from inside the event callback, where it could never return.
    AP_ERR_WOULD_DEADLOCK = -9,
    /// Memory could not be allocated. Nothing was done.
    AP_ERR_NO_MEMORY = -10,
    /// A defect of the library was contained at its boundary; the producer refuses further work and should be freed.
    AP_ERR_INTERNAL = -11,
    /// Not available in this build, event mode or platform.
    AP_ERR_UNSUPPORTED = -12,
}

/// The name of a status, such as "AP_ERR_BUFFER_OVERFLOW".
///
/// Ownership: the string is static; do not free it.
/// NULL:      never returned. A number that is no status gives "AP_ERR_UNKNOWN".
/// Threads:   any thread, also before anything else is called. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_status_name(status: ap_status_t) -> *const c_char {
    Status::from_code(status).map_or(c"AP_ERR_UNKNOWN", Status::name).as_ptr()
}

/// What a status means, in one English sentence.
///
/// Ownership: the string is static; do not free it.
/// NULL:      never returned. A number that is no status gives "Unknown status.".
/// Threads:   any thread, also before anything else is called. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_status_message(status: ap_status_t) -> *const c_char {
    Status::from_code(status).map_or(c"Unknown status.", Status::message).as_ptr()
}
