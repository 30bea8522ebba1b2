//! `ap_produce` and `ap_produce_message`: any topic, any bytes, NULL, lengths that lie, structs of other versions.

use std::ffi::CString;
use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;
use super::record::Record;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut desk = Desk::new();
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0..=2 => flat(&mut desk, &mut input),
            3 => lying_lengths(&desk, &mut input),
            4 => null_arguments(&desk),
            5 => another_size(&mut desk, &mut input),
            _ => whole(&mut desk, &mut input),
        }
    }
    desk.settle();
}

fn flat(desk: &mut Desk, input: &mut Input) {
    let record = Record { headers: Vec::new(), ..Record::from(input) };
    let record = Record::plain(record.topic, record.key, record.value, record.tag);
    let (key, key_len) = span(record.key.as_deref());
    let (value, value_len) = span(record.value.as_deref());
    // SAFETY: every pointer has its length.
    let status =
        unsafe { ap_produce(desk.producer, record.topic.as_ptr(), key, key_len, value, value_len, record.tag) };
    desk.note(&record, status);
}

/// NULL with a length, and lengths that nothing can have: they are refused before anything is read.
fn lying_lengths(desk: &Desk, input: &mut Input) {
    let len = input.number() as usize;
    let bytes = input.bytes();
    let (null, some) = ((ptr::null(), len.max(1)), (bytes.as_ptr().cast(), len.max(1 << 31)));
    let (good, bad) = ((bytes.as_ptr().cast(), bytes.len()), if input.rarely(2) { null } else { some });
    let ((key, key_len), (value, value_len)) = if input.rarely(2) { (good, bad) } else { (bad, good) };
    // SAFETY: what is said to be longer than it is must be refused unread.
    let status = unsafe { ap_produce(desk.producer, c"topic".as_ptr(), key, key_len, value, value_len, 0) };
    assert_eq!(status, INVALID, "{key_len} and {value_len} bytes");
}

fn null_arguments(desk: &Desk) {
    // SAFETY: NULL is an argument like any other.
    unsafe {
        assert_eq!(ap_produce(desk.producer, ptr::null(), ptr::null(), 0, ptr::null(), 0, 0), INVALID);
        assert_eq!(ap_produce(ptr::null_mut(), c"topic".as_ptr(), ptr::null(), 0, ptr::null(), 0, 0), INVALID);
        assert_eq!(ap_produce_message(desk.producer, ptr::null()), INVALID);
    }
}

fn whole(desk: &mut Desk, input: &mut Input) {
    let record = Record::from(input);
    let raw = Raw::of(&record);
    // SAFETY: `raw` is whole.
    let status = unsafe { ap_produce_message(desk.producer, &raw.message) };
    desk.note(&record, status);
}

/// A struct of an older or a newer version, or one that was never filled in.
fn another_size(desk: &mut Desk, input: &mut Input) {
    const KNOWN: usize = size_of::<ap_message_t>();
    let record = Record::from(input);
    let raw = Raw::of(&record);
    let size = input.number() as u16 as usize % 5000 + input.pick(&[0, KNOWN - 8, KNOWN, KNOWN + 8]);
    let stranger = input.rarely(3);
    // As much memory as the size says, in whole words; what is over the limit of sizes is not there.
    let mut block = vec![0_u64; size.min(4096).div_ceil(8).max(1)];
    // SAFETY: no more than both have is copied; the first word is the size.
    let status = unsafe {
        let place = block.as_mut_ptr().cast::<u8>();
        ptr::copy_nonoverlapping((&raw const raw.message).cast::<u8>(), place, KNOWN.min(block.len() * 8));
        if stranger && (KNOWN + 1..=4096).contains(&size) {
            *place.add(KNOWN + input.number() as u16 as usize % (size - KNOWN)) = 1;
        }
        place.cast::<usize>().write(size);
        ap_produce_message(desk.producer, place.cast())
    };
    if !size.is_multiple_of(align_of::<ap_message_t>()) || !(KNOWN..=4096).contains(&size) || (stranger && size > KNOWN)
    {
        assert_eq!(status, INVALID, "struct_size {size}");
    } else {
        desk.note(&record, status);
    }
}

/// An `ap_message_t` and what it points to.
pub struct Raw<'a> {
    pub message: ap_message_t,
    _headers: Box<[ap_header_t]>,
    _record: &'a Record,
}

impl<'a> Raw<'a> {
    pub fn of(record: &'a Record) -> Raw<'a> {
        let header = |(name, value): &(CString, Option<Box<[u8]>>)| {
            let (value, value_len) = span(value.as_deref());
            ap_header_t { name: name.as_ptr(), value, value_len }
        };
        let headers: Box<[ap_header_t]> = record.headers.iter().map(header).collect();
        let (key, key_len) = span(record.key.as_deref());
        let (value, value_len) = span(record.value.as_deref());
        let (partition_key, partition_key_len) = span(record.partition_key.as_deref());
        let message = ap_message_t {
            struct_size: size_of::<ap_message_t>(),
            topic: record.topic.as_ptr(),
            key,
            key_len,
            value,
            value_len,
            partition_key,
            partition_key_len,
            headers: if headers.is_empty() { ptr::null() } else { headers.as_ptr() },
            header_count: headers.len(),
            timestamp_ms: record.timestamp_ms,
            tag: record.tag,
            partition: record.partition,
        };
        Raw { message, _headers: headers, _record: record }
    }
}
