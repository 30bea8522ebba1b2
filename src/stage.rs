//! How far a message came that was not delivered: the first thing to know about a failure.

use std::fmt;

use crate::event::Persistence;
use crate::verdict::{self, code};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It did not leave this process.
    #[default]
    Unsent,
    /// The partitions of its topic could not be found out, or its own is not among them.
    Metadata,
    /// It was sent, and no answer came that says what became of it. The broker, where it is known.
    Unacknowledged(Option<i32>),
    /// A broker refused it.
    Refused(Option<i32>),
}

impl Stage {
    /// As a delivery report tells it: an error of librdkafka's and Kafka's, and what is known of the log.
    pub fn of_report(error: i32, persistence: Persistence, broker: Option<i32>) -> Stage {
        match (error, persistence) {
            (code::UNKNOWN_PARTITION | code::UNKNOWN_TOPIC, _) => Stage::Metadata,
            (_, Persistence::Possibly) => Stage::Unacknowledged(broker),
            (error, _) if verdict::is_of_broker(error) => Stage::Refused(broker),
            _ => Stage::Unsent,
        }
    }

    /// Whether a connection was what it lacked, where there was none.
    pub fn needs_connection(self) -> bool {
        matches!(self, Stage::Unsent | Stage::Metadata)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Unsent => write!(f, "not sent"),
            Stage::Metadata => write!(f, "no metadata"),
            Stage::Unacknowledged(Some(broker)) => write!(f, "sent to broker {broker}, not acknowledged"),
            Stage::Unacknowledged(None) => write!(f, "sent, not acknowledged"),
            Stage::Refused(Some(broker)) => write!(f, "refused by broker {broker}"),
            Stage::Refused(None) => write!(f, "refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: i32, persistence: Persistence, broker: Option<i32>) -> String {
        Stage::of_report(error, persistence, broker).to_string()
    }

    #[test]
    fn a_report_says_how_far_a_message_came() {
        assert_eq!(told(29, Persistence::No, Some(2)), "refused by broker 2");
        assert_eq!(told(29, Persistence::No, None), "refused");
        assert_eq!(told(code::UNKNOWN, Persistence::No, Some(2)), "refused by broker 2");
        assert_eq!(told(7, Persistence::Possibly, Some(3)), "sent to broker 3, not acknowledged");
        assert_eq!(told(code::PURGE_INFLIGHT, Persistence::Possibly, None), "sent, not acknowledged");
        assert_eq!(told(code::UNKNOWN_PARTITION, Persistence::No, None), "no metadata");
        assert_eq!(told(code::PURGE_QUEUE, Persistence::No, Some(1)), "not sent");
    }
}
