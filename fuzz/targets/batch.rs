//! `ap_produce_batch`: arrays of structs, also of a newer version, also of several at once.

use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;
use super::message::Raw;
use super::record::{Fit, Record};

const KNOWN: usize = size_of::<ap_message_t>();

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut desk = Desk::new();
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0 => null_arguments(&desk, &mut input),
            1 => mixed_sizes(&desk, &mut input),
            _ => one_size(&mut desk, &mut input),
        }
    }
    desk.settle();
}

fn null_arguments(desk: &Desk, input: &mut Input) {
    let count = input.number() as usize;
    // SAFETY: NULL is an argument like any other.
    let answer = unsafe { ap_produce_batch(desk.producer, ptr::null(), count) };
    assert_eq!(answer, if count == 0 { 0 } else { i64::from(INVALID) });
}

fn records(input: &mut Input) -> Vec<Record> {
    (0..input.below(12)).map(|_| Record::from(input)).collect()
}

fn one_size(desk: &mut Desk, input: &mut Input) {
    let records = records(input);
    let stride = KNOWN + 8 * input.pick(&[0, 0, 0, 1, 2, 40]);
    let array = Array::of(&records, stride);
    let answer = array.produce(desk);
    desk.note_all(&records, answer);
}

/// One of them says another size than the first: nothing is taken, and nothing behind the array is read.
fn mixed_sizes(desk: &Desk, input: &mut Input) {
    let records = records(input);
    if records.len() < 2 {
        return;
    }
    let mut array = Array::of(&records, KNOWN + 8 * input.below(3));
    let liar = 1 + input.below(records.len() - 1);
    let size = input.number() as usize;
    if size == array.stride {
        return;
    }
    array.words[liar * array.stride / 8] = size as u64;
    let answer = array.produce(desk);
    // One before it may be too large.
    let large = records[..liar].iter().any(|record| matches!(record.fit(), Fit::TooLarge | Fit::Close));
    assert!(answer == i64::from(INVALID) || (large && answer == i64::from(TOO_LARGE)), "{answer}: {size}");
}

struct Array<'a> {
    words: Box<[u64]>,
    stride: usize,
    raw: Vec<Raw<'a>>,
}

impl<'a> Array<'a> {
    fn of(records: &'a [Record], stride: usize) -> Array<'a> {
        let raw: Vec<Raw> = records.iter().map(Raw::of).collect();
        let mut words = vec![0_u64; raw.len() * stride / 8].into_boxed_slice();
        for (raw, place) in raw.iter().zip(words.chunks_mut(stride / 8)) {
            // SAFETY: the place is at least as large as the struct.
            unsafe { ptr::copy_nonoverlapping(&raw const raw.message, place.as_mut_ptr().cast(), 1) };
            place[0] = stride as u64;
        }
        Array { words, stride, raw }
    }

    fn produce(&self, desk: &Desk) -> i64 {
        // SAFETY: as many structs of one size after another.
        unsafe { ap_produce_batch(desk.producer, self.words.as_ptr().cast(), self.raw.len()) }
    }
}
