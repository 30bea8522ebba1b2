//! `ap_stats`: structs of older and newer versions.

use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::desk::Desk;
use super::input::Input;

const KNOWN: usize = size_of::<ap_stats_t>();

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let desk = Desk::new();
    for _ in 0..16 {
        let near = KNOWN.wrapping_add_signed(input.number() as isize);
        let size = if input.rarely(2) { near } else { input.number() as usize };
        struct_of(&desk, size);
        // SAFETY: NULL is an argument like any other.
        assert_eq!(unsafe { ap_stats(desk.producer, ptr::null_mut()) }, INVALID);
    }
    desk.settle();
}

/// As much memory as the size says; what is over the limit of sizes is not there.
fn struct_of(desk: &Desk, size: usize) {
    const UNTOUCHED: u64 = 0xA5A5_A5A5_A5A5_A5A5;
    let mut words = vec![UNTOUCHED; size.min(4096).div_ceil(8).max(1)].into_boxed_slice();
    words[0] = size as u64;
    // SAFETY: the struct is as large as it says.
    let status = unsafe { ap_stats(desk.producer, words.as_mut_ptr().cast()) };
    let known = KNOWN / 8;
    if (KNOWN..=4096).contains(&size) {
        assert_eq!((status, words[0]), (OK, KNOWN as u64), "struct_size {size}");
        assert!(words[1..known].iter().all(|word| *word != UNTOUCHED), "all that is known is written");
        assert!(words[known..].iter().all(|word| *word == UNTOUCHED), "and nothing more");
    } else {
        assert_eq!((status, words[0]), (INVALID, size as u64), "struct_size {size}");
        assert!(words[1..].iter().all(|word| *word == UNTOUCHED), "nothing is written");
    }
}
