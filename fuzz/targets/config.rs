//! `ap_config_set` and `ap_config_get`: any key, any value, buffers of any size, NULL.

use std::ffi::{CStr, CString};
use std::ptr;

use async_producer::ffi::*;

use super::abi::*;
use super::input::Input;

/// The producer's own properties, then every name that librdkafka knows, and some that it does not.
const NAMES: &str = include_str!("../properties.txt");

/// How many of them are the producer's own; what those answer can be set again.
const OWN: usize = 11;

const VALUES: [&CStr; 32] = [
    c"",
    c"0",
    c"1",
    c"-1",
    c"5",
    c"1000",
    c"0.5",
    c"1e9",
    c"99999999999999999999",
    c"-9223372036854775809",
    c"nan",
    c"inf",
    c" 1",
    c"+1",
    c"0x10",
    c"true",
    c"false",
    c"all",
    c"none",
    c"gzip",
    c"callback",
    c"poll",
    c"crc32",
    c"murmur2_random",
    c"127.0.0.1:1",
    c"ssl",
    c"sasl_plaintext",
    c"PLAIN",
    c"a=b",
    c"%s%n%d",
    c"caf\xC3\xA9",
    c"\xFF\xFE",
];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let config = Config::new();
    for _ in 0..48 {
        if input.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0..=4 => set(&config, &mut input),
            5..=6 => get(&config, &mut input),
            _ => null_arguments(&config, &mut input),
        }
    }
}

pub fn key(input: &mut Input) -> CString {
    match input.byte() {
        shape @ 0..=199 => {
            let count = NAMES.lines().count();
            // Half of them the producer's own.
            let index = if shape % 2 == 0 { input.below(OWN) } else { input.number() as u16 as usize % count };
            CString::new(NAMES.lines().nth(index).expect("below the count")).expect("no NUL")
        }
        200..=229 => {
            // A name with a mistake in it.
            let mut name = key(input).into_bytes();
            let place = input.below(name.len().max(1));
            match input.byte() {
                0 => name.truncate(place),
                byte => name.insert(place.min(name.len()), byte),
            }
            CString::new(name).expect("no NUL")
        }
        _ => input.text(),
    }
}

pub fn value(input: &mut Input) -> CString {
    match input.byte() {
        0..=159 => input.pick(&VALUES).into(),
        160..=199 => CString::new(input.number().to_string()).expect("no NUL"),
        200 => CString::new(vec![b'x'; 1 << 20]).expect("no NUL"),
        _ => input.text(),
    }
}

fn set(config: &Config, input: &mut Input) {
    let (key, value) = (key(input), value(input));
    let mut room = Room::new(if input.rarely(3) { input.byte().into() } else { 600 });
    let before = config.get(&key);
    let status = config.set(&key, &value, &mut room);
    let (text, after) = (room.text(), config.get(&key));
    match status {
        OK => {
            assert!(text.is_empty() && after.is_ok(), "{key:?}: {after:?}, {text}");
            check_again(config, &key, after.as_deref().expect("just set"));
        }
        CONFIG | UNSUPPORTED => {
            assert!(!text.is_empty() || room.len() < 2, "{key:?} is refused without a word");
            assert_eq!(after, before, "{key:?}: the old value stays");
            check_names_key(&key, &value, &text, room.len());
        }
        _ => panic!("{status} for {key:?}"),
    }
    check_secret(&key, &value, &text, after.as_deref().unwrap_or_default());
}

/// What a property of the producer's own answers can be set, and is the same then.
fn check_again(config: &Config, key: &CStr, value: &str) {
    if NAMES.lines().take(OWN).any(|own| own.as_bytes() == key.to_bytes()) {
        let text = CString::new(value).expect("no NUL");
        let mut room = Room::new(600);
        assert_eq!(config.set(key, &text, &mut room), OK, "{key:?}={text:?}: {}", room.text());
        assert_eq!(config.get(key).as_deref(), Ok(value), "{key:?}");
    }
}

fn check_names_key(key: &CStr, value: &CStr, text: &str, room: usize) {
    let plain = key.to_bytes().len() + 8 < room && value.to_str().is_ok();
    if let (Ok(key), true) = (key.to_str(), plain) {
        let name = name(key);
        assert!(text.contains(name), "{name:?} is not in \"{text}\"");
    }
}

/// A key as far as a refusal names it: what follows a = or : may be a secret, and a name is not as long as a page.
fn name(key: &str) -> &str {
    let blank = key.len() - key.trim_start().len();
    let end =
        key[blank..].find(|c: char| c == '=' || c == ':' || c.is_whitespace()).map_or(key.len(), |end| blank + end);
    &key[..end.min(key.floor_char_boundary(200))]
}

/// A secret is never shown, whether it is taken or not.
fn check_secret(key: &CStr, value: &CStr, text: &str, shown: &str) {
    const SECRET: [&str; 4] = ["password", "passphrase", "client.secret", "key.pem"];
    let (key, value) = (key.to_string_lossy(), value.to_string_lossy());
    let telling = value.len() >= 8 && !key.contains(&*value) && value.trim().len() == value.len();
    if SECRET.iter().any(|part| key.ends_with(part)) && telling {
        assert!(!text.contains(&*value), "{key}: the secret {value} is in \"{text}\"");
        assert!(!shown.contains(&*value), "{key}: the secret {value} is in \"{shown}\"");
    }
}

fn get(config: &Config, input: &mut Input) {
    let key = key(input);
    let Ok(value) = config.get(&key) else { return };
    let needed = value.len() + 1;
    let mut room = Room::new(input.byte().into());
    let mut len = room.len();
    // SAFETY: a buffer with its length.
    let status = unsafe { ap_config_get(config.0, key.as_ptr(), room.pointer(), &mut len) };
    assert_eq!(len, needed);
    if room.len() < needed {
        assert!(status == INVALID && room.is_untouched(), "{status} for {needed} bytes in {}", room.len());
    } else {
        assert_eq!((status, room.text()), (OK, value));
    }
}

fn null_arguments(config: &Config, input: &mut Input) {
    let (key, value) = (key(input), value(input));
    let mut room = Room::new(input.byte().into());
    let (text, len) = (room.pointer(), room.len());
    // SAFETY: NULL is an argument like any other.
    unsafe {
        assert_eq!(ap_config_set(config.0, ptr::null(), value.as_ptr(), text, len), INVALID);
        // A key that is not UTF-8 may be found first.
        let status = ap_config_set(config.0, key.as_ptr(), ptr::null(), text, len);
        assert!(status == INVALID || (status == CONFIG && key.to_str().is_err()), "{status}");
        assert_eq!(ap_config_get(config.0, ptr::null(), text, &mut { len }), INVALID);
        assert_ne!(ap_config_get(config.0, key.as_ptr(), text, ptr::null_mut()), OK);
        assert_eq!(ap_config_load(config.0, ptr::null(), text, len), INVALID);
        // No buffer at all.
        ap_config_set(config.0, key.as_ptr(), value.as_ptr(), ptr::null_mut(), 0);
    }
    room.written();
}
