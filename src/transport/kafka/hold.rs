//! A hold on partitions: what is handed over for them leaves when the hold ends, all of it at once.
//!
//! librdkafka sends as soon as its thread looks, in the midst of a handover too, and its way to wait for more is a time: too
//! short where this thread is interrupted, and too long everywhere else, for it is counted in whole milliseconds. So a
//! partition is paused while a window is handed over. A producer's pause is a flag that its broker's thread reads before it
//! takes messages out of the queue (rd_kafka_toppar_producer_serve in rdkafka_broker.c). The call returns when librdkafka's
//! main thread has set the flag, which does not wait for Kafka.
//!
//! A partition that was paused once is one that librdkafka thinks we desire (rd_kafka_toppar_desired_add0 in
//! rdkafka_partition.c): where it is no more, what is queued for it waits for it to come back, and does not fail. The worker
//! looks for that (worker/watch.rs).

use std::ffi::c_int;
use std::ptr;

use rdkafka::bindings as rd;

use super::raw;

/// How often a client may hold. librdkafka numbers the pauses of a partition, and their ends, by 32 bits, and takes no
/// notice of those after the largest number (rd_kafka_op_version_outdated in rdkafka_partition.h).
const MOST: u32 = 1 << 29;

pub struct Hold {
    client: *mut rd::rd_kafka_t,
    /// The partitions held; NULL where there are none. The same list ends the hold: it has librdkafka's own references to
    /// them, so that one which disappears meanwhile is not left held.
    partitions: *mut rd::rd_kafka_topic_partition_list_t,
    /// Their topics.
    topics: Vec<*mut rd::rd_kafka_topic_t>,
    count: u32,
}

impl Hold {
    /// `client` outlives it.
    pub fn new(client: *mut rd::rd_kafka_t) -> Hold {
        Hold { client, partitions: ptr::null_mut(), topics: Vec::new(), count: 0 }
    }

    /// Adds a partition to those of the next hold.
    pub fn add(&mut self, topic: *mut rd::rd_kafka_topic_t, partition: i32) {
        // SAFETY: a live handle, whose name is copied, and our list.
        unsafe {
            if self.partitions.is_null() {
                self.partitions = rd::rd_kafka_topic_partition_list_new(1);
            }
            rd::rd_kafka_topic_partition_list_add(self.partitions, rd::rd_kafka_topic_name(topic), partition);
        }
        self.topics.push(topic);
    }

    /// Holds what was added.
    pub fn begin(&mut self) {
        if !self.partitions.is_null() {
            self.count += 1;
            // SAFETY: a live client and our list.
            unsafe { raw::rd_kafka_pause_partitions(self.client, self.partitions) };
        }
    }

    pub fn has(&self, topic: *mut rd::rd_kafka_topic_t, partition: i32) -> bool {
        self.elements().any(|(held, element)| {
            // SAFETY: an error code, read as the integer it is in C.
            let error = unsafe { (&raw const element.err).cast::<c_int>().read() };
            held == topic && element.partition == partition && error == 0
        })
    }

    /// Lets go what is held, at once.
    pub fn end(&mut self) {
        if self.partitions.is_null() {
            return;
        }
        // SAFETY: a live client and our list. A flush that does not wait is a call to the threads of brokers to look at
        // their queues, and no more.
        unsafe {
            raw::rd_kafka_resume_partitions(self.client, self.partitions);
            raw::rd_kafka_flush(self.client, 0);
        }
        for (topic, element) in self.elements() {
            sweep(topic, element.partition);
        }
        // SAFETY: our list, destroyed once.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.partitions) };
        self.partitions = ptr::null_mut();
        self.topics.clear();
    }

    /// The client has held as often as it may.
    pub fn is_worn(&self) -> bool {
        self.count >= MOST
    }

    fn elements(&self) -> impl Iterator<Item = (*mut rd::rd_kafka_topic_t, &rd::rd_kafka_topic_partition_t)> {
        let elements = match self.topics.len() {
            0 => &[],
            // SAFETY: our list, which has as many elements.
            count => unsafe { std::slice::from_raw_parts((*self.partitions).elems, count) },
        };
        self.topics.iter().copied().zip(elements)
    }
}

/// Takes out of a partition's queue for consumers what its pauses have put there (rd_kafka_toppar_op_version_bump in
/// rdkafka_partition.c): nobody reads it in a producer, and it would grow, and each pause take longer.
fn sweep(topic: *mut rd::rd_kafka_topic_t, partition: i32) {
    let mut message = ptr::null_mut();
    // SAFETY: a live handle and room for one message; there are none in a producer.
    unsafe {
        if rd::rd_kafka_consume_batch(topic, partition, 0, &raw mut message, 1) > 0 {
            rd::rd_kafka_message_destroy(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::super::{Kafka, Properties};
    use super::MOST;
    use crate::limits::Place;
    use crate::message::{Draft, Message};
    use crate::parker::Parker;
    use crate::transport::{Notice, Parcel, Partitions, Transport};

    const TOPIC: &std::ffi::CStr = c"topic";

    /// A client and a Kafka of its own.
    struct Rig {
        kafka: Kafka,
        waker: Arc<Parker>,
        patience: Instant,
        notices: Vec<Notice>,
    }

    impl Rig {
        fn new() -> Rig {
            let mut properties = Properties::new();
            properties.set("test.mock.num.brokers", "1").expect("allowed");
            let waker = Arc::<Parker>::default();
            let kafka = Kafka::new(properties.start_client().expect("a client"), &properties, waker.clone());
            Rig { kafka, waker, patience: Instant::now() + Duration::from_secs(60), notices: Vec::new() }
        }

        fn know_the_topic(&mut self) {
            self.until(|rig| matches!(rig.kafka.partitions(TOPIC), Partitions::Known(_)));
        }

        fn hold(&mut self, partition: i32) {
            self.kafka.hold(&mut [(TOPIC, partition)].into_iter());
        }

        /// Hands messages over; how many were not taken.
        fn send(&mut self, partition: i32, count: u64) -> usize {
            let mut parcels = (0..count).map(|number| parcel(partition, number));
            self.kafka.send(TOPIC, partition, &mut parcels);
            parcels.count()
        }

        fn until(&mut self, done: impl Fn(&mut Rig) -> bool) {
            while !done(self) {
                assert!(Instant::now() < self.patience, "it takes too long; {:?}", self.notices);
                self.waker.park(Some(Instant::now() + Duration::from_millis(10)), usize::MAX, || true);
                while self.kafka.poll(&mut self.notices) {}
            }
        }

        /// The offsets of a partition's messages that are settled.
        fn offsets(&self, partition: i32) -> Vec<i64> {
            let of_notice = |notice: &Notice| match notice {
                Notice::Settled(_, verdict) if verdict.partition == partition => {
                    assert_eq!(verdict.error, 0, "{verdict:?}");
                    Some(verdict.offset)
                }
                _ => None,
            };
            self.notices.iter().filter_map(of_notice).collect()
        }

        fn close(self) {
            Box::new(self.kafka).close(Duration::from_secs(60));
        }
    }

    fn parcel(partition: i32, sequence: u64) -> Parcel {
        let draft = Draft { topic: TOPIC, value: Some(b"value"), partition, ..Draft::default() };
        let message = Message::copy(&draft, Place::Buffer, 0, 0).expect("memory");
        Parcel { message, sequence, lane: 0, delivery: None, attempts: 0 }
    }

    #[test]
    fn nothing_leaves_before_the_hold_ends() {
        let mut rig = Rig::new();
        rig.know_the_topic();
        rig.hold(0);
        assert_eq!(rig.send(0, 10), 0);
        // One of another partition goes there and back: the broker's thread has seen both queues.
        assert_eq!(rig.send(1, 1), 0);
        rig.until(|rig| rig.offsets(1).len() == 1);
        assert!(rig.offsets(0).is_empty());
        assert_eq!(rig.send(0, 10), 0);
        rig.kafka.release();
        rig.until(|rig| rig.offsets(0).len() == 20);
        assert_eq!(rig.offsets(0), (0..20).collect::<Vec<_>>());
        rig.close();
    }

    #[test]
    fn what_is_not_held_goes_one_by_one() {
        let mut rig = Rig::new();
        rig.hold(0);
        assert_eq!(rig.send(0, 3), 2, "left of it, for the topic is not known yet");
        rig.kafka.release();
        rig.until(|rig| rig.offsets(0).len() == 1);
        assert_eq!(rig.send(0, 3), 2, "left of it");
        rig.until(|rig| rig.offsets(0).len() == 2);
        rig.close();
    }

    #[test]
    fn a_worn_client_goes() {
        let mut rig = Rig::new();
        rig.know_the_topic();
        for (count, is_worn) in [(MOST - 2, false), (MOST - 1, true)] {
            rig.kafka.hold.count = count;
            rig.hold(0);
            assert_eq!(rig.send(0, 2), 0);
            rig.kafka.release();
            rig.kafka.poll(&mut rig.notices);
            let is_told = rig.notices.iter().any(|notice| matches!(notice, Notice::Error { fatal: true, .. }));
            assert_eq!(is_told, is_worn);
        }
        rig.until(|rig| rig.offsets(0).len() == 4);
        rig.close();
    }
}
