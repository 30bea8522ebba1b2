//! Names of brokers that do not resolve, resolve later, or resolve to several addresses. This program has a resolver of its
//! own: its `getaddrinfo` is the one that the library calls, and it knows only the names that a test gave it.

mod support;

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Mutex;
use std::time::Instant;

use support::mock::Cluster;
use support::producer::*;

const TOPIC: &str = "topic";

/// Names, what they resolve to (an address; nothing = no such name), and how often they were asked for.
static NAMES: Mutex<Option<HashMap<String, Answer>>> = Mutex::new(None);

/// The address of a name, and how often it was asked for.
type Answer = (Option<&'static str>, usize);

fn name(name: &str, address: Option<&'static str>) {
    let mut names = NAMES.lock().expect("no panic");
    names.get_or_insert_default().entry(name.into()).or_default().0 = address;
}

fn asked(name: &str) -> usize {
    NAMES.lock().expect("no panic").as_ref().and_then(|names| names.get(name)).map_or(0, |entry| entry.1)
}

/// # Safety
/// As getaddrinfo has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
) -> c_int {
    type Function =
        unsafe extern "C" fn(*const c_char, *const c_char, *const libc::addrinfo, *mut *mut libc::addrinfo) -> c_int;
    // SAFETY: the C library's function of this name and type; its arguments are passed on.
    unsafe {
        let real: *mut c_void = libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr());
        let real: Function = std::mem::transmute(real);
        if node.is_null() {
            return real(node, service, hints, result);
        }
        let known = {
            let mut names = NAMES.lock().expect("no panic");
            let entry = names.get_or_insert_default().get_mut(&*CStr::from_ptr(node).to_string_lossy());
            entry.map(|entry| {
                entry.1 += 1;
                entry.0
            })
        };
        match known {
            None => real(node, service, hints, result),
            Some(None) => libc::EAI_NONAME,
            Some(Some(address)) => real(CString::new(address).unwrap().as_ptr(), service, hints, result),
        }
    }
}

fn port(cluster: &Cluster) -> String {
    cluster.bootstrap().rsplit_once(':').expect("host:port").1.to_owned()
}

fn say(producer: &Producer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.say(TOPIC, &number.to_string(), number);
    }
}

fn texts(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn r20_a_name_that_does_not_resolve_and_then_does() {
    let cluster = Cluster::new(1, TOPIC, 1);
    name("late.test", None);
    let bootstrap = format!("late.test:{}", port(&cluster));
    let producer = Producer::new(&bootstrap, &[("stall_report_interval", "0.5")]);
    let begun = Instant::now();
    say(&producer, 0..5);
    producer.deliver();
    let stalls = producer.wait_for(STALLED, 4);
    assert!(stalls.iter().any(|stall| stall.text.contains("late.test")), "{stalls:#?}");
    let errors = producer.wait_for(ERROR, 1);
    assert!(errors.iter().any(|error| error.text.contains("late.test")), "{errors:#?}");
    let (asked, seconds) = (asked("late.test"), begun.elapsed().as_secs() as usize);
    assert!((1..=10 + 10 * seconds).contains(&asked), "asked {asked} times in {seconds} s");
    assert_eq!(producer.stats().failed, 0, "nothing is given up");

    name("late.test", Some("127.0.0.1"));
    say(&producer, 5..10);
    producer.finish();
    assert_eq!(cluster.read(TOPIC, 0), texts(0..10));
}

#[test]
fn r20_a_name_that_changes_its_address() {
    let cluster = Cluster::new(1, TOPIC, 1);
    name("moving.test", Some("127.0.0.9")); // Nobody listens there.
    let bootstrap = format!("moving.test:{}", port(&cluster));
    let producer = Producer::new(&bootstrap, &[("stall_report_interval", "0.5")]);
    say(&producer, 0..5);
    producer.deliver();
    producer.wait_for(STALLED, 1);
    producer.wait_for(ERROR, 1);
    name("moving.test", Some("127.0.0.1"));
    producer.finish();
    assert_eq!(cluster.read(TOPIC, 0), texts(0..5));
}

#[test]
fn r20_a_name_that_does_not_resolve_beside_one_that_does() {
    let cluster = Cluster::new(1, TOPIC, 1);
    name("never.test", None);
    name("there.test", Some("127.0.0.1"));
    let producer = Producer::new(&format!("never.test:9092,there.test:{}", port(&cluster)), &[]);
    say(&producer, 0..5);
    producer.finish();
    assert_eq!(cluster.read(TOPIC, 0), texts(0..5));
    assert!(asked("there.test") > 0);
}
