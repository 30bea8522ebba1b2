//! Events as entries: fixed-size and without pointers, many to a call, for languages that no foreign thread may enter.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::error::{Error, Result};
use crate::event::Event;

use super::guard::{guard_count, guard_waiting};
use super::input;
use super::packed;
use super::producer::{ap_producer_t, pin};

/// An event as ap_poll_events() writes it: 64 bytes without pointers, to be read by offset from any language. The
/// fields mean what they mean in ap_event_t; a field that its type does not speak of is 0, or -1 for partition and offset.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ap_event_entry_t {
    /// Looks up the rest with ap_event_text() and ap_event_message() until the next call of ap_poll_events(); 0 =
    /// there is no more to know: DELIVERED, DELIVERY_STARTED and DELIVERY_FINISHED. Offset 0.
    pub id: u64,
    /// The tag given with the message. Offset 8.
    pub tag: u64,
    /// The offset in the partition, -1 = unknown. Offset 16.
    pub offset: i64,
    /// The message's timestamp in milliseconds since 1970 (UTC); else the time of the event. Offset 24.
    pub timestamp_ms: i64,
    /// A time in microseconds, as said beside each type. Offset 32.
    pub duration_us: u64,
    /// One AP_EVENT_ type. Offset 40.
    pub r#type: u32,
    /// The ap_status_t of what happened; for AP_EVENT_LOG the syslog level of the line. Offset 44.
    pub status: i32,
    /// librdkafka's error code (negative: its own, positive: the broker's), 0 = none. Offset 48.
    pub kafka_error: i32,
    /// The partition, -1 = unknown. Offset 52.
    pub partition: i32,
    /// How many messages, or how many coalesced occurrences, the event speaks of; 2^32 - 1 = as many or more. Offset 56.
    pub message_count: u32,
    /// How many attempts were made; 65535 = as many or more. Offset 60.
    pub attempt: u16,
    /// One AP_PERSISTENCE_ value. Offset 62.
    pub persistence: u16,
}

/// Entries are written into memory that nobody has typed: its size is part of the ABI.
const SIZE: usize = 64;
const _: () = assert!(size_of::<ap_event_entry_t>() == SIZE);

/// No version of an entry will ever be larger; what claims to be is garbage.
const MAX_SIZE: usize = 4096;

/// Poll mode: fills an array with events that wait, and answers how many. It takes the place of ap_poll() where a
/// callback is dear or not possible.
///
/// Where none waits, it waits for the first; then it takes what is there, max_events at the most. After the event
/// descriptor became readable, call it until it answers 0: the last call gives back the places of what the one before
/// it handed out. Which events there are says the mask of ap_config_set_event_callback(), whose callback may be NULL.
///
/// Ownership: events is the caller's: max_events entries of event_size bytes each, in memory of any alignment. What
///            their ids stand for stays with the library until the next call of this function, and keeps its place in
///            the limits until then. Read by one thread at a time, or ids are gone before they are looked up.
/// NULL:      producer or events -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   any thread. Blocks up to timeout_ms: bind it so that a language's other threads can run, unless the
///            timeout is 0.
/// Units:     timeout_ms in milliseconds; -1 = no limit, 0 = do not wait. event_size in bytes: the size of
///            ap_event_entry_t that the caller knows, 64 or more; what a later version of it has more is 0 here.
/// Returns:   the number of events, 0 = the time passed, ap_wake() was called, or the producer is shut down and every
///            event is read; or
///            AP_ERR_INVALID_ARGUMENT  not a producer, a timeout below -1, max_events of 0, or an event_size below 64
///                                     or above 4096
///            AP_ERR_UNSUPPORTED       event_mode is callback
///            AP_ERR_WOULD_DEADLOCK    called in the event callback
///            AP_ERR_NO_MEMORY         no memory to take events into; they stay
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_poll_events(
    producer: *mut ap_producer_t,
    timeout_ms: i64,
    events: *mut c_void,
    event_size: usize,
    max_events: usize,
) -> i64 {
    let body = || {
        let producer = pin(producer)?;
        if events.is_null() || max_events == 0 {
            return Err(Error::invalid("events is NULL or max_events is 0; room for 1 at least is needed"));
        }
        if !(SIZE..=MAX_SIZE).contains(&event_size) {
            return Err(Error::invalid(format_args!("event_size is {event_size}; {SIZE} to {MAX_SIZE} are allowed")));
        }
        let mut place = events.cast::<u8>();
        producer.poll_entries(input::timeout(timeout_ms)?, max_events, &mut |event, id| {
            // SAFETY: the header asks for max_events times event_size bytes, and no more events come than asked for.
            unsafe {
                place.cast::<ap_event_entry_t>().write_unaligned(entry(event, id));
                place.add(SIZE).write_bytes(0, event_size - SIZE);
                place = place.add(event_size);
            }
        })
    };
    guard_waiting(|| guard_count(body))
}

/// The text of an event: one line for a person.
///
/// Ownership: the text is copied into buf and ended with a NUL, cut where buf is short.
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT. buf may be NULL where buf_len is 0: then only the length is answered.
/// Threads:   any thread, also in the callback. Never blocks.
/// Units:     buf_len in bytes, the NUL included.
/// Returns:   the bytes of the whole text without the NUL; or
///            AP_ERR_INVALID_ARGUMENT  not a producer, or id is none of the last ap_poll_events()
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_event_text(producer: *mut ap_producer_t, id: u64, buf: *mut c_char, buf_len: usize) -> i64 {
    guard_count(|| {
        look_up(producer, id, |event| {
            let text = event.text.to_string_lossy();
            unsafe { input::write_text(&text, buf, buf_len) };
            text.len()
        })
    })
}

/// What an event is about, whole, as a packed record of ap_produce_packed(): for FAILED and DROPPED the message, which
/// can be produced again as it is; for STATS the JSON as value; for others the topic, empty where there is none.
///
/// Of a FAILED or DROPPED message the partition is the one it was produced with, -1 where that was the partitioner's choice.
///
/// Ownership: the record is copied into buf; where buf is too small, nothing is.
/// NULL:      producer -> AP_ERR_INVALID_ARGUMENT. buf may be NULL where buf_len is 0: then only the size is answered.
/// Threads:   any thread, also in the callback. Never blocks.
/// Units:     buf_len in bytes.
/// Returns:   the bytes of the record; or
///            AP_ERR_INVALID_ARGUMENT  not a producer, or id is none of the last ap_poll_events()
///            AP_ERR_NO_MEMORY         no memory to put it together
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_event_message(
    producer: *mut ap_producer_t,
    id: u64,
    buf: *mut c_void,
    buf_len: usize,
) -> i64 {
    guard_count(|| {
        look_up(producer, id, |event| {
            let record = packed::write(event)?;
            if !buf.is_null() && record.len() <= buf_len {
                // SAFETY: the header asks for a buffer of that length.
                unsafe { ptr::copy_nonoverlapping(record.as_ptr(), buf.cast(), record.len()) };
            }
            Ok(record.len())
        })?
    })
}

fn look_up<T>(producer: *mut ap_producer_t, id: u64, body: impl FnOnce(&Event) -> T) -> Result<T> {
    let gone = || Error::invalid(format_args!("id {id} is none of the last ap_poll_events()"));
    pin(producer)?.shelf().look_up(id, body).ok_or_else(gone)
}

fn entry(event: &Event, id: u64) -> ap_event_entry_t {
    ap_event_entry_t {
        id,
        tag: event.tag,
        offset: event.offset,
        timestamp_ms: event.timestamp_ms,
        duration_us: event.duration_us,
        r#type: event.kind.bit(),
        status: event.status,
        kafka_error: event.kafka_error,
        partition: event.partition,
        message_count: u32::try_from(event.message_count).unwrap_or(u32::MAX),
        attempt: u16::try_from(event.attempt).unwrap_or(u16::MAX),
        persistence: event.persistence as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    #[test]
    fn fields_stand_where_the_header_says() {
        let event = Event {
            tag: 1,
            offset: 2,
            timestamp_ms: 3,
            duration_us: 4,
            status: -5,
            kafka_error: -6,
            partition: 7,
            message_count: u64::MAX,
            attempt: u32::MAX,
            persistence: crate::event::Persistence::Yes,
            ..Event::new(Kind::Failed, c"")
        };
        // SAFETY: the struct has no padding: its fields add up to its size.
        let bytes: [u8; SIZE] = unsafe { std::mem::transmute(entry(&event, 9)) };
        let wide = |offset: usize| i64::from_ne_bytes(bytes[offset..offset + 8].try_into().expect("8 bytes"));
        let word = |offset: usize| i32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("4 bytes"));
        assert_eq!([0, 8, 16, 24, 32].map(wide), [9, 1, 2, 3, 4]);
        assert_eq!([40, 44, 48, 52].map(word), [Kind::Failed.bit() as i32, -5, -6, 7]);
        assert_eq!(bytes[56..], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0]);
    }
}
