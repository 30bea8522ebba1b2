//! The program's callback, as the inside sees it.

use std::cell::Cell;

use crate::event::Event;

/// Told of events, one at a time. It may take its time and call back into the producer; it must not unwind.
pub trait Observer: Send + Sync {
    fn observe(&self, event: &Event);

    /// Whether there is a callback at all; where there is none, events are read as entries.
    fn listens(&self) -> bool {
        true
    }
}

thread_local! {
    static OBSERVING: Cell<bool> = const { Cell::new(false) };
}

/// Runs the observer, marking the thread for [`is_observing`].
///
/// No guard resets the mark: the callback may end its thread (see `ffi::event::Hook`), and a guard's destructor would
/// then run in the middle of a forced unwinding.
pub fn tell(observer: &dyn Observer, event: &Event) {
    OBSERVING.set(true);
    observer.observe(event);
    OBSERVING.set(false);
}

/// Whether this thread is inside the callback, where a blocking call would wait for itself.
pub fn is_observing() -> bool {
    OBSERVING.get()
}
