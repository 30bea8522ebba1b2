//! The channel from the callers to the worker: first in, first out, from any thread, and it never ends the process for
//! want of memory.

use std::collections::VecDeque;

use crate::error::Status;
use crate::message::Message;
use crate::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use crate::sync::channel::{Receiver, Sender, bounded};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Places whose memory is taken in advance: 1.5 MB.
const MOST_PREALLOCATED: usize = 1 << 16;

/// Messages in one piece of a channel that grows: 24 kB.
const PIECE: usize = 1024;

pub enum Channel {
    Fixed(Sender<Message>, Receiver<Message>),
    /// For the largest limits, whose memory in advance would be too much.
    Growing(Growing),
}

impl Channel {
    /// `capacity`: the most there will ever be in it.
    pub fn new(capacity: usize) -> Channel {
        if capacity > MOST_PREALLOCATED {
            return Channel::Growing(Growing::default());
        }
        let (sender, receiver) = bounded(capacity);
        Channel::Fixed(sender, receiver)
    }

    pub fn push(&self, message: Message) -> Result<(), Status> {
        match self {
            // It is never full: the limits rule that out.
            Channel::Fixed(sender, _) => sender.try_send(message).map_err(|_| Status::Internal),
            Channel::Growing(growing) => growing.push(message),
        }
    }

    pub fn pop(&self) -> Option<Message> {
        match self {
            Channel::Fixed(_, receiver) => receiver.try_recv().ok(),
            Channel::Growing(growing) => growing.pop(),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Channel::Fixed(_, receiver) => receiver.len(),
            Channel::Growing(growing) => growing.len.load(SeqCst),
        }
    }
}

/// A queue in pieces, so that growing moves no message and shrinking gives memory back. Unlike crossbeam's it can say that
/// there is no memory.
#[derive(Default)]
pub struct Growing {
    pieces: Mutex<VecDeque<VecDeque<Message>>>,
    len: AtomicUsize,
}

impl Growing {
    fn push(&self, message: Message) -> Result<(), Status> {
        let mut pieces = self.lock();
        if pieces.back().is_none_or(|last| last.len() == PIECE) {
            let mut piece = VecDeque::new();
            piece.try_reserve_exact(PIECE).map_err(|_| Status::NoMemory)?;
            pieces.try_reserve(1).map_err(|_| Status::NoMemory)?;
            pieces.push_back(piece);
        }
        if let Some(last) = pieces.back_mut() {
            last.push_back(message);
        }
        self.len.fetch_add(1, SeqCst);
        Ok(())
    }

    fn pop(&self) -> Option<Message> {
        if self.len.load(SeqCst) == 0 {
            return None;
        }
        let mut pieces = self.lock();
        let first = pieces.front_mut()?;
        let message = first.pop_front()?;
        // The last piece stays, so that a queue that is emptied all the time does not take memory all the time.
        if first.is_empty() && pieces.len() > 1 {
            pieces.pop_front();
        }
        self.len.fetch_sub(1, SeqCst);
        Some(message)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<VecDeque<Message>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Place;
    use crate::message::Draft;

    fn message(tag: u64) -> Message {
        Message::copy(&Draft { topic: c"t", tag, ..Draft::default() }, Place::Queue, 0, 0).expect("memory")
    }

    fn check_order(channel: &Channel, count: u64) {
        for round in 0..3 {
            for tag in 0..count {
                channel.push(message(tag)).expect("room");
            }
            assert_eq!(channel.len() as u64, count, "round {round}");
            for tag in 0..count {
                assert_eq!(channel.pop().map(|message| message.tag()), Some(tag));
            }
            assert_eq!((channel.pop(), channel.len()), (None, 0));
        }
    }

    #[test]
    fn both_kinds_keep_the_order() {
        let fixed = Channel::new(5000);
        assert!(matches!(fixed, Channel::Fixed(..)));
        check_order(&fixed, 5000);
        let growing = Channel::new(MOST_PREALLOCATED + 1);
        assert!(matches!(growing, Channel::Growing(_)));
        check_order(&growing, 5 * PIECE as u64 + 7);
    }

    #[test]
    fn what_grew_gives_its_memory_back() {
        let growing = Growing::default();
        for tag in 0..10 * PIECE as u64 {
            growing.push(message(tag)).expect("memory");
        }
        assert_eq!(growing.lock().len(), 10);
        while growing.pop().is_some() {}
        assert_eq!(growing.lock().len(), 1);
    }

    #[test]
    fn each_message_of_many_threads_comes_once_and_in_its_order() {
        const THREADS: u64 = 4;
        const EACH: u64 = 5000;
        let growing = Growing::default();
        let mut next = [0; THREADS as usize];
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let growing = &growing;
                scope.spawn(move || {
                    for number in 0..EACH {
                        growing.push(message(thread * EACH + number)).expect("memory");
                    }
                });
            }
            while next.iter().sum::<u64>() < THREADS * EACH {
                let Some(message) = growing.pop() else { continue };
                let thread = (message.tag() / EACH) as usize;
                assert_eq!(message.tag() % EACH, next[thread]);
                next[thread] += 1;
            }
        });
        assert_eq!(growing.len.load(SeqCst), 0);
    }
}
