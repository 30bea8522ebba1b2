//! What an error of Kafka means for the message that met it.
//!
//! Only errors with which the message is surely not in the log come here; codes are librdkafka's (negative: its own) and
//! Kafka's (positive), <https://kafka.apache.org/protocol#protocol_error_codes>.

/// What to do with a message that is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try again after a pause.
    Retry,
    /// Nothing is wrong with it: it was withdrawn, or failed for another record's sake. Send it again.
    Resend,
    /// The batch was refused, perhaps for another record's sake: try smaller ones; alone it fails.
    Isolate,
    /// The batch was too large for the topic: as `Isolate`, and keep to smaller ones.
    Shrink,
    /// The partition does not exist: choose again, unless the program chose it.
    Reroute,
    /// It fails.
    Fail,
}

/// librdkafka's codes by name, as far as something hangs on them (rdkafka.h, rd_kafka_resp_err_t).
pub mod code {
    pub const UNKNOWN_PARTITION: i32 = -190;
    pub const UNKNOWN_TOPIC: i32 = -188;
    pub const RESOLVE: i32 = -193;
    pub const SSL: i32 = -181;
    pub const AUTHENTICATION: i32 = -169;
    pub const QUEUE_FULL: i32 = -184;
    pub const DESTROY: i32 = -197;
    pub const FATAL: i32 = -150;
    pub const PURGE_QUEUE: i32 = -152;
    pub const PURGE_INFLIGHT: i32 = -151;
    pub const RETRY: i32 = -153;
    pub const GAPLESS_GUARANTEE: i32 = -148;
    pub const INVALID_DIFFERENT_RECORD: i32 = -138;
    pub const MSG_TIMED_OUT: i32 = -192;
    pub const TRANSPORT: i32 = -195;
    pub const TIMED_OUT: i32 = -185;
    pub const TIMED_OUT_QUEUE: i32 = -166;
    pub const WAIT_CACHE: i32 = -164;
    pub const OUTDATED: i32 = -167;
    pub const INTR: i32 = -163;
    pub const ALL_BROKERS_DOWN: i32 = -187;
    pub const STATE: i32 = -172;
    /// Kafka's UNKNOWN_SERVER_ERROR; what is below it, librdkafka has said by itself.
    pub const UNKNOWN: i32 = -1;
    pub const UNKNOWN_TOPIC_OR_PARTITION: i32 = 3;
    pub const INVALID_RECORD: i32 = 87;
    pub const MSG_SIZE_TOO_LARGE: i32 = 10;
}

/// Whether an error of the client says that a connection could not be made or was lost.
pub fn is_of_connection(error: i32) -> bool {
    matches!(error, code::TRANSPORT | code::RESOLVE | code::SSL | code::AUTHENTICATION | code::ALL_BROKERS_DOWN)
}

/// Whether an error is a broker's answer, and not librdkafka's own.
pub fn is_of_broker(error: i32) -> bool {
    error > 0 || error == code::UNKNOWN
}

/// Whether an error says that there is no such topic.
pub fn is_of_missing_topic(error: i32) -> bool {
    matches!(error, code::UNKNOWN_TOPIC | code::UNKNOWN_TOPIC_OR_PARTITION)
}

pub fn remedy(error: i32) -> Remedy {
    match error {
        code::PURGE_QUEUE
        | code::PURGE_INFLIGHT
        | code::DESTROY
        | code::FATAL
        | code::STATE
        | code::INVALID_DIFFERENT_RECORD => Remedy::Resend,
        code::UNKNOWN_PARTITION => Remedy::Reroute,
        // MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE 18
        code::MSG_SIZE_TOO_LARGE | 18 => Remedy::Shrink,
        code::QUEUE_FULL
        | code::MSG_TIMED_OUT // Where the program set message.timeout.ms, that is the time of an attempt.
        | code::RETRY
        | code::GAPLESS_GUARANTEE
        | code::TRANSPORT
        | code::TIMED_OUT
        | code::TIMED_OUT_QUEUE
        | code::WAIT_CACHE
        | code::OUTDATED
        | code::INTR
        | code::ALL_BROKERS_DOWN => Remedy::Retry,
        code if is_retriable(code) => Remedy::Retry,
        code::INVALID_RECORD => Remedy::Isolate,
        code if code < code::UNKNOWN || meets_every_record(code) => Remedy::Fail,
        // INVALID_TIMESTAMP, POLICY_VIOLATION and others may be about one record, and so may codes unknown here.
        _ => Remedy::Isolate,
    }
}

/// Refusals of the topic, the client or the request as such: smaller batches would meet them all the same.
fn meets_every_record(code: i32) -> bool {
    matches!(
        code,
        17 // INVALID_TOPIC_EXCEPTION
        | 21 // INVALID_REQUIRED_ACKS
        | 29 // TOPIC_AUTHORIZATION_FAILED
        | 31 // CLUSTER_AUTHORIZATION_FAILED
        | 35 // UNSUPPORTED_VERSION
        | 53 // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | 76 // UNSUPPORTED_COMPRESSION_TYPE
    )
}

/// Kafka's errors marked retriable in the protocol guide, and those of a producer id that a new one cures.
fn is_retriable(code: i32) -> bool {
    matches!(
        code,
        2 // CORRUPT_MESSAGE
        | code::UNKNOWN_TOPIC_OR_PARTITION // about a partition that librdkafka knows of: metadata is late
        | 5 // LEADER_NOT_AVAILABLE
        | 6 // NOT_LEADER_OR_FOLLOWER
        | 7 // REQUEST_TIMED_OUT
        | 8 // BROKER_NOT_AVAILABLE
        | 9 // REPLICA_NOT_AVAILABLE
        | 13 // NETWORK_EXCEPTION
        | 14 // COORDINATOR_LOAD_IN_PROGRESS
        | 15 // COORDINATOR_NOT_AVAILABLE
        | 16 // NOT_COORDINATOR
        | 19 // NOT_ENOUGH_REPLICAS
        | 20 // NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | 41 // NOT_CONTROLLER
        | 45 // OUT_OF_ORDER_SEQUENCE_NUMBER
        | 46 // DUPLICATE_SEQUENCE_NUMBER with nothing persisted
        | 47 // INVALID_PRODUCER_EPOCH
        | 51 // CONCURRENT_TRANSACTIONS
        | 56 // KAFKA_STORAGE_ERROR
        | 59 // UNKNOWN_PRODUCER_ID
        | 72 // LISTENER_NOT_FOUND
        | 74 // FENCED_LEADER_EPOCH
        | 75 // UNKNOWN_LEADER_EPOCH
        | 78 // OFFSET_NOT_AVAILABLE
        | 89 // THROTTLING_QUOTA_EXCEEDED
        | 100 // UNKNOWN_TOPIC_ID
        | 103 // INCONSISTENT_TOPIC_ID
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_connection_are_few() {
        for error in [code::TRANSPORT, code::RESOLVE, code::SSL, code::AUTHENTICATION, code::ALL_BROKERS_DOWN] {
            assert!(is_of_connection(error), "{error}");
        }
        for error in [0, 6, code::MSG_TIMED_OUT, code::FATAL] {
            assert!(!is_of_connection(error), "{error}");
        }
    }

    #[test]
    fn a_broker_has_one_negative_code() {
        let errors = [87, 1, code::UNKNOWN, 0, code::FATAL, code::GAPLESS_GUARANTEE];
        assert_eq!(errors.map(is_of_broker), [true, true, true, false, false, false]);
    }

    #[test]
    fn each_kind_of_error_has_its_remedy() {
        assert_eq!(remedy(6), Remedy::Retry);
        assert_eq!(remedy(code::PURGE_QUEUE), Remedy::Resend);
        assert_eq!(remedy(code::INVALID_RECORD), Remedy::Isolate);
        assert_eq!(remedy(44), Remedy::Isolate, "POLICY_VIOLATION");
        assert_eq!(remedy(code::UNKNOWN), Remedy::Isolate);
        assert_eq!(remedy(code::MSG_SIZE_TOO_LARGE), Remedy::Shrink);
        assert_eq!(remedy(code::UNKNOWN_PARTITION), Remedy::Reroute);
        assert_eq!(remedy(29), Remedy::Fail, "TOPIC_AUTHORIZATION_FAILED");
        assert_eq!(remedy(code::UNKNOWN_TOPIC), Remedy::Fail);
        assert_eq!(remedy(12345), Remedy::Isolate, "an unknown code is not retried for ever");
    }
}
