//! The bytes of an input, read as what calls are made of. At their end everything is 0 and empty.

use std::ffi::CString;

pub struct Input<'a>(&'a [u8]);

/// Where mistakes hide.
const EDGES: [i64; 20] = [
    0,
    1,
    -1,
    -2,
    63,
    64,
    4096,
    4097,
    i8::MAX as i64,
    i16::MAX as i64,
    i32::MAX as i64,
    i32::MAX as i64 + 1,
    i32::MIN as i64,
    u32::MAX as i64,
    u32::MAX as i64 + 1,
    i64::MAX,
    i64::MIN,
    i64::MAX - 7,
    1 << 40,
    1 << 24,
];

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.byte() as usize % bound
    }

    /// One time in `times`.
    pub fn rarely(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A small number, one where mistakes hide, or any.
    pub fn number(&mut self) -> i64 {
        match self.byte() {
            shape @ 0..=159 => i64::from(shape % 16),
            160..=219 => self.pick(&EDGES),
            _ => {
                let mut bytes = [0; 8];
                bytes.fill_with(|| self.byte());
                i64::from_le_bytes(bytes)
            }
        }
    }

    /// A block of its own of exactly its size, so that a sanitizer sees what reads past its end.
    pub fn bytes(&mut self) -> Box<[u8]> {
        let (len, repeat) = match self.byte() {
            len @ 0..=223 => (usize::from(len % 32), false),
            len => (usize::from(len - 223) * 40, true),
        };
        if repeat {
            return vec![self.byte(); len].into();
        }
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken.into()
    }

    pub fn maybe_bytes(&mut self) -> Option<Box<[u8]>> {
        (!self.rarely(4)).then(|| self.bytes())
    }

    /// Any bytes but a NUL.
    pub fn text(&mut self) -> CString {
        let bytes: Vec<u8> = self.bytes().iter().copied().filter(|byte| *byte != 0).collect();
        CString::new(bytes).expect("no NUL")
    }
}
