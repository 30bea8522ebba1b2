//! A producer of this process whose messages and events become a ledger: for tests that do one thing after another.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::admin::{end_offset, make_topic};
use super::ledger::{End, Ledger, Statistics};
use super::log::Log;
use super::process::monotonic_ms;
use super::value::Value;
use super::verdict::judge;
use crate::support::PATIENCE;
use crate::support::kafka::Broker;
use crate::support::producer::*;

pub struct Scribe {
    pub producer: Producer,
    run: String,
    topic: String,
    padding: usize,
    /// The number of the last message, accepted or not.
    last: AtomicU64,
    refused: AtomicU64,
}

impl Scribe {
    /// A topic of the name of the run, with one partition that all of its brokers have, and a producer by way of `bootstrap`.
    pub fn start(run: &str, broker: &Broker, bootstrap: &str, properties: &[(&str, &str)]) -> Scribe {
        Scribe::with_topic(run, broker, bootstrap, &[], properties)
    }

    pub fn with_topic(
        run: &str,
        broker: &Broker,
        bootstrap: &str,
        configs: &[(&str, &str)],
        properties: &[(&str, &str)],
    ) -> Scribe {
        make_topic(broker, run, configs);
        // Quick to notice and quick to come back; the shortest that librdkafka takes or a broker of the tests can do.
        let quick = [
            ("socket.timeout.ms", "3000"),
            ("request.timeout.ms", "2000"),
            ("reconnect.backoff.max.ms", "1000"),
            ("stall_report_interval", "1"),
            ("delivery_interval", "0.02"),
        ];
        let producer = Producer::new(bootstrap, &[&quick, properties].concat());
        let (last, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Scribe { producer, run: run.into(), topic: run.into(), padding: 0, last, refused }
    }

    /// Larger messages from now on.
    pub fn pad(&mut self, padding: usize) {
        self.padding = padding;
    }

    /// From one thread at a time. Whether there was room.
    pub fn try_write(&self) -> bool {
        let number = self.last.fetch_add(1, SeqCst) + 1;
        let value = Value { run: &self.run, thread: 0, number, topic: &self.topic }.compose(self.padding, b"key");
        match self.producer.try_produce(&self.topic, Some(b"key"), Some(value.as_bytes()), number) {
            OK => true,
            BUFFER_OVERFLOW => {
                // Its number is used again, for nothing of it may be there.
                self.last.fetch_sub(1, SeqCst);
                self.refused.fetch_add(1, SeqCst);
                false
            }
            status => panic!("ap_produce: {status}"),
        }
    }

    /// Needs the property overflow_wait where there may be no room at once.
    pub fn write(&self, count: u64) {
        for _ in 0..count {
            assert!(self.try_write(), "no room for message {}", self.written());
        }
    }

    pub fn written(&self) -> u64 {
        self.last.load(SeqCst)
    }

    pub fn delivered(&self) -> u64 {
        self.producer.stats().delivered
    }

    /// Waits until so many more are delivered than now.
    pub fn await_more(&self, count: u64) {
        self.producer.wait_for(DELIVERED, (self.delivered() + count) as usize);
    }

    /// Delivers everything, and a fresh message after it; then the oracle must find nothing, and nothing may have failed.
    pub fn finish(self, broker: &Broker) {
        let failed = self.settle(broker);
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// The same where some may fail; answers what did.
    pub fn settle(self, broker: &Broker) -> Vec<Event> {
        self.producer.try_flush(PATIENCE.as_millis() as i64);
        let probe_begin = monotonic_ms();
        self.write(1);
        let probe = self.written();
        self.producer.flush();
        let probe_ms = monotonic_ms() - probe_begin;
        let shutdown = self.producer.shutdown(PATIENCE.as_millis() as i64);
        let ledger = self.ledger(probe, probe_ms, shutdown);
        let log = Log::read(broker, &self.run, &self.topic, &[end_offset(broker, &self.topic)]);
        let verdict = judge(&ledger, &log);
        assert!(verdict.is_clean(), "{}: {verdict}", self.run);
        assert_eq!(shutdown, OK, "{}", self.run);
        eprintln!("{}: {} messages, the last one in {probe_ms} ms: {verdict}", self.run, self.written());
        self.producer.events(FAILED | DROPPED)
    }

    /// Times of events are not known here, but that of the probe, which is the last.
    fn ledger(&self, probe: u64, probe_ms: i64, shutdown: i32) -> Ledger {
        let mut ledger = Ledger { probe: Some(probe), ..Ledger::default() };
        for number in 1..=self.written() {
            ledger.entry(number as i64).accepted_ms = Some(0);
        }
        let stats = self.producer.stats();
        self.producer.wait_for(SETTLED, stats.accepted as usize);
        for event in self.producer.events(SETTLED) {
            let end = match event.kind {
                DELIVERED => {
                    let at_ms = if event.tag == probe { probe_ms } else { 0 };
                    End::Delivered { partition: event.partition, offset: event.offset, at_ms }
                }
                FAILED => End::Failed { persistence: event.persistence },
                _ => End::Dropped,
            };
            ledger.entry(event.tag as i64).add_end(end);
        }
        assert_eq!(stats.overflowed, self.refused.load(SeqCst), "{stats:?}");
        ledger.statistics = Some(Statistics {
            accepted: stats.accepted,
            delivered: stats.delivered,
            failed: stats.failed,
            dropped: stats.dropped,
            overflowed: 0, // the refused have no numbers
            shutdown,
        });
        ledger
    }
}
