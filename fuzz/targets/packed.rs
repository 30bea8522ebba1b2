//! `ap_produce_packed`: records made by another language, or by nobody.

use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;
use super::record::Record;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut desk = Desk::new();
    match input.byte() % 4 {
        0 => produce(&mut desk, input.rest()),
        1 => null(&desk, &mut input),
        shape => {
            let mut records: Vec<u8> = (0..input.below(8)).flat_map(|_| Record::from(&mut input).pack()).collect();
            for _ in 0..if shape == 2 { 0 } else { 1 + input.below(3) } {
                damage(&mut records, &mut input);
            }
            produce(&mut desk, &records);
        }
    }
    desk.settle();
}

/// One field of the head, or any byte, or the end.
fn damage(records: &mut Vec<u8>, input: &mut Input) {
    let place = input.number() as u16 as usize;
    if records.is_empty() || input.rarely(4) {
        records.truncate(place);
    } else if input.rarely(2) {
        let at = place % records.len();
        records[at] = input.byte();
    } else {
        let field = place % 12 * 4;
        let value = (input.number() as i32).to_le_bytes();
        records.iter_mut().skip(field).zip(value).for_each(|(byte, new)| *byte = new);
    }
}

fn produce(desk: &mut Desk, bytes: &[u8]) {
    let exact: Box<[u8]> = bytes.into();
    // SAFETY: a buffer with its length.
    let answer = unsafe { ap_produce_packed(desk.producer, exact.as_ptr().cast(), exact.len()) };
    match Record::unpack_all(bytes) {
        Some(records) => desk.note_all(&records, answer),
        // Which of two mistakes is told is not promised.
        None => assert!([INVALID, TOO_LARGE].map(i64::from).contains(&answer), "{answer}"),
    }
}

fn null(desk: &Desk, input: &mut Input) {
    let len = input.number() as usize;
    let bytes = input.bytes();
    // SAFETY: NULL, and a length that no buffer has, are refused unread.
    unsafe {
        let answer = ap_produce_packed(desk.producer, ptr::null(), len);
        assert_eq!(answer, if len == 0 { 0 } else { i64::from(INVALID) });
        let longest = isize::MAX as usize;
        assert_eq!(
            ap_produce_packed(desk.producer, bytes.as_ptr().cast(), longest + 1 + len % longest),
            i64::from(INVALID)
        );
    }
}
