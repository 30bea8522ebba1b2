//! `ap_new`: any configuration makes a producer or says why not, and leaves no thread behind.

use std::ptr;
use std::time::{Duration, Instant};

use async_producer::ffi::*;

use super::abi::*;
use super::config::{key, value};
use super::input::Input;

/// A hang, or a thread that stays.
const PATIENCE: Duration = Duration::from_secs(60);

/// They name code that would be loaded and run, or it to be fetched from the network.
const FOREIGN: [&str; 4] = ["plugin.library.paths", "ssl.engine", "ssl.providers", "kinit.cmd"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let config = Config::new();
    let mut room = Room::new(600);
    if !input.rarely(16) {
        assert_eq!(config.set(c"bootstrap.servers", c"127.0.0.1:1", &mut room), OK);
    }
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        let (key, value) = (key(&mut input), value(&mut input));
        if !FOREIGN.iter().any(|part| key.to_string_lossy().contains(part)) {
            config.set(&key, &value, &mut room);
        }
    }
    let threads = threads();
    make(&config, input.byte().into());
    let deadline = Instant::now() + PATIENCE;
    while self::threads() > threads {
        assert!(Instant::now() < deadline, "{} threads, {threads} before", self::threads());
        std::thread::yield_now();
    }
}

fn make(config: &Config, len: usize) {
    let (mut room, mut producer) = (Room::new(len), ptr::dangling_mut());
    // SAFETY: a place for the handle, and a buffer with its length.
    let status = unsafe { ap_new(config.0, &mut producer, room.pointer(), room.len()) };
    let text = room.text();
    match status {
        OK => {
            assert!(!producer.is_null() && text.is_empty());
            assert_eq!(statistics(producer).accepted, 0);
            assert_eq!(ap_shutdown(producer, 0), OK);
            ap_free(producer);
        }
        CONFIG | CLIENT => assert!(producer.is_null() && (!text.is_empty() || room.len() < 2), "{status}: \"{text}\""),
        _ => panic!("{status}: {text}"),
    }
}

/// Threads of the library and of its librdkafka. Those of the test runner come and go as they please.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ap-") || name.starts_with("rdk:")).count()
}
