//! `ap_poll_events`, `ap_event_text`, `ap_event_message`: entries of any size, ids of any number.

use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::{self, Desk};
use super::input::Input;
use super::record::Record;

const SIZE: usize = size_of::<ap_event_entry_t>();

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut desk = Desk::new();
    for tag in 0..=input.below(8) as u64 {
        let record = Record::plain(c"topic".into(), input.maybe_bytes(), input.maybe_bytes(), tag);
        let packed = record.pack();
        // SAFETY: a buffer with its length.
        let answer = unsafe { ap_produce_packed(desk.producer, packed.as_ptr().cast(), packed.len()) };
        desk.note_all(&[record], answer);
    }
    desk.clear();
    let mut known = Vec::new();
    let mut left: usize = desk.accepted.len();
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        match input.byte() % 4 {
            0 => {
                let taken = poll(&desk, &mut input, left);
                if let Some(entries) = taken {
                    left -= entries.len();
                    known = entries;
                }
            }
            1 => strange_id(&desk, &mut input, &known),
            2 => text(&desk, &mut input, &known),
            _ => message(&desk, &mut input, &known),
        }
    }
    while left > 0 {
        let entries = desk::read(desk.producer, 5, 60_000);
        assert!(!entries.is_empty() && entries.len() <= left, "{} of {left}", entries.len());
        left -= entries.len();
    }
    assert_eq!(desk::read(desk.producer, 5, 0), []);
    desk.check_empty();
}

/// `None`: refused. An answer without events forgets those before too.
fn poll(desk: &Desk, input: &mut Input, left: usize) -> Option<Vec<ap_event_entry_t>> {
    let size = input.pick(&[SIZE, SIZE, SIZE + 8, SIZE + 1, 4096]);
    let (any_size, most) = (input.number() as usize, input.below(6));
    let size = if input.rarely(3) { any_size } else { size };
    let timeout_ms = if left > 0 { input.number() } else { input.pick(&[0, -2, i64::MIN, 0]) };
    let legal = (SIZE..=4096).contains(&size);
    let mut room = Room::new(if legal { size * most + 1 } else { 0 });
    let nowhere = input.rarely(8);
    // SAFETY: `most` entries of `size` bytes, one byte off every alignment; or none where nothing may be written.
    let answer = unsafe {
        let place = if nowhere { ptr::null_mut() } else { room.pointer::<u8>().add(usize::from(legal)).cast() };
        ap_poll_events(desk.producer, timeout_ms, place, size, most)
    };
    if !legal || most == 0 || nowhere || timeout_ms < -1 {
        assert_eq!(answer, i64::from(INVALID), "{timeout_ms} ms, {most} of {size} bytes");
        assert!(room.is_untouched());
        return None;
    }
    let count = usize::try_from(answer).expect("a count");
    assert!(count <= most.min(left), "{count} of {left}");
    let bytes = &room.written()[1..];
    assert!(bytes[count * size..].iter().all(|byte| *byte == 0xA5), "only what is answered is written");
    let entry = |bytes: &[u8]| {
        assert!(bytes[SIZE..].iter().all(|byte| *byte == 0), "what a later version has more is 0");
        // SAFETY: an entry's bytes.
        unsafe { bytes.as_ptr().cast::<ap_event_entry_t>().read_unaligned() }
    };
    let entries: Vec<_> = bytes[..count * size].chunks(size).map(entry).collect();
    for entry in &entries {
        let record = desk.look_up(entry);
        let meant = desk.accepted.iter().find(|meant| meant.tag == entry.tag).expect("one of ours");
        assert_eq!(Record { timestamp_ms: 0, ..record }, *meant);
    }
    Some(entries)
}

fn strange_id(desk: &Desk, input: &mut Input, known: &[ap_event_entry_t]) {
    let near = known.first().map_or(0, |entry| entry.id);
    let id = near.wrapping_add(input.number() as u64);
    if known.iter().any(|entry| entry.id == id) {
        return;
    }
    let mut room = Room::new(100);
    // SAFETY: a buffer with its length.
    unsafe {
        assert_eq!(ap_event_text(desk.producer, id, room.pointer(), room.len()), i64::from(INVALID));
        assert_eq!(ap_event_message(desk.producer, id, room.pointer(), room.len()), i64::from(INVALID));
    }
    assert!(room.is_untouched());
}

fn some_id(input: &mut Input, known: &[ap_event_entry_t]) -> Option<u64> {
    let index = input.byte() as usize;
    known.get(index % known.len().max(1)).map(|entry| entry.id)
}

fn text(desk: &Desk, input: &mut Input, known: &[ap_event_entry_t]) {
    let Some(id) = some_id(input, known) else { return };
    let mut room = Room::new(input.byte() as usize);
    // SAFETY: a buffer with its length.
    let len = unsafe { ap_event_text(desk.producer, id, room.pointer(), room.len()) };
    assert!(len > 0, "{len}");
    let whole = len.min(room.len() as i64 - 1).max(0) as usize;
    assert_eq!(room.text().len(), whole, "of {len} bytes in {}", room.len());
}

fn message(desk: &Desk, input: &mut Input, known: &[ap_event_entry_t]) {
    let Some(id) = some_id(input, known) else { return };
    let mut room = Room::new(usize::from(input.byte()) * 8);
    // SAFETY: a buffer with its length.
    let len = unsafe { ap_event_message(desk.producer, id, room.pointer(), room.len()) };
    let len = usize::try_from(len).expect("the id is known");
    if len > room.len() {
        assert!(room.is_untouched(), "too small: nothing is copied");
    } else {
        assert_eq!(Record::unpack_all(&room.written()[..len]).expect("the packed form").len(), 1);
    }
}
