//! Which version of the library is running.

use std::ffi::{CStr, CString, c_char};
use std::sync::OnceLock;

use crate::transport::kafka;

/// The version of the running library: (major << 16) | (minor << 8) | patch.
///
/// Compare it with AP_VERSION_NUMBER, the version of the header the program was built with.
///
/// Threads:   any thread, also before anything else is called. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_version() -> u32 {
    (number(env!("CARGO_PKG_VERSION_MAJOR")) << 16)
        | (number(env!("CARGO_PKG_VERSION_MINOR")) << 8)
        | number(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The version of the running library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)".
///
/// Ownership: the string is static; do not free it.
/// NULL:      never returned.
/// Threads:   any thread, also before anything else is called. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_version_string() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    TEXT.get_or_init(|| {
        let text = format!("{} (librdkafka {})", env!("CARGO_PKG_VERSION"), kafka::library_version());
        CString::new(text).unwrap_or_else(|_| CStr::to_owned(c"unknown"))
    })
    .as_ptr()
}

/// A decimal number of Cargo.toml's version.
fn number(digits: &str) -> u32 {
    digits.bytes().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}
