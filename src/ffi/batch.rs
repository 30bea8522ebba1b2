//! Many messages in one call, in three shapes: structs for C, joined arrays and packed records for other languages.

use std::ffi::{c_char, c_void};

use crate::error::{Error, Result, Status};
use crate::message::Draft;
use crate::producer::Producer;

use super::guard::guard_count;
use super::input;
use super::message::ap_message_t;
use super::packed::Records;
use super::producer::{ap_producer_t, pin};

/// Queues many messages, in order.
///
/// All are checked first: where one is wrong, none is taken. Then as many as there is room for are taken from the
/// front; fewer than count means that the next one met AP_ERR_BUFFER_OVERFLOW, and the caller may try again with the rest.
///
/// Ownership: as ap_produce_message(), for each message taken.
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT; messages may be NULL where count is 0.
/// Threads:   as ap_produce(); the messages of one call are not interleaved with each other, those of other threads may
///            come between. overflow_wait applies to each message.
/// Returns:   how many were taken, 0 to count; or, with none taken,
///            AP_ERR_INVALID_ARGUMENT   as ap_produce_message(), for any of the messages; or they differ in struct_size
///            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
///            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_produce_batch(
    producer: *mut ap_producer_t,
    messages: *const ap_message_t,
    count: usize,
) -> i64 {
    guard_count(|| {
        let producer = pin(producer)?;
        let messages = unsafe { input::Messages::new(messages, count) }?;
        produce_all(&producer, |visit| {
            for index in 0..count {
                let message = unsafe { messages.get(index) }?;
                let headers = unsafe { input::headers(&message) }?;
                visit(&unsafe { input::draft(&message, &headers) }?)?;
            }
            Ok(())
        })
    })
}

/// Queues many messages of one topic, in order: their values joined in one buffer, and if they have keys those in
/// another. For languages to which a struct is dear.
///
/// The value of a message has value_sizes[i] bytes and begins where the one before ends; a size of -1 is Kafka's null
/// (a tombstone) and takes no bytes. Keys likewise. As ap_produce_batch() otherwise: all are checked first, then as
/// many as there is room for are taken from the front.
///
/// Ownership: everything is copied before the call returns.
/// NULL:      producer or topic -> AP_ERR_INVALID_ARGUMENT. key_sizes: no message has a key (keys_len is 0 then).
///            value_sizes may be NULL where count is 0; keys and values where their length is 0.
/// Threads:   as ap_produce_batch().
/// Units:     keys_len and values_len are the bytes of the joined buffers, and must be what the sizes add up to.
///            first_tag is the tag of the first message; each next one's is one more.
/// Returns:   how many were taken, 0 to count; or, with none taken,
///            AP_ERR_INVALID_ARGUMENT   not a producer, an illegal topic, a NULL as above, a size below -1, or sizes that
///                                      do not add up to the length of their buffer
///            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
///            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_produce_arrays(
    producer: *mut ap_producer_t,
    topic: *const c_char,
    keys: *const c_void,
    keys_len: usize,
    key_sizes: *const i32,
    values: *const c_void,
    values_len: usize,
    value_sizes: *const i32,
    count: usize,
    first_tag: u64,
) -> i64 {
    guard_count(|| {
        let producer = pin(producer)?;
        let topic = unsafe { input::topic(topic) }?;
        let keys = unsafe { input::Joined::new("key", keys, keys_len, key_sizes, count) }?;
        let values = unsafe { input::Joined::new("value", values, values_len, value_sizes, count) }?;
        if values.is_absent() && count > 0 {
            return Err(Error::invalid(format_args!("value_sizes is NULL with a count of {count}")));
        }
        produce_all(&producer, |visit| {
            for (index, (key, value)) in keys.parts().zip(values.parts()).enumerate() {
                let tag = first_tag.wrapping_add(index as u64);
                visit(&Draft { topic, key, value, tag, ..Draft::default() })?;
            }
            Ok(())
        })
    })
}

/// Queues many messages, in order, from one buffer of packed records: any topics, with headers and all the rest. For
/// languages to which a struct is dear.
///
/// Records follow each other without gaps. Integers are little-endian and need no alignment. A record is:
///
///     offset  type    field
///     0       uint32  size                bytes of the whole record, this field included
///     4       uint32  topic_len           without its NUL
///     8       int32   partition           or AP_PARTITION_ANY (-1)
///     12      int32   key_len             -1 = no key
///     16      int32   value_len           -1 = Kafka's null
///     20      int32   partition_key_len   -1 = none
///     24      int64   timestamp_ms        0 = the time of the call
///     32      uint64  tag
///     40      uint32  header_count
///     44      uint32  reserved            0
///     48      the topic, a NUL, the key, the value, the partition key, then each header:
///             uint32  name_len            without its NUL
///             int32   value_len           -1 = null
///             the name, a NUL, the value
///
/// As ap_produce_batch() otherwise: all are checked first, then as many as there is room for are taken from the front.
///
/// Ownership: everything is copied before the call returns.
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT; records may be NULL where records_len is 0.
/// Threads:   as ap_produce_batch().
/// Units:     records_len in bytes.
/// Returns:   how many messages were taken; fewer than there are means that the next one met AP_ERR_BUFFER_OVERFLOW. Or,
///            with none taken,
///            AP_ERR_INVALID_ARGUMENT   not a producer, a NULL as above, a record that is not of this form, or as
///                                      ap_produce_message() for any of the messages
///            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
///            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_produce_packed(
    producer: *mut ap_producer_t,
    records: *const c_void,
    records_len: usize,
) -> i64 {
    guard_count(|| {
        let producer = pin(producer)?;
        let records = Records::new(unsafe { input::buffer("records", records, records_len) }?);
        produce_all(&producer, |visit| records.each(visit))
    })
}

/// What is done with each message of a batch; an error ends the visit.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&Draft) -> Result<()>;

/// Visits the messages of a batch twice: to check them all, and to take as many as there is room for.
fn produce_all(producer: &Producer, each: impl Fn(Visit) -> Result<()>) -> Result<usize> {
    each(&mut |draft| producer.check(draft))?;
    let mut taken = 0;
    let outcome = each(&mut |draft| {
        producer.accept(draft)?;
        taken += 1;
        Ok(())
    });
    match outcome {
        Err(error) if taken == 0 && error.status != Status::BufferOverflow => Err(error),
        _ => Ok(taken),
    }
}
