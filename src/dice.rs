//! A small generator (Marsaglia's xorshift64, <https://www.jstatsoft.org/article/view/v008i14>): seeded, so that tests repeat.

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        // Spread, so that neighbouring seeds have nothing in common; the state must not be 0.
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number from 0 to `bound` - 1; 0 where there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound.max(1)
    }
}
