//! Handles: calls that race the freeing of what they use.

use model::ffi::handle::{Handle, Registry};
use model::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use model::sync::thread;
use model::sync::{Arc, Condvar, Mutex};

/// Something that knows whether it is gone.
struct Thing(Arc<AtomicBool>);

impl Drop for Thing {
    fn drop(&mut self) {
        assert!(!self.0.swap(true, SeqCst), "freed once");
    }
}

fn thing(registry: &'static Registry<Thing>) -> (Handle, Arc<AtomicBool>) {
    let gone = Arc::new(AtomicBool::new(false));
    (registry.insert(Thing(gone.clone())).expect("a slot"), gone)
}

/// A registry lives for ever; each schedule leaks one.
fn registry<T: Send + Sync + 'static>() -> &'static Registry<T> {
    Box::leak(Box::new(Registry::new(3)))
}

fn schedules(body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    let again = body.clone();
    shuttle::check_random(move || body(), 1500);
    shuttle::check_pct(move || again(), 1500, 3);
}

/// Nothing is freed while a call is inside; a call that comes later finds nothing.
#[test]
fn r35_free_waits_for_calls_inside() {
    schedules(|| {
        let registry = registry();
        let (handle, gone) = thing(registry);
        let calls: Vec<_> = (0..2)
            .map(|_| {
                thread::spawn(move || {
                    if let Some(pin) = registry.pin(handle) {
                        let gone = pin.0.clone();
                        assert!(!gone.load(SeqCst));
                        thread::yield_now();
                        assert!(!gone.load(SeqCst), "freed with a call inside");
                        drop(pin);
                    }
                })
            })
            .collect();
        drop(registry.remove(handle).expect("it is there"));
        assert!(gone.load(SeqCst));
        assert!(registry.pin(handle).is_none());
        for call in calls {
            call.join().expect("no panic");
        }
    });
}

#[test]
fn r35_one_of_two_frees_wins() {
    schedules(|| {
        let registry = registry();
        let (handle, gone) = thing(registry);
        let other = thread::spawn(move || registry.remove(handle).is_some());
        let mine = registry.remove(handle).is_some();
        assert!(mine ^ other.join().expect("no panic"));
        assert!(gone.load(SeqCst));
    });
}

/// A slot is used again: the old handle never finds the new object.
#[test]
fn r34_an_old_handle_does_not_find_its_successor() {
    schedules(|| {
        let registry = registry();
        let (old, old_gone) = thing(registry);
        let call = thread::spawn(move || {
            if let Some(pin) = registry.pin(old) {
                assert!(Arc::ptr_eq(&pin.0, &old_gone), "another's object");
                assert!(!old_gone.load(SeqCst));
            }
        });
        drop(registry.remove(old).expect("it is there"));
        let (new, new_gone) = thing(registry);
        assert!(registry.pin(new).is_some_and(|pin| Arc::ptr_eq(&pin.0, &new_gone)));
        call.join().expect("no panic");
    });
}

/// A call that waits inside is sent away by who frees; neither waits for the other for ever.
#[test]
fn r35_a_call_that_waits_is_sent_away() {
    struct Room {
        closed: Mutex<bool>,
        changed: Condvar,
        visits: AtomicUsize,
    }
    schedules(|| {
        let registry = registry();
        let room = Room { closed: Mutex::new(false), changed: Condvar::new(), visits: AtomicUsize::new(0) };
        let handle = registry.insert(room).expect("a slot");
        let call = thread::spawn(move || {
            if let Some(room) = registry.pin(handle) {
                room.visits.fetch_add(1, SeqCst);
                let mut closed = room.closed.lock().expect("no panic");
                while !*closed {
                    closed = room.changed.wait(closed).expect("no panic");
                }
            }
        });
        let interrupt = |room: &Room| {
            *room.closed.lock().expect("no panic") = true;
            room.changed.notify_all();
        };
        assert!(registry.remove_after(handle, interrupt).is_some());
        call.join().expect("no panic");
    });
}
