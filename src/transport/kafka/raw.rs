//! librdkafka's functions where the crate's bindings cannot be used: those that answer an error code as a Rust enum, and
//! one they leave out.

use std::ffi::{CStr, c_char, c_int, c_void};

use rdkafka::bindings as rd;

/// rd_kafka_msg_status_t.
pub const NOT_PERSISTED: c_int = 0;
pub const PERSISTED: c_int = 2;

/// Resolves a host name as getaddrinfo does; with neither name nor service, frees a result.
pub type ResolveCallback = unsafe extern "C" fn(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
    opaque: *mut c_void,
) -> c_int;

unsafe extern "C" {
    pub fn rd_kafka_err2str(code: c_int) -> *const c_char;
    pub fn rd_kafka_err2name(code: c_int) -> *const c_char;
    pub fn rd_kafka_last_error() -> c_int;
    pub fn rd_kafka_event_error(event: *mut rd::rd_kafka_event_t) -> c_int;
    pub fn rd_kafka_error_code(error: *const rd::rd_kafka_error_t) -> c_int;
    pub fn rd_kafka_message_status(message: *const rd::rd_kafka_message_t) -> c_int;
    pub fn rd_kafka_set_log_queue(client: *mut rd::rd_kafka_t, queue: *mut rd::rd_kafka_queue_t) -> c_int;
    pub fn rd_kafka_purge(client: *mut rd::rd_kafka_t, flags: c_int) -> c_int;
    pub fn rd_kafka_flush(client: *mut rd::rd_kafka_t, timeout_ms: c_int) -> c_int;
    pub fn rd_kafka_pause_partitions(
        client: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
    ) -> c_int;
    pub fn rd_kafka_resume_partitions(
        client: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
    ) -> c_int;
    pub fn rd_kafka_conf_set(
        conf: *mut rd::rd_kafka_conf_t,
        name: *const c_char,
        value: *const c_char,
        text: *mut c_char,
        len: usize,
    ) -> c_int;
    pub fn rd_kafka_conf_get(
        conf: *const rd::rd_kafka_conf_t,
        name: *const c_char,
        value: *mut c_char,
        len: *mut usize,
    ) -> c_int;
    pub fn rd_kafka_conf_set_resolve_cb(conf: *mut rd::rd_kafka_conf_t, callback: ResolveCallback);
}

/// The error code of a message, read as the integer it is in C.
///
/// # Safety
/// A live message.
pub unsafe fn error_of(message: *const rd::rd_kafka_message_t) -> i32 {
    unsafe { (&raw const (*message).err).cast::<i32>().read() }
}

/// A C string as a Rust one; NULL is empty.
///
/// # Safety
/// NULL or a C string.
pub unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(text).to_string_lossy().into_owned() }
}
