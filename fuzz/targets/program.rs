//! A program of calls on a few small producers whose Kafka is away, held against what the header promises of limits,
//! counters, statuses and settlements.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_void};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::ptr;
use std::sync::{Arc, Mutex};

use async_producer::ffi::*;

use super::abi::*;
use super::desk;
use super::input::Input;
use super::message::Raw;
use super::record::{Fit, Record};

/// A hang.
const PATIENCE_MS: i64 = 60_000;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut subjects: Vec<Subject> = Vec::new();
    for _ in 0..60 {
        if input.is_empty() {
            break;
        }
        let step = input.byte() % 32;
        if subjects.is_empty() || (step == 0 && subjects.len() < 3) {
            subjects.extend(Subject::new(&mut input));
        } else if step == 1 {
            let index = input.below(subjects.len());
            subjects.swap_remove(index).end();
        } else {
            let index = input.below(subjects.len());
            subjects[index].step(step, &mut input);
            subjects[index].check();
        }
    }
    subjects.into_iter().for_each(Subject::end);
}

struct Subject {
    producer: *mut ap_producer_t,
    polled: bool,
    observed: Arc<Observed>,
    /// What was accepted, by tag.
    accepted: HashMap<u64, Record>,
    next_tag: u64,
    overflowed: u64,
    shut: bool,
}

/// What the library has told.
#[derive(Default)]
struct Observed {
    settled: Mutex<Vec<u64>>,
    freed: Mutex<u32>,
}

unsafe extern "C-unwind" fn observe(event: *const ap_event_t, observed: *mut c_void) {
    // SAFETY: an event while it is told; `observed` is alive until `let_go`.
    let (event, observed) = unsafe { (&*event, &*observed.cast::<Observed>()) };
    assert!(!event.text.is_null() && event.r#type.is_power_of_two());
    if event.r#type & (FAILED | DROPPED) != 0 {
        observed.settled.lock().expect("no panic").push(event.tag);
    }
}

unsafe extern "C-unwind" fn let_go(observed: *mut c_void) {
    // SAFETY: made by `Arc::into_raw`, and let go of once.
    let observed = unsafe { Arc::from_raw(observed.cast::<Observed>()) };
    *observed.freed.lock().expect("no panic") += 1;
}

impl Subject {
    /// `None`: the settings contradict each other.
    fn new(input: &mut Input) -> Option<Subject> {
        let config = Config::new();
        let polled = input.rarely(2);
        let mut room = Room::new(256);
        let mut set = |key: &str, value: String| {
            let (key, value) = (CString::new(key).expect("no NUL"), CString::new(value).expect("no NUL"));
            assert_eq!(config.set(&key, &value, &mut room), OK, "{key:?}={value:?}");
        };
        set("bootstrap.servers", "127.0.0.1:1".into());
        set("message.max.bytes", super::record::MAX_BYTES.to_string());
        set("event_mode", if polled { "poll" } else { "callback" }.into());
        set("max_queue_size", (1 + input.below(9)).to_string());
        set("max_buffer_size", (1 + input.below(9)).to_string());
        set("max_buffer_bytesize", input.pick(&[1, 100, 1000, 10_000_000]).to_string());
        set("max_pending_bytes", input.pick(&[0, 0, 1, 500, 2000, 10_000]).to_string());
        set("delivery_threshold", input.pick(&[0, 0, 1, 3, 9]).to_string());
        set("delivery_interval", input.pick(&["0", "0", "0.001", "1000000000"]).into());
        set("stall_report_interval", input.pick(&["0", "0.001", "10"]).into());
        let observed = Arc::<Observed>::default();
        let mask = if input.rarely(4) { FAILED | DROPPED } else { ALL };
        let callback: ap_event_fn = if polled && input.rarely(2) { None } else { Some(observe) };
        let mut producer = ptr::null_mut();
        // SAFETY: `observed` is let go of by `let_go`; a place for the handle, and a buffer with its length.
        let status = unsafe {
            let user_data = Arc::into_raw(observed.clone()).cast_mut().cast();
            assert_eq!(ap_config_set_event_callback(config.0, mask, callback, user_data, Some(let_go)), OK);
            ap_new(config.0, &mut producer, room.pointer(), room.len())
        };
        if status == CONFIG {
            assert!(producer.is_null() && room.text().contains("delivery_threshold"), "{}", room.text());
            drop(config);
            assert_eq!(*observed.freed.lock().expect("no panic"), 1, "nobody holds it");
            return None;
        }
        assert_eq!(status, OK, "{}", room.text());
        let (accepted, next_tag) = (HashMap::new(), 0);
        Some(Subject { producer, polled, observed, accepted, next_tag, overflowed: 0, shut: false })
    }

    fn step(&mut self, step: u8, input: &mut Input) {
        match step {
            2 => self.shutdown(input),
            3 | 4 => self.flush(input),
            5 | 6 => self.clear(),
            7 | 8 => assert_eq!(ap_deliver(self.producer), if self.shut { SHUT_DOWN } else { OK }),
            9 => assert_eq!(ap_wake(self.producer), OK),
            10 => self.descriptor(),
            11..=14 => self.poll(input),
            15..=18 => self.batch(input),
            _ => self.produce(input),
        }
    }

    fn record(&mut self, input: &mut Input) -> Record {
        self.next_tag += 1;
        Record { tag: self.next_tag, ..Record::from(input) }
    }

    fn produce(&mut self, input: &mut Input) {
        let record = self.record(input);
        let before = statistics(self.producer);
        let raw = Raw::of(&record);
        // SAFETY: `raw` is whole.
        let status = unsafe { ap_produce_message(self.producer, &raw.message) };
        self.note(record, status, &before);
    }

    fn note(&mut self, record: Record, status: i32, before: &ap_stats_t) {
        match (record.fit(), status) {
            (Fit::Illegal, INVALID) => {}
            (Fit::TooLarge | Fit::Close, TOO_LARGE) => {}
            (Fit::Good, TOO_LARGE) => assert!((1..5000).contains(&before.max_pending_bytes), "{record:?}"),
            (Fit::Good | Fit::Close, SHUT_DOWN) => assert!(self.shut),
            (Fit::Good | Fit::Close, OVERFLOW) => {
                self.overflowed += 1;
                let memory = before.max_pending_bytes > 0;
                assert!(memory || before.queue_size == before.max_queue_size, "there was room: {before:?}");
            }
            (Fit::Good | Fit::Close, OK) => {
                let full = before.queue_size == before.max_queue_size && before.buffer_size == before.max_buffer_size;
                assert!(!self.shut && !full, "there was no room: {before:?}");
                self.accepted.insert(record.tag, record);
            }
            (fit, status) => panic!("{status} for {fit:?} {record:?}"),
        }
    }

    fn batch(&mut self, input: &mut Input) {
        let records: Vec<Record> = (0..input.below(6)).map(|_| self.record(input)).collect();
        let bytes: Vec<u8> = records.iter().flat_map(Record::pack).collect();
        // SAFETY: a buffer with its length.
        let answer = unsafe { ap_produce_packed(self.producer, bytes.as_ptr().cast(), bytes.len()) };
        let good = |record: &Record| matches!(record.fit(), Fit::Good | Fit::Close);
        match usize::try_from(answer) {
            Ok(taken) => {
                assert!(taken <= records.len() && records.iter().all(good), "{taken} of {records:?}");
                self.overflowed += u64::from(taken < records.len());
                self.accepted.extend(records.into_iter().take(taken).map(|record| (record.tag, record)));
            }
            Err(_) if answer == i64::from(SHUT_DOWN) => assert!(self.shut),
            Err(_) if answer == i64::from(INVALID) => assert!(!records.iter().all(good)),
            Err(_) => assert_eq!(answer, i64::from(TOO_LARGE)),
        }
    }

    /// How many are not settled; Kafka is away, so only a drop settles.
    fn outstanding(&self) -> u64 {
        self.accepted.len() as u64 - statistics(self.producer).dropped - statistics(self.producer).failed
    }

    fn flush(&mut self, input: &mut Input) {
        let outstanding = self.outstanding();
        let timeout_ms = input.pick(&[0, 0, 1, -2, i64::MIN]);
        let status = ap_flush(self.producer, timeout_ms);
        let expected = match timeout_ms {
            ..-1 => INVALID,
            _ if self.shut => SHUT_DOWN,
            _ if outstanding == 0 => OK,
            _ => TIMED_OUT,
        };
        assert_eq!(status, expected, "flush of {outstanding} within {timeout_ms} ms");
    }

    fn clear(&mut self) {
        let outstanding = self.outstanding();
        let answer = ap_clear(self.producer);
        match u64::try_from(answer) {
            Ok(dropped) => assert!(!self.shut && dropped <= outstanding, "{dropped} of {outstanding}"),
            Err(_) => assert!(self.shut && answer == i64::from(SHUT_DOWN), "{answer}"),
        }
    }

    fn shutdown(&mut self, input: &mut Input) {
        let timeout_ms = input.pick(&[0, 0, 1, 5, -2]);
        if timeout_ms < 0 {
            assert_eq!(ap_shutdown(self.producer, timeout_ms), INVALID);
            return;
        }
        let outstanding = self.outstanding();
        let status = ap_shutdown(self.producer, timeout_ms);
        if !self.shut {
            assert_eq!(status, if outstanding == 0 { OK } else { UNDELIVERED }, "shutdown of {outstanding}");
        }
        self.shut = true;
        assert_eq!(self.outstanding(), 0, "everything is settled");
    }

    fn descriptor(&self) {
        let descriptor = ap_event_fd(self.producer);
        if self.polled {
            assert!(descriptor >= 0, "{descriptor}");
            // SAFETY: a fresh one, for us to close.
            drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
        } else {
            assert_eq!(descriptor, UNSUPPORTED);
        }
    }

    fn poll(&self, input: &mut Input) {
        let most = 1 + input.below(5);
        if self.polled {
            self.hand_in(desk::read(self.producer, most, 0));
        } else {
            let mut room = Room::new(64);
            assert_eq!(ap_poll(self.producer, -1, most), i64::from(UNSUPPORTED));
            // SAFETY: one entry fits.
            let answer = unsafe { ap_poll_events(self.producer, -1, room.pointer(), 64, 1) };
            assert!(answer == i64::from(UNSUPPORTED) && room.is_untouched());
        }
    }

    /// Notes the events that were read, and looks at the messages that they hand back.
    fn hand_in(&self, events: Vec<ap_event_entry_t>) {
        for entry in events {
            if entry.r#type & (FAILED | DROPPED) == 0 {
                continue;
            }
            let mut room = Room::new(8192);
            // SAFETY: a buffer with its length.
            let len = unsafe { ap_event_message(self.producer, entry.id, room.pointer(), room.len()) };
            let len = usize::try_from(len).expect("the id is known");
            let records = Record::unpack_all(&room.written()[..len]).expect("the packed form");
            let meant = self.accepted.get(&entry.tag).expect("it was accepted");
            let timestamp_ms = if meant.timestamp_ms == 0 { 0 } else { records[0].timestamp_ms };
            assert_eq!(Record { timestamp_ms, ..records[0].clone() }, *meant, "handed back whole");
            self.observed.settled.lock().expect("no panic").push(entry.tag);
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let now = statistics(self.producer);
        assert!(now.queue_size <= now.max_queue_size && now.buffer_size <= now.max_buffer_size, "{now:?}");
        assert!(now.max_pending_bytes == 0 || now.pending_bytes <= now.max_pending_bytes, "{now:?}");
        assert_eq!((now.accepted, now.overflowed), (self.accepted.len() as u64, self.overflowed), "{now:?}");
        assert_eq!((now.delivered, now.unknown > now.failed), (0, false), "{now:?}");
        let held = now.queue_size + now.buffer_size;
        assert!(now.dropped + now.failed + held >= now.accepted, "none is lost: {now:?}");
    }

    fn read_to_the_end(&self) {
        loop {
            let events = desk::read(self.producer, 9, PATIENCE_MS);
            if events.is_empty() {
                return;
            }
            self.hand_in(events);
        }
    }

    /// Each message that was accepted has been settled once, everything is given back, and the handle is dead.
    fn end(mut self) {
        self.shutdown(&mut Input::new(&[]));
        self.check();
        if self.polled {
            self.read_to_the_end();
        }
        let now = statistics(self.producer);
        assert_eq!((now.queue_size, now.buffer_size, now.in_flight, now.pending_bytes), (0, 0, 0, 0), "{now:?}");
        assert_eq!((now.unread_events, now.accepted), (0, now.failed + now.dropped), "{now:?}");
        ap_free(self.producer);
        assert_eq!(ap_deliver(self.producer), INVALID, "freed");
        ap_free(self.producer);
        assert_eq!(*self.observed.freed.lock().expect("no panic"), 1, "user_data_free runs once");
        let settled = self.observed.settled.lock().expect("no panic");
        let once: HashSet<u64> = settled.iter().copied().collect();
        assert_eq!(once.len(), settled.len(), "none is settled twice: {settled:?}");
        assert_eq!(once, self.accepted.keys().copied().collect(), "each is settled");
    }
}
