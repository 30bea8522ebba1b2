//! A producer that many inputs are tried on, one after another. Its Kafka is not there, and nothing starts a delivery:
//! what an input has handed over is dropped again, and must come back as it was given.

use std::collections::HashSet;
use std::ptr;
use std::sync::OnceLock;

use async_producer::ffi::*;

use super::abi::*;
use super::record::{Fit, MAX_BYTES, Record};

pub struct Desk {
    pub producer: *mut ap_producer_t,
    /// What was accepted and not dropped yet.
    pub accepted: Vec<Record>,
}

/// One for the process: no other may be alive where any number is tried as a handle.
static PRODUCER: OnceLock<usize> = OnceLock::new();

/// In poll mode, with the events that settle a message. Room for more than any input has.
fn start() -> *mut ap_producer_t {
    let config = Config::new();
    let mut room = Room::new(256);
    let limit = std::ffi::CString::new(MAX_BYTES.to_string()).expect("no NUL");
    for (key, value) in [
        (c"bootstrap.servers", c"127.0.0.1:1"),
        (c"event_mode", c"poll"),
        (c"message.max.bytes", &limit),
        (c"max_queue_size", c"1000"),
        (c"max_buffer_size", c"1000"),
        (c"max_buffer_bytesize", c"1000000000"),
        (c"max_pending_bytes", c"0"),
    ] {
        assert_eq!(config.set(key, value, &mut room), OK, "{}", room.text());
    }
    let mut producer = ptr::null_mut();
    // SAFETY: a place for the handle, and a buffer with its length.
    unsafe {
        let settled = ap_event_type::AP_EVENT_DELIVERED as u32 | FAILED | DROPPED;
        assert_eq!(ap_config_set_event_callback(config.0, settled, None, ptr::null_mut(), None), OK);
        assert_eq!(ap_new(config.0, &mut producer, room.pointer(), room.len()), OK, "{}", room.text());
    }
    producer
}

impl Desk {
    /// The same producer for every input; one input at a time.
    pub fn new() -> Desk {
        let number = *PRODUCER.get_or_init(|| start().addr());
        Desk { producer: ptr::without_provenance_mut(number), accepted: Vec::new() }
    }

    /// Notes what a call answered for one record.
    pub fn note(&mut self, record: &Record, status: i32) {
        let expected = match record.fit() {
            Fit::Good => vec![OK],
            Fit::Illegal => vec![INVALID],
            Fit::TooLarge => vec![TOO_LARGE],
            Fit::Close => vec![OK, TOO_LARGE],
        };
        assert!(expected.contains(&status), "{status}, and not one of {expected:?}, for {record:?}");
        if status == OK {
            self.accepted.push(record.clone());
        }
    }

    /// Notes what a call answered for all of them together.
    pub fn note_all(&mut self, records: &[Record], answer: i64) {
        let fits: Vec<Fit> = records.iter().map(Record::fit).collect();
        let allowed = |status: i32| match status {
            INVALID => fits.contains(&Fit::Illegal),
            TOO_LARGE => fits.contains(&Fit::TooLarge) || fits.contains(&Fit::Close),
            _ => false,
        };
        if answer == records.len() as i64 {
            let wrong = fits.iter().position(|fit| matches!(fit, Fit::Illegal | Fit::TooLarge));
            assert_eq!(wrong.map(|index| &records[index]), None, "taken");
            self.accepted.extend_from_slice(records);
        } else {
            assert!(i32::try_from(answer).is_ok_and(allowed), "{answer} for {records:?}");
        }
    }

    /// Drops everything.
    pub fn clear(&self) {
        assert_eq!(ap_clear(self.producer), self.accepted.len() as i64, "dropped");
    }

    /// Drops everything, reads it back, and compares it with what was handed over.
    pub fn settle(mut self) {
        self.clear();
        let mut found = Vec::new();
        while found.len() < self.accepted.len() {
            let events = read(self.producer, 17, 60_000);
            assert!(!events.is_empty(), "{} of {} events came", found.len(), self.accepted.len());
            found.extend(events.iter().map(|entry| self.look_up(entry)));
        }
        assert_eq!(read(self.producer, 17, 0), [], "nothing is left, and the places are given back");
        // The time of the call is not known here: what was given none is looked up with none.
        let mut meant = std::mem::take(&mut self.accepted);
        let times: HashSet<i64> = meant.iter().map(|record| record.timestamp_ms).collect();
        found.iter_mut().filter(|told| !times.contains(&told.timestamp_ms)).for_each(|told| told.timestamp_ms = 0);
        meant.sort();
        found.sort();
        assert_eq!(found, meant, "handed back whole");
        self.check_empty();
    }

    /// The message of an event, by its id.
    pub fn look_up(&self, entry: &ap_event_entry_t) -> Record {
        assert_eq!((entry.r#type, entry.persistence), (DROPPED, 0), "{entry:?}");
        // SAFETY: asks for the size first, then gives a buffer of it.
        let room = unsafe {
            let size = ap_event_message(self.producer, entry.id, ptr::null_mut(), 0);
            let mut room = Room::new(usize::try_from(size).expect("the id is known"));
            assert_eq!(ap_event_message(self.producer, entry.id, room.pointer(), room.len()), size);
            room
        };
        let records = Record::unpack_all(room.written()).expect("the record is of the packed form");
        let [record] = <[Record; 1]>::try_from(records).expect("one record");
        assert_eq!((record.tag, record.timestamp_ms), (entry.tag, entry.timestamp_ms));
        record
    }

    /// Nothing is held any more, and the counters add up.
    pub fn check_empty(&self) {
        let now = statistics(self.producer);
        assert_eq!((now.queue_size, now.buffer_size, now.in_flight), (0, 0, 0), "{now:?}");
        assert_eq!((now.pending_bytes, now.unread_events, now.overflowed), (0, 0, 0), "{now:?}");
        assert_eq!((now.accepted, now.delivered, now.failed), (now.dropped, 0, 0), "{now:?}");
    }
}

/// The next events of a producer in poll mode.
pub fn read(producer: *mut ap_producer_t, most: usize, timeout_ms: i64) -> Vec<ap_event_entry_t> {
    const SIZE: usize = size_of::<ap_event_entry_t>();
    let mut room = Room::new(most * SIZE);
    // SAFETY: `most` entries fit; they are copied out of memory of any alignment.
    unsafe {
        let count = ap_poll_events(producer, timeout_ms, room.pointer(), SIZE, most);
        let count = usize::try_from(count).expect("poll mode, and not in a callback");
        assert!(count <= most);
        room.written()[..count * SIZE]
            .chunks(SIZE)
            .map(|entry| entry.as_ptr().cast::<ap_event_entry_t>().read_unaligned())
            .collect()
    }
}
