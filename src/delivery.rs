//! Deliveries: the messages that became due together, until each is settled.

use std::num::NonZeroU32;
use std::time::Instant;

/// A delivery under way. Each message keeps one, so it is small, also where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(NonZeroU32);

impl Number {
    pub fn of(index: usize) -> Number {
        Number(NonZeroU32::MIN.saturating_add(index as u32)) // As many as messages, whose count has 24 bits.
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A delivery whose every message is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    pub messages: u64,
    pub undelivered: u64,
    pub attempts: u32,
    pub started: Instant,
}

struct Delivery {
    messages: u64,
    left: u64,
    undelivered: u64,
    attempts: u32,
    started: Instant,
}

/// The deliveries under way. Numbers are used again, so the table never outgrows the buffer.
#[derive(Default)]
pub struct Deliveries {
    table: Vec<Delivery>,
    free: Vec<Number>,
}

impl Deliveries {
    /// Begins a delivery; its messages are counted by [`Deliveries::add`].
    pub fn begin(&mut self, now: Instant) -> Number {
        let delivery = Delivery { messages: 0, left: 0, undelivered: 0, attempts: 0, started: now };
        match self.free.pop() {
            Some(number) => {
                self.table[number.index()] = delivery;
                number
            }
            None => {
                self.table.push(delivery);
                Number::of(self.table.len() - 1)
            }
        }
    }

    pub fn add(&mut self, number: Number, messages: usize) {
        let delivery = &mut self.table[number.index()];
        delivery.messages += messages as u64;
        delivery.left += messages as u64;
    }

    /// One message is settled; the delivery, where it was the last.
    pub fn settle(&mut self, number: Number, delivered: bool, attempts: u32) -> Option<Finished> {
        let delivery = &mut self.table[number.index()];
        delivery.left -= 1;
        delivery.undelivered += u64::from(!delivered);
        delivery.attempts = delivery.attempts.max(attempts);
        if delivery.left > 0 {
            return None;
        }
        self.free.push(number);
        Some(Finished {
            messages: delivery.messages,
            undelivered: delivery.undelivered,
            attempts: delivery.attempts,
            started: delivery.started,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_with_its_last_message() {
        let now = Instant::now();
        let mut deliveries = Deliveries::default();
        let first = deliveries.begin(now);
        deliveries.add(first, 2);
        let second = deliveries.begin(now);
        deliveries.add(second, 1);
        assert_eq!(deliveries.settle(first, true, 1), None);
        assert_eq!(
            deliveries.settle(second, false, 3),
            Some(Finished { messages: 1, undelivered: 1, attempts: 3, started: now })
        );
        assert_eq!(
            deliveries.settle(first, true, 2),
            Some(Finished { messages: 2, undelivered: 0, attempts: 2, started: now })
        );
    }

    #[test]
    fn numbers_are_used_again() {
        let now = Instant::now();
        let mut deliveries = Deliveries::default();
        for _ in 0..1000 {
            let number = deliveries.begin(now);
            deliveries.add(number, 1);
            assert!(deliveries.settle(number, true, 1).is_some());
        }
        assert_eq!(deliveries.table.len(), 1);
    }
}
