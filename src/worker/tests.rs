//! The worker by a clock and a Kafka of the test's own: no threads, no sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::Turn;
use super::rig::{Rig, SECOND, TOPIC};
use crate::error::Status;
use crate::event::{Kind, Persistence};
use crate::inbox::{Answer, Request};
use crate::message::{Draft, PARTITION_ANY};
use crate::shared::Phase;
use crate::transport::scripted::Reply;
use crate::transport::{Notice, Partitions, Purge};
use crate::verdict::code;

fn range(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

// Delivery policy.

#[test]
fn nothing_goes_by_itself() {
    let mut rig = Rig::new(&[]);
    rig.produce_all(0..10);
    rig.advance(3600 * SECOND);
    assert!(rig.delivered().is_empty());
    assert_eq!(rig.kafka().clients, 0, "nor is Kafka contacted");
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), range(0..10));
}

#[test]
fn the_threshold_starts_a_delivery() {
    let mut rig = Rig::new(&[("delivery_threshold", "3")]);
    rig.produce_all(0..2);
    rig.run();
    assert!(rig.delivered().is_empty());
    rig.produce_all(2..3);
    rig.run();
    assert_eq!(rig.delivered(), range(0..3));
}

#[test]
fn the_interval_starts_a_delivery() {
    let mut rig = Rig::new(&[("delivery_interval", "30")]);
    rig.produce_all(0..2);
    rig.advance(29 * SECOND);
    assert!(rig.delivered().is_empty());
    rig.advance(SECOND);
    assert_eq!(rig.delivered(), range(0..2));
}

#[test]
fn a_full_buffer_starts_a_delivery() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "10")]);
    rig.produce_all(0..4);
    rig.run();
    assert!(rig.delivered().is_empty());
    rig.produce_all(4..5);
    rig.run();
    assert_eq!(rig.delivered(), range(0..5));
}

#[test]
fn a_buffer_full_of_bytes_starts_a_delivery() {
    let mut rig = Rig::new(&[("max_buffer_bytesize", "4")]);
    rig.produce_all(0..4);
    rig.run();
    assert!(rig.delivered().is_empty());
    rig.produce_all(4..5);
    rig.run();
    assert_eq!(rig.delivered(), range(0..4), "the fifth does not fit and starts the delivery");
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), range(0..5));
}

#[test]
fn a_message_larger_than_the_buffer_goes_alone() {
    let mut rig = Rig::new(&[("max_buffer_bytesize", "1")]);
    rig.produce_all([100, 200]);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), [100, 200]);
}

#[test]
fn a_delivery_covers_what_is_still_in_the_queue() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "100")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..23);
    rig.deliver();
    for _ in 0..10 {
        rig.run();
        rig.kafka().release();
    }
    rig.run();
    assert_eq!(rig.delivered(), range(0..23), "the last three do not fill the buffer, and were asked for");
}

#[test]
fn what_comes_after_a_delivery_waits_for_the_next() {
    let mut rig = Rig::new(&[]);
    rig.produce_all(0..2);
    rig.deliver();
    rig.run();
    rig.produce_all(2..4);
    rig.run();
    assert_eq!(rig.delivered(), range(0..2));
}

#[test]
fn the_worker_is_woken_only_for_what_matters() {
    let mut rig = Rig::new(&[("delivery_threshold", "10")]);
    assert!(matches!(rig.run(), Turn::Sleep { level: 10, until: None }));
    rig.produce_all(0..4);
    assert!(matches!(rig.run(), Turn::Sleep { level: 6, .. }));
}

#[test]
fn messages_that_come_close_together_are_taken_in_crowds() {
    let mut rig = Rig::new(&[("delivery_threshold", "1"), ("max_buffer_size", "300")]);
    rig.kafka().habit = Reply::Hold;
    let ms = Duration::from_millis;
    let mut turn = |after: Duration, messages: u64| {
        rig.now += after;
        rig.produce_all(0..messages);
        let Turn::Sleep { until, level } = rig.worker.turn(rig.now) else { panic!("it sleeps") };
        (level, until.is_some_and(|until| until < rig.now + ms(1)))
    };
    assert_eq!(turn(ms(0), 1), (1, false), "the first");
    assert_eq!(turn(ms(1), 1), (1, false), "one that comes alone");
    assert_eq!(turn(Duration::from_micros(50), 1), (256, true), "one soon after it");
    assert_eq!(turn(ms(1), 0), (1, false), "nothing came");
    turn(ms(1), 100);
    assert_eq!(turn(Duration::ZERO, 1).0, 300 - 104, "never more than the buffer has room for");
}

#[test]
fn a_message_wakes_nobody_while_one_before_it_lingers() {
    const LINGER: Duration = Duration::from_millis(5);
    let mut rig = Rig::new(&[("delivery_threshold", "1")]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(2));
    rig.kafka().linger = LINGER;
    let asleep = Turn::Sleep { until: Some(rig.now + LINGER), level: 256 };
    rig.produce_to(0, 0, None).expect("room");
    assert_eq!(rig.run(), asleep);
    rig.now += LINGER / 2;
    rig.produce_to(1, 1, None).expect("room");
    assert_eq!(rig.advance(LINGER / 2), Turn::Sleep { until: None, level: 1 });
    let mut windows = rig.kafka().windows.clone();
    windows.sort();
    assert_eq!(windows, [[0], [1]], "the second may have waited as long");
}

#[test]
fn a_message_is_taken_at_once_while_one_before_it_is_kept_by_a_retry() {
    let mut rig = Rig::new(&[("delivery_threshold", "1"), ("retry_backoff", "60")]);
    rig.kafka().linger = Duration::from_millis(5);
    rig.kafka().replies = [Reply::Refuse(code::TRANSPORT)].into();
    rig.produce(0).expect("room");
    rig.run();
    assert!(matches!(rig.advance(Duration::from_millis(5)), Turn::Sleep { until: Some(_), level: 1 }));
    assert_eq!(rig.tags(Kind::Retry).len(), 1);
}

#[test]
fn a_full_buffer_and_an_interval_do_not_spin() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "10"), ("delivery_interval", "0.5")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..10);
    rig.advance(SECOND);
    rig.advance(SECOND);
    let Turn::Sleep { until: Some(until), .. } = rig.run() else { panic!("the worker must sleep") };
    assert!(until > rig.now);
}

// Limits.

#[test]
fn exactly_queue_and_buffer_are_accepted_without_a_broker() {
    let mut rig = Rig::new(&[("max_queue_size", "10"), ("max_buffer_size", "5")]);
    rig.kafka().refuse_connections = true;
    let accepted = (0..100).filter(|tag| rig.produce(*tag).is_ok()).count();
    assert_eq!(accepted, 15);
    rig.run();
    assert_eq!(rig.produce(0), Err(Status::BufferOverflow));
    let overflow = rig.last(Kind::BufferOverflow);
    assert_eq!((overflow.queue_size, overflow.max_queue_size), (10, 10));
    assert_eq!(overflow.topic(), Some(TOPIC));
}

#[test]
fn no_more_is_ever_said_to_be_in_flight_than_the_buffer_holds() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "10"), ("delivery_threshold", "1")]);
    rig.kafka().topics.insert(TOPIC.into(), Partitions::Known(2));
    rig.kafka().habit = Reply::Hold;
    let (shared, most) = (rig.shared.clone(), Arc::new(AtomicU64::new(0)));
    let seen = most.clone();
    rig.kafka().on_window = Some(Box::new(move || {
        seen.fetch_max(shared.counters.in_flight.load(Relaxed), Relaxed);
    }));
    for tag in 0..15 {
        rig.produce_to(tag, tag as i32 % 2, None).expect("room");
    }
    for _ in 0..4 {
        rig.run();
        rig.kafka().release();
    }
    assert_eq!(rig.tags(Kind::Delivered).len(), 15);
    assert_eq!(most.load(Relaxed), 5, "what came back in a turn is not counted beside what goes in the same turn");
}

#[test]
fn unread_settlements_keep_their_places() {
    let mut rig = Rig::new(&[("max_queue_size", "1"), ("max_buffer_size", "2")]);
    rig.produce_all(0..3);
    rig.deliver();
    for _ in 0..10 {
        rig.worker.turn(rig.now);
    }
    assert_eq!(rig.delivered(), range(0..3), "delivery does not wait for the reader");
    assert_eq!(rig.produce(3), Err(Status::BufferOverflow));
    rig.read();
    assert_eq!(rig.produce(3), Ok(()));
}

#[test]
fn accepted_messages_are_reported_with_the_queue() {
    let mut rig = Rig::new(&[("max_queue_size", "10"), ("max_buffer_size", "1")]);
    rig.produce_all(0..3);
    rig.read();
    let sizes: Vec<_> =
        rig.events.iter().filter(|event| event.kind == Kind::Enqueued).map(|event| event.queue_size).collect();
    assert_eq!(sizes, [0, 1, 2]);
}

// Order, retries, refusals.

#[test]
fn order_survives_retries() {
    let mut rig = Rig::new(&[]);
    rig.kafka().window.messages = 3;
    rig.kafka().replies = [Reply::Refuse(6), Reply::Refuse(6), Reply::Acknowledge, Reply::Refuse(7)].into();
    rig.produce_all(0..10);
    rig.deliver();
    rig.run();
    for _ in 0..5 {
        rig.advance(60 * SECOND);
    }
    assert_eq!(rig.delivered(), range(0..10));
    assert_eq!(rig.tags(Kind::Delivered), range(0..10));
    assert!(rig.tags(Kind::Failed).is_empty());
    assert_eq!(rig.shared.counters.retried.load(std::sync::atomic::Ordering::Relaxed), 9);
}

#[test]
fn one_bad_record_fails_alone_and_order_is_kept() {
    for named in [false, true] {
        let mut rig = Rig::new(&[]);
        rig.kafka().poison = [37].into();
        rig.kafka().named = named;
        rig.produce_all(0..100);
        rig.deliver();
        rig.run();
        let expected: Vec<_> = (0..100).filter(|tag| *tag != 37).collect();
        assert_eq!(rig.delivered(), expected);
        assert_eq!(rig.tags(Kind::Failed), [37]);
        let failed = rig.last(Kind::Failed);
        assert_eq!((failed.kafka_error, failed.persistence), (code::INVALID_RECORD, Persistence::No));
        assert_eq!(failed.value(), Some(&b"37"[..]));
    }
}

#[test]
fn many_bad_records_fail_each_alone() {
    let mut rig = Rig::new(&[]);
    rig.kafka().poison = (0..1000).filter(|tag| tag % 7 == 3).collect();
    rig.produce_all(0..1000);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), (0..1000).filter(|tag| tag % 7 != 3).collect::<Vec<_>>());
    assert_eq!(rig.tags(Kind::Failed), (0..1000).filter(|tag| tag % 7 == 3).collect::<Vec<_>>());
}

#[test]
fn a_bad_record_is_found_in_few_attempts() {
    let mut rig = Rig::new(&[]);
    rig.kafka().poison = [700].into();
    rig.produce_all(0..1000);
    rig.deliver();
    rig.run();
    let windows = rig.kafka().windows.len();
    assert!(windows < 60, "{windows} windows for one bad record in 1000");
}

#[test]
fn a_batch_too_large_for_its_topic_is_split_and_stays_small() {
    let mut rig = Rig::new(&[]);
    rig.kafka().max_batch_bytes = 400;
    rig.produce_all(0..200);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), range(0..200));
    let refused = rig.kafka().windows.iter().filter(|window| window.len() > 10).count();
    assert!(refused <= 6, "{refused} windows were too large: the limit is not remembered");
}

#[test]
fn a_message_too_large_for_its_topic_fails_alone() {
    let mut rig = Rig::new(&[]);
    rig.kafka().max_batch_bytes = 39; // A value of two digits has 38.
    rig.produce_all([10, 11, 12345, 12]);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), [10, 11, 12]);
    assert_eq!(rig.tags(Kind::Failed), [12345]);
    assert_eq!(rig.last(Kind::Failed).status, Status::MessageTooLarge.code());
}

#[test]
fn a_permanent_error_fails_the_window_and_the_rest_goes_on() {
    let mut rig = Rig::new(&[]);
    rig.kafka().window.messages = 2;
    rig.kafka().replies = [Reply::Refuse(29)].into();
    rig.produce_all(0..4);
    rig.deliver();
    rig.run();
    assert_eq!(rig.tags(Kind::Failed), [0, 1]);
    assert_eq!(rig.delivered(), [2, 3]);
}

#[test]
fn an_unknown_fate_is_never_sent_again() {
    let mut rig = Rig::new(&[]);
    rig.kafka().replies = [Reply::Lose(7)].into();
    rig.produce_all(0..2);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), range(0..2), "once");
    assert_eq!(rig.tags(Kind::Failed), [0, 1]);
    assert_eq!(rig.last(Kind::Failed).persistence, Persistence::Possibly);
}

#[test]
fn retries_pause_longer_each_time() {
    let mut rig = Rig::new(&[("retry_backoff", "1")]);
    rig.kafka().habit = Reply::Refuse(6);
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let Turn::Sleep { until: Some(until), .. } = rig.run() else { panic!("a pause is expected") };
        let pause = rig.last(Kind::Retry).duration_us / 1_000_000;
        pauses.push(pause);
        assert!(until <= rig.now + Duration::from_secs(pause));
        rig.advance(Duration::from_secs(pause));
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn without_a_backoff_there_is_still_a_floor() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Refuse(6);
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    assert_eq!(rig.kafka().windows.len(), 1, "no busy loop");
    assert_eq!(rig.last(Kind::Retry).duration_us, 100_000);
}

#[test]
fn retries_end_where_they_are_limited() {
    let mut rig = Rig::new(&[("max_retries", "2")]);
    rig.kafka().habit = Reply::Refuse(6);
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    for _ in 0..5 {
        rig.advance(60 * SECOND);
    }
    assert_eq!(rig.kafka().windows.len(), 3, "one attempt and two retries");
    assert_eq!(rig.tags(Kind::Failed), range(0..3));
    assert_eq!(rig.last(Kind::Failed).attempt, 3);
}

#[test]
fn a_pause_is_not_an_attempt() {
    let mut rig = Rig::new(&[("max_retries", "1"), ("retry_backoff", "60")]);
    rig.kafka().replies = [Reply::Refuse(6)].into();
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    for _ in 0..6 {
        rig.advance(10 * SECOND);
    }
    assert_eq!(rig.delivered(), [0]);
    assert!(rig.tags(Kind::Failed).is_empty());
}

#[test]
fn a_silent_broker_uses_up_limited_retries_too() {
    let mut rig = Rig::new(&[("max_retries", "1")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    rig.advance(30 * SECOND);
    assert!(rig.tags(Kind::Failed).is_empty());
    assert_eq!(rig.last(Kind::Retry).attempt, 1);
    rig.advance(30 * SECOND);
    assert_eq!(rig.tags(Kind::Failed), range(0..3));
}

#[test]
fn an_unreachable_topic_uses_up_limited_retries_too() {
    let mut rig = Rig::new(&[("max_retries", "1")]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Unknown);
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    rig.advance(30 * SECOND);
    rig.advance(30 * SECOND);
    assert_eq!(rig.tags(Kind::Failed), range(0..3));
    let failed = rig.last(Kind::Failed);
    assert_eq!((failed.status, failed.attempt), (Status::TimedOut.code(), 2));
}

#[test]
fn without_a_limit_nothing_is_given_up() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..3);
    rig.deliver();
    for _ in 0..100 {
        rig.advance(3600 * SECOND);
    }
    assert!(rig.tags(Kind::Failed).is_empty());
    rig.kafka().release();
    rig.run();
    assert_eq!(rig.delivered(), range(0..3));
}

#[test]
fn a_window_lingers_for_more_but_not_behind_another() {
    const LINGER: Duration = Duration::from_millis(5);
    let mut rig = Rig::new(&[]);
    rig.kafka().linger = LINGER;
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..2);
    rig.deliver();
    let Turn::Sleep { until: Some(until), .. } = rig.run() else { panic!("it sleeps until the time") };
    assert_eq!(until, rig.now + LINGER);
    rig.produce_all(2..3);
    rig.deliver();
    rig.advance(LINGER);
    assert_eq!(rig.kafka().windows, [range(0..3)]);

    rig.produce_all(3..4);
    rig.deliver();
    rig.run();
    rig.advance(LINGER);
    rig.kafka().release();
    rig.run();
    assert_eq!(rig.kafka().windows[1], [3], "it has waited long enough");
}

#[test]
fn what_somebody_waits_for_does_not_linger() {
    let lingering = || {
        let mut rig = Rig::new(&[("delivery_threshold", "1")]);
        rig.kafka().linger = 60 * SECOND;
        rig.produce_all(0..2);
        rig.run();
        assert!(rig.delivered().is_empty());
        rig
    };
    let mut rig = lingering();
    rig.flush();
    rig.produce_all(2..3);
    rig.run();
    assert_eq!(rig.delivered(), range(0..3));
    rig.produce_all(3..4);
    rig.run();
    assert_eq!(rig.delivered(), range(0..3), "nobody waits any more");

    let mut rig = lingering();
    rig.shutdown(None);
    assert_eq!(rig.run(), Turn::Over);
    assert_eq!(rig.delivered(), range(0..2));
}

// The client.

/// The client meets a fatal error.
fn die(rig: &Rig, text: &str) {
    rig.kafka().report(Notice::Error { code: 45, text: text.to_owned(), fatal: true });
}

#[test]
fn a_fatal_error_makes_the_client_anew() {
    let mut rig = Rig::new(&[]);
    rig.kafka().window.messages = 2;
    rig.kafka().replies = [Reply::Acknowledge, Reply::Die].into();
    rig.produce_all(0..6);
    rig.deliver();
    rig.run();
    assert_eq!(rig.delivered(), [0, 1, 4, 5]);
    assert_eq!(rig.tags(Kind::Failed), [2, 3], "their fate is unknown");
    assert_eq!(rig.kafka().clients, 2);
    assert_eq!(rig.kafka().closed, 1);
    assert!(rig.last(Kind::Error).text.to_string_lossy().contains("made anew"));
}

#[test]
fn what_was_surely_not_sent_goes_through_the_next_client() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    rig.kafka().habit = Reply::Acknowledge;
    die(&rig, "dead");
    rig.run();
    assert_eq!(rig.delivered(), range(0..3));
    assert!(rig.tags(Kind::Failed).is_empty());
}

#[test]
fn what_is_on_its_way_may_still_be_answered_when_the_client_dies() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().held_is_sent = true;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    die(&rig, "dead");
    rig.advance(SECOND);
    assert_eq!(rig.kafka().purges, [Purge::Unsent]);
    assert!(rig.tags(Kind::Failed).is_empty() && rig.kafka().closed == 0, "it is given time");
    rig.kafka().release();
    rig.run();
    assert_eq!(rig.tags(Kind::Delivered), range(0..3));
    assert_eq!(rig.kafka().closed, 1);
    assert_eq!(rig.kafka().clients, 1, "nothing is left to send");
}

#[test]
fn a_client_that_has_to_go_is_not_heard_about_it() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().held_is_sent = true;
    rig.produce(0).expect("room");
    rig.deliver();
    rig.run();
    rig.shutdown(Some(SECOND));
    rig.kafka().hung = true;
    rig.advance(SECOND);
    die(&rig, "unable to satisfy gap-less guarantee");
    rig.run();
    assert!(rig.tags(Kind::Error).is_empty());
    assert_eq!(rig.advance(SECOND), Turn::Over);
    assert!(!rig.last(Kind::Failed).text.to_string_lossy().contains("gap-less"));
}

#[test]
fn clients_that_die_one_after_the_other_are_made_more_and_more_slowly() {
    let mut rig = Rig::new(&[("retry_backoff", "1")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    for clients in 1..10 {
        assert_eq!(rig.kafka().clients, clients);
        die(&rig, "dead");
        rig.run();
        let pause = if clients == 1 { 0 } else { 60.min(1 << (clients - 2)) };
        if pause > 0 {
            rig.advance(pause * SECOND - Duration::from_millis(1));
            assert_eq!(rig.kafka().clients, clients, "the pause is {pause} s");
            rig.advance(Duration::from_millis(1));
        }
    }
    // Two texts, each told at first and then once a minute with how often: nine deaths in about three minutes.
    let errors: Vec<_> = rig.events.iter().filter(|event| event.kind == Kind::Error).collect();
    assert!(errors.len() <= 8, "{}", errors.len());
    let anew = errors.iter().filter(|error| error.kafka_error == 0).map(|error| error.message_count);
    assert_eq!(anew.sum::<u64>(), 9);

    // One that serves is forgiven what those before it did.
    rig.kafka().habit = Reply::Acknowledge;
    rig.kafka().release();
    rig.run();
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(1..2);
    rig.deliver();
    rig.run();
    let clients = rig.kafka().clients;
    die(&rig, "dead");
    rig.run();
    assert_eq!(rig.kafka().clients, clients + 1, "at once");
}

#[test]
fn a_client_that_hangs_is_abandoned() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().hung = true;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    die(&rig, "dead");
    rig.run();
    assert!(rig.tags(Kind::Failed).is_empty(), "it is given time");
    rig.advance(10 * SECOND);
    assert_eq!(rig.tags(Kind::Failed), range(0..3));
    assert_eq!(rig.last(Kind::Failed).persistence, Persistence::Possibly);
}

#[test]
fn a_client_that_cannot_be_made_is_tried_again() {
    let mut rig = Rig::new(&[]);
    rig.kafka().refuse_connections = true;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    assert_eq!(rig.last(Kind::Error).status, Status::Client.code());
    rig.kafka().refuse_connections = false;
    rig.advance(60 * SECOND);
    assert_eq!(rig.delivered(), range(0..3));
}

#[test]
fn a_client_that_cannot_be_made_keeps_nobody_busy_once_nothing_waits() {
    let mut rig = Rig::new(&[]);
    rig.kafka().refuse_connections = true;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    rig.shared.inbox.request(Request::Clear(Arc::default()));
    rig.run();
    let turn = rig.advance(60 * SECOND);
    assert!(matches!(turn, Turn::Sleep { until: None, .. }), "{turn:?}");
}

// Topics and partitions.

#[test]
fn messages_wait_until_their_partitions_are_known() {
    let mut rig = Rig::new(&[]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Unknown);
    rig.produce_to(0, PARTITION_ANY, Some(b"\x01")).expect("room");
    rig.produce_to(1, 1, None).expect("room");
    rig.produce_to(2, PARTITION_ANY, Some(b"\x01")).expect("room");
    rig.deliver();
    rig.run();
    assert!(rig.kafka().windows.is_empty());
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(2));
    rig.run();
    assert_eq!(rig.kafka().tags(TOPIC, 1), [0, 1, 2], "a partition named by the program does not overtake");
}

#[test]
fn a_topic_that_is_refused_fails_its_messages() {
    let mut rig = Rig::new(&[]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Refused(3));
    rig.produce_all(0..2);
    rig.shared.accept(&Draft { topic: c"other", tag: 9, ..Draft::default() }).expect("room");
    rig.deliver();
    rig.run();
    assert_eq!(rig.tags(Kind::Failed), [0, 1]);
    assert_eq!(rig.last(Kind::Failed).kafka_error, 3);
    assert_eq!(rig.kafka().tags(c"other", 0), [9]);
}

#[test]
fn a_topic_that_did_not_answer_in_time_is_asked_again() {
    let mut rig = Rig::new(&[("max_retries", "2")]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Refused(code::MSG_TIMED_OUT));
    rig.produce_all(0..2);
    rig.deliver();
    rig.run();
    rig.advance(SECOND);
    assert_eq!(rig.tags(Kind::Retry).len(), 2);
    assert!(rig.tags(Kind::Failed).is_empty());
    rig.advance(SECOND);
    assert_eq!(rig.tags(Kind::Failed), [0, 1]);
    assert_eq!(rig.last(Kind::Failed).attempt, 3);
}

#[test]
fn messages_without_a_key_are_spread() {
    let mut rig = Rig::new(&[]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(4));
    for round in 0..200 {
        rig.produce_all([round]);
        rig.deliver();
        rig.run();
    }
    for partition in 0..4 {
        assert!(rig.kafka().tags(TOPIC, partition).len() > 20, "partition {partition}");
    }
}

#[test]
fn a_partition_that_vanished_is_chosen_again() {
    let mut rig = Rig::new(&[]);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(8));
    rig.kafka().replies = [Reply::Refuse(code::UNKNOWN_PARTITION)].into();
    rig.kafka().window.messages = 2;
    for tag in 0..5 {
        rig.produce_to(tag, PARTITION_ANY, Some(b"\x07")).expect("room");
    }
    rig.deliver();
    rig.worker.turn(rig.now);
    rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(2));
    rig.run();
    assert_eq!(rig.kafka().tags(TOPIC, 1), range(0..5), "in order");
}

/// A client may wait for it to come back, for ever.
#[test]
fn what_a_client_keeps_for_a_topic_that_is_no_more_is_taken_back() {
    for (gone, error) in [(Partitions::Refused(3), 3), (Partitions::Known(1), code::UNKNOWN_PARTITION)] {
        let mut rig = Rig::new(&[]);
        rig.kafka().habit = Reply::Hold;
        rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(2));
        for tag in 0..3 {
            rig.produce_to(tag, 1, None).expect("room");
        }
        rig.deliver();
        rig.run();
        rig.advance(10 * SECOND);
        assert_eq!(rig.kafka().clients, 1, "it is there");
        rig.kafka().topics.insert(TOPIC.to_owned(), gone);
        rig.kafka().habit = Reply::Refuse(error);
        rig.advance(SECOND);
        assert_eq!(rig.kafka().purges, [Purge::Unsent]);
        assert_eq!(rig.kafka().clients, 2);
        assert_eq!(rig.events.iter().find(|event| event.kind == Kind::Error).expect("told").kafka_error, error);
        rig.kafka().habit = Reply::Acknowledge;
        rig.kafka().topics.insert(TOPIC.to_owned(), Partitions::Known(2));
        rig.advance(60 * SECOND);
        assert_eq!(rig.tags(if error == 3 { Kind::Delivered } else { Kind::Failed }), [0, 1, 2]);
    }
}

#[test]
fn a_partition_the_program_named_and_that_does_not_exist_fails() {
    let mut rig = Rig::new(&[]);
    rig.kafka().replies = [Reply::Refuse(code::UNKNOWN_PARTITION)].into();
    rig.produce_to(0, 99, None).expect("room");
    rig.deliver();
    rig.run();
    assert_eq!(rig.tags(Kind::Failed), [0]);
}

#[test]
fn any_partition_may_be_named_and_costs_the_same() {
    let mut rig = Rig::new(&[]);
    for (tag, partition) in [4095, 4096, i32::MAX, 4096, i32::MAX].into_iter().enumerate() {
        rig.produce_to(tag as u64, partition, None).expect("room");
    }
    rig.deliver();
    rig.run();
    for (partition, tags) in [(4095, &[0][..]), (4096, &[1, 3]), (i32::MAX, &[2, 4])] {
        assert_eq!(rig.kafka().tags(TOPIC, partition), tags);
    }
}

#[test]
fn a_partition_that_is_stuck_does_not_hold_the_others() {
    let mut rig = Rig::new(&[]);
    rig.kafka().replies = [Reply::Hold].into();
    rig.produce_to(0, 0, None).expect("room");
    rig.produce_to(1, 1, None).expect("room");
    rig.deliver();
    rig.run();
    assert_eq!(rig.kafka().log.len(), 1);
}

// Flush, clear.

#[test]
fn flush_waits_for_all_before_it_and_nothing_after() {
    let mut rig = Rig::new(&[("max_buffer_size", "3"), ("max_queue_size", "100")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..8);
    let answer = rig.flush();
    for _ in 0..5 {
        assert_eq!(answer.get(), None);
        rig.run();
        rig.kafka().release();
        if rig.delivered().len() == 8 {
            break;
        }
    }
    rig.produce_all(8..9);
    rig.run();
    assert_eq!(answer.get(), Some(0));
}

#[test]
fn flush_of_nothing_answers_at_once() {
    let mut rig = Rig::new(&[]);
    let answer = rig.flush();
    rig.run();
    assert_eq!(answer.get(), Some(0));
}

#[test]
fn flush_counts_what_was_not_delivered() {
    let mut rig = Rig::new(&[]);
    rig.kafka().poison = [1].into();
    rig.produce_all(0..3);
    let answer = rig.flush();
    rig.run();
    assert_eq!(answer.get(), Some(1));
}

#[test]
fn clear_drops_both_stages_and_spares_what_is_on_its_way() {
    let mut rig = Rig::new(&[("max_buffer_size", "4"), ("max_queue_size", "100")]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().window.messages = 2;
    rig.produce_all(0..10);
    rig.run();
    let answer = Arc::new(Answer::default());
    rig.shared.inbox.request(Request::Clear(answer.clone()));
    rig.run();
    assert_eq!(answer.get(), Some(8));
    assert_eq!(rig.tags(Kind::Dropped), range(2..10));
    rig.kafka().release();
    rig.run();
    assert_eq!(rig.delivered(), range(0..2));
}

#[test]
fn a_partition_that_cannot_be_held_gets_one_message_at_a_time() {
    let mut rig = Rig::new(&[]);
    rig.kafka().holds_nothing = true;
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    assert_eq!(rig.kafka().windows, [[0], [1], [2]]);
    assert_eq!(rig.delivered(), range(0..3));
}

#[test]
fn lanes_are_held_together_that_make_a_quarter_of_a_window_or_so() {
    let mut rig = Rig::new(&[]);
    rig.kafka().topics = [(TOPIC.to_owned(), Partitions::Known(6))].into();
    rig.kafka().window.messages = 24;
    for (tag, partition) in [0, 0, 0, 1, 2, 2, 3, 3, 4, 5, 5].into_iter().enumerate() {
        rig.produce_to(tag as u64, partition, None).expect("room");
    }
    rig.deliver();
    rig.run();
    assert_eq!(rig.kafka().holds, [vec![0, 2], vec![3, 5]], "partitions; one message alone needs no hold");
    assert_eq!(rig.tags(Kind::Delivered).len(), 11);
}

// The end.

#[test]
fn shutdown_delivers_everything() {
    let mut rig = Rig::new(&[("max_buffer_size", "3"), ("max_queue_size", "100")]);
    rig.produce_all(0..10);
    rig.shutdown(None);
    assert_eq!(rig.run(), Turn::Over);
    assert_eq!(rig.delivered(), range(0..10));
    assert_eq!(rig.shared.phase(), Phase::Closed);
    assert_eq!(rig.produce(10), Err(Status::ShutDown));
    assert_eq!(rig.kafka().closed, 1);
}

#[test]
fn the_deadline_drops_what_is_left_with_its_content() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "10")]);
    rig.kafka().refuse_connections = true;
    rig.produce_all(0..15);
    rig.shutdown(Some(SECOND));
    assert_ne!(rig.run(), Turn::Over);
    assert_eq!(rig.advance(SECOND), Turn::Over);
    assert_eq!(rig.tags(Kind::Dropped), range(0..15));
    assert_eq!(rig.last(Kind::Dropped).value(), Some(&b"14"[..]));
    assert_eq!(rig.last(Kind::Dropped).topic(), Some(TOPIC));
}

#[test]
fn at_the_deadline_what_was_not_sent_is_dropped_and_the_rest_unknown() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().window.messages = 2;
    rig.produce_all(0..4);
    rig.shutdown(Some(Duration::ZERO));
    assert_eq!(rig.run(), Turn::Over);
    assert_eq!(rig.tags(Kind::Dropped), range(0..4));
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().hung = true;
    rig.produce_all(0..4);
    rig.deliver();
    rig.run();
    rig.shutdown(Some(Duration::ZERO));
    assert_ne!(rig.run(), Turn::Over, "the client is given a moment to say what became of them");
    assert_eq!(rig.advance(SECOND), Turn::Over);
    assert_eq!(rig.tags(Kind::Failed), range(0..4));
}

#[test]
fn shutdown_waits_for_a_caller_on_its_way_in() {
    let mut rig = Rig::new(&[]);
    rig.shared.accepted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    rig.shutdown(None);
    assert_ne!(rig.run(), Turn::Over);
    rig.shared.accepted.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(rig.run(), Turn::Over);
}

// What is told.

#[test]
fn deliveries_are_reported_from_start_to_finish() {
    let mut rig = Rig::new(&[]);
    rig.produce_all(0..3);
    rig.deliver();
    rig.run();
    let kinds: Vec<_> = rig.events.iter().map(|event| event.kind).filter(|kind| *kind != Kind::Enqueued).collect();
    let expected = [Kind::DeliveryStarted, Kind::Delivered, Kind::Delivered, Kind::Delivered, Kind::DeliveryFinished];
    assert_eq!(kinds, expected);
    assert_eq!(rig.last(Kind::DeliveryStarted).message_count, 3);
    assert_eq!(rig.last(Kind::DeliveryFinished).message_count, 3);
    assert_eq!(rig.last(Kind::Delivered).offset, 2);
}

#[test]
fn a_stall_is_reported_each_interval_with_the_last_error() {
    let mut rig = Rig::new(&[("stall_report_interval", "10")]);
    rig.kafka().refuse_connections = true;
    rig.produce_all(0..3);
    rig.advance(100 * SECOND);
    assert!(rig.tags(Kind::Stalled).is_empty(), "nothing is due, so nothing stalls");
    rig.deliver();
    rig.run();
    for _ in 0..3 {
        rig.advance(10 * SECOND);
    }
    assert_eq!(rig.tags(Kind::Stalled).len(), 3);
    assert!(rig.last(Kind::Stalled).text.to_string_lossy().contains("no connection"));
}

#[test]
fn an_error_that_goes_on_is_told_once_a_minute_and_does_not_hide_its_cause() {
    let mut rig = Rig::new(&[("stall_report_interval", "10")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    for round in 0..60 {
        let refused = format!("broker 1: connection refused (after {round}ms in state CONNECT)");
        for (code, text) in [(-195, refused.as_str()), (-187, "0/1 brokers are down")] {
            let text = text.to_owned();
            rig.kafka().report(Notice::Error { code, text, fatal: false });
        }
        rig.advance(2 * SECOND);
    }
    let told: Vec<_> = rig
        .events
        .iter()
        .filter(|event| event.kind == Kind::Error)
        .map(|event| (event.kafka_error, event.message_count))
        .collect();
    assert_eq!(told, [(-195, 1), (-187, 1), (-195, 30), (-187, 30)]);
    let stalled = rig.last(Kind::Stalled).text.to_string_lossy().into_owned();
    assert!(stalled.contains("connection refused"), "{stalled}");
}

#[test]
fn a_stall_is_not_reported_while_messages_arrive() {
    let mut rig = Rig::new(&[("stall_report_interval", "10")]);
    for round in 0..50 {
        rig.produce_all([round]);
        rig.deliver();
        rig.advance(9 * SECOND);
    }
    assert!(rig.tags(Kind::Stalled).is_empty());
}

// Why something was not delivered.

fn text(rig: &Rig, kind: Kind) -> String {
    rig.last(kind).text.to_string_lossy().into_owned()
}

#[test]
fn a_failure_says_how_far_it_came_why_how_often_and_what_is_known() {
    let mut rig = Rig::new(&[("max_retries", "1")]);
    rig.kafka().replies = [Reply::Refuse(29)].into();
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    assert_eq!(
        text(&rig, Kind::Failed),
        "not delivered: refused by broker 1: scripted; attempts: 1; it is not in Kafka's log"
    );

    rig.kafka().replies = [Reply::Refuse(19), Reply::Lose(7)].into();
    rig.produce_all(1..2);
    rig.deliver();
    rig.run();
    assert_eq!(text(&rig, Kind::Retry), "1 to be sent again: refused by broker 1: scripted");
    rig.advance(SECOND);
    let text = text(&rig, Kind::Failed);
    assert!(text.starts_with("not delivered: sent to broker 1, not acknowledged: scripted; "), "{text}");
    assert!(text.ends_with("; attempts: 2; it may be in Kafka's log"), "{text}");
}

fn report_error(rig: &Rig, code: i32, text: &str) {
    let text = text.to_owned();
    rig.kafka().report(Notice::Error { code, text, fatal: false });
}

#[test]
fn a_failure_without_a_connection_says_so_until_there_is_one() {
    let mut rig = Rig::new(&[("max_retries", "0")]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().attempt_timeout = SECOND;
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    report_error(&rig, code::TRANSPORT, "kafka1:9092/1: Connection refused");
    report_error(&rig, code::ALL_BROKERS_DOWN, "1/1 brokers are down");
    rig.run();
    assert_eq!(text(&rig, Kind::Error), "no connection: all brokers are down");
    rig.advance(SECOND);
    let failed = text(&rig, Kind::Failed);
    assert!(failed.starts_with("not delivered: not sent, no connection: "), "{failed}");
    assert!(failed.contains("; last error: kafka1:9092/1: Connection refused; attempts: 1; it is not in"), "{failed}");

    rig.kafka().habit = Reply::Acknowledge;
    rig.produce_all(1..2);
    rig.deliver();
    rig.run();
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(2..3);
    rig.deliver();
    rig.run();
    rig.advance(SECOND);
    let failed = text(&rig, Kind::Failed);
    assert!(!failed.contains("connection") && !failed.contains("last error"), "it is over: {failed}");
}

#[test]
fn a_stall_says_what_the_messages_wait_for() {
    let mut rig = Rig::new(&[("stall_report_interval", "10")]);
    rig.kafka().replies = [Reply::Hold].into();
    rig.kafka().topics.insert(c"new".to_owned(), Partitions::Unknown);
    rig.kafka().window.messages = 2;
    rig.produce_all(0..5);
    rig.shared.accept(&Draft { topic: c"new", tag: 9, ..Draft::default() }).expect("room");
    rig.deliver();
    rig.run();
    rig.advance(10 * SECOND);
    let stages = "1 for the metadata of topic new, 2 for the acknowledgement, 3 to be sent";
    assert_eq!(text(&rig, Kind::Stalled), format!("6 waiting, none delivered for 10 s: {stages}; last error: none"));
    report_error(&rig, code::ALL_BROKERS_DOWN, "1/1 brokers are down");
    rig.advance(10 * SECOND);
    let stages = format!("no connection, {stages}; last error: all brokers are down");
    assert_eq!(text(&rig, Kind::Stalled), format!("6 waiting, none delivered for 10 s: {stages}"));
}

#[test]
fn what_is_dropped_says_what_was_wrong() {
    let mut rig = Rig::new(&[]);
    rig.kafka().refuse_connections = true;
    rig.produce_all(0..2);
    rig.shutdown(Some(SECOND));
    rig.run();
    rig.advance(SECOND);
    assert_eq!(text(&rig, Kind::Dropped), "dropped before it was delivered; last error: scripted: no connection");
}

#[test]
fn what_is_withdrawn_from_a_client_does_not_hide_why_it_broke() {
    let mut rig = Rig::new(&[("stall_report_interval", "10")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..2);
    rig.deliver();
    rig.run();
    die(&rig, "the reason");
    rig.run();
    rig.advance(10 * SECOND);
    assert!(text(&rig, Kind::Stalled).ends_with("last error: the reason"), "{}", text(&rig, Kind::Stalled));
}

#[test]
fn what_is_logged_does_not_make_an_error_come_more_often() {
    let mut rig = Rig::new(&[]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..1);
    rig.deliver();
    rig.run();
    for round in 0..200 {
        report_error(&rig, code::AUTHENTICATION, "kafka1:9092/1: wrong password");
        rig.kafka().report(Notice::Log { level: 7, text: format!("FACILITY: line {round}") });
        rig.run();
    }
    assert_eq!(rig.tags(Kind::Error).len(), 1);
}

// What no test noticed before mutation testing.

#[test]
fn the_worker_looks_at_the_deadline_drops_all_at_once_and_makes_no_client_anew() {
    let mut rig = Rig::new(&[("max_buffer_size", "5"), ("max_queue_size", "100")]);
    rig.kafka().habit = Reply::Hold;
    rig.kafka().hung = true;
    rig.produce_all(0..20);
    rig.deliver();
    rig.run();
    rig.shutdown(Some(SECOND));
    let Turn::Sleep { until: Some(until), .. } = rig.run() else { panic!("it is over, or sleeps for ever") };
    assert_eq!(until, rig.now + SECOND);
    assert_ne!(rig.advance(SECOND), Turn::Over, "the client is given a moment");
    assert_eq!(rig.tags(Kind::Dropped), range(5..20), "what is in the queue, too");
    assert_eq!(rig.advance(SECOND), Turn::Over);
    assert_eq!(rig.tags(Kind::Failed), range(0..5));
    assert_eq!(rig.shared.counters.client_resets.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(rig.kafka().closed, 1);
}

#[test]
fn clear_drops_what_the_buffer_has_no_bytes_for() {
    let mut rig = Rig::new(&[("max_buffer_bytesize", "4")]);
    rig.kafka().habit = Reply::Hold;
    rig.produce_all(0..6);
    rig.run();
    let answer = Arc::new(Answer::default());
    rig.shared.inbox.request(Request::Clear(answer.clone()));
    rig.run();
    assert_eq!(answer.get(), Some(2));
    assert_eq!(rig.tags(Kind::Dropped), range(4..6));
}
