//! The producer's own properties: names, defaults, ranges.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::limits::{Bounds, MAX_BYTES, MAX_COUNT};

/// How events reach the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventMode {
    /// On a thread of the library.
    Callback,
    /// On the thread that calls `ap_poll`.
    Poll,
}

/// The producer's own properties, each within its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub max_queue_size: u64,
    pub max_buffer_size: u64,
    pub max_buffer_bytesize: u64,
    pub delivery_threshold: u64,
    pub delivery_interval: Duration,
    /// `None` = as long as it takes.
    pub max_retries: Option<u32>,
    pub retry_backoff: Duration,
    pub max_pending_bytes: u64,
    pub overflow_wait: Duration,
    pub event_mode: EventMode,
    pub stall_report_interval: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_queue_size: 1000,
            max_buffer_size: 1000,
            max_buffer_bytesize: 10_000_000,
            delivery_threshold: 0,
            delivery_interval: Duration::ZERO,
            max_retries: None,
            retry_backoff: Duration::ZERO,
            max_pending_bytes: 64 << 20,
            overflow_wait: Duration::ZERO,
            event_mode: EventMode::Callback,
            stall_report_interval: Duration::from_secs(10),
        }
    }
}

/// Messages a channel can be made for.
const MAX_SIZE: u64 = 10_000_000;
const _: () = assert!(MAX_SIZE <= MAX_COUNT);

/// Thirty years: longer times are mistakes, and the clocks have room for this.
const MAX_SECONDS: f64 = 1e9;

impl Settings {
    /// Their names and meanings; the tables of README.md and docs/guide.md are made from these.
    pub const PROPERTIES: [(&'static str, &'static str); 11] = [
        ("max_queue_size", "messages the queue holds"),
        ("max_buffer_size", "messages the worker holds, those on their way included"),
        ("max_buffer_bytesize", "the same in bytes of keys, values and headers"),
        ("delivery_threshold", "buffered messages that start a delivery, at most `max_buffer_size`; 0 = off"),
        ("delivery_interval", "time between deliveries; 0 = off"),
        ("max_retries", "attempts after a failed delivery"),
        ("retry_backoff", "pause before the next attempt, growing"),
        (
            "max_pending_bytes",
            "memory of everything accepted and not settled: keys, values, headers, topics, overhead; 0 = no limit",
        ),
        ("overflow_wait", "how long `ap_produce()` may wait for room; waiters are served in order"),
        ("event_mode", "whose thread runs the callback: the library's, or the one that calls `ap_poll()`"),
        (
            "stall_report_interval",
            "time without any delivery, while messages wait, after which `STALLED` is reported; 0 = off",
        ),
    ];

    pub fn has(key: &str) -> bool {
        Self::PROPERTIES.iter().any(|(name, _)| *name == key)
    }

    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "max_queue_size" => self.max_queue_size = whole(key, value, 1, MAX_SIZE)?,
            "max_buffer_size" => self.max_buffer_size = whole(key, value, 1, MAX_SIZE)?,
            "max_buffer_bytesize" => self.max_buffer_bytesize = whole(key, value, 1, MAX_BYTES)?,
            "delivery_threshold" => self.delivery_threshold = whole(key, value, 0, MAX_SIZE)?,
            "delivery_interval" => self.delivery_interval = seconds(key, value)?,
            "max_retries" => self.max_retries = retries(key, value)?,
            "retry_backoff" => self.retry_backoff = seconds(key, value)?,
            "max_pending_bytes" => self.max_pending_bytes = whole(key, value, 0, MAX_BYTES)?,
            "overflow_wait" => self.overflow_wait = seconds(key, value)?,
            "event_mode" => self.event_mode = event_mode(key, value)?,
            "stall_report_interval" => self.stall_report_interval = seconds(key, value)?,
            _ => return Err(Error::config(format_args!("{key}: no such property"))),
        }
        Ok(())
    }

    pub fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "max_queue_size" => self.max_queue_size.to_string(),
            "max_buffer_size" => self.max_buffer_size.to_string(),
            "max_buffer_bytesize" => self.max_buffer_bytesize.to_string(),
            "delivery_threshold" => self.delivery_threshold.to_string(),
            "delivery_interval" => self.delivery_interval.as_secs_f64().to_string(),
            "max_retries" => self.max_retries.map_or("-1".into(), |most| most.to_string()),
            "retry_backoff" => self.retry_backoff.as_secs_f64().to_string(),
            "max_pending_bytes" => self.max_pending_bytes.to_string(),
            "overflow_wait" => self.overflow_wait.as_secs_f64().to_string(),
            "event_mode" => match self.event_mode {
                EventMode::Callback => "callback".into(),
                EventMode::Poll => "poll".into(),
            },
            "stall_report_interval" => self.stall_report_interval.as_secs_f64().to_string(),
            _ => return None,
        })
    }

    /// Refuses values that are fine alone and not together.
    pub fn check(&self) -> Result<()> {
        if self.delivery_threshold > self.max_buffer_size {
            return Err(Error::config(format_args!(
                "delivery_threshold \"{}\" can never be reached: max_buffer_size is {}; at most that is allowed",
                self.delivery_threshold, self.max_buffer_size
            )));
        }
        Ok(())
    }

    pub fn bounds(&self) -> Bounds {
        Bounds {
            max_queue_size: self.max_queue_size,
            max_buffer_size: self.max_buffer_size,
            max_buffer_bytesize: self.max_buffer_bytesize,
            max_pending_bytes: self.max_pending_bytes,
        }
    }
}

fn refused(key: &str, value: &str, allowed: &str) -> Error {
    let shown: String = value.chars().take(100).collect();
    Error::config(format_args!("{key}: \"{shown}\" is not allowed; {allowed}"))
}

fn whole(key: &str, value: &str, least: u64, most: u64) -> Result<u64> {
    let number = value.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| refused(key, value, &format!("a whole number from {least} to {most} is")))
}

fn seconds(key: &str, value: &str) -> Result<Duration> {
    let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = value.parse::<f64>().ok().filter(|number| plain && (0.0..=MAX_SECONDS).contains(number));
    number
        .map(Duration::from_secs_f64)
        .ok_or_else(|| refused(key, value, &format!("seconds from 0 to {MAX_SECONDS} are, fractions too")))
}

fn retries(key: &str, value: &str) -> Result<Option<u32>> {
    if value == "-1" {
        return Ok(None);
    }
    let number = whole(key, value, 0, i32::MAX as u64)
        .map_err(|_| refused(key, value, "-1 (as long as it takes) or a whole number from 0 to 2147483647 is"))?;
    Ok(Some(number as u32))
}

fn event_mode(key: &str, value: &str) -> Result<EventMode> {
    match value {
        "callback" => Ok(EventMode::Callback),
        "poll" => Ok(EventMode::Poll),
        _ => Err(refused(key, value, "callback and poll are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn every_name_can_be_read_and_set_to_its_default() {
        let mut settings = Settings::default();
        for (name, _) in Settings::PROPERTIES {
            let value = settings.get(name).expect(name);
            settings.set(name, &value).expect(name);
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refused = [
            ("max_queue_size", "0"),
            ("max_queue_size", "10000001"),
            ("max_buffer_size", "-1"),
            ("max_buffer_bytesize", "1e6"),
            ("delivery_threshold", "ten"),
            ("delivery_threshold", ""),
            ("delivery_interval", "-1"),
            ("delivery_interval", "NaN"),
            ("delivery_interval", "inf"),
            ("delivery_interval", "1e3"),
            ("max_retries", "-2"),
            ("retry_backoff", "1000000001"),
            ("max_pending_bytes", "18446744073709551616"),
            ("overflow_wait", " 1"),
            ("event_mode", "Poll"),
            ("stall_report_interval", "x"),
        ];
        for (key, value) in refused {
            let mut settings = Settings::default();
            let error = settings.set(key, value).expect_err(key);
            assert_eq!(error.status, Status::Config);
            assert!(error.text.contains(key) && error.text.contains(value), "{}", error.text);
            assert_eq!(settings, Settings::default(), "the old value stays");
        }
    }

    #[test]
    fn fractions_of_seconds_are_allowed() {
        let mut settings = Settings::default();
        settings.set("delivery_interval", "0.25").expect("allowed");
        assert_eq!(settings.delivery_interval, Duration::from_millis(250));
    }

    #[test]
    fn a_threshold_beyond_the_buffer_is_a_contradiction() {
        let mut settings = Settings::default();
        settings.set("delivery_threshold", "1001").expect("fine alone");
        let text = settings.check().expect_err("contradiction").text;
        assert!(text.contains("delivery_threshold") && text.contains("max_buffer_size"), "{text}");
    }
}
