//! `ap_event_t`: what the callback is told, and the callback itself.

use std::ffi::{c_char, c_void};

use crate::event::Event;
use crate::observer::Observer;

use super::config::ap_free_fn;
use super::input;
use super::message::ap_header_t;

/// The types of events. Each is one bit: a mask is an OR of types, and ap_event_t.type is one of them.
#[repr(C)]
#[allow(dead_code)] // C reads the names; `Kind` has the same bits, checked in the tests below.
pub enum ap_event_type {
    /// A message was accepted by ap_produce(): topic, tag, queue_size, max_queue_size. May be coalesced: then
    /// message_count says how many, and the rest is the latest one's.
    AP_EVENT_ENQUEUED = 1,
    /// A message was refused by ap_produce() for lack of room: topic, tag, queue_size, max_queue_size. May be coalesced.
    AP_EVENT_BUFFER_OVERFLOW = 2,
    /// A delivery begins: message_count messages go to Kafka. May be coalesced.
    AP_EVENT_DELIVERY_STARTED = 4,
    /// Every message of a delivery is settled: message_count messages, attempt is the highest number of attempts one
    /// of them took, duration_us the time; status is AP_ERR_UNDELIVERED where one of them was not delivered. May be
    /// coalesced: then attempt and duration_us are the latest one's.
    AP_EVENT_DELIVERY_FINISHED = 8,
    /// One message was acknowledged: topic, partition, offset, timestamp_ms, tag, attempt; duration_us is the time since
    /// ap_produce(). It carries the whole message.
    AP_EVENT_DELIVERED = 16,
    /// One message is settled without delivery: Kafka refused it for good, the retries are used up, or its fate is
    /// unknown (persistence says which). text says how far it came, the broker, the reason, the attempts and the last
    /// error. It carries the whole message.
    AP_EVENT_FAILED = 32,
    /// A delivery of message_count messages failed and will be tried again: topic, partition, attempt; duration_us is the
    /// pause before the next attempt. May be coalesced.
    AP_EVENT_RETRY = 64,
    /// One message was dropped by ap_clear() or at the end of ap_shutdown(). It carries the whole message.
    AP_EVENT_DROPPED = 128,
    /// Nothing could be delivered for stall_report_interval although messages wait; text says what they wait for and the
    /// last error. May be coalesced.
    AP_EVENT_STALLED = 256,
    /// An error of the client: brokers down, authentication, a fatal error after which the client is made anew. What
    /// happens again and again is told once, then once a minute: message_count says how often since. May be coalesced.
    AP_EVENT_ERROR = 512,
    /// A log line of librdkafka: text; status is its syslog level (0 to 7). The same line is told as ERROR is. May
    /// be coalesced.
    AP_EVENT_LOG = 1024,
    /// librdkafka's statistics as JSON in value, every statistics.interval.ms milliseconds where that is set. Where they
    /// are not read in time, only the latest is kept.
    AP_EVENT_STATS = 2048,
    /// Every type above.
    AP_EVENT_ALL = 4095,
}

/// What is known of a message in the broker's log.
#[repr(C)]
#[allow(dead_code)]
pub enum ap_persistence {
    /// It is not there: sending it again makes no duplicate.
    AP_PERSISTENCE_NO = 0,
    /// It may be there: it was sent and no answer came.
    AP_PERSISTENCE_POSSIBLY = 1,
    /// It is there.
    AP_PERSISTENCE_YES = 2,
}

/// Something that happened. Made by the library, valid only until the callback returns; grows only at its end.
///
/// A field that its type does not speak of is 0, NULL, or -1 for partition and offset.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ap_event_t {
    /// Bytes of this struct in the running library.
    pub struct_size: usize,
    /// One AP_EVENT_ type.
    pub r#type: u32,
    /// The ap_status_t of what happened; for AP_EVENT_LOG the syslog level of the line.
    pub status: i32,
    /// librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
    pub kafka_error: i32,
    /// The partition, -1 = unknown.
    pub partition: i32,
    /// The offset in the partition, -1 = unknown.
    pub offset: i64,
    /// The message's timestamp in milliseconds since 1970 (UTC); else the time of the event.
    pub timestamp_ms: i64,
    /// The tag given with the message.
    pub tag: u64,
    /// The topic, ended with a NUL; NULL where the event is about no topic.
    pub topic: *const c_char,
    /// One line for a person, ended with a NUL; never NULL, never with a password in it.
    pub text: *const c_char,
    /// The key; NULL = none.
    pub key: *const c_void,
    /// Bytes of key.
    pub key_len: usize,
    /// The value; NULL = Kafka's null.
    pub value: *const c_void,
    /// Bytes of value.
    pub value_len: usize,
    /// The headers; NULL where header_count is 0.
    pub headers: *const ap_header_t,
    /// How many headers.
    pub header_count: usize,
    /// Messages in the queue when it happened.
    pub queue_size: u64,
    /// The limit of queue_size.
    pub max_queue_size: u64,
    /// Messages in the buffer when it happened, those on their way included.
    pub buffer_size: u64,
    /// How many messages, or how many coalesced occurrences, the event speaks of.
    pub message_count: u64,
    /// A time in microseconds, as said beside each type.
    pub duration_us: u64,
    /// How many attempts were made.
    pub attempt: u32,
    /// One AP_PERSISTENCE_ value.
    pub persistence: i32,
}

/// The event callback.
///
/// In callback mode it runs on a thread of the library, never on one of the program's and never twice at a time; in poll
/// mode on the thread that calls ap_poll(). It may call ap_produce(), ap_deliver(), ap_stats() and the like; ap_flush(),
/// ap_shutdown() and ap_poll() answer AP_ERR_WOULD_DEADLOCK in it. It may take its time: delivery and shutdown do not
/// wait for it, but messages whose events it has not read keep their place in the limits. It must return normally: no
/// longjmp, no exception (in C++ make it noexcept). The event and all it points to is valid until it returns.
pub type ap_event_fn = Option<unsafe extern "C-unwind" fn(event: *const ap_event_t, user_data: *mut c_void)>;

/// The program's callback with its user data; frees the user data when the last owner lets go.
pub(super) struct Hook {
    callback: ap_event_fn,
    user_data: *mut c_void,
    user_data_free: ap_free_fn,
}

// SAFETY: the header says that the callback runs on other threads; user_data is passed through untouched.
unsafe impl Send for Hook {}
unsafe impl Sync for Hook {}

impl Hook {
    pub(super) fn new(callback: ap_event_fn, user_data: *mut c_void, user_data_free: ap_free_fn) -> Hook {
        Hook { callback, user_data, user_data_free }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(free) = self.user_data_free {
            // SAFETY: the program gave this function for this pointer; `drop` runs once.
            unsafe { free(self.user_data) }
        }
    }
}

impl Observer for Hook {
    /// Runs the callback. Nothing with a destructor lives in this frame: a thread that ends inside the callback
    /// (Python's pthread_exit at interpreter exit) unwinds through it without harm.
    fn observe(&self, event: &Event) {
        let Some(callback) = self.callback else { return };
        let headers = if event.has_headers() { input::header_array(event.headers()) } else { Vec::new() };
        let headers = std::mem::ManuallyDrop::new(headers);
        let raw = describe(event, &headers);
        // SAFETY: `raw` points into `event` and `headers`, which outlive the call.
        unsafe { callback(&raw, self.user_data) };
        drop(std::mem::ManuallyDrop::into_inner(headers));
    }

    fn listens(&self) -> bool {
        self.callback.is_some()
    }
}

/// The C form of an event; it points into the event and the headers.
fn describe(event: &Event, headers: &[ap_header_t]) -> ap_event_t {
    let (key, key_len) = input::span(event.key());
    let (value, value_len) = input::span(event.value());
    ap_event_t {
        struct_size: size_of::<ap_event_t>(),
        r#type: event.kind.bit(),
        status: event.status,
        kafka_error: event.kafka_error,
        partition: event.partition,
        offset: event.offset,
        timestamp_ms: event.timestamp_ms,
        tag: event.tag,
        topic: event.topic_with_nul().map_or(std::ptr::null(), |topic| topic.as_ptr().cast()),
        text: event.text.as_ptr(),
        key,
        key_len,
        value,
        value_len,
        headers: if headers.is_empty() { std::ptr::null() } else { headers.as_ptr() },
        header_count: headers.len(),
        queue_size: event.queue_size.into(),
        max_queue_size: event.max_queue_size.into(),
        buffer_size: event.buffer_size.into(),
        message_count: event.message_count,
        duration_us: event.duration_us,
        attempt: event.attempt,
        persistence: event.persistence as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    #[test]
    fn types_have_the_bits_of_the_header() {
        let pairs = [
            (Kind::Enqueued, ap_event_type::AP_EVENT_ENQUEUED),
            (Kind::BufferOverflow, ap_event_type::AP_EVENT_BUFFER_OVERFLOW),
            (Kind::DeliveryStarted, ap_event_type::AP_EVENT_DELIVERY_STARTED),
            (Kind::DeliveryFinished, ap_event_type::AP_EVENT_DELIVERY_FINISHED),
            (Kind::Delivered, ap_event_type::AP_EVENT_DELIVERED),
            (Kind::Failed, ap_event_type::AP_EVENT_FAILED),
            (Kind::Retry, ap_event_type::AP_EVENT_RETRY),
            (Kind::Dropped, ap_event_type::AP_EVENT_DROPPED),
            (Kind::Stalled, ap_event_type::AP_EVENT_STALLED),
            (Kind::Error, ap_event_type::AP_EVENT_ERROR),
            (Kind::Log, ap_event_type::AP_EVENT_LOG),
            (Kind::Stats, ap_event_type::AP_EVENT_STATS),
        ];
        let mut all = 0;
        for (kind, public) in pairs {
            assert_eq!(kind.bit(), public as u32);
            all |= kind.bit();
        }
        assert_eq!(all, ap_event_type::AP_EVENT_ALL as u32);
    }
}
