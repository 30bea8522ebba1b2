//! `ap_config_t`: the settings of a producer, as key and value strings.

use std::ffi::{c_char, c_void};
use std::path::Path;

use crate::config::Config;
use crate::error::{Error, Status};
use crate::event::Mask;

use super::event::{Hook, ap_event_fn};
use super::guard::{guard, guard_status, guard_text};
use super::handle::{CONFIGS, Handle};
use super::input;
use super::status::ap_status_t;

/// The settings of a producer: made by ap_config_new(), filled by ap_config_set(), copied by ap_new(), freed by
/// ap_config_free(). Use it on one thread at a time.
pub struct ap_config_t {
    _opaque: [u8; 0],
}

/// Called once when the library no longer needs the user_data of a callback.
pub type ap_free_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Makes a configuration with every property at its default.
///
/// Ownership: the caller owns it and frees it with ap_config_free(); a producer made from it does not need it any more.
/// NULL:      returned when memory could not be allocated.
/// Threads:   any thread. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_config_new() -> *mut ap_config_t {
    guard(std::ptr::null_mut, || match CONFIGS.insert(Config::new()) {
        Some(handle) => handle.to_pointer(),
        None => std::ptr::null_mut(),
    })
}

/// Sets one property.
///
/// The producer's own properties are max_queue_size, max_buffer_size, max_buffer_bytesize, delivery_threshold,
/// delivery_interval, max_retries, retry_backoff, max_pending_bytes, overflow_wait, event_mode, stall_report_interval
/// and partitioner; every other name is librdkafka's (bootstrap.servers, acks, compression.codec, security.protocol ...)
/// and is checked by it at once. Setting a property again replaces its value.
///
/// Ownership: key and value are copied; errbuf stays the caller's and is always ended with a NUL (cut if it is short;
///            256 bytes are enough for most texts). On success it is the empty string.
/// NULL:      config, key or value -> AP_ERR_INVALID_ARGUMENT. errbuf may be NULL where errbuf_len is 0.
/// Threads:   one thread at a time for a configuration. Never blocks.
/// Returns:   AP_OK                    set
///            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above
///            AP_ERR_CONFIG            unknown property or a value that is not allowed: errbuf names the key, the value
///                                     and what is allowed; the old value stays
///            AP_ERR_UNSUPPORTED       a property of librdkafka that this library cannot honour (transactional.id)
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_config_set(
    config: *mut ap_config_t,
    key: *const c_char,
    value: *const c_char,
    errbuf: *mut c_char,
    errbuf_len: usize,
) -> ap_status_t {
    guard_text(errbuf, errbuf_len, || {
        let config = pin(config)?;
        let key = unsafe { input::text("key", key) }?;
        let value = unsafe { input::text(key, value) }?;
        config.set(key, value)
    })
}

/// Reads the value a property has now: what was set, else its default. Passwords and other secrets are masked.
///
/// Ownership: the value is copied into buf, ended with a NUL.
/// NULL:      config, key or len -> AP_ERR_INVALID_ARGUMENT. buf may be NULL: then only the length is answered.
/// Units:     *len is the size of buf in bytes on entry, the bytes the value needs with its NUL on return.
/// Threads:   one thread at a time for a configuration. Never blocks.
/// Returns:   AP_OK                    buf has the value (or buf was NULL), *len its length with the NUL
///            AP_ERR_INVALID_ARGUMENT  not a configuration, a NULL as above, or buf is too small (*len says what it
///                                     takes, buf is unchanged)
///            AP_ERR_CONFIG            no such property; *len is unchanged
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_config_get(
    config: *const ap_config_t,
    key: *const c_char,
    buf: *mut c_char,
    len: *mut usize,
) -> ap_status_t {
    guard_status(|| {
        let config = pin(config.cast_mut())?;
        let key = unsafe { input::text("key", key) }?;
        let value = config.get(key)?;
        unsafe { input::copy_out(&value, buf, len) }
    })
}

/// Sets the properties of a file: a key=value on each line; empty lines and lines that start with # are passed over,
/// blanks around the key and around the value are dropped.
///
/// All or nothing: where one line is wrong, no property is changed.
///
/// Ownership: path is copied; errbuf as in ap_config_set().
/// NULL:      config or path -> AP_ERR_INVALID_ARGUMENT.
/// Threads:   one thread at a time for a configuration. Blocks for as long as reading the file takes.
/// Returns:   AP_OK                    every line was set
///            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above
///            AP_ERR_CONFIG            the file cannot be read or a line is wrong: errbuf names the file, the line, the
///                                     key, the value and what is allowed
///            AP_ERR_UNSUPPORTED       as in ap_config_set()
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_config_load(
    config: *mut ap_config_t,
    path: *const c_char,
    errbuf: *mut c_char,
    errbuf_len: usize,
) -> ap_status_t {
    guard_text(errbuf, errbuf_len, || {
        let config = pin(config)?;
        let path = unsafe { input::path("path", path) }?;
        config.load(Path::new(path))
    })
}

/// Says which events the producers made from this configuration report, and to what callback.
///
/// Every producer made from the configuration calls the same callback with the same user_data, each from its own
/// thread. Setting it again replaces the callback for producers made later.
///
/// Ownership: user_data is passed through untouched. user_data_free is called with it exactly once, when the last of the
///            configuration and the producers made from it lets go of it, also where this call answers an error; it
///            may run on any thread that calls ap_config_free(), ap_free() or this function.
/// NULL:      config -> AP_ERR_INVALID_ARGUMENT. callback may be NULL with event_mode poll: the events are then read
///            with ap_poll_events(). user_data and user_data_free may be NULL.
/// Threads:   one thread at a time for a configuration. Never blocks.
/// Returns:   AP_OK                    set
///            AP_ERR_INVALID_ARGUMENT  not a configuration, or a bit in event_mask that is no AP_EVENT_ type
///            AP_ERR_INTERNAL          a defect was contained
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ap_config_set_event_callback(
    config: *mut ap_config_t,
    event_mask: u32,
    callback: ap_event_fn,
    user_data: *mut c_void,
    user_data_free: ap_free_fn,
) -> ap_status_t {
    // Made before anything can fail: whatever happens, user_data_free runs once.
    let hook = Hook::new(callback, user_data, user_data_free);
    guard_status(|| {
        let config = pin(config)?;
        let mask = Mask::from_bits(event_mask).ok_or_else(|| {
            Error::invalid(format_args!("event_mask {event_mask:#x} has a bit that is no AP_EVENT_ type"))
        })?;
        config.set_observer(mask, hook);
        Ok(())
    })
}

/// Frees a configuration. Producers made from it go on.
///
/// NULL:      fine, as is a configuration that is freed already: nothing happens.
/// Threads:   any thread. Never blocks.
/// Since:     0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ap_config_free(config: *mut ap_config_t) {
    guard(|| (), || drop(CONFIGS.remove(Handle::from_pointer(config))));
}

/// The configuration behind a handle, for the time of one call.
pub(super) fn pin(config: *mut ap_config_t) -> Result<super::handle::Pin<'static, Config>, Error> {
    CONFIGS
        .pin(Handle::from_pointer(config))
        .ok_or_else(|| Error::new(Status::InvalidArgument, "config is NULL, freed or not a configuration"))
}
