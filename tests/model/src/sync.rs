//! In the place of the library's `sync`: shuttle's primitives, and a channel made of them.

pub use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic};
pub use shuttle::thread;
pub use std::sync::Once; // Nothing shared happens inside.

/// A number of this thread, the same at each call.
pub fn thread_number() -> usize {
    shuttle::current::me().into()
}

/// What the library uses of crossbeam-channel.
pub mod channel {
    use super::{Arc, Mutex};
    use std::collections::VecDeque;

    struct Channel<T> {
        items: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    pub struct Sender<T>(Arc<Channel<T>>);
    pub struct Receiver<T>(Arc<Channel<T>>);

    #[derive(Debug)]
    pub struct Full<T>(T);
    #[derive(Debug)]
    pub struct Empty;

    pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let channel = Arc::new(Channel { items: Mutex::new(VecDeque::new()), capacity });
        (Sender(channel.clone()), Receiver(channel))
    }

    pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        bounded(usize::MAX)
    }

    impl<T> Full<T> {
        pub fn into_inner(self) -> T {
            self.0
        }
    }

    impl<T> Sender<T> {
        pub fn try_send(&self, item: T) -> Result<(), Full<T>> {
            let mut items = self.0.items.lock().expect("no panic");
            if items.len() >= self.0.capacity {
                return Err(Full(item));
            }
            items.push_back(item);
            Ok(())
        }
    }

    impl<T> Receiver<T> {
        pub fn try_recv(&self) -> Result<T, Empty> {
            self.0.items.lock().expect("no panic").pop_front().ok_or(Empty)
        }

        pub fn len(&self) -> usize {
            self.0.items.lock().expect("no panic").len()
        }
    }
}
