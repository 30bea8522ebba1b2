//! Events on their way to the program: in order, bounded, settlements never lost.
//!
//! A settlement event carries its message, which keeps its place in the limits until the event is read; so a program
//! that stops reading meets an overflow, not growth. Events of every other type are coalesced past a fixed number.

use std::collections::VecDeque;
use std::time::Instant;

use crate::bell::Bell;
use crate::error::Status;
use crate::event::{Event, Kind, Mask};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Unread events of one type before later ones are coalesced into the newest.
const MOST_UNREAD: usize = 256;

pub struct Outbox {
    mask: Mask,
    state: Mutex<State>,
    changed: Condvar,
    /// Poll mode: makes a descriptor readable while events wait.
    bell: Option<Bell>,
    unread: AtomicU64,
    discarded: AtomicBool,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    /// How many events were ever taken; an event's number is this plus its index.
    taken: u64,
    unread: [usize; Kind::COUNT],
    /// The number of the newest event of each type; meaningful while one is unread.
    newest: [u64; Kind::COUNT],
    /// A reader is running the callback; the others wait their turn.
    reading: bool,
    closed: bool,
    wakes: u64,
    /// Threads that wait for a change: to wake nobody is a system call all the same.
    waiting: usize,
}

impl Outbox {
    pub fn new(mask: Mask, bell: Option<Bell>) -> Outbox {
        Outbox {
            mask,
            state: Mutex::default(),
            changed: Condvar::new(),
            bell,
            unread: AtomicU64::new(0),
            discarded: AtomicBool::new(false),
        }
    }

    pub fn wants(&self, kind: Kind) -> bool {
        self.mask.has(kind)
    }

    /// Whether any message's end is told of.
    pub fn wants_settlements(&self) -> bool {
        self.mask.has_settlements()
    }

    pub fn bell(&self) -> Option<&Bell> {
        self.bell.as_ref()
    }

    pub fn unread(&self) -> u64 {
        self.unread.load(Relaxed)
    }

    /// Puts an event of a type that is wanted behind the others.
    pub fn post(&self, event: Event) {
        self.post_all(&mut VecDeque::from([event]));
    }

    /// Does something and tells of it: nobody reads the event before it is done, and no later event comes before this one.
    pub fn post_with(&self, event: Event, body: impl FnOnce() -> Result<(), Status>) -> Result<(), Status> {
        let mut state = self.lock();
        state.events.try_reserve(1).map_err(|_| Status::NoMemory)?;
        body()?;
        state.push(event);
        self.announce(state);
        Ok(())
    }

    /// As [`Outbox::post`] for a notice that may be missed: where there is no memory for it, it is.
    pub fn offer(&self, event: Event) {
        let mut state = self.lock();
        if state.events.try_reserve(1).is_ok() {
            state.push(event);
            self.announce(state);
        }
    }

    pub fn post_all(&self, events: &mut VecDeque<Event>) {
        let mut state = self.lock();
        state.push_all(events);
        self.announce(state);
    }

    /// Waits for events until the deadline (`None` = no limit) and moves at most `most` of them into `into`. The caller
    /// has the turn until [`Outbox::done`]. `false`: none came in time, somebody called [`Outbox::wake`], or closed.
    ///
    /// `prepare` is shown the events first; where it or the memory fails, all stay where they are.
    pub fn take(
        &self,
        deadline: Option<Instant>,
        most: usize,
        into: &mut VecDeque<Event>,
        prepare: impl FnOnce(&mut dyn Iterator<Item = &Event>) -> Result<(), Status>,
    ) -> Result<bool, Status> {
        let mut state = self.lock();
        let wakes = state.wakes;
        while state.events.is_empty() || state.reading {
            let over = state.closed && !state.reading;
            if over || state.wakes != wakes || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(false);
            }
            state = self.wait(state, deadline);
        }
        let count = most.min(state.events.len());
        into.try_reserve(count).map_err(|_| Status::NoMemory)?;
        prepare(&mut state.events.iter().take(count))?;
        state.reading = true;
        for _ in 0..count {
            if let Some(event) = state.pop() {
                into.push_back(event);
            }
        }
        self.unread.store(state.events.len() as u64, Relaxed);
        Ok(true)
    }

    /// Ends the turn that [`Outbox::take`] began.
    pub fn done(&self) {
        let mut state = self.lock();
        state.reading = false;
        if state.events.is_empty()
            && let Some(bell) = &self.bell
        {
            bell.silence();
        }
        self.tell_of_change(state);
    }

    /// Ends the waits of those in [`Outbox::take`] now.
    pub fn wake(&self) {
        let mut state = self.lock();
        state.wakes += 1;
        self.tell_of_change(state);
    }

    /// No more waiting for events that will not come; those that wait can still be taken.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.tell_of_change(state);
    }

    /// Whether no event will ever be taken again.
    pub fn is_over(&self) -> bool {
        let state = self.lock();
        state.closed && state.events.is_empty()
    }

    /// Whether [`Outbox::discard`] was called: a reader in the middle of its events stops.
    pub fn is_discarded(&self) -> bool {
        self.discarded.load(SeqCst)
    }

    /// Throws away what is unread and answers it, so that its places can be given back.
    pub fn discard(&self) -> VecDeque<Event> {
        self.discarded.store(true, SeqCst);
        let mut state = self.lock();
        state.unread = Default::default();
        state.taken += state.events.len() as u64;
        self.unread.store(0, Relaxed);
        std::mem::take(&mut state.events)
    }

    /// Waits until everything is read and no callback runs; `false` where the deadline passes first.
    pub fn drained(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        while !state.events.is_empty() || state.reading {
            if Instant::now() >= deadline {
                return false;
            }
            state = self.wait(state, Some(deadline));
        }
        true
    }

    fn announce(&self, state: MutexGuard<'_, State>) {
        self.unread.store(state.events.len() as u64, Relaxed);
        if !state.events.is_empty()
            && let Some(bell) = &self.bell
        {
            bell.ring();
        }
        self.tell_of_change(state);
    }

    fn tell_of_change(&self, state: MutexGuard<'_, State>) {
        if state.waiting > 0 {
            drop(state);
            self.changed.notify_all();
        }
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, deadline: Option<Instant>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = match deadline {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.waiting -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unread events of a type before later ones are coalesced; settlements never are.
fn most_unread(kind: Kind) -> usize {
    match kind {
        Kind::Stats => 1,
        kind if kind.is_settlement() => usize::MAX,
        _ => MOST_UNREAD,
    }
}

impl State {
    /// Takes all of them over at once where each is to have a place of its own.
    fn push_all(&mut self, events: &mut VecDeque<Event>) {
        let has_room = |event: &Event| self.unread[event.kind.index()] + events.len() <= most_unread(event.kind);
        if !events.iter().all(has_room) {
            events.drain(..).for_each(|event| self.push(event));
            return;
        }
        for (number, event) in (self.taken + self.events.len() as u64..).zip(&*events) {
            let index = event.kind.index();
            self.newest[index] = number;
            self.unread[index] += 1;
        }
        if self.events.is_empty() {
            std::mem::swap(&mut self.events, events);
        } else {
            self.events.append(events);
        }
    }

    fn push(&mut self, event: Event) {
        let index = event.kind.index();
        if self.unread[index] >= most_unread(event.kind) {
            let position = (self.newest[index] - self.taken) as usize;
            if let Some(newest) = self.events.get_mut(position) {
                newest.coalesce(event);
                return;
            }
        }
        self.newest[index] = self.taken + self.events.len() as u64;
        self.unread[index] += 1;
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.taken += 1;
        self.unread[event.kind.index()] -= 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Place;
    use crate::message::{Draft, Message};
    use std::time::Duration;

    fn outbox() -> Outbox {
        Outbox::new(Mask::from_bits(4095).expect("bits"), None)
    }

    fn wait(outbox: &Outbox, deadline: Option<Instant>, most: usize, into: &mut VecDeque<Event>) -> bool {
        outbox.take(deadline, most, into, |_| Ok(())).expect("memory")
    }

    fn take(outbox: &Outbox, most: usize) -> Vec<Event> {
        let mut events = VecDeque::new();
        if wait(outbox, Some(Instant::now()), most, &mut events) {
            outbox.done();
        }
        events.into()
    }

    fn settlement(tag: u64) -> Event {
        let draft = Draft { topic: c"t", tag, ..Draft::default() };
        Event::of_message(Kind::Delivered, c"", Message::copy(&draft, Place::Queue, 0, 0).expect("memory"))
    }

    #[test]
    fn events_come_in_order_and_no_more_than_asked() {
        let outbox = outbox();
        outbox.post_all(&mut (0..5).map(settlement).collect());
        assert_eq!(take(&outbox, 2).iter().map(|event| event.tag).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(take(&outbox, 9).iter().map(|event| event.tag).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(take(&outbox, 9).is_empty());
    }

    #[test]
    fn settlements_are_never_coalesced() {
        let outbox = outbox();
        outbox.post_all(&mut (0..10_000).map(settlement).collect());
        assert_eq!(take(&outbox, usize::MAX).len(), 10_000);
    }

    #[test]
    fn other_events_are_coalesced_with_their_count() {
        let outbox = outbox();
        for tag in 0..10_000 {
            outbox.post(Event { tag, ..Event::new(Kind::Enqueued, c"") });
        }
        let events = take(&outbox, usize::MAX);
        assert_eq!(events.len(), MOST_UNREAD);
        assert_eq!(events.iter().map(|event| event.message_count).sum::<u64>(), 10_000);
        assert_eq!(events.last().map(|event| event.tag), Some(9_999));
    }

    #[test]
    fn only_the_latest_statistics_are_kept() {
        let outbox = outbox();
        for tag in 0..3 {
            outbox.post(Event { tag, ..Event::new(Kind::Stats, c"") });
        }
        let events = take(&outbox, usize::MAX);
        assert_eq!(events.iter().map(|event| event.tag).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn coalescing_finds_its_event_among_others() {
        let outbox = outbox();
        for tag in 0..MOST_UNREAD as u64 {
            outbox.post(Event { tag, ..Event::new(Kind::Log, c"") });
        }
        take(&outbox, 10);
        outbox.post(settlement(1));
        for tag in 300..400 {
            outbox.post(Event { tag, ..Event::new(Kind::Log, c"") });
        }
        let logs: Vec<_> = take(&outbox, usize::MAX).into_iter().filter(|event| event.kind == Kind::Log).collect();
        assert_eq!(logs.iter().map(|event| event.message_count).sum::<u64>(), MOST_UNREAD as u64 - 10 + 100);
        assert_eq!(logs.last().map(|event| event.tag), Some(399));
    }

    #[test]
    fn wake_ends_a_wait_without_limit() {
        let outbox = outbox();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| wait(&outbox, None, 1, &mut VecDeque::new()));
            while !reader.is_finished() {
                outbox.wake();
                std::thread::yield_now();
            }
            assert!(!reader.join().expect("no panic"));
        });
    }

    #[test]
    fn close_ends_waits_but_keeps_events() {
        let outbox = outbox();
        outbox.post(settlement(1));
        outbox.close();
        assert!(wait(&outbox, None, 9, &mut VecDeque::new()));
        outbox.done();
        assert!(!wait(&outbox, None, 9, &mut VecDeque::new()));
    }

    #[test]
    fn drained_waits_for_the_reader_to_finish() {
        let outbox = outbox();
        outbox.post(settlement(1));
        assert!(!outbox.drained(Instant::now()));
        assert!(wait(&outbox, None, 9, &mut VecDeque::new()));
        assert!(!outbox.drained(Instant::now()), "the callback still runs");
        outbox.done();
        assert!(outbox.drained(Instant::now() + Duration::from_secs(60)));
    }

    #[test]
    fn the_bell_rings_while_events_wait() {
        let outbox = Outbox::new(Mask::from_bits(4095).expect("bits"), Some(Bell::new().expect("descriptors")));
        let bell = outbox.bell().expect("poll mode");
        assert!(!bell.is_ringing());
        outbox.post(settlement(1));
        outbox.post(settlement(2));
        assert!(bell.is_ringing());
        take(&outbox, 1);
        assert!(bell.is_ringing(), "one event is left");
        take(&outbox, 1);
        assert!(!bell.is_ringing());
    }
}
