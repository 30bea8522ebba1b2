//! A topic of the client, and how its number of partitions is found out.
//!
//! librdkafka tells that number to partitioners only. So a probe is produced: a message whose partitioner notes the
//! number and answers a partition that cannot exist. Where the topic is known, the call fails at once and the number is
//! there; where it is not, librdkafka keeps the probe until it knows (creating the topic on the way, as for any message
//! where the broker allows it), fails it then, and its report says how it went. No probe is ever sent.
//! See rd_kafka_msg_partitioner in rdkafka_msg.c.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;

use crate::message::PARTITION_ANY;
use crate::transport::Partitions;
use crate::verdict::{code, is_of_missing_topic};

use super::raw;

/// The ticket of probes.
pub const PROBE: usize = 0;

pub struct Topic {
    handle: *mut rd::rd_kafka_topic_t,
    /// Shared with librdkafka's threads; in a box, because they keep its address.
    state: Box<State>,
    /// How long Kafka may say of a topic that was there that it is not, before this is believed. librdkafka asks again
    /// every second, but believes the first such answer about a topic that it has known for some time.
    grace: Duration,
    missing_since: Option<Instant>,
}

#[derive(Default)]
struct State {
    /// Partitions as last seen, 0 = not yet.
    count: AtomicI32,
    /// Why the topic cannot be used, 0 = it can.
    refusal: AtomicI32,
    probing: AtomicBool,
}

impl Topic {
    pub fn new(client: *mut rd::rd_kafka_t, name: &CStr, grace: Duration) -> Topic {
        let state = Box::<State>::default();
        // SAFETY: a live client; it takes over the topic's configuration; the state lives as long as the handle.
        let handle = unsafe {
            let conf = rd::rd_kafka_default_topic_conf_dup(client);
            rd::rd_kafka_topic_conf_set_partitioner_cb(conf, Some(note_count));
            rd::rd_kafka_topic_conf_set_opaque(conf, ptr::from_ref(&*state).cast_mut().cast());
            rd::rd_kafka_topic_new(client, name.as_ptr(), conf)
        };
        Topic { handle, state, grace, missing_since: None }
    }

    pub fn handle(&self) -> *mut rd::rd_kafka_topic_t {
        self.handle
    }

    pub fn partitions(&mut self) -> Partitions {
        match self.look() {
            Partitions::Refused(error) if self.is_excused(error) => self.known(),
            answer => answer,
        }
    }

    /// The error of a message for a partition. Where it says that the topic is missing, or a partition that it had, and
    /// that may pass, it is one that is tried again.
    pub fn excuse(&mut self, error: i32, partition: i32) -> i32 {
        let passes = match error {
            // The topic has no partitions at all while it is missing.
            code::UNKNOWN_PARTITION => match self.look() {
                Partitions::Known(count) => partition < count,
                Partitions::Unknown => false,
                Partitions::Refused(error) => self.is_excused(error),
            },
            error => self.is_excused(error),
        };
        if passes { code::UNKNOWN_TOPIC_OR_PARTITION } else { error }
    }

    /// Whether an error says that the topic is missing, which it may be for a while.
    fn is_excused(&mut self, error: i32) -> bool {
        if !is_of_missing_topic(error) || self.known() == Partitions::Unknown {
            return false;
        }
        self.missing_since.get_or_insert_with(Instant::now).elapsed() < self.grace
    }

    /// The topic is there.
    pub fn is_there(&mut self) {
        self.missing_since = None;
    }

    fn look(&mut self) -> Partitions {
        let refusal = self.state.refusal.swap(0, SeqCst);
        if refusal != 0 {
            return Partitions::Refused(refusal);
        }
        if self.is_probing() {
            return self.known();
        }
        self.probe()
    }

    /// Whether librdkafka knows a partition now, and queues messages for it. What it does not know waits in one queue for the
    /// whole topic, to be moved one by one when it does.
    pub fn has(&mut self, partition: i32) -> bool {
        if self.is_probing() {
            return false;
        }
        let answer = self.probe();
        !self.is_probing() && matches!(answer, Partitions::Known(count) if partition < count)
    }

    fn is_probing(&self) -> bool {
        self.state.probing.load(SeqCst)
    }

    fn known(&self) -> Partitions {
        match self.state.count.load(SeqCst) {
            0 => Partitions::Unknown,
            count => Partitions::Known(count),
        }
    }

    fn probe(&mut self) -> Partitions {
        self.state.probing.store(true, SeqCst);
        let any = PARTITION_ANY; // RD_KAFKA_PARTITION_UA
        let key = c"probe"; // librdkafka partitions messages without a key by itself.
        // SAFETY: a live handle; the key is copied, there is no value.
        let (refused, error) = unsafe {
            let refused = rd::rd_kafka_produce(
                self.handle,
                any,
                0,
                ptr::null_mut(),
                0,
                key.as_ptr().cast(),
                key.count_bytes(),
                PROBE as *mut c_void,
            );
            (refused != 0, raw::rd_kafka_last_error())
        };
        if !refused {
            return self.known();
        }
        self.state.probing.store(false, SeqCst);
        match error {
            code::UNKNOWN_PARTITION => {
                self.is_there();
                self.known()
            }
            code::QUEUE_FULL | code::FATAL => self.known(),
            error => Partitions::Refused(error),
        }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once, before the client.
        unsafe { rd::rd_kafka_topic_destroy(self.handle) };
    }
}

/// A probe's report: it has failed, as it must.
///
/// # Safety
/// `topic` is a handle made by [`Topic::new`].
pub unsafe fn probe_is_back(topic: *mut rd::rd_kafka_topic_t, error: i32) {
    // SAFETY: the opaque that `Topic::new` set.
    let state = unsafe { &*rd::rd_kafka_topic_opaque(topic).cast::<State>() };
    let harmless =
        matches!(error, 0 | code::UNKNOWN_PARTITION | code::PURGE_QUEUE | code::PURGE_INFLIGHT | code::DESTROY);
    if !harmless {
        state.refusal.store(error, SeqCst);
    }
    state.probing.store(false, SeqCst);
}

/// The partitioner: only probes come here. Notes how many partitions there are and answers none of them.
extern "C" fn note_count(
    _: *const rd::rd_kafka_topic_t,
    _: *const c_void,
    _: usize,
    count: i32,
    state: *mut c_void,
    _: *mut c_void,
) -> i32 {
    // SAFETY: the opaque that `Topic::new` set.
    unsafe { (*state.cast::<State>()).count.store(count, SeqCst) };
    i32::MAX
}
