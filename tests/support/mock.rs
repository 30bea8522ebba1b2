//! librdkafka's mock cluster, by its C functions: the crate's type takes no error code that is not in its enum.

use std::ffi::{CStr, CString, c_int};
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use super::PATIENCE;

/// Kinds of requests, by their number in the protocol.
pub const PRODUCE: i16 = 0;
pub const METADATA: i16 = 3;
pub const INIT_PRODUCER_ID: i16 = 22;

/// In place of a broker's code: the mock broker hangs up instead of an answer.
pub const HANG_UP: i32 = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TRANSPORT as i32;

pub struct Cluster {
    raw: *mut rd::rd_kafka_mock_cluster_t,
}

// SAFETY: the functions of a mock cluster lock it or hand the work to its thread.
unsafe impl Send for Cluster {}
unsafe impl Sync for Cluster {}

impl Cluster {
    /// With one topic of some partitions, all led by broker 1.
    pub fn new(brokers: i32, topic: &str, partitions: i32) -> Cluster {
        // SAFETY: a client that is never destroyed.
        let raw = unsafe { rd::rd_kafka_mock_cluster_new(host(), brokers) };
        assert!(!raw.is_null(), "a mock cluster");
        let cluster = Cluster { raw };
        cluster.create_topic(topic, partitions, brokers);
        for partition in 0..partitions {
            cluster.partition_leader(topic, partition, Some(1));
        }
        // SAFETY: a live cluster.
        unsafe { rd::rd_kafka_mock_start_request_tracking(raw) };
        cluster
    }

    pub fn bootstrap(&self) -> String {
        // SAFETY: a live cluster; the string lives as long.
        unsafe { CStr::from_ptr(rd::rd_kafka_mock_cluster_bootstraps(self.raw)) }.to_string_lossy().into_owned()
    }

    pub fn create_topic(&self, topic: &str, partitions: i32, replicas: i32) {
        let topic = CString::new(topic).unwrap();
        // SAFETY: a live cluster, a C string.
        assert_eq!(NO_ERROR, unsafe { rd::rd_kafka_mock_topic_create(self.raw, topic.as_ptr(), partitions, replicas) });
    }

    /// `None` = nobody leads it; who produces to it must have heard of that, or the mock broker crashes.
    pub fn partition_leader(&self, topic: &str, partition: i32, broker: Option<i32>) {
        let topic = CString::new(topic).unwrap();
        // SAFETY: a live cluster, a C string.
        assert_eq!(NO_ERROR, unsafe {
            rd::rd_kafka_mock_partition_set_leader(self.raw, topic.as_ptr(), partition, broker.unwrap_or(-1))
        });
    }

    /// The next requests of a kind are answered with these codes, one each.
    pub fn errors(&self, kind: i16, codes: &[i32]) {
        // SAFETY: C reads integers; as many as are said to be there.
        unsafe {
            rd::rd_kafka_mock_push_request_errors_array(self.raw, kind, codes.len(), codes.as_ptr().cast());
        }
    }

    /// The same for the requests to one broker.
    pub fn errors_of_broker(&self, broker: i32, kind: i16, codes: &[i32]) {
        for code in codes {
            let at_once: c_int = 0;
            // SAFETY: one pair of code and delay, as said.
            let done =
                unsafe { rd::rd_kafka_mock_broker_push_request_error_rtts(self.raw, broker, kind, 1, *code, at_once) };
            assert_eq!(done, NO_ERROR);
        }
    }

    pub fn clear_errors(&self, kind: i16) {
        // SAFETY: a live cluster.
        unsafe { rd::rd_kafka_mock_clear_request_errors(self.raw, kind) };
    }

    /// What the metadata say of a topic from now on; `NO_ERROR` = it is there.
    pub fn topic_error(&self, topic: &str, error: rd::rd_kafka_resp_err_t) {
        let topic = CString::new(topic).unwrap();
        // SAFETY: a live cluster, a C string.
        unsafe { rd::rd_kafka_mock_topic_set_error(self.raw, topic.as_ptr(), error) };
    }

    /// Broker -1 is all of them, here and below.
    pub fn broker_down(&self, broker: i32) {
        // SAFETY: a live cluster.
        assert_eq!(NO_ERROR, unsafe { rd::rd_kafka_mock_broker_set_down(self.raw, broker) });
    }

    pub fn broker_up(&self, broker: i32) {
        // SAFETY: a live cluster.
        assert_eq!(NO_ERROR, unsafe { rd::rd_kafka_mock_broker_set_up(self.raw, broker) });
    }

    pub fn round_trip_time(&self, broker: i32, time: Duration) {
        // SAFETY: a live cluster.
        assert_eq!(NO_ERROR, unsafe { rd::rd_kafka_mock_broker_set_rtt(self.raw, broker, time.as_millis() as c_int) });
    }

    /// How many requests of a kind have come so far.
    pub fn requests(&self, kind: i16) -> usize {
        let mut count = 0;
        // SAFETY: an array of as many requests, destroyed once.
        unsafe {
            let requests = rd::rd_kafka_mock_get_requests(self.raw, &mut count);
            if requests.is_null() {
                return 0;
            }
            let found = std::slice::from_raw_parts(requests, count)
                .iter()
                .filter(|request| rd::rd_kafka_mock_request_api_key(**request) == kind)
                .count();
            rd::rd_kafka_mock_request_destroy_array(requests, count);
            found
        }
    }

    /// Waits until so many requests of a kind have come in all.
    pub fn wait_for_requests(&self, kind: i16, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.requests(kind) < count {
            assert!(Instant::now() < deadline, "{} of {count} requests of kind {kind} came", self.requests(kind));
            std::thread::yield_now();
        }
    }

    /// The values in a partition's log, in order.
    pub fn read(&self, topic: &str, partition: i32) -> Vec<String> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        consumer.assign(&partitions).expect("an assignment");
        let deadline = Instant::now() + PATIENCE;
        let mut values = Vec::new();
        loop {
            match consumer.poll(Duration::from_secs(1)) {
                Some(Ok(message)) => {
                    let value = message.payload().expect("a value").to_vec();
                    values.push(String::from_utf8(value).expect("text"));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return values,
                Some(Err(error)) => eprintln!("reading: {error}"),
                None => {}
            }
            assert!(Instant::now() < deadline, "the log was not read to its end; so far {values:?}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once.
        unsafe { rd::rd_kafka_mock_cluster_destroy(self.raw) };
    }
}

/// A mock cluster hangs on a client; one does for all of them.
fn host() -> *mut rd::rd_kafka_t {
    struct Host(*mut rd::rd_kafka_t);
    // SAFETY: a client may be used from any thread.
    unsafe impl Send for Host {}
    unsafe impl Sync for Host {}
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let kind = rd::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        // SAFETY: the client takes over the configuration, and is left to the end of the process.
        let client = unsafe { rd::rd_kafka_new(kind, rd::rd_kafka_conf_new(), ptr::null_mut(), 0) };
        assert!(!client.is_null(), "a client");
        Host(client)
    })
    .0
}
