//! `ap_produce_arrays`: joined buffers whose sizes may lie.

use std::ffi::{CString, c_void};
use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;
use super::record::{self, Record};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut desk = Desk::new();
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0 => without_sizes(&desk, &mut input),
            1..=3 => any_sizes(&mut desk, &mut input),
            _ => true_sizes(&mut desk, &mut input),
        }
    }
    desk.settle();
}

/// The parts of one buffer.
struct Joined {
    bytes: Box<[u8]>,
    sizes: Box<[i32]>,
}

impl Joined {
    fn of(parts: &[Option<Box<[u8]>>]) -> Joined {
        Joined {
            bytes: parts.iter().flatten().flatten().copied().collect(),
            sizes: parts.iter().map(|part| part.as_ref().map_or(-1, |part| part.len() as i32)).collect(),
        }
    }

    /// By the words of the header; `None`: the sizes do not add up.
    fn parts(&self) -> Option<Vec<Option<Box<[u8]>>>> {
        let mut rest = &*self.bytes;
        let mut parts = Vec::new();
        for size in &self.sizes {
            parts.push(match *size {
                -1 => None,
                size => {
                    let (part, tail) = rest.split_at_checked(usize::try_from(size).ok()?)?;
                    rest = tail;
                    Some(part.into())
                }
            });
        }
        rest.is_empty().then_some(parts)
    }
}

fn parts(input: &mut Input, count: usize) -> Vec<Option<Box<[u8]>>> {
    (0..count).map(|_| input.maybe_bytes()).collect()
}

fn true_sizes(desk: &mut Desk, input: &mut Input) {
    let (topic, count) = (record::topic(input), input.below(20));
    let keys = input.rarely(2).then(|| Joined::of(&parts(input, count)));
    let values = Joined::of(&parts(input, count));
    produce(desk, topic, keys, values, input.number() as u64);
}

fn any_sizes(desk: &mut Desk, input: &mut Input) {
    let (topic, count) = (record::topic(input), input.below(20));
    let mut joined = |with: bool| {
        with.then(|| Joined { bytes: input.bytes(), sizes: (0..count).map(|_| input.number() as i32).collect() })
    };
    let values = joined(true).expect("with");
    let keys = joined(values.bytes.len() % 2 == 1);
    produce(desk, topic, keys, values, input.number() as u64);
}

fn produce(desk: &mut Desk, topic: CString, keys: Option<Joined>, values: Joined, first_tag: u64) {
    let count = values.sizes.len();
    let (key_bytes, key_sizes) = match &keys {
        Some(keys) => (&*keys.bytes, keys.sizes.as_ptr()),
        None => (&[][..], ptr::null()),
    };
    let (values_at, values_len, value_sizes) = (values.bytes.as_ptr(), values.bytes.len(), values.sizes.as_ptr());
    // SAFETY: buffers with their lengths, and `count` sizes each.
    let answer = unsafe {
        let (keys_at, keys_len) = (key_bytes.as_ptr().cast(), key_bytes.len());
        ap_produce_arrays(
            desk.producer,
            topic.as_ptr(),
            keys_at,
            keys_len,
            key_sizes,
            values_at.cast(),
            values_len,
            value_sizes,
            count,
            first_tag,
        )
    };
    let keys = match &keys {
        Some(keys) => keys.parts(),
        None => Some(vec![None; count]),
    };
    let (Some(keys), Some(values)) = (keys, values.parts()) else {
        assert_eq!(answer, i64::from(INVALID), "sizes that do not add up");
        return;
    };
    let records: Vec<Record> = keys
        .into_iter()
        .zip(values)
        .enumerate()
        .map(|(index, (key, value))| Record::plain(topic.clone(), key, value, first_tag.wrapping_add(index as u64)))
        .collect();
    desk.note_all(&records, answer);
}

/// NULL in the place of sizes, with any count and any length.
fn without_sizes(desk: &Desk, input: &mut Input) {
    let (count, values_len) = (input.number() as usize, input.number() as usize);
    let bytes = input.bytes();
    let values: *const c_void = if input.rarely(2) { ptr::null() } else { bytes.as_ptr().cast() };
    let len = if values.is_null() { values_len } else { bytes.len() };
    let (none, topic, producer) = (ptr::null(), c"topic".as_ptr(), desk.producer);
    // SAFETY: what there is of buffers has its length.
    let answer = unsafe { ap_produce_arrays(producer, topic, ptr::null(), 0, none, values, len, none, count, 0) };
    assert_eq!(answer, if count == 0 && len == 0 { 0 } else { i64::from(INVALID) }, "{count} and {len}");
}
