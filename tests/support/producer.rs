//! The C ABI as tests like to call it, and a recorder of its events.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use async_producer::ffi::*;

use super::PATIENCE;

pub const OK: i32 = ap_status::AP_OK as i32;
pub const BUFFER_OVERFLOW: i32 = ap_status::AP_ERR_BUFFER_OVERFLOW as i32;
pub const MESSAGE_TOO_LARGE: i32 = ap_status::AP_ERR_MESSAGE_TOO_LARGE as i32;
pub const TIMED_OUT: i32 = ap_status::AP_ERR_TIMED_OUT as i32;
pub const UNDELIVERED: i32 = ap_status::AP_ERR_UNDELIVERED as i32;
pub const SHUT_DOWN: i32 = ap_status::AP_ERR_SHUT_DOWN as i32;

pub const DELIVERY_STARTED: u32 = ap_event_type::AP_EVENT_DELIVERY_STARTED as u32;
pub const DELIVERY_FINISHED: u32 = ap_event_type::AP_EVENT_DELIVERY_FINISHED as u32;
pub const DELIVERED: u32 = ap_event_type::AP_EVENT_DELIVERED as u32;
pub const FAILED: u32 = ap_event_type::AP_EVENT_FAILED as u32;
pub const RETRY: u32 = ap_event_type::AP_EVENT_RETRY as u32;
pub const DROPPED: u32 = ap_event_type::AP_EVENT_DROPPED as u32;
pub const STALLED: u32 = ap_event_type::AP_EVENT_STALLED as u32;
pub const ERROR: u32 = ap_event_type::AP_EVENT_ERROR as u32;
pub const LOG: u32 = ap_event_type::AP_EVENT_LOG as u32;
pub const STATS: u32 = ap_event_type::AP_EVENT_STATS as u32;
pub const SETTLED: u32 = DELIVERED | FAILED | DROPPED;
const RECORDED: u32 = SETTLED | DELIVERY_STARTED | DELIVERY_FINISHED | RETRY | STALLED | ERROR | LOG | STATS;

pub const NOT_PERSISTED: i32 = ap_persistence::AP_PERSISTENCE_NO as i32;
pub const POSSIBLY_PERSISTED: i32 = ap_persistence::AP_PERSISTENCE_POSSIBLY as i32;

pub type Bytes<'a> = Option<&'a [u8]>;

/// What `ap_message_t` takes.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub key: Bytes<'a>,
    pub value: Bytes<'a>,
    pub partition_key: Bytes<'a>,
    pub headers: &'a [(&'a str, Bytes<'a>)],
    pub timestamp_ms: i64,
    pub tag: u64,
    pub partition: i32,
}

impl<'a> Message<'a> {
    pub fn to(topic: &'a str) -> Message<'a> {
        Message {
            topic,
            key: None,
            value: None,
            partition_key: None,
            headers: &[],
            timestamp_ms: 0,
            tag: 0,
            partition: -1,
        }
    }
}

pub struct Producer {
    raw: *mut ap_producer_t,
    recorder: Arc<Recorder>,
}

// SAFETY: the header says that every function takes the handle from any thread.
unsafe impl Send for Producer {}
unsafe impl Sync for Producer {}

impl Producer {
    pub fn new(bootstrap: &str, properties: &[(&str, &str)]) -> Producer {
        Producer::try_new(bootstrap, properties).unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// Or what the library says against it.
    pub fn try_new(bootstrap: &str, properties: &[(&str, &str)]) -> Result<Producer, String> {
        let recorder = Arc::new(Recorder::default());
        let config = ap_config_new();
        // SAFETY: every pointer lives for its call; the recorder for as long as the library holds it.
        unsafe {
            let raw = make(config, &recorder, [("bootstrap.servers", bootstrap)].iter().chain(properties));
            ap_config_free(config);
            Ok(Producer { raw: raw?, recorder })
        }
    }

    pub fn try_produce(&self, topic: &str, key: Bytes, value: Bytes, tag: u64) -> i32 {
        let topic = CString::new(topic).unwrap();
        let (key, key_len) = span(key);
        let (value, value_len) = span(value);
        // SAFETY: the pointers live for the call.
        unsafe { ap_produce(self.raw, topic.as_ptr(), key, key_len, value, value_len, tag) }
    }

    pub fn produce(&self, topic: &str, key: Bytes, value: Bytes, tag: u64) {
        assert_eq!(self.try_produce(topic, key, value, tag), OK, "produce to {topic}, tag {tag}");
    }

    /// A text without a key; the tag is the number of the message.
    pub fn say(&self, topic: &str, text: &str, tag: u64) {
        self.produce(topic, None, Some(text.as_bytes()), tag);
    }

    pub fn send(&self, message: &Message) {
        let topic = CString::new(message.topic).unwrap();
        let names: Vec<CString> = message.headers.iter().map(|(name, _)| CString::new(*name).unwrap()).collect();
        let headers: Vec<ap_header_t> = names
            .iter()
            .zip(message.headers)
            .map(|(name, (_, value))| {
                let (value, value_len) = span(*value);
                ap_header_t { name: name.as_ptr(), value, value_len }
            })
            .collect();
        let (key, key_len) = span(message.key);
        let (value, value_len) = span(message.value);
        let (partition_key, partition_key_len) = span(message.partition_key);
        let raw = ap_message_t {
            struct_size: size_of::<ap_message_t>(),
            topic: topic.as_ptr(),
            key,
            key_len,
            value,
            value_len,
            partition_key,
            partition_key_len,
            headers: if headers.is_empty() { ptr::null() } else { headers.as_ptr() },
            header_count: headers.len(),
            timestamp_ms: message.timestamp_ms,
            tag: message.tag,
            partition: message.partition,
        };
        // SAFETY: everything `raw` points to lives for the call.
        assert_eq!(unsafe { ap_produce_message(self.raw, &raw) }, OK, "produce to {}", message.topic);
    }

    pub fn deliver(&self) {
        assert_eq!(ap_deliver(self.raw), OK);
    }

    pub fn try_flush(&self, timeout_ms: i64) -> i32 {
        ap_flush(self.raw, timeout_ms)
    }

    /// Delivers everything; nothing of it may fail.
    pub fn flush(&self) {
        assert_eq!(self.try_flush(PATIENCE.as_millis() as i64), OK, "flush; {}", self.recorder.summary());
    }

    /// Delivers and ends; nothing may fail. The counters must add up afterwards.
    pub fn finish(&self) {
        let status = self.shutdown(PATIENCE.as_millis() as i64);
        assert_eq!(status, OK, "shutdown; {}", self.recorder.summary());
        let stats = self.stats();
        assert_eq!(stats.delivered, stats.accepted, "{stats:?}");
        self.wait_for(SETTLED, stats.accepted as usize);
        assert_eq!(self.events(SETTLED).len() as u64, stats.accepted, "one settlement for each message");
        self.check_stats();
    }

    pub fn shutdown(&self, timeout_ms: i64) -> i32 {
        ap_shutdown(self.raw, timeout_ms)
    }

    pub fn stats(&self) -> ap_stats_t {
        let mut stats = ap_stats_t { struct_size: size_of::<ap_stats_t>(), ..ap_stats_t::default() };
        // SAFETY: `stats` is the caller's.
        assert_eq!(unsafe { ap_stats(self.raw, &mut stats) }, OK);
        stats
    }

    /// The header's equation; only where nothing happens meanwhile and every event is read. A message whose event is being
    /// read holds its place until the callback has returned.
    pub fn check_stats(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut now = self.stats();
        while now.accepted != now.delivered + now.failed + now.dropped + now.queue_size + now.buffer_size {
            assert!(Instant::now() < deadline, "{now:?}");
            std::thread::yield_now();
            now = self.stats();
        }
        assert!(now.unknown <= now.failed && now.in_flight <= now.buffer_size, "{now:?}");
    }

    /// Waits until `count` events of these types have come; answers them all.
    pub fn wait_for(&self, types: u32, count: usize) -> Vec<Event> {
        self.recorder.wait_for(types, count)
    }

    /// The events of these types so far.
    pub fn events(&self, types: u32) -> Vec<Event> {
        self.recorder.events().iter().filter(|event| event.kind & types != 0).cloned().collect()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        ap_free(self.raw);
    }
}

/// An `ap_event_t` that outlives its callback.
#[derive(Clone)]
pub struct Event {
    pub kind: u32,
    pub status: i32,
    pub kafka_error: i32,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub tag: u64,
    pub topic: Option<String>,
    pub text: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub message_count: u64,
    pub duration_us: u64,
    pub attempt: u32,
    pub persistence: i32,
}

impl Event {
    /// # Safety
    /// `raw` is the event of a callback that runs.
    unsafe fn copy(raw: &ap_event_t) -> Event {
        // SAFETY: the library vouches for the pointers of an event until its callback returns.
        unsafe {
            let headers =
                if raw.header_count == 0 { &[] } else { std::slice::from_raw_parts(raw.headers, raw.header_count) };
            Event {
                kind: raw.r#type,
                status: raw.status,
                kafka_error: raw.kafka_error,
                partition: raw.partition,
                offset: raw.offset,
                timestamp_ms: raw.timestamp_ms,
                tag: raw.tag,
                topic: (!raw.topic.is_null()).then(|| text_at(raw.topic)),
                text: text_at(raw.text),
                key: bytes_at(raw.key, raw.key_len),
                value: bytes_at(raw.value, raw.value_len),
                headers: headers
                    .iter()
                    .map(|header| (text_at(header.name), bytes_at(header.value, header.value_len)))
                    .collect(),
                message_count: raw.message_count,
                duration_us: raw.duration_us,
                attempt: raw.attempt,
                persistence: raw.persistence,
            }
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (DELIVERY_STARTED, "DELIVERY_STARTED"),
            (DELIVERY_FINISHED, "DELIVERY_FINISHED"),
            (DELIVERED, "DELIVERED"),
            (FAILED, "FAILED"),
            (RETRY, "RETRY"),
            (DROPPED, "DROPPED"),
            (STALLED, "STALLED"),
            (ERROR, "ERROR"),
            (LOG, "LOG"),
            (STATS, "STATS"),
        ];
        let name = names.iter().find(|(kind, _)| *kind == self.kind).map_or("?", |(_, name)| name);
        write!(f, "{name} \"{}\", tag {}, {:?}/", self.text, self.tag, self.topic)?;
        write!(f, "{} at {}, status {}", self.partition, self.offset, self.status)?;
        write!(f, ", kafka_error {}, persistence {}", self.kafka_error, self.persistence)?;
        write!(f, ", count {}, attempt {}", self.message_count, self.attempt)
    }
}

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl Recorder {
    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().expect("no callback panics")
    }

    fn wait_for(&self, types: u32, count: usize) -> Vec<Event> {
        let deadline = Instant::now() + PATIENCE;
        let (mut seen, mut found) = (0, Vec::new());
        let mut events = self.events();
        loop {
            found.extend(events[seen..].iter().filter(|event| event.kind & types != 0).cloned());
            seen = events.len();
            if found.len() >= count {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(events);
                panic!("waited for {count} events of types {types:#x}, {} came; {}", found.len(), self.summary());
            }
            events = self.changed.wait_timeout(events, left).expect("no callback panics").0;
        }
    }

    /// How many events there are, and the last ones that are not deliveries.
    fn summary(&self) -> String {
        let events = self.events();
        let mut last: Vec<&Event> = events.iter().rev().filter(|event| event.kind != DELIVERED).take(20).collect();
        last.reverse();
        format!("{} events, of the last: {last:#?}", events.len())
    }
}

/// # Safety
/// `config` is a configuration.
unsafe fn make<'a>(
    config: *mut ap_config_t,
    recorder: &Arc<Recorder>,
    properties: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> Result<*mut ap_producer_t, String> {
    let mut error = [0; 512];
    // SAFETY: every pointer lives for its call; the recorder for as long as the library holds it.
    unsafe {
        for (key, value) in properties {
            let (name, text) = (CString::new(*key).unwrap(), CString::new(*value).unwrap());
            if ap_config_set(config, name.as_ptr(), text.as_ptr(), error.as_mut_ptr(), error.len()) != OK {
                return Err(text_at(error.as_ptr()));
            }
        }
        let user_data = Arc::into_raw(recorder.clone()).cast_mut().cast();
        assert_eq!(ap_config_set_event_callback(config, RECORDED, Some(record), user_data, Some(release)), OK);
        let mut raw = ptr::null_mut();
        match ap_new(config, &mut raw, error.as_mut_ptr(), error.len()) {
            OK => Ok(raw),
            _ => Err(text_at(error.as_ptr())),
        }
    }
}

unsafe extern "C-unwind" fn record(event: *const ap_event_t, user_data: *mut c_void) {
    // SAFETY: `user_data` is the recorder until `release`.
    let (event, recorder) = unsafe { (Event::copy(&*event), &*user_data.cast::<Recorder>()) };
    recorder.events().push(event);
    recorder.changed.notify_all();
}

unsafe extern "C-unwind" fn release(user_data: *mut c_void) {
    // SAFETY: made by `Arc::into_raw` in `Producer::new`; the library calls this once.
    drop(unsafe { Arc::from_raw(user_data.cast::<Recorder>()) });
}

fn span(bytes: Bytes) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// # Safety
/// `text` is a C string.
unsafe fn text_at(text: *const c_char) -> String {
    // SAFETY: as said above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// # Safety
/// There are `length` bytes at `bytes`, or it is NULL.
unsafe fn bytes_at(bytes: *const c_void, length: usize) -> Option<Vec<u8>> {
    // SAFETY: as said above.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes.cast(), length) }.to_vec())
}
