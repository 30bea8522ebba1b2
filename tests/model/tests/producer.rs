//! The whole road: callers, the real worker, the notifier and a thread in the place of Kafka.

use std::sync::Mutex as Plain; // What a test notes down is no meeting point of the library.
use std::time::Duration;

use model::config::Config;
use model::error::Status;
use model::event::{Event, Kind, Mask};
use model::message::Draft;
use model::observer::Observer;
use model::producer::Producer;
use model::sync::Arc;
use model::sync::thread;

/// What the callback was told of messages, in order.
#[derive(Clone, Default)]
struct Ledger(Arc<Plain<Vec<(Kind, u64)>>>);

impl Observer for Ledger {
    fn observe(&self, event: &Event) {
        self.0.lock().expect("no panic").push((event.kind, event.tag));
    }
}

impl Ledger {
    fn tags(&self, kind: Kind) -> Vec<u64> {
        self.0.lock().expect("no panic").iter().filter(|entry| entry.0 == kind).map(|entry| entry.1).collect()
    }

    /// Each accepted message has ended once, and nothing else has.
    fn assert_balanced(&self, mut accepted: Vec<u64>) {
        let mut ended: Vec<u64> = self.0.lock().expect("no panic").iter().map(|entry| entry.1).collect();
        ended.sort_unstable();
        accepted.sort_unstable();
        assert_eq!(ended, accepted);
    }
}

fn producer(settings: &[(&str, &str)]) -> (Arc<Producer>, Ledger) {
    let (config, ledger) = (Config::new(), Ledger::default());
    config.set("stall_report_interval", "0").expect("allowed");
    for (key, value) in settings {
        config.set(key, value).expect("allowed");
    }
    let bits = Kind::Delivered.bit() | Kind::Failed.bit() | Kind::Dropped.bit();
    config.set_observer(Mask::from_bits(bits).expect("bits"), ledger.clone());
    (Arc::new(Producer::new(config.blueprint().expect("complete")).expect("no descriptors needed")), ledger)
}

fn produce(producer: &Producer, tag: u64) -> Result<(), Status> {
    producer.accept(&Draft { topic: c"t", value: Some(b"x"), tag, ..Draft::default() })
}

/// A thread that produces messages with these tags; it answers those that were accepted.
fn spawn_produce(
    producer: &Arc<Producer>,
    tags: impl Iterator<Item = u64> + Send + 'static,
) -> thread::JoinHandle<Vec<u64>> {
    let producer = producer.clone();
    thread::spawn(move || {
        tags.filter(|tag| match produce(&producer, *tag) {
            Ok(()) => true,
            Err(Status::ShutDown | Status::BufferOverflow) => false,
            Err(status) => panic!("{status:?}"),
        })
        .collect()
    })
}

fn end(producer: Arc<Producer>) {
    Arc::into_inner(producer).expect("no thread holds it").end();
}

fn schedules(count: usize, body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    let again = body.clone();
    shuttle::check_random(move || body(), count);
    shuttle::check_pct(move || again(), count, 3);
}

/// What is accepted before the cut is delivered; after it, the answer is that the producer is shut down.
#[test]
fn r42_shutdown_races_produce() {
    schedules(1000, || {
        let (producer, ledger) = producer(&[]);
        let others = [spawn_produce(&producer, 10..12), spawn_produce(&producer, 20..22)];
        assert!(producer.shutdown(None).is_ok());
        assert_eq!(produce(&producer, 1), Err(Status::ShutDown));
        let accepted: Vec<u64> = others.into_iter().flat_map(|other| other.join().expect("no panic")).collect();
        assert_eq!(producer.stats().accepted, accepted.len() as u64);
        ledger.assert_balanced(accepted);
        assert_eq!(ledger.tags(Kind::Delivered).len() as u64, producer.stats().delivered);
        assert_eq!((producer.stats().queue_size, producer.stats().pending_bytes), (0, 0));
        end(producer);
    });
}

/// A shutdown that gives no time: what was accepted is delivered or handed back, all of it before the call returns.
#[test]
fn r42_r44_shutdown_at_once_races_produce() {
    schedules(1000, || {
        let (producer, ledger) = producer(&[("silent", "true")]);
        let other = spawn_produce(&producer, 10..12);
        let answer = producer.shutdown(Some(Duration::ZERO));
        let accepted = other.join().expect("no panic");
        assert_eq!(answer.is_ok(), accepted.is_empty());
        ledger.assert_balanced(accepted);
        end(producer);
    });
}

#[test]
fn r42_two_shutdowns_end_together() {
    schedules(1000, || {
        let (producer, ledger) = producer(&[]);
        produce(&producer, 1).expect("room");
        let other = {
            let producer = producer.clone();
            thread::spawn(move || assert!(producer.shutdown(None).is_ok()))
        };
        assert!(producer.shutdown(None).is_ok());
        assert_eq!(ledger.tags(Kind::Delivered), [1], "told before any of them returns");
        other.join().expect("no panic");
        end(producer);
    });
}

#[test]
fn r42_shutdown_races_the_first_produce_of_all() {
    schedules(1000, || {
        let (producer, ledger) = producer(&[]);
        let other = spawn_produce(&producer, 1..2);
        assert!(producer.shutdown(None).is_ok());
        ledger.assert_balanced(other.join().expect("no panic"));
        end(producer);
    });
}

/// Three threads at once: produce, deliver and flush; the limits hold, order is kept, nothing sleeps for ever.
#[test]
fn r40_produce_deliver_flush_and_shutdown() {
    schedules(600, || {
        let (producer, ledger) = producer(&[("max_buffer_size", "1"), ("max_queue_size", "1")]);
        let others = [spawn_produce(&producer, 10..12), spawn_produce(&producer, 20..22)];
        let asking = {
            let producer = producer.clone();
            thread::spawn(move || {
                assert!(producer.deliver().is_ok());
                assert!(producer.flush(None).is_ok());
                let stats = producer.stats();
                assert!(stats.queue_size <= 1 && stats.buffer_size <= 1);
            })
        };
        let accepted: Vec<u64> = others.into_iter().flat_map(|other| other.join().expect("no panic")).collect();
        asking.join().expect("no panic");
        assert!(producer.shutdown(None).is_ok());
        let delivered = ledger.tags(Kind::Delivered);
        for first in [10, 20] {
            let mine: Vec<u64> = delivered.iter().copied().filter(|tag| tag / 10 == first / 10).collect();
            assert!(mine.is_sorted(), "{mine:?}");
        }
        ledger.assert_balanced(accepted);
        end(producer);
    });
}

/// Who waits for room gets it when a message is settled, or the word that the producer is shut down.
#[test]
fn overflow_wait_meets_settlement_and_shutdown() {
    schedules(800, || {
        let (producer, ledger) =
            producer(&[("max_buffer_size", "1"), ("max_queue_size", "1"), ("overflow_wait", "3600")]);
        let others = [spawn_produce(&producer, 10..12), spawn_produce(&producer, 20..22)];
        let accepted: Vec<u64> = others.into_iter().flat_map(|other| other.join().expect("no panic")).collect();
        assert_eq!(accepted.len(), 4, "all find room in the end");
        assert!(producer.shutdown(None).is_ok());
        ledger.assert_balanced(accepted);
        end(producer);
    });
}

#[test]
fn overflow_wait_ends_with_the_shutdown() {
    schedules(800, || {
        let (producer, ledger) = producer(&[
            ("max_buffer_size", "1"),
            ("max_queue_size", "1"),
            ("overflow_wait", "3600"),
            ("silent", "true"),
        ]);
        let others = [spawn_produce(&producer, 10..12), spawn_produce(&producer, 20..22)];
        drop(producer.shutdown(Some(Duration::ZERO)));
        let accepted: Vec<u64> = others.into_iter().flat_map(|other| other.join().expect("no panic")).collect();
        assert_eq!(produce(&producer, 1), Err(Status::ShutDown));
        ledger.assert_balanced(accepted);
        end(producer);
    });
}

/// A clear and a flush in the middle of it: both are answered, nothing is told twice.
#[test]
fn clear_races_delivery() {
    schedules(800, || {
        let (producer, ledger) = producer(&[]);
        let other = spawn_produce(&producer, 10..12);
        let clearing = {
            let producer = producer.clone();
            thread::spawn(move || producer.clear().expect("open"))
        };
        drop(producer.flush(None));
        let accepted = other.join().expect("no panic");
        let cleared = clearing.join().expect("no panic");
        drop(producer.shutdown(None));
        assert_eq!(ledger.tags(Kind::Dropped).len(), cleared);
        ledger.assert_balanced(accepted);
        end(producer);
    });
}
