//! `ap_message_t` and the two ways to hand one message over.

use std::ffi::{c_char, c_void};

use crate::error::Error;
use crate::message::Draft;

use super::guard::guard_status;
use super::input;
use super::producer::{ap_producer_t, pin};
use super::status::ap_status_t;

/// One header of a message. A value of NULL with length 0 is a null value, non-NULL with length 0 an empty one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ap_header_t {
    /// The name, ended with a NUL; not NULL, may be empty.
    pub name: *const c_char,
    /// The value, any bytes.
    pub value: *const c_void,
    /// Bytes of value.
    pub value_len: usize,
}

/// A message with everything Kafka knows. Start from AP_MESSAGE_INIT and set what is needed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ap_message_t {
    /// sizeof(ap_message_t), set by AP_MESSAGE_INIT.
    pub struct_size: usize,
    /// The topic: 1 to 249 letters, digits, dots, underscores and hyphens, not "." or "..".
    pub topic: *const c_char,
    /// The key. NULL with length 0 is no key, non-NULL with length 0 an empty one.
    pub key: *const c_void,
    /// Bytes of key.
    pub key_len: usize,
    /// The value. NULL with length 0 is Kafka's null (a tombstone), non-NULL with length 0 an empty value.
    pub value: *const c_void,
    /// Bytes of value.
    pub value_len: usize,
    /// Chooses the partition instead of the key; not sent. NULL with length 0 is none.
    pub partition_key: *const c_void,
    /// Bytes of partition_key.
    pub partition_key_len: usize,
    /// The headers; NULL where header_count is 0.
    pub headers: *const ap_header_t,
    /// How many headers.
    pub header_count: usize,
    /// Milliseconds since 1970 (UTC); 0 = the time of the call.
    pub timestamp_ms: i64,
    /// Any number; it comes back in this message's events.
    pub tag: u64,
    /// The partition, or AP_PARTITION_ANY (-1): chosen by the partitioner.
    pub partition: i32,
}

/// Queues one message for delivery in the background and returns at once. The flat form, easy from every language.
///
/// Ownership: topic, key and value are copied before the call returns; the caller keeps its buffers. After AP_OK the
///            library owns the message until exactly one DELIVERED, FAILED or DROPPED event settles it.
/// NULL:      producer or topic -> AP_ERR_INVALID_ARGUMENT. key and value: NULL with length 0 is Kafka's null (a value
///            of null is a tombstone), non-NULL with length 0 is empty, NULL with a length is AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread, concurrently, also in the callback. Never blocks on the network; where the property
///            overflow_wait is set it may wait that long for room (not in the callback, where it never waits).
/// Units:     lengths in bytes.
/// Order:     messages of one thread to one partition are written in the order of the calls.
/// Returns:   AP_OK                     accepted; tag comes back in the message's events
///            AP_ERR_INVALID_ARGUMENT   not a producer, an illegal topic, NULL with a length, a length over 2 GiB - 1
///            AP_ERR_BUFFER_OVERFLOW    max_queue_size messages wait, or max_pending_bytes is reached; nothing was queued
///            AP_ERR_MESSAGE_TOO_LARGE  over message.max.bytes or max_pending_bytes; nothing was queued
///            AP_ERR_SHUT_DOWN          ap_shutdown() has begun; nothing was queued
///            AP_ERR_CLIENT             the worker thread could not be started; nothing was queued
///            AP_ERR_NO_MEMORY          no memory for the copy; nothing was queued
///            AP_ERR_INTERNAL           a defect was contained; the producer refuses further work
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_produce(
    producer: *mut ap_producer_t,
    topic: *const c_char,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    tag: u64,
) -> ap_status_t {
    guard_status(|| {
        let producer = pin(producer)?;
        let draft = Draft {
            topic: unsafe { input::topic(topic) }?,
            key: unsafe { input::bytes("key", key, key_len) }?,
            value: unsafe { input::bytes("value", value, value_len) }?,
            tag,
            ..Draft::default()
        };
        producer.check(&draft)?;
        producer.accept(&draft).map_err(Error::from)
    })
}

/// Queues one message with everything Kafka knows: headers, partition, partition key, timestamp.
///
/// Ownership: message and all it points to is copied before the call returns. As ap_produce() otherwise.
/// NULL:      producer, message or message->topic -> AP_ERR_INVALID_ARGUMENT; the rest as said beside each field.
/// Threads:   as ap_produce().
/// Returns:   as ap_produce(), and
///            AP_ERR_INVALID_ARGUMENT   also: struct_size is not of a version this library knows, a partition below
///                                      AP_PARTITION_ANY, a negative timestamp, a header without a name
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_produce_message(producer: *mut ap_producer_t, message: *const ap_message_t) -> ap_status_t {
    guard_status(|| {
        let producer = pin(producer)?;
        let message = unsafe { input::read_message(message) }?;
        let headers = unsafe { input::headers(&message) }?;
        let draft = unsafe { input::draft(&message, &headers) }?;
        producer.check(&draft)?;
        producer.accept(&draft).map_err(Error::from)
    })
}
