//! The parcels librdkafka has, each under the ticket it was given for it.

use crate::transport::Parcel;

#[derive(Default)]
pub struct Slab {
    slots: Vec<Slot>,
    free: Vec<usize>,
    len: usize,
}

enum Slot {
    Free,
    Taken(Parcel),
    /// Given up, but librdkafka may still read the message.
    Abandoned(#[allow(dead_code)] Parcel),
}

impl Slab {
    /// A ticket is never 0, which is for probes.
    pub fn insert(&mut self, parcel: Parcel) -> usize {
        self.len += 1;
        match self.free.pop() {
            Some(index) => {
                self.slots[index] = Slot::Taken(parcel);
                index + 1
            }
            None => {
                self.slots.push(Slot::Taken(parcel));
                self.slots.len()
            }
        }
    }

    pub fn get(&self, ticket: usize) -> Option<&Parcel> {
        match self.slots.get(ticket.checked_sub(1)?)? {
            Slot::Taken(parcel) => Some(parcel),
            Slot::Free | Slot::Abandoned(_) => None,
        }
    }

    pub fn remove(&mut self, ticket: usize) -> Option<Parcel> {
        let index = ticket.checked_sub(1)?;
        let slot = self.slots.get_mut(index)?;
        match std::mem::replace(slot, Slot::Free) {
            Slot::Taken(parcel) => {
                self.free.push(index);
                self.len -= 1;
                Some(parcel)
            }
            other => {
                *slot = other;
                None
            }
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies of all that is left; the originals stay until the slab is dropped.
    pub fn abandon(&mut self) -> Vec<Parcel> {
        let mut copies = Vec::with_capacity(self.len);
        for slot in &mut self.slots {
            if let Slot::Taken(_) = slot
                && let Slot::Taken(parcel) = std::mem::replace(slot, Slot::Free)
            {
                copies.push(Parcel { message: parcel.message.duplicate(), ..parcel });
                *slot = Slot::Abandoned(parcel);
            }
        }
        self.len = 0;
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Place;
    use crate::message::{Draft, Message};

    fn parcel(sequence: u64) -> Parcel {
        let draft = Draft { topic: c"t", tag: sequence, ..Draft::default() };
        let message = Message::copy(&draft, Place::Queue, 0, 0).expect("memory");
        Parcel { message, sequence, lane: 0, delivery: None, attempts: 0 }
    }

    #[test]
    fn a_ticket_brings_its_parcel_back_once() {
        let mut slab = Slab::default();
        let tickets: Vec<_> = (0..3).map(|number| slab.insert(parcel(number))).collect();
        assert!(!tickets.contains(&0));
        assert_eq!(slab.remove(tickets[1]).map(|parcel| parcel.sequence), Some(1));
        assert!(slab.remove(tickets[1]).is_none());
        assert_eq!(slab.insert(parcel(9)), tickets[1], "tickets are used again");
        assert_eq!(slab.len(), 3);
    }

    #[test]
    fn foreign_tickets_are_ignored() {
        let mut slab = Slab::default();
        assert!(slab.remove(0).is_none());
        assert!(slab.remove(17).is_none());
    }

    #[test]
    fn what_is_abandoned_is_copied_and_gone() {
        let mut slab = Slab::default();
        let ticket = slab.insert(parcel(5));
        let copies = slab.abandon();
        assert_eq!(copies.iter().map(|copy| copy.message.tag()).collect::<Vec<_>>(), [5]);
        assert_eq!(slab.len(), 0);
        assert!(slab.remove(ticket).is_none(), "a late report finds nothing");
    }
}
