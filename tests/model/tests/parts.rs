//! The places where threads meet, each alone.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use model::event::{Event, Kind, Mask};
use model::inbox::{Answer, Closing, Inbox, Request};
use model::limits::{Bounds, Limits, Size};
use model::lounge::{Ended, Lounge};
use model::outbox::Outbox;
use model::parker::Parker;
use model::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use model::sync::thread;
use model::sync::{Arc, Mutex};
use model::turnstile::Turnstile;
use shuttle::scheduler::DfsScheduler;
use shuttle::{Config, Runner};

/// Goes through all schedules one after another, where they are no more than this, and through some by chance.
const MOST: usize = 20_000;

fn schedules(body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    let (second, third) = (body.clone(), body.clone());
    let count = Runner::new(DfsScheduler::new(Some(MOST), false), Config::default()).run(move || body());
    assert!(count > 1, "threads that meet");
    if count == MOST {
        shuttle::check_random(move || second(), 2000);
        shuttle::check_pct(move || third(), 2000, 3);
    }
}

/// No model waits for this: time stands still.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn bounds(queue: u64, buffer: u64, pending: u64) -> Bounds {
    Bounds { max_queue_size: queue, max_buffer_size: buffer, max_buffer_bytesize: 1000, max_pending_bytes: pending }
}

#[test]
fn limits_are_exact() {
    schedules(|| {
        let limits = Arc::new(Limits::new(bounds(1, 1, 0)));
        let size = Size { payload: 1, charge: 10 };
        let other = {
            let limits = limits.clone();
            thread::spawn(move || usize::from(limits.admit(size).is_some()) + usize::from(limits.admit(size).is_some()))
        };
        let mine = usize::from(limits.admit(size).is_some());
        assert_eq!(mine + other.join().expect("no panic"), 2, "a place in the buffer and one in the queue");
        assert_eq!((limits.buffer_size(), limits.queue_size(), limits.charged_bytes()), (1, 1, 20));
    });
}

#[test]
fn limits_of_bytes_are_exact_and_given_back() {
    schedules(|| {
        let limits = Arc::new(Limits::new(bounds(9, 1, 10)));
        let size = Size { payload: 1, charge: 10 };
        let other = {
            let limits = limits.clone();
            thread::spawn(move || limits.admit(size).inspect(|place| limits.retract(*place, size)).is_some())
        };
        let mine = limits.admit(size);
        let theirs = other.join().expect("no panic");
        assert!(mine.is_some() || theirs, "one of them finds room");
        assert_eq!(limits.charged_bytes(), if mine.is_some() { 10 } else { 0 });
        assert_eq!(limits.buffer_size() + limits.queue_size(), u64::from(mine.is_some()));
    });
}

/// The worker's side of the bargain: what it looks at before it sleeps is what callers change before they nudge.
#[test]
fn a_nudge_is_never_lost() {
    schedules(|| {
        let (parker, queued) = (Arc::new(Parker::default()), Arc::new(AtomicUsize::new(0)));
        let callers = {
            let (parker, queued) = (parker.clone(), queued.clone());
            move || {
                queued.fetch_add(1, SeqCst);
                parker.nudge(false, || queued.load(SeqCst));
            }
        };
        let (first, second) = (thread::spawn(callers.clone()), thread::spawn(callers));
        while queued.load(SeqCst) < 2 {
            parker.park(None, 2, || queued.load(SeqCst) < 2);
        }
        first.join().expect("no panic");
        second.join().expect("no panic");
    });
}

/// Two sleeps with different levels: a caller that read the level of the first must not rob the second of its call.
#[test]
fn a_nudge_reads_the_level_of_the_sleep() {
    schedules(|| {
        let (parker, queued) = (Arc::new(Parker::default()), Arc::new(AtomicUsize::new(0)));
        let caller = {
            let (parker, queued) = (parker.clone(), queued.clone());
            thread::spawn(move || {
                queued.fetch_add(1, SeqCst);
                parker.nudge(false, || queued.load(SeqCst));
            })
        };
        parker.unpark(); // A report of the client: it ends the first sleep.
        parker.park(None, 5, || queued.load(SeqCst) < 5);
        while queued.load(SeqCst) < 1 {
            parker.park(None, 1, || queued.load(SeqCst) < 1);
        }
        caller.join().expect("no panic");
    });
}

#[test]
fn a_request_is_never_slept_through() {
    schedules(|| {
        let (parker, inbox, lounge) =
            (Arc::new(Parker::default()), Arc::new(Inbox::default()), Arc::new(Lounge::default()));
        let answer = Arc::new(Answer::default());
        let caller = {
            let (parker, inbox, lounge, answer) = (parker.clone(), inbox.clone(), lounge.clone(), answer.clone());
            thread::spawn(move || {
                inbox.request(Request::Clear(answer.clone()));
                parker.unpark();
                assert_eq!(lounge.wait(None, || answer.get().is_some()), Ended::Done);
            })
        };
        loop {
            if inbox.open() {
                let requests = inbox.take_requests();
                assert_eq!(requests.len(), 1, "news is of something");
                for request in requests {
                    let (Request::Flush(answer) | Request::Clear(answer)) = request;
                    answer.give(7);
                    lounge.announce();
                }
                break;
            }
            parker.park(None, usize::MAX, || !inbox.has_news());
        }
        caller.join().expect("no panic");
        assert_eq!(answer.get(), Some(7));
    });
}

#[test]
fn the_first_of_two_shutdowns_says_what_was_undelivered() {
    schedules(|| {
        let inbox = Arc::new(Inbox::default());
        let now = Instant::now();
        let other = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.close(None, 1))
        };
        inbox.close(Some(now), 2);
        other.join().expect("no panic");
        assert_eq!(inbox.closing(), Some(Closing::By(now)), "the deadline holds, whoever was first");
        assert!([1, 2].contains(&inbox.undelivered_before()));
    });
}

#[test]
fn wake_sends_away_and_announcements_are_noticed() {
    schedules(|| {
        let (lounge, done) = (Arc::new(Lounge::default()), Arc::new(AtomicBool::new(false)));
        let waiting = {
            let (lounge, done) = (lounge.clone(), done.clone());
            thread::spawn(move || lounge.wait_through(None, || done.load(SeqCst)))
        };
        lounge.wake();
        done.store(true, SeqCst);
        lounge.announce();
        assert!(waiting.join().expect("no panic"));
    });
}

/// Whoever waits is served when there is room, and whoever came first is served first.
#[test]
fn room_finds_those_who_wait() {
    schedules(|| {
        let (turnstile, room) = (Arc::new(Turnstile::default()), Arc::new(AtomicUsize::new(0)));
        let served = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (turnstile, room, served) = (turnstile.clone(), room.clone(), served.clone());
                thread::spawn(move || {
                    let take = || room.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).ok();
                    assert!(turnstile.wait(far(), take, || false).is_some());
                    served.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for _ in 0..2 {
            room.fetch_add(1, SeqCst);
            turnstile.notify();
        }
        for thread in waiting {
            thread.join().expect("no panic");
        }
        assert_eq!((served.load(SeqCst), room.load(SeqCst)), (2, 0));
        assert!(!turnstile.is_busy());
    });
}

#[test]
fn one_in_line_finds_room() {
    schedules(|| {
        let (turnstile, room) = (Arc::new(Turnstile::default()), Arc::new(AtomicBool::new(false)));
        let waiting = {
            let (turnstile, room) = (turnstile.clone(), room.clone());
            thread::spawn(move || turnstile.wait(far(), || room.swap(false, SeqCst).then_some(()), || false))
        };
        room.store(true, SeqCst);
        turnstile.notify();
        assert!(waiting.join().expect("no panic").is_some());
    });
}

#[test]
fn a_line_is_dismissed() {
    schedules(|| {
        let (turnstile, over) = (Arc::new(Turnstile::default()), Arc::new(AtomicBool::new(false)));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (turnstile, over) = (turnstile.clone(), over.clone());
                thread::spawn(move || turnstile.wait(far(), || None::<()>, || over.load(SeqCst)))
            })
            .collect();
        over.store(true, SeqCst);
        turnstile.notify();
        for thread in waiting {
            assert!(thread.join().expect("no panic").is_none());
        }
    });
}

fn outbox() -> Arc<Outbox> {
    Arc::new(Outbox::new(Mask::from_bits(4095).expect("bits"), None))
}

/// One event at a time, which a model has memory for.
fn take(outbox: &Outbox, deadline: Option<Instant>, events: &mut VecDeque<Event>) -> bool {
    outbox.take(deadline, 1, events, |_| Ok(())).expect("memory")
}

/// Reads until the outbox is over; the tags, in order.
fn read(outbox: &Outbox) -> Vec<u64> {
    let (mut tags, mut events) = (Vec::new(), VecDeque::new());
    while take(&outbox, None, &mut events) || !outbox.is_over() {
        tags.extend(events.drain(..).map(|event| event.tag));
        outbox.done();
    }
    tags
}

fn event(tag: u64) -> Event {
    Event { tag, ..Event::new(Kind::Delivered, c"") }
}

#[test]
fn events_reach_the_reader_before_the_close() {
    schedules(|| {
        let outbox = outbox();
        let reader = {
            let outbox = outbox.clone();
            thread::spawn(move || read(&outbox))
        };
        outbox.post(event(1));
        outbox.post_all(&mut [event(2), event(3)].into());
        outbox.close();
        assert!(outbox.drained(far()));
        assert_eq!(reader.join().expect("no panic"), [1, 2, 3]);
    });
}

/// Two that poll: no event is told twice or lost, none while another is being told.
#[test]
fn two_readers_take_turns() {
    schedules(|| {
        let outbox = outbox();
        let inside = Arc::new(AtomicBool::new(false));
        let told = Arc::new(Mutex::new(Vec::new()));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (outbox, inside, told) = (outbox.clone(), inside.clone(), told.clone());
                thread::spawn(move || {
                    let mut events = VecDeque::new();
                    while take(&outbox, None, &mut events) {
                        assert!(!inside.swap(true, SeqCst), "one at a time");
                        told.lock().expect("no panic").extend(events.drain(..).map(|event| event.tag));
                        inside.store(false, SeqCst);
                        outbox.done();
                    }
                })
            })
            .collect();
        outbox.post_all(&mut [event(1), event(2)].into());
        outbox.post(event(3));
        outbox.close();
        for reader in readers {
            reader.join().expect("no panic");
        }
        assert_eq!(*told.lock().expect("no panic"), [1, 2, 3]);
    });
}

#[test]
fn wake_ends_the_wait_for_events() {
    schedules(|| {
        let (outbox, woken) = (outbox(), Arc::new(AtomicBool::new(false)));
        let reader = {
            let (outbox, woken) = (outbox.clone(), woken.clone());
            // One that is woken before it waits waits again, as a program does that polls until it is told to end.
            thread::spawn(move || {
                while !woken.load(SeqCst) {
                    assert!(!take(&outbox, None, &mut VecDeque::new()));
                }
            })
        };
        woken.store(true, SeqCst);
        outbox.wake();
        outbox.close(); // It may have looked before and waited after: the end of the outbox ends that.
        reader.join().expect("no panic");
    });
}

/// Events that are discarded while one reads are either read or answered by `discard`, never both, never neither.
#[test]
fn discarding_loses_and_doubles_nothing() {
    schedules(|| {
        let outbox = outbox();
        outbox.post_all(&mut [event(1), event(2)].into());
        let reader = {
            let outbox = outbox.clone();
            thread::spawn(move || {
                let mut events = VecDeque::new();
                if take(&outbox, Some(Instant::now()), &mut events) {
                    outbox.done();
                }
                events.into_iter().map(|event| event.tag).collect::<Vec<_>>()
            })
        };
        let discarded: Vec<_> = outbox.discard().into_iter().map(|event| event.tag).collect();
        let mut all = reader.join().expect("no panic");
        all.extend(discarded);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all, [1, 2]);
    });
}

#[test]
fn time_stands_still() {
    let before = Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(Instant::now(), before);
}
