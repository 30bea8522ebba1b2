//! librdkafka behind the `Transport` trait. Its types stay in here, and so does the unsafe code they need.
//!
//! The raw bindings are used, not the crate's safe producer: that one copies every message, purges in Drop, and reads
//! error codes into Rust enums that lack codes newer than the bindings (undefined behaviour). Codes are read as integers.
//!
//! Payloads are handed over without RD_KAFKA_MSG_F_COPY or F_FREE: librdkafka refers to our block until its delivery
//! report, so a parcel stays in the slab until then, or until the client is destroyed.

#![allow(unsafe_code)]

mod form;
mod hold;
mod properties;
/// cbindgen:ignore
mod raw;
mod secrets;
mod slab;
mod topic;

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rdkafka::bindings as rd;

use crate::error::Result;
use crate::event::Persistence;
use crate::fork;
use crate::message::Message;
use crate::parker::Parker;
use crate::stage::Stage;
use crate::sys;

use form::Form;
use hold::Hold;
pub use properties::Properties;
use secrets::Secrets;
use slab::Slab;
use topic::Topic;

use super::{Connector, Notice, Parcel, Partitions, Purge, Transport, Verdict, Window};

/// A level of syslog.
const WARNING: i32 = 4;

/// Delivery reports read from an event at a time.
const REPORTS: usize = 256;

/// The version of librdkafka.
pub fn library_version() -> String {
    // SAFETY: a static string.
    unsafe { raw::owned(rd::rd_kafka_version_str()) }
}

/// An error code in words: "Broker: Not leader for partition (NOT_LEADER_FOR_PARTITION)".
pub fn describe(code: i32) -> String {
    // SAFETY: static strings for any number.
    unsafe { format!("{} ({})", raw::owned(raw::rd_kafka_err2str(code)), raw::owned(raw::rd_kafka_err2name(code))) }
}

/// Makes clients of the same configuration.
pub struct KafkaConnector {
    properties: Properties,
    waker: Arc<Parker>,
}

impl KafkaConnector {
    /// `waker` is called when a client has something to say.
    pub fn new(properties: Properties, waker: Arc<Parker>) -> KafkaConnector {
        KafkaConnector { properties, waker }
    }
}

impl Connector for KafkaConnector {
    fn connect(&mut self) -> Result<Box<dyn Transport>> {
        let client = fork::exclude(|| self.properties.start_client())?;
        Ok(Box::new(Kafka::new(client, &self.properties, self.waker.clone())))
    }
}

pub struct Kafka {
    client: *mut rd::rd_kafka_t,
    queue: *mut rd::rd_kafka_queue_t,
    /// One that has not been read to its end; NULL where there is none.
    event: *mut rd::rd_kafka_event_t,
    /// The offset of its first report.
    first_offset: Option<i64>,
    /// Kept alive for librdkafka's threads, which call it; given back when the client is gone.
    waker: Arc<Parker>,
    topics: HashMap<CString, Topic>,
    slab: Slab,
    hold: Hold,
    /// What is known without asking librdkafka: refusals of its produce call.
    local: Vec<Notice>,
    partitioner: properties::Partitioner,
    secrets: Secrets,
    window: Window,
    linger: Duration,
    attempt_timeout: Duration,
    topic_grace: Duration,
}

// SAFETY: librdkafka's handles may be used from any thread; this one is used from one at a time.
unsafe impl Send for Kafka {}

impl Kafka {
    fn new(client: *mut rd::rd_kafka_t, properties: &Properties, waker: Arc<Parker>) -> Kafka {
        // SAFETY: a live client; the waker outlives the queue's use of it (see `close`).
        let queue = unsafe {
            let queue = rd::rd_kafka_queue_get_main(client);
            raw::rd_kafka_set_log_queue(client, queue);
            rd::rd_kafka_queue_cb_event_enable(queue, Some(wake), Arc::as_ptr(&waker).cast_mut().cast());
            queue
        };
        waker.unpark();
        Kafka {
            client,
            queue,
            event: ptr::null_mut(),
            first_offset: None,
            waker,
            topics: HashMap::new(),
            slab: Slab::default(),
            hold: Hold::new(client),
            local: Vec::new(),
            partitioner: properties.partitioner(),
            secrets: properties.secrets(),
            window: properties.window(),
            linger: properties.linger(),
            attempt_timeout: properties.attempt_timeout(),
            topic_grace: properties.topic_grace(),
        }
    }

    fn topic(&mut self, name: &CStr) -> &mut Topic {
        // Two look-ups, because the entry API would copy the name each time.
        if !self.topics.contains_key(name) {
            self.topics.insert(name.to_owned(), Topic::new(self.client, name, self.topic_grace));
        }
        self.topics.get_mut(name).expect("inserted above")
    }

    /// Hands one parcel over; gives it back with the reason where it is refused.
    fn produce(&mut self, form: &mut Form, parcel: Parcel) -> std::result::Result<(), (Parcel, i32, String)> {
        let ticket = self.slab.insert(parcel);
        let message = &self.slab.get(ticket).expect("inserted above").message;
        // SAFETY: the message stays in the slab until its report; see the module's comment.
        let refusal = unsafe { produce_message(self.client, form, message, ticket) };
        match refusal {
            Err((error, text)) => {
                let parcel = self.slab.remove(ticket).expect("inserted above");
                Err((parcel, error, text))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Reads an event, or as many of its delivery reports as are read at a time. Whether it has more.
    ///
    /// # Safety
    /// `event` is an event of this client.
    unsafe fn read(&mut self, event: *mut rd::rd_kafka_event_t, notices: &mut Vec<Notice>) -> bool {
        unsafe {
            match rd::rd_kafka_event_type(event) {
                rd::RD_KAFKA_EVENT_DR => return self.read_reports(event, notices),
                rd::RD_KAFKA_EVENT_ERROR => notices.push(self.read_error(event)),
                rd::RD_KAFKA_EVENT_LOG => notices.extend(self.read_log(event)),
                rd::RD_KAFKA_EVENT_STATS => {
                    let json = CStr::from_ptr(rd::rd_kafka_event_stats(event));
                    notices.push(Notice::Stats(json.to_bytes().into()));
                }
                _ => {}
            }
            false
        }
    }

    unsafe fn read_reports(&mut self, event: *mut rd::rd_kafka_event_t, notices: &mut Vec<Notice>) -> bool {
        let mut messages = [ptr::null::<rd::rd_kafka_message_t>(); REPORTS];
        // SAFETY: as many pointers as there is room for.
        let count = unsafe { rd::rd_kafka_event_message_array(event, messages.as_mut_ptr(), REPORTS) };
        for message in &messages[..count] {
            // SAFETY: a message of this event.
            unsafe {
                // An event has the messages of one batch. librdkafka counts its offsets up from the first one, also where
                // that one is unknown and so negative.
                let first_offset = *self.first_offset.get_or_insert((**message).offset);
                self.read_report(*message, first_offset >= 0, notices);
            }
        }
        count == REPORTS
    }

    unsafe fn read_report(
        &mut self,
        message: *const rd::rd_kafka_message_t,
        has_offset: bool,
        notices: &mut Vec<Notice>,
    ) {
        unsafe {
            let error = raw::error_of(message);
            let ticket = (*message)._private as usize;
            if ticket == topic::PROBE {
                topic::probe_is_back((*message).rkt, error);
                return;
            }
            let Some(parcel) = self.slab.remove(ticket) else { return };
            let persistence = match raw::rd_kafka_message_status(message) {
                raw::NOT_PERSISTED => Persistence::No,
                raw::PERSISTED => Persistence::Yes,
                _ => Persistence::Possibly,
            };
            let text = (error != 0).then(|| explain(message, error).into());
            let error = if persistence == Persistence::No { self.excuse(message, error) } else { error };
            let offset = if error == 0 && has_offset { (*message).offset } else { -1 };
            let partition = (*message).partition;
            let stage = if error == 0 { Stage::default() } else { stage_of(message, error, persistence) };
            notices.push(Notice::Settled(parcel, Verdict { error, persistence, partition, offset, text, stage }));
        }
    }

    /// # Safety
    /// A report that says that Kafka does not have the message.
    unsafe fn excuse(&mut self, message: *const rd::rd_kafka_message_t, error: i32) -> i32 {
        let name = unsafe { CStr::from_ptr(rd::rd_kafka_topic_name((*message).rkt)) };
        let partition = unsafe { (*message).partition };
        self.topics.get_mut(name).map_or(error, |topic| topic.excuse(error, partition))
    }

    unsafe fn read_error(&self, event: *mut rd::rd_kafka_event_t) -> Notice {
        unsafe {
            let code = raw::rd_kafka_event_error(event);
            let text = self.secrets.hide(raw::owned(rd::rd_kafka_event_error_string(event)));
            let fatal = rd::rd_kafka_event_error_is_fatal(event) != 0;
            Notice::Error { code, text: if fatal { format!("fatal error: {text}") } else { text }, fatal }
        }
    }

    unsafe fn read_log(&self, event: *mut rd::rd_kafka_event_t) -> Option<Notice> {
        let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
        unsafe {
            if rd::rd_kafka_event_log(event, &raw mut facility, &raw mut text, &raw mut level) != 0 {
                return None;
            }
            let (facility, text) = (raw::owned(facility), self.secrets.hide(raw::owned(text)));
            // Without a producer id idempotence sends nothing, but librdkafka raises no error: this line is all it says.
            if facility == "GETPID" && level <= WARNING {
                let text = text.split_once("]: ").map_or(&*text, |(_thread, text)| text).into();
                return Some(Notice::Error { code: 0, text, fatal: false });
            }
            Some(Notice::Log { level, text: format!("{facility}: {text}") })
        }
    }
}

impl Transport for Kafka {
    fn partitions(&mut self, topic: &CStr) -> Partitions {
        self.topic(topic).partitions()
    }

    fn partition_of(&self, key: Option<&[u8]>, count: i32) -> Option<i32> {
        self.partitioner.partition_of(key, count)
    }

    fn window(&self) -> Window {
        self.window
    }

    fn linger(&self) -> Duration {
        self.linger
    }

    fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    fn hold(&mut self, partitions: &mut dyn Iterator<Item = (&CStr, i32)>) {
        for (topic, partition) in partitions {
            let topic = self.topic(topic);
            if topic.has(partition) {
                let handle = topic.handle();
                self.hold.add(handle, partition);
            }
        }
        self.hold.begin();
    }

    fn send(&mut self, topic: &CStr, partition: i32, parcels: &mut dyn Iterator<Item = Parcel>) {
        let handle = self.topic(topic).handle();
        let mut form = Form::new(handle, partition);
        let most = if self.hold.has(handle, partition) { usize::MAX } else { 1 };
        let mut refused = false;
        for parcel in parcels.take(most) {
            if let Err((parcel, error, text)) = self.produce(&mut form, parcel) {
                let error = self.topic(topic).excuse(error, partition);
                self.local.push(Notice::Settled(parcel, refusal(error, partition, text)));
                self.waker.unpark();
                refused = true;
                break; // It may have to be sent again: nothing may overtake it.
            }
        }
        if !refused {
            self.topic(topic).is_there();
        }
    }

    fn release(&mut self) {
        self.hold.end();
        if self.hold.is_worn() {
            let text = "the client has sent as much as it may".into();
            self.local.push(Notice::Error { code: 0, text, fatal: true });
            self.waker.unpark();
        }
    }

    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool {
        notices.append(&mut self.local);
        while notices.len() < REPORTS {
            // SAFETY: our queue; an event is destroyed once.
            unsafe {
                if self.event.is_null() {
                    self.event = rd::rd_kafka_queue_poll(self.queue, 0);
                    self.first_offset = None;
                }
                if self.event.is_null() {
                    return false;
                }
                if !self.read(self.event, notices) {
                    rd::rd_kafka_event_destroy(self.event);
                    self.event = ptr::null_mut();
                }
            }
        }
        true
    }

    fn purge(&mut self, what: Purge) {
        let in_flight = if what == Purge::All { rd::RD_KAFKA_PURGE_F_INFLIGHT } else { 0 };
        let flags = rd::RD_KAFKA_PURGE_F_QUEUE | in_flight | rd::RD_KAFKA_PURGE_F_NON_BLOCKING;
        // SAFETY: a live client.
        unsafe { raw::rd_kafka_purge(self.client, flags) };
    }

    fn in_flight(&self) -> usize {
        self.slab.len()
    }

    fn abandon(&mut self) -> Vec<Parcel> {
        self.slab.abandon()
    }

    fn close(self: Box<Self>, patience: Duration) {
        let (gone, is_gone) = mpsc::channel::<()>();
        // Where no thread can be started all of it is leaked, for librdkafka still refers to it.
        let mut kafka = ManuallyDrop::new(self);
        let body = move || {
            kafka.destroy();
            drop((ManuallyDrop::into_inner(kafka), gone));
        };
        // Destroying waits for librdkafka's threads, and one of them may wait for a name server.
        if sys::spawn("ap-close", body).is_ok() {
            let _ = is_gone.recv_timeout(patience);
        }
    }
}

impl Kafka {
    fn destroy(&mut self) {
        // SAFETY: called once, from `close`. Parcels left in the slab live until the client is gone.
        fork::exclude(|| unsafe {
            rd::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            if !self.event.is_null() {
                rd::rd_kafka_event_destroy(self.event);
            }
            self.topics.clear();
            rd::rd_kafka_queue_destroy(self.queue);
            rd::rd_kafka_destroy(self.client);
        });
    }
}

/// Called by librdkafka's threads when the queue is no longer empty.
extern "C" fn wake(_: *mut rd::rd_kafka_t, waker: *mut c_void) {
    // SAFETY: the parker that `Kafka::new` registered, alive until after the client.
    unsafe { (*waker.cast::<Parker>()).unpark() };
}

/// What became of a message that librdkafka would not take.
fn refusal(error: i32, partition: i32, text: String) -> Verdict {
    let (persistence, text) = (Persistence::No, Some(text.into()));
    Verdict { error, persistence, partition, offset: -1, text, stage: Stage::of_report(error, persistence, None) }
}

/// # Safety
/// A live message.
unsafe fn stage_of(message: *const rd::rd_kafka_message_t, error: i32, persistence: Persistence) -> Stage {
    let broker = unsafe { rd::rd_kafka_message_broker_id(message) };
    Stage::of_report(error, persistence, (broker >= 0).then_some(broker))
}

/// What is said of a failed message: the broker's words where it sent some. (rd_kafka_message_errstr is for consumers: it
/// answers the payload.)
unsafe fn explain(message: *const rd::rd_kafka_message_t, error: i32) -> String {
    let words = unsafe { raw::owned(rd::rd_kafka_message_produce_errstr(message)) };
    let known = describe(error);
    if words.is_empty() || known.starts_with(&words) { known } else { format!("{words}; {known}") }
}

/// # Safety
/// `message` must stay where it is until its report.
unsafe fn produce_message(
    client: *mut rd::rd_kafka_t,
    form: &mut Form,
    message: &Message,
    ticket: usize,
) -> std::result::Result<(), (i32, String)> {
    unsafe {
        let headers = header_list(message);
        let fields = form.fill(message, ticket, headers);
        let error = rd::rd_kafka_produceva(client, fields.as_ptr(), fields.len());
        if error.is_null() {
            return Ok(());
        }
        let refusal = (raw::rd_kafka_error_code(error), raw::owned(rd::rd_kafka_error_string(error)));
        rd::rd_kafka_error_destroy(error);
        if !headers.is_null() {
            rd::rd_kafka_headers_destroy(headers);
        }
        Err(refusal)
    }
}

unsafe fn header_list(message: &Message) -> *mut rd::rd_kafka_headers_t {
    if message.header_count() == 0 {
        return ptr::null_mut();
    }
    unsafe {
        let list = rd::rd_kafka_headers_new(message.header_count());
        for header in message.headers() {
            let name = header.name.to_bytes();
            let (value, len) = header.value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            rd::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, value.cast(), len as isize);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::code;

    #[test]
    fn errors_are_described_by_words_and_name() {
        assert_eq!(describe(6), "Broker: Not leader for partition (NOT_LEADER_FOR_PARTITION)");
        let names = [
            (code::UNKNOWN_PARTITION, "_UNKNOWN_PARTITION"),
            (code::UNKNOWN_TOPIC, "_UNKNOWN_TOPIC"),
            (code::RESOLVE, "_RESOLVE"),
            (code::SSL, "_SSL"),
            (code::AUTHENTICATION, "_AUTHENTICATION"),
            (code::QUEUE_FULL, "_QUEUE_FULL"),
            (code::DESTROY, "_DESTROY"),
            (code::FATAL, "_FATAL"),
            (code::PURGE_QUEUE, "_PURGE_QUEUE"),
            (code::PURGE_INFLIGHT, "_PURGE_INFLIGHT"),
            (code::RETRY, "_RETRY"),
            (code::GAPLESS_GUARANTEE, "_GAPLESS_GUARANTEE"),
            (code::INVALID_DIFFERENT_RECORD, "_INVALID_DIFFERENT_RECORD"),
            (code::MSG_TIMED_OUT, "_MSG_TIMED_OUT"),
            (code::TRANSPORT, "_TRANSPORT"),
            (code::TIMED_OUT, "_TIMED_OUT"),
            (code::TIMED_OUT_QUEUE, "_TIMED_OUT_QUEUE"),
            (code::WAIT_CACHE, "_WAIT_CACHE"),
            (code::OUTDATED, "_OUTDATED"),
            (code::INTR, "_INTR"),
            (code::ALL_BROKERS_DOWN, "_ALL_BROKERS_DOWN"),
            (code::STATE, "_STATE"),
            (code::UNKNOWN, "UNKNOWN"),
            (code::UNKNOWN_TOPIC_OR_PARTITION, "UNKNOWN_TOPIC_OR_PART"),
            (code::INVALID_RECORD, "INVALID_RECORD"),
            (code::MSG_SIZE_TOO_LARGE, "MSG_SIZE_TOO_LARGE"),
        ];
        for (code, name) in names {
            assert!(describe(code).ends_with(&format!("({name})")), "{code}: {}", describe(code));
        }
        assert!(describe(-9999).contains("-9999"), "{}", describe(-9999));
    }
}
