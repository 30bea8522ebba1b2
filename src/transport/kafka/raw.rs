//! librdkafka's functions where the crate's bindings cannot be used: those that answer an error code as a Rust enum, and
//! one they leave out; and the fields of a produce call.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;

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

pub fn topic(topic: *mut rd::rd_kafka_topic_t) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, |value| value.rkt = topic)
}

pub fn partition(partition: i32) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION, |value| value.i32_ = partition)
}

/// NULL is null, a pointer with length 0 is empty.
pub fn value(bytes: Option<&[u8]>) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, |value| value.mem = memory(bytes))
}

pub fn key(bytes: Option<&[u8]>) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, |value| value.mem = memory(bytes))
}

pub fn timestamp(milliseconds: i64) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP, |value| value.i64_ = milliseconds)
}

pub fn opaque(number: usize) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE, |value| value.ptr = number as *mut c_void)
}

pub fn headers(list: *mut rd::rd_kafka_headers_t) -> rd::rd_kafka_vu_t {
    field(rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, |value| value.headers = list)
}

type Value = rd::rd_kafka_vu_s__bindgen_ty_1;

/// A field without its padding written: it is 64 bytes, and seven are made for each message.
fn field(kind: rd::rd_kafka_vtype_t, fill: impl FnOnce(&mut Value)) -> rd::rd_kafka_vu_t {
    // SAFETY: a union of plain data, for which any bytes will do; librdkafka reads only what `kind` names.
    #[allow(clippy::uninit_assumed_init)]
    let mut value: Value = unsafe { MaybeUninit::zeroed().assume_init() };
    fill(&mut value);
    rd::rd_kafka_vu_t { vtype: kind, u: value }
}

fn memory(bytes: Option<&[u8]>) -> rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    let (ptr, size) = bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
    rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut().cast(), size }
}
