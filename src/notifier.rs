//! Brings events to the callback: on a thread of the library, or on the thread that calls `ap_poll`.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use crate::error::Status;
use crate::event::Event;
use crate::fork;
use crate::limits::Release;
use crate::observer::{self, Observer};
use crate::outbox::Outbox;
use crate::queue::Queue;
use crate::shelf::Shelf;
use crate::sync::Arc;
use crate::sys::{self, BareThread};

/// Events run between two releases of their places in the limits.
const CHUNK: usize = 32;

/// What both ways share: where events come from, who is told, whose places are given back.
#[derive(Clone)]
pub struct Notifier {
    pub outbox: Arc<Outbox>,
    pub observer: Arc<dyn Observer>,
    pub queue: Arc<Queue>,
}

impl Notifier {
    /// Callback mode: starts the thread. It ends when the outbox is closed and empty.
    pub fn start(&self) -> io::Result<BareThread> {
        let reading = Reading::new(self, CHUNK);
        // `ap_wake` is for those who poll: it ends a step here too, and the next one begins.
        sys::spawn_bare(
            c"ap-notifier",
            Box::new(reading),
            // There is room for a chunk, so a step cannot fail.
            |reading| while reading.step(None, CHUNK).unwrap_or(0) > 0 || !reading.is_over() {},
        )
    }

    /// Poll mode: runs the callback here for at most `most` events, waiting for the first until the deadline.
    pub fn poll(&self, deadline: Option<Instant>, most: usize) -> Result<usize, Status> {
        let mut reading = Reading::new(self, 0);
        repeat(deadline, most, |deadline, most| reading.step(deadline, most))
    }

    /// Poll mode: as `poll`, but `entry` is told. Events with something to look up are put on the shelf, where they keep
    /// their places until the shelf is cleared: at the start of the next call.
    pub fn poll_entries(
        &self,
        shelf: &Shelf,
        deadline: Option<Instant>,
        most: usize,
        entry: &mut dyn FnMut(&Event, u64),
    ) -> Result<usize, Status> {
        self.queue.release(shelf.clear());
        let mut chunk = VecDeque::new();
        repeat(deadline, most, |deadline, most| {
            let prepare = |events: &mut dyn Iterator<Item = &Event>| {
                shelf.reserve(events.filter(|event| Shelf::is_for(event.kind)).count())
            };
            if !self.outbox.take(deadline, most.min(CHUNK), &mut chunk, prepare)? {
                return Ok(0);
            }
            let count = chunk.len();
            let mut release = Release::default();
            for event in chunk.drain(..) {
                if Shelf::is_for(event.kind) {
                    let number = shelf.put(event);
                    shelf.look_up(number, |event| entry(event, number));
                    continue;
                }
                entry(&event, 0);
                event.give_back(&mut release);
            }
            self.queue.release(release);
            self.outbox.done();
            Ok(count)
        })
    }
}

/// Reads in steps until `most` is reached or nothing is left; only the first step waits, and only it may fail.
fn repeat(
    deadline: Option<Instant>,
    most: usize,
    mut step: impl FnMut(Option<Instant>, usize) -> Result<usize, Status>,
) -> Result<usize, Status> {
    let mut count = step(deadline, most)?;
    while count > 0 && count < most {
        let more = step(Some(Instant::now()), most - count).unwrap_or(0);
        if more == 0 {
            break;
        }
        count += more;
    }
    Ok(count)
}

/// A reader of the outbox. What it holds lives here and not in a frame: see `sys::spawn_bare`.
struct Reading {
    notifier: Notifier,
    chunk: VecDeque<Event>,
    release: Release,
    /// The process it is in, counted in forks.
    generation: u32,
}

impl Reading {
    fn new(notifier: &Notifier, room: usize) -> Reading {
        Reading {
            notifier: notifier.clone(),
            chunk: VecDeque::with_capacity(room),
            release: Release::default(),
            generation: fork::generation(),
        }
    }

    /// Takes a chunk of events, tells the observer of each, and gives their places back. How many there were.
    fn step(&mut self, deadline: Option<Instant>, most: usize) -> Result<usize, Status> {
        if !self.notifier.outbox.take(deadline, most.min(CHUNK), &mut self.chunk, |_| Ok(()))? {
            return Ok(0);
        }
        let count = self.chunk.len();
        for event in &self.chunk {
            if self.notifier.outbox.is_discarded() {
                break;
            }
            observer::tell(&*self.notifier.observer, event);
            if self.is_inherited() {
                std::mem::forget(std::mem::take(&mut self.chunk));
                return Ok(0);
            }
        }
        for event in &self.chunk {
            event.give_back(&mut self.release);
        }
        self.chunk.clear();
        self.notifier.queue.release(std::mem::take(&mut self.release));
        self.notifier.outbox.done();
        Ok(count)
    }

    /// Whether the callback forked, and this is the child that comes back from it: the other events, the outbox and the
    /// places in the limits are the parent's.
    fn is_inherited(&self) -> bool {
        self.generation != fork::generation()
    }

    fn is_over(&self) -> bool {
        self.is_inherited() || self.notifier.outbox.is_over()
    }
}
