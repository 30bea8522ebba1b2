//! Brokers that die, stop and come back, and a network that delays, loses, cuts and lies: the rows of the list of faults
//! that concern them, one test each. Every message is judged by the oracle of tests/chaos, and a fresh one must arrive after
//! each fault.

#[path = "chaos/mod.rs"]
mod chaos;
mod support;

use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use chaos::admin::{end_offset, make_topic};
use chaos::cluster::{Cluster, SIZE};
use chaos::doors::Doors;
use chaos::log::Log;
use chaos::process::{descriptors, resident_kib, signal};
use chaos::proxy::{BOTH, GARBAGE, Proxy, Trap, Way};
use chaos::scribe::Scribe;
use chaos::soak::Soak;
use chaos::verdict::judge;
use support::PATIENCE;
use support::kafka::Broker;
use support::producer::*;

/// A caller waits for room rather than to be refused.
const PATIENT: [(&str, &str); 2] = [("overflow_wait", "90"), ("max_queue_size", "2000")];

// The cluster

/// Three brokers for all tests here, one test after the other.
fn cluster() -> MutexGuard<'static, Cluster> {
    static CLUSTER: OnceLock<Mutex<Cluster>> = OnceLock::new();
    extern "C" fn end() {
        if let Some(Ok(cluster)) = CLUSTER.get().map(Mutex::try_lock) {
            cluster.brokers.iter().for_each(Broker::end);
        }
    }
    let cluster = CLUSTER.get_or_init(|| {
        // SAFETY: `end` may run at exit: it takes no lock that a thread could hold for ever.
        unsafe { libc::atexit(end) };
        Mutex::new(Cluster::start())
    });
    cluster.lock().unwrap_or_else(|poisoned| {
        // The test before failed, and did not come to the end of its fault.
        let guard = poisoned.into_inner();
        let all = [0, 1, 2];
        all.iter().for_each(|broker| signal(guard.brokers[*broker].pid(), libc::SIGCONT));
        guard.restart(&all);
        cluster.clear_poison();
        guard
    })
}

fn scribe(run: &str, cluster: &Cluster, configs: &[(&str, &str)], properties: &[(&str, &str)]) -> Scribe {
    Scribe::with_topic(run, &cluster.brokers[0], &cluster.bootstrap(), configs, properties)
}

/// Writes until `act` has come to its end.
fn while_writing(scribe: &Scribe, act: impl FnOnce()) {
    let over = std::sync::atomic::AtomicBool::new(false);
    /// Also where `act` fails, or the writer would go on for ever.
    struct End<'a>(&'a std::sync::atomic::AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                scribe.write(1);
                std::thread::sleep(Duration::from_micros(200)); // a pace, so that there are not millions to read
            }
        });
        let _end = End(&over);
        act();
    });
}

#[test]
fn r01_a_killed_leader_loses_nothing() {
    let cluster = cluster();
    let scribe = scribe("r01", &cluster, &[], &PATIENT);
    while_writing(&scribe, || {
        for _ in 0..2 {
            scribe.await_more(1000);
            let leader = cluster.leader("r01", 0);
            cluster.kill(&[leader]);
            scribe.await_more(2000); // by the next leader
            assert_ne!(cluster.leader("r01", 0), leader);
            cluster.restart(&[leader]);
        }
    });
    scribe.finish(&cluster.brokers[0]);
}

#[test]
fn r02_a_stopped_leader_loses_nothing() {
    let cluster = cluster();
    let scribe = scribe("r02", &cluster, &[], &PATIENT);
    while_writing(&scribe, || {
        scribe.await_more(1000);
        let leader = cluster.leader("r02", 0);
        signal(cluster.brokers[leader].pid(), libc::SIGSTOP);
        scribe.await_more(2000); // by the next leader
        signal(cluster.brokers[leader].pid(), libc::SIGCONT);
        scribe.await_more(1000);
    });
    scribe.finish(&cluster.brokers[0]);
}

/// The list has ten minutes; that is a time nobody waits for here. What would grow with the time is bounded at once.
#[test]
fn r03_all_brokers_down_and_back() {
    const LIMITS: [(&str, &str); 2] = [("max_queue_size", "500"), ("max_buffer_size", "300")];
    let cluster = cluster();
    let mut scribe = scribe("r03", &cluster, &[], &LIMITS);
    scribe.write(10);
    scribe.await_more(0);
    scribe.producer.flush();
    let (settled, all) = (scribe.delivered(), [0, 1, 2]);
    cluster.kill(&all);
    scribe.pad(1000);
    fill(&scribe);
    scribe.producer.wait_for(ERROR, 1);
    let last = await_stalls(&scribe, 2);
    assert!(last.status == TIMED_OUT && last.kafka_error != 0, "after the error its cause is known: {last:?}");

    // Full and at rest: whatever is tried now, neither messages nor memory become more.
    let (stats, memory) = (scribe.producer.stats(), resident_kib());
    assert_eq!((stats.queue_size + stats.buffer_size, stats.accepted - settled), (800, 800), "{stats:?}");
    for _ in 0..100_000 {
        assert!(!scribe.try_write(), "a place in a full queue");
    }
    let later = scribe.producer.stats();
    assert_eq!((later.pending_bytes, later.accepted), (stats.pending_bytes, stats.accepted), "{later:?}");
    // They would be a hundred megabytes; other tests run beside this one.
    assert!(resident_kib() < memory + 64 * 1024, "{memory} KiB, then {} KiB", resident_kib());
    assert_eq!(scribe.delivered(), settled);

    cluster.restart(&all);
    scribe.finish(&cluster.brokers[0]);
}

/// Waits for so many more reports that nothing is delivered, one a second; answers the last.
fn await_stalls(scribe: &Scribe, count: usize) -> Event {
    let so_far = scribe.producer.events(STALLED).len();
    scribe.producer.wait_for(STALLED, so_far + count).pop().expect("one at the least")
}

/// Until there is no room; the worker moves messages out of the queue meanwhile.
fn fill(scribe: &Scribe) {
    let limit = Instant::now() + PATIENCE;
    let is_full = || {
        let stats = scribe.producer.stats();
        stats.queue_size == 500 && stats.buffer_size == 300
    };
    while scribe.try_write() || !is_full() {
        assert!(Instant::now() < limit, "the queue does not fill: {:?}", scribe.producer.stats());
    }
}

/// Once here, and again and again in the soak.
#[test]
fn r04_a_rolling_restart_fails_nothing() {
    let cluster = cluster();
    let scribe = scribe("r04", &cluster, &[], &PATIENT);
    while_writing(&scribe, || {
        for broker in 0..SIZE {
            scribe.await_more(500);
            cluster.restart(&[broker]);
        }
        scribe.await_more(500);
    });
    scribe.finish(&cluster.brokers[0]);
}

#[test]
fn r11_too_few_replicas_acknowledge_nothing() {
    let cluster = cluster();
    // One is missing, and Kafka says so: NOT_ENOUGH_REPLICAS.
    let all_needed = scribe("r11-three", &cluster, &[("min.insync.replicas", "3")], &PATIENT);
    // Two are missing.
    let two_needed = scribe("r11-two", &cluster, &[], &PATIENT);
    for scribe in [&all_needed, &two_needed] {
        scribe.write(100);
        scribe.producer.flush();
    }
    cluster.kill(&[2]);
    // Until it is out of the set of the replicas in sync, the leader waits for it, and does not acknowledge either.
    all_needed.write(500);
    await_stalls(&all_needed, 5);
    assert_eq!(all_needed.delivered(), 100);
    two_needed.write(100);
    two_needed.producer.flush(); // two are enough for it

    cluster.kill(&[1]);
    two_needed.write(500);
    await_stalls(&two_needed, 3);
    assert_eq!((all_needed.delivered(), two_needed.delivered()), (100, 200));

    cluster.restart(&[1, 2]);
    for scribe in [all_needed, two_needed] {
        scribe.finish(&cluster.brokers[0]);
    }
}

// The line to a broker

fn through(door: usize, run: &str, properties: &[(&str, &str)]) -> (Scribe, &'static Doors, &'static Proxy) {
    let doors = Doors::shared();
    let proxy = doors.proxy(door);
    let scribe = Scribe::start(run, &doors.broker, &proxy.address(), properties);
    scribe.write(10);
    scribe.producer.flush();
    (scribe, doors, proxy)
}

/// From the call to the acknowledgement, of the messages after those that `through` wrote.
fn delays(scribe: &Scribe) -> Vec<Duration> {
    let events = scribe.producer.events(DELIVERED);
    events[10..].iter().map(|event| Duration::from_micros(event.duration_us)).collect()
}

#[test]
fn r13_a_long_line_makes_it_slower_only() {
    const DELAY: Duration = Duration::from_secs(1);
    let (scribe, doors, proxy) = through(0, "r13-delay", &PATIENT);
    proxy.delay(DELAY, Duration::from_millis(300));
    scribe.write(1000);
    scribe.producer.flush();
    assert!(delays(&scribe).iter().all(|delay| *delay >= DELAY * 2), "there and back: {:?}", delays(&scribe));
    proxy.delay(Duration::ZERO, Duration::ZERO);
    scribe.finish(&doors.broker);
}

#[test]
fn r13_a_narrow_line_makes_it_slower_only() {
    const MEGABIT: u64 = 1_000_000 / 8;
    let (mut scribe, doors, proxy) = through(1, "r13-narrow", &PATIENT);
    BOTH.iter().for_each(|way| proxy.limit(*way, MEGABIT));
    scribe.pad(1000);
    let begin = Instant::now();
    scribe.write(300);
    scribe.producer.flush();
    assert!(begin.elapsed() > Duration::from_secs(2), "300 kB in {:?}", begin.elapsed());
    BOTH.iter().for_each(|way| proxy.limit(*way, 0));
    scribe.finish(&doors.broker);
}

/// What a program sees of lost packets is data that comes late, each piece by another time. Packets that are lost indeed
/// are in tests/chaos/netns, which needs root.
#[test]
fn r14_a_line_that_hesitates_makes_it_slower_only() {
    let (scribe, doors, proxy) = through(2, "r14", &PATIENT);
    proxy.delay(Duration::ZERO, Duration::from_millis(800));
    for _ in 0..10 {
        scribe.write(200);
        scribe.producer.flush();
    }
    proxy.delay(Duration::ZERO, Duration::ZERO);
    scribe.finish(&doors.broker);
}

#[test]
fn r15_a_half_open_connection_is_found_and_left() {
    let (scribe, doors, proxy) = through(3, "r15", &PATIENT);
    for _ in 0..2 {
        let connections = proxy.connections();
        proxy.forget();
        scribe.write(500);
        scribe.producer.flush(); // no word from the old connection ever comes
        assert!(proxy.connections() > connections);
    }
    scribe.finish(&doors.broker);
}

/// A trap that catches a produce request or its answer, several times, with several requests on their way.
fn spring(scribe: &Scribe, proxy: &Proxy, trap: Trap) {
    for _ in 0..5 {
        let connections = proxy.connections();
        proxy.set_trap(trap);
        scribe.write(300);
        scribe.producer.flush();
        assert!(!proxy.is_set(), "{trap:?} caught nothing");
        if trap != Trap::FlipInBatch {
            assert!(proxy.connections() > connections, "{trap:?} did not end the connection");
        }
    }
}

#[test]
fn r16_a_reset_inside_a_request_doubles_nothing() {
    let (scribe, doors, proxy) = through(4, "r16-inside", &PATIENT);
    spring(&scribe, proxy, Trap::ResetInRequest);
    scribe.finish(&doors.broker);
}

/// The broker has the messages, and the client does not know it.
#[test]
fn r16_a_reset_before_the_answer_doubles_nothing() {
    let (scribe, doors, proxy) = through(5, "r16-answer", &PATIENT);
    spring(&scribe, proxy, Trap::ResetBeforeAnswer);
    scribe.finish(&doors.broker);
}

fn one_way(door: usize, run: &str, way: Way) {
    let (scribe, doors, proxy) = through(door, run, &PATIENT);
    let connections = proxy.connections();
    proxy.close(way, true);
    scribe.write(500);
    scribe.producer.deliver();
    // It gives the connection up after socket.timeout.ms; others fare no better.
    let limit = Instant::now() + PATIENCE;
    while proxy.connections() == connections {
        assert!(Instant::now() < limit, "the connection that says nothing is not left");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(scribe.delivered(), 10);
    proxy.close(way, false);
    scribe.finish(&doors.broker);
}

#[test]
fn r17_requests_that_do_not_arrive() {
    one_way(6, "r17-requests", Way::ToBroker);
}

#[test]
fn r17_answers_that_do_not_arrive() {
    one_way(7, "r17-answers", Way::ToClient);
}

/// Answers that no broker would give: see tests/chaos/proxy.rs for what can be found out at all. Where the answer to a
/// produce request has no possible size, librdkafka ends the requests on that connection as failed, and what Kafka has of
/// them nobody knows: that must be what is said of them, and of no others.
#[test]
fn r18_answers_that_make_no_sense() {
    const BAD_MSG: i32 = -199;
    let (scribe, doors, proxy) = through(8, "r18-answers", &PATIENT);
    let memory = resident_kib();
    for trap in [Trap::WrongId, Trap::LargeSize, Trap::AbsurdSize, Trap::Http] {
        let (connections, failed) = (proxy.connections(), scribe.producer.stats().failed);
        proxy.set_trap(trap);
        scribe.write(300);
        let status = scribe.producer.try_flush(PATIENCE.as_millis() as i64);
        assert!(!proxy.is_set(), "{trap:?} caught nothing");
        let has_no_size = matches!(trap, Trap::AbsurdSize | Trap::Http);
        assert!(status == OK || status == UNDELIVERED && has_no_size, "{trap:?}: flush answered {status}");
        assert_eq!(scribe.producer.stats().failed > failed, status == UNDELIVERED, "{trap:?}");
        scribe.write(1);
        scribe.producer.flush();
        assert!(proxy.connections() > connections, "{trap:?} did not end the connection");
        // Other tests run beside this one; a hundred megabytes are what an answer said that it has.
        assert!(resident_kib() < memory + 80 * 1024, "{trap:?}: {memory} KiB, then {} KiB", resident_kib());
    }
    for event in scribe.settle(&doors.broker) {
        assert_eq!((event.kafka_error, event.persistence), (BAD_MSG, POSSIBLY_PERSISTED), "{event:?}");
    }
}

#[test]
fn r18_a_server_that_is_no_kafka() {
    let (scribe, doors, proxy) = through(9, "r18-garbage", &PATIENT);
    for words in [GARBAGE, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"] {
        let connections = proxy.connections();
        let delivered = scribe.delivered();
        proxy.pretend(Some(words));
        scribe.write(300);
        scribe.producer.deliver();
        let limit = Instant::now() + PATIENCE;
        while proxy.connections() < connections + 3 {
            assert!(Instant::now() < limit, "it does not try again");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(scribe.delivered() <= delivered + 300);
        proxy.pretend(None);
        scribe.producer.flush();
    }
    scribe.finish(&doors.broker);
}

/// The broker finds it by the batch's checksum, and the same batch is sent again.
#[test]
fn r18_a_flipped_byte_in_a_batch_is_sent_again() {
    let (scribe, doors, proxy) = through(10, "r18-flip", &PATIENT);
    spring(&scribe, proxy, Trap::FlipInBatch);
    scribe.finish(&doors.broker);
}

#[test]
fn r19_a_broker_that_reads_a_byte_a_second() {
    const LIMITS: [(&str, &str); 2] = [("max_queue_size", "500"), ("max_buffer_size", "300")];
    let (mut scribe, doors, proxy) = through(11, "r19", &LIMITS);
    proxy.limit(Way::ToBroker, 1);
    scribe.pad(20_000); // sixteen megabytes in all: more than the system keeps for a connection
    fill(&scribe);
    await_stalls(&scribe, 2);
    let stats = scribe.producer.stats();
    assert_eq!((stats.accepted, stats.queue_size, stats.buffer_size), (810, 500, 300), "{stats:?}");
    assert!(stats.pending_bytes < 20 << 20, "{stats:?}");
    proxy.limit(Way::ToBroker, 0);
    scribe.finish(&doors.broker);
}

/// In a process of its own, so that its descriptors can be counted.
#[test]
fn r21_connections_that_end_ten_times_a_second() {
    let (doors, proxy) = (Doors::shared(), Doors::shared().proxy(12));
    make_topic(&doors.broker, "r21", &[]);
    let options = ["rate=300", "threads=1", "seconds=600", "reconnect.backoff.max.ms=1000"].map(String::from);
    let mut soak = Soak::start("r21", &proxy.address(), "r21", &options);
    let passes = |bytes| {
        let (before, limit) = (proxy.passed(), Instant::now() + PATIENCE);
        while proxy.passed() < before + bytes {
            assert!(Instant::now() < limit, "nothing passes");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    passes(100_000);
    let open = descriptors(soak.pid());
    let (before, begin) = (proxy.connections(), Instant::now());
    for _ in 0..50 {
        proxy.cut();
        std::thread::sleep(Duration::from_millis(100));
    }
    let (made, time) = (proxy.connections() - before, begin.elapsed());
    // The client knows two brokers, the one it was given and the one that this named, and waits before each attempt: at
    // first 100 ms less a quarter by chance (reconnect.backoff.ms), then longer.
    assert!(made <= 2 * (time.as_millis() as u64 / 75 + 1), "{made} connections in {time:?}");
    passes(100_000);
    let later = descriptors(soak.pid());
    // One more of each of the two brokers may be open than at the first look, and one on its way; a descriptor left
    // behind by each connection would be several times as many.
    assert!(made >= 10, "{made} connections in {time:?}");
    assert!(later < open + made as usize / 2, "{open} descriptors, then {later}, after {made} connections");
    soak.end();
    let verdict =
        judge(&soak.finish(PATIENCE), &Log::read(&doors.broker, "r21", "r21", &[end_offset(&doors.broker, "r21")]));
    eprintln!("r21: {made} connections in {time:?}, {open} descriptors, then {later}: {verdict}");
    assert!(verdict.is_clean(), "{verdict}");
}
