//! `ap_config_load`: any bytes as a file. It must do what setting the lines one by one does, or nothing.

use std::ffi::CString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use async_producer::ffi::*;

use super::abi::*;
use super::config::{key, value};
use super::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let file = if input.rarely(2) { input.rest().to_vec() } else { lines(&mut input) };
    check(&file);
}

/// A file that is mostly right.
fn lines(input: &mut Input) -> Vec<u8> {
    let mut file = Vec::new();
    while !input.is_empty() && file.len() < 10_000 {
        match input.byte() % 8 {
            0 => file.extend(b"# a comment"),
            1 => {}
            2 => file.extend(input.bytes()),
            _ => {
                let blank = input.pick(&["", " ", "\t", "\u{a0}"]);
                file.extend(blank.as_bytes());
                file.extend(key(input).as_bytes());
                file.extend(input.pick(&["=", " = ", "", "=="]).as_bytes());
                file.extend(value(input).as_bytes());
                file.extend(blank.as_bytes());
            }
        }
        file.extend(input.pick(&["\n", "\r\n", "\n\n"]).as_bytes());
    }
    file
}

fn check(file: &[u8]) {
    let (loaded, by_hand) = (Config::new(), Config::new());
    let path = write(file);
    let mut room = Room::new(2000);
    // SAFETY: a C string, and a buffer with its length.
    let status = unsafe { ap_config_load(loaded.0, path.as_ptr(), room.pointer(), room.len()) };
    let (expected, keys) = set_lines(&by_hand, file);
    match expected {
        Ok(()) => assert_eq!((status, &*room.text()), (OK, "")),
        Err(line) => {
            assert!([CONFIG, UNSUPPORTED].contains(&status), "{status}");
            let place = format!("{}:{line}: ", path.to_str().expect("plain"));
            assert!(line == 0 || room.text().contains(&place), "{place} is not in \"{}\"", room.text());
        }
    }
    let fresh = Config::new();
    for key in keys {
        let model = if status == OK { &by_hand } else { &fresh };
        assert_eq!(loaded.get(&key), model.get(&key), "{key:?}: all or nothing");
    }
}

/// The number of the first wrong line, 0 = the file as a whole; and the keys that were met.
fn set_lines(config: &Config, file: &[u8]) -> (Result<(), usize>, Vec<CString>) {
    let mut keys = Vec::new();
    let Ok(text) = std::str::from_utf8(file) else { return (Err(0), keys) };
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { return (Err(number + 1), keys) };
        let strings = CString::new(key.trim()).ok().zip(CString::new(value.trim()).ok());
        let Some((key, value)) = strings else { return (Err(number + 1), keys) };
        let status = config.set(&key, &value, &mut Room::new(0));
        keys.push(key);
        if status != OK {
            return (Err(number + 1), keys);
        }
    }
    (Ok(()), keys)
}

/// One file, written again each time.
fn write(bytes: &[u8]) -> CString {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path =
        PATH.get_or_init(|| std::env::temp_dir().join(format!("async_producer-fuzz-{}.conf", std::process::id())));
    std::fs::File::create(path).and_then(|mut file| file.write_all(bytes)).expect("a temporary file");
    CString::new(path.as_os_str().as_bytes()).expect("no NUL")
}
