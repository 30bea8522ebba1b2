//! The C ABI: its statuses, and pointers to what an input says.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use async_producer::ffi::*;

pub const OK: i32 = ap_status::AP_OK as i32;
pub const INVALID: i32 = ap_status::AP_ERR_INVALID_ARGUMENT as i32;
pub const OVERFLOW: i32 = ap_status::AP_ERR_BUFFER_OVERFLOW as i32;
pub const TOO_LARGE: i32 = ap_status::AP_ERR_MESSAGE_TOO_LARGE as i32;
pub const SHUT_DOWN: i32 = ap_status::AP_ERR_SHUT_DOWN as i32;
pub const TIMED_OUT: i32 = ap_status::AP_ERR_TIMED_OUT as i32;
pub const CONFIG: i32 = ap_status::AP_ERR_CONFIG as i32;
pub const CLIENT: i32 = ap_status::AP_ERR_CLIENT as i32;
pub const UNDELIVERED: i32 = ap_status::AP_ERR_UNDELIVERED as i32;
pub const UNSUPPORTED: i32 = ap_status::AP_ERR_UNSUPPORTED as i32;

pub const FAILED: u32 = ap_event_type::AP_EVENT_FAILED as u32;
pub const DROPPED: u32 = ap_event_type::AP_EVENT_DROPPED as u32;
pub const ALL: u32 = ap_event_type::AP_EVENT_ALL as u32;

/// Beside every buffer that the library may write to: it must stay as it is.
const MARGIN: usize = 16;
const UNTOUCHED: u8 = 0xA5;

/// A buffer of the caller's, with bytes behind it that are not.
pub struct Room {
    bytes: Vec<u8>,
    len: usize,
}

impl Room {
    pub fn new(len: usize) -> Room {
        Room { bytes: vec![UNTOUCHED; len + MARGIN], len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn pointer<T>(&mut self) -> *mut T {
        self.bytes.as_mut_ptr().cast()
    }

    /// What was written; the bytes behind must be untouched.
    pub fn written(&self) -> &[u8] {
        assert!(
            self.bytes[self.len..].iter().all(|byte| *byte == UNTOUCHED),
            "written past the end of {} bytes",
            self.len
        );
        &self.bytes[..self.len]
    }

    pub fn is_untouched(&self) -> bool {
        self.written().iter().all(|byte| *byte == UNTOUCHED)
    }

    /// The text in it, which ends with a NUL where there is room for one.
    pub fn text(&self) -> String {
        if self.len == 0 {
            self.written();
            return String::new();
        }
        let text = CStr::from_bytes_until_nul(self.written()).expect("the text ends with a NUL");
        text.to_str().expect("the text is UTF-8, also where it is cut").into()
    }
}

/// The pointer and the length of what may be NULL.
pub fn span(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// A configuration, freed with this.
pub struct Config(pub *mut ap_config_t);

impl Config {
    pub fn new() -> Config {
        let config = ap_config_new();
        assert!(!config.is_null());
        Config(config)
    }

    pub fn set(&self, key: &CStr, value: &CStr, room: &mut Room) -> i32 {
        // SAFETY: C strings, and a buffer with its length.
        unsafe { ap_config_set(self.0, key.as_ptr(), value.as_ptr(), room.pointer(), room.len()) }
    }

    /// The value of a property, or the status.
    pub fn get(&self, key: &CStr) -> Result<String, i32> {
        let mut len = 0;
        // SAFETY: asks for the length first, then gives a buffer of it.
        unsafe {
            let status = ap_config_get(self.0, key.as_ptr(), ptr::null_mut(), &mut len);
            if status != OK {
                assert_eq!(len, 0, "unchanged");
                return Err(status);
            }
            let mut room = Room::new(len);
            assert_eq!(ap_config_get(self.0, key.as_ptr(), room.pointer(), &mut len), OK);
            assert_eq!(room.text().len() + 1, len);
            Ok(room.text())
        }
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        ap_config_free(self.0);
    }
}

pub fn statistics(producer: *mut ap_producer_t) -> ap_stats_t {
    let mut stats = ap_stats_t { struct_size: size_of::<ap_stats_t>(), ..ap_stats_t::default() };
    // SAFETY: `stats` is ours.
    assert_eq!(unsafe { ap_stats(producer, &mut stats) }, OK);
    stats
}

/// A status has a name and a sentence.
pub fn check_status(status: i32) {
    // SAFETY: static strings, never NULL.
    let (name, sentence) = unsafe { (text(ap_status_name(status)), text(ap_status_message(status))) };
    assert_eq!(name == "AP_ERR_UNKNOWN", !(-12..=0).contains(&status), "{status} is {name}");
    assert!(name.starts_with("AP_") && sentence.ends_with('.'), "{name}: {sentence}");
}

unsafe fn text<'a>(text: *const c_char) -> &'a str {
    assert!(!text.is_null());
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8")
}
