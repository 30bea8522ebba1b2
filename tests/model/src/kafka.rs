//! In the place of the library's client of Kafka: a thread that settles what it is given, one message at a time.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::time::Duration;

use crate::error::Result;
use crate::event::Persistence;
use crate::parker::Parker;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Condvar, Mutex};
use crate::transport::{Connector, Notice, Parcel, Partitions, Purge, Transport, Verdict, Window};
use crate::verdict::code;

pub fn describe(code: i32) -> String {
    code.to_string()
}

/// What Kafka does with messages.
#[derive(Clone, Default)]
pub struct Properties {
    /// Nothing, until they are purged.
    silent: bool,
}

impl Properties {
    pub fn new() -> Properties {
        Properties::default()
    }

    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        assert_eq!(key, "silent");
        self.silent = value == "true";
        Ok(())
    }

    pub fn get(&self, _: &str) -> Result<String> {
        Ok(self.silent.to_string())
    }

    pub fn max_message_bytes(&self) -> u64 {
        1_000_000
    }

    pub fn check(&self) -> Result<()> {
        Ok(())
    }
}

pub struct KafkaConnector {
    properties: Properties,
    waker: Arc<Parker>,
}

impl KafkaConnector {
    pub fn new(properties: Properties, waker: Arc<Parker>) -> KafkaConnector {
        KafkaConnector { properties, waker }
    }
}

impl Connector for KafkaConnector {
    fn connect(&mut self) -> Result<Box<dyn Transport>> {
        let desk = Arc::new(Desk { silent: self.properties.silent, ..Desk::default() });
        let (theirs, waker) = (desk.clone(), self.waker.clone());
        let thread = thread::spawn(move || theirs.serve(&waker));
        Ok(Box::new(Client { desk, waker: self.waker.clone(), thread }))
    }
}

/// Between the worker and the thread.
#[derive(Default)]
struct Desk {
    silent: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sent: VecDeque<Parcel>,
    notices: Vec<Notice>,
    in_flight: usize,
    offset: i64,
    closed: bool,
}

impl State {
    fn settle(&mut self, parcel: Parcel, error: i32, persistence: Persistence, offset: i64) {
        let verdict = Verdict { error, persistence, partition: 0, offset, ..Verdict::default() };
        self.notices.push(Notice::Settled(parcel, verdict));
    }
}

impl Desk {
    fn serve(&self, waker: &Parker) {
        let mut state = self.state.lock().expect("no panic");
        while !state.closed {
            if let Some(parcel) = (!self.silent).then(|| state.sent.pop_front()).flatten() {
                let offset = state.offset;
                state.offset += 1;
                state.settle(parcel, 0, Persistence::Yes, offset);
                drop(state);
                waker.unpark();
                state = self.state.lock().expect("no panic");
            } else {
                state = self.changed.wait(state).expect("no panic");
            }
        }
    }
}

struct Client {
    desk: Arc<Desk>,
    waker: Arc<Parker>,
    thread: JoinHandle<()>,
}

impl Transport for Client {
    fn partitions(&mut self, _: &CStr) -> Partitions {
        Partitions::Known(1)
    }

    fn partition_of(&self, _: Option<&[u8]>, _: i32) -> Option<i32> {
        Some(0)
    }

    fn window(&self) -> Window {
        Window { messages: 10, bytes: 1000 }
    }

    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn attempt_timeout(&self) -> Duration {
        Duration::MAX
    }

    fn hold(&mut self, _: &mut dyn Iterator<Item = (&CStr, i32)>) {}

    fn send(&mut self, _: &CStr, _: i32, parcels: &mut dyn Iterator<Item = Parcel>) {
        let mut state = self.desk.state.lock().expect("no panic");
        for parcel in parcels {
            state.in_flight += 1;
            state.sent.push_back(parcel);
        }
        drop(state);
        self.desk.changed.notify_one();
    }

    fn release(&mut self) {}

    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool {
        let mut state = self.desk.state.lock().expect("no panic");
        state.in_flight -= state.notices.len();
        notices.append(&mut state.notices);
        false
    }

    fn purge(&mut self, _: Purge) {
        let mut state = self.desk.state.lock().expect("no panic");
        while let Some(parcel) = state.sent.pop_front() {
            state.settle(parcel, code::PURGE_QUEUE, Persistence::No, -1);
        }
        drop(state);
        self.waker.unpark();
    }

    fn in_flight(&self) -> usize {
        self.desk.state.lock().expect("no panic").in_flight
    }

    fn abandon(&mut self) -> Vec<Parcel> {
        let mut state = self.desk.state.lock().expect("no panic");
        state.in_flight = 0;
        state.sent.drain(..).collect()
    }

    fn close(self: Box<Self>, _: Duration) {
        self.desk.state.lock().expect("no panic").closed = true;
        self.desk.changed.notify_one();
        self.thread.join().expect("no panic");
    }
}
