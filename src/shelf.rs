//! Where events stay after they were read as entries, so that their texts and messages can be looked up.

use std::collections::VecDeque;

use crate::error::Status;
use crate::event::{Event, Kind};
use crate::limits::Release;
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The events of the last reading, numbered from 1 on over the life of the producer.
///
/// Their messages keep their place in the limits until [`Shelf::clear`], so the memory they take stays bounded.
#[derive(Default)]
pub struct Shelf(Mutex<State>);

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// The number of the event before the first.
    before: u64,
}

impl Shelf {
    /// Whether an entry does not say everything of such an event that a program may want. Those of everyday delivery
    /// are told whole by it, and must cost nothing more.
    pub fn is_for(kind: Kind) -> bool {
        !matches!(kind, Kind::Delivered | Kind::DeliveryStarted | Kind::DeliveryFinished)
    }

    /// Makes room for so many more events.
    pub fn reserve(&self, count: usize) -> Result<(), Status> {
        self.lock().events.try_reserve(count).map_err(|_| Status::NoMemory)
    }

    /// Takes an event in and answers its number.
    pub fn put(&self, event: Event) -> u64 {
        let mut state = self.lock();
        state.events.push_back(event);
        state.before + state.events.len() as u64
    }

    /// `None`: no event has this number, or it is cleared.
    pub fn look_up<T>(&self, number: u64, body: impl FnOnce(&Event) -> T) -> Option<T> {
        let state = self.lock();
        let index = number.checked_sub(state.before)?.checked_sub(1)?;
        state.events.get(usize::try_from(index).ok()?).map(body)
    }

    /// Forgets every event; what is answered is to be given back to the limits.
    pub fn clear(&self) -> Release {
        let mut release = Release::default();
        let mut state = self.lock();
        state.before += state.events.len() as u64;
        for event in std::mem::take(&mut state.events) {
            event.give_back(&mut release);
        }
        release
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Place;
    use crate::message::{Draft, Message};

    fn failed(tag: u64) -> Event {
        let draft = Draft { topic: c"t", tag, ..Draft::default() };
        Event::of_message(Kind::Failed, c"", Message::copy(&draft, Place::Queue, 0, 0).expect("memory"))
    }

    fn tag(shelf: &Shelf, number: u64) -> Option<u64> {
        shelf.look_up(number, |event| event.tag)
    }

    #[test]
    fn an_event_is_found_by_its_number_until_the_shelf_is_cleared() {
        let shelf = Shelf::default();
        assert_eq!((shelf.put(failed(10)), shelf.put(failed(11))), (1, 2));
        assert_eq!([0, 1, 2, 3].map(|number| tag(&shelf, number)), [None, Some(10), Some(11), None]);
        assert!(!shelf.clear().is_empty(), "places to give back");
        assert_eq!(shelf.put(failed(12)), 3, "a number never comes again");
        assert_eq!([1, 2, 3, u64::MAX].map(|number| tag(&shelf, number)), [None, None, Some(12), None]);
    }

    #[test]
    fn clearing_an_empty_shelf_gives_nothing_back() {
        assert!(Shelf::default().clear().is_empty());
    }

    #[test]
    fn everyday_delivery_has_no_place_here() {
        let everyday = [Kind::Delivered, Kind::DeliveryStarted, Kind::DeliveryFinished];
        assert_eq!(everyday.map(Shelf::is_for), [false; 3]);
        assert_eq!([Kind::Failed, Kind::Dropped, Kind::Retry, Kind::Error].map(Shelf::is_for), [true; 4]);
    }
}
