//! What C passes in: raw pointers become slices and strings, or an error that names the argument.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::time::Duration;

use crate::error::{Error, Result, Status};
use crate::message::{Draft, Header, MAX_LEN};

use super::message::{ap_header_t, ap_message_t};

/// # Safety
/// NULL, or a C string that lives for the call.
unsafe fn string<'a>(name: &str, text: *const c_char) -> Result<&'a CStr> {
    if text.is_null() {
        return Err(Error::invalid(format_args!("{name} is NULL")));
    }
    Ok(unsafe { CStr::from_ptr(text) })
}

/// # Safety
/// As [`string`].
pub(super) unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str> {
    let text = unsafe { string(name, text) }?;
    text.to_str().map_err(|_| Error::config(format_args!("{name}: the text is not UTF-8, which is what is allowed")))
}

/// # Safety
/// As [`string`].
pub(super) unsafe fn path<'a>(name: &str, path: *const c_char) -> Result<&'a OsStr> {
    Ok(OsStr::from_bytes(unsafe { string(name, path) }?.to_bytes()))
}

/// # Safety
/// As [`string`].
pub(super) unsafe fn topic<'a>(topic: *const c_char) -> Result<&'a CStr> {
    unsafe { string("topic", topic) }
}

/// Bytes; NULL with length 0 is null.
///
/// # Safety
/// NULL, or as many readable bytes as `len` says, for the call.
pub(super) unsafe fn bytes<'a>(name: &str, data: *const c_void, len: usize) -> Result<Option<&'a [u8]>> {
    if len > MAX_LEN {
        return Err(Error::invalid(format_args!("{name} has {len} bytes; at most {MAX_LEN} are allowed")));
    }
    if data.is_null() {
        return if len == 0 {
            Ok(None)
        } else {
            Err(Error::invalid(format_args!("{name} is NULL with a length of {len}")))
        };
    }
    Ok(Some(unsafe { std::slice::from_raw_parts(data.cast(), len) }))
}

/// A buffer of any length; NULL with length 0 is empty.
///
/// # Safety
/// NULL, or as many readable bytes as `len` says, for the call.
pub(super) unsafe fn buffer<'a>(name: impl fmt::Display, data: *const c_void, len: usize) -> Result<&'a [u8]> {
    if len > isize::MAX as usize {
        return Err(Error::invalid(format_args!("{name}_len {len} is more than a process can have")));
    }
    match (data.is_null(), len) {
        (true, 0) => Ok(&[]),
        (true, _) => Err(Error::invalid(format_args!("{name} is NULL with a length of {len}"))),
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// Keys or values of many messages: joined in one buffer, their sizes in another.
pub(super) struct Joined<'a> {
    bytes: &'a [u8],
    /// `None`: every part is null.
    sizes: Option<&'a [i32]>,
    count: usize,
}

impl<'a> Joined<'a> {
    /// # Safety
    /// `data` as [`buffer`]; `sizes` is NULL or has `count` numbers.
    pub(super) unsafe fn new(
        name: &str,
        data: *const c_void,
        len: usize,
        sizes: *const i32,
        count: usize,
    ) -> Result<Joined<'a>> {
        if count > isize::MAX as usize / size_of::<i32>() {
            return Err(Error::invalid(format_args!("count {count} is more than a process can have")));
        }
        if !sizes.is_aligned() {
            return Err(Error::invalid(format_args!("{name}_sizes is not aligned as an array of int32_t is")));
        }
        let bytes = unsafe { buffer(format_args!("{name}s"), data, len) }?;
        let sizes = (!sizes.is_null() && count > 0).then(|| unsafe { std::slice::from_raw_parts(sizes, count) });
        let mut sum = 0_usize;
        for (index, size) in sizes.into_iter().flatten().enumerate() {
            if *size < -1 {
                return Err(Error::invalid(format_args!("{name}_sizes[{index}] is {size}; -1 is null, 0 is empty")));
            }
            sum = sum.saturating_add((*size).max(0) as usize);
        }
        if sum != len {
            return Err(Error::invalid(format_args!("{name}_sizes add up to {sum}, {name}s_len is {len}")));
        }
        Ok(Joined { bytes, sizes, count })
    }

    pub(super) fn is_absent(&self) -> bool {
        self.sizes.is_none()
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut rest = self.bytes;
        (0..self.count).map(move |index| {
            let size = self.sizes?.get(index)?;
            let (part, tail) = rest.split_at_checked(usize::try_from(*size).ok()?)?;
            rest = tail;
            Some(part)
        })
    }
}

/// A timeout in milliseconds; -1 = no limit.
pub(super) fn timeout(milliseconds: i64) -> Result<Option<Duration>> {
    match milliseconds {
        -1 => Ok(None),
        0.. => Ok(Some(Duration::from_millis(milliseconds as u64))),
        _ => Err(Error::invalid(format_args!("timeout_ms {milliseconds} is negative; -1 is no limit"))),
    }
}

/// Reads a message of this version's or a later one's size. A later version's fields must be 0 here, or something would be
/// ignored that the caller means.
///
/// # Safety
/// NULL, or a message whose struct_size is true.
pub(super) unsafe fn read_message(message: *const ap_message_t) -> Result<ap_message_t> {
    if message.is_null() {
        return Err(Error::invalid("message is NULL"));
    }
    let known = size_of::<ap_message_t>();
    let size = unsafe { (*message).struct_size };
    if !(known..=MAX_STRUCT).contains(&size) || !size.is_multiple_of(align_of::<ap_message_t>()) {
        return Err(Error::invalid(format_args!("struct_size of the message is {size}; start from AP_MESSAGE_INIT")));
    }
    let tail = unsafe { std::slice::from_raw_parts(message.cast::<u8>().add(known), size - known) };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(Error::invalid("the message has fields of a later version that this library does not know"));
    }
    Ok(unsafe { *message })
}

/// No version of a struct will ever be larger; what claims to be is garbage.
const MAX_STRUCT: usize = 4096;

/// An array of messages, each as large as its caller's version has them.
pub(super) struct Messages {
    first: *const ap_message_t,
    stride: usize,
}

impl Messages {
    /// # Safety
    /// NULL with a count of 0, or `count` messages one after another.
    pub(super) unsafe fn new(first: *const ap_message_t, count: usize) -> Result<Messages> {
        if count == 0 {
            return Ok(Messages { first, stride: 0 });
        }
        if first.is_null() {
            return Err(Error::invalid(format_args!("messages is NULL with a count of {count}")));
        }
        let stride = unsafe { read_message(first) }?.struct_size;
        Ok(Messages { first, stride })
    }

    /// # Safety
    /// `index` is below the count.
    pub(super) unsafe fn get(&self, index: usize) -> Result<ap_message_t> {
        let message = unsafe { self.first.byte_add(index * self.stride) };
        // Before anything is read by it: one that lies may be the last of the array.
        if unsafe { (*message).struct_size } != self.stride {
            return Err(Error::invalid(format_args!("messages[{index}] differs in struct_size from the first")));
        }
        unsafe { read_message(message) }
    }
}

/// # Safety
/// The message's headers are as the header file says.
pub(super) unsafe fn headers<'a>(message: &ap_message_t) -> Result<Vec<Header<'a>>> {
    if message.header_count == 0 {
        return Ok(Vec::new());
    }
    if message.headers.is_null() {
        return Err(Error::invalid(format_args!("headers is NULL with a header_count of {}", message.header_count)));
    }
    if message.header_count > MAX_HEADERS {
        return Err(Error::invalid(format_args!(
            "header_count is {}; {MAX_HEADERS} are allowed",
            message.header_count
        )));
    }
    let raw: &[ap_header_t] = unsafe { std::slice::from_raw_parts(message.headers, message.header_count) };
    let mut headers = Vec::new();
    headers.try_reserve_exact(raw.len()).map_err(|_| Status::NoMemory)?;
    for header in raw {
        let name = unsafe { string("the name of a header", header.name) }?;
        headers
            .push(Header { name, value: unsafe { bytes("the value of a header", header.value, header.value_len) }? });
    }
    Ok(headers)
}

/// More headers than any broker's message.max.bytes has room for.
const MAX_HEADERS: usize = 1 << 24;

/// # Safety
/// The message's pointers are as the header file says.
pub(super) unsafe fn draft<'a>(message: &ap_message_t, headers: &'a [Header<'a>]) -> Result<Draft<'a>> {
    unsafe {
        Ok(Draft {
            topic: topic(message.topic)?,
            key: bytes("key", message.key, message.key_len)?,
            value: bytes("value", message.value, message.value_len)?,
            partition_key: bytes("partition_key", message.partition_key, message.partition_key_len)?,
            headers,
            timestamp_ms: message.timestamp_ms,
            tag: message.tag,
            partition: message.partition,
        })
    }
}

/// Copies a text into a caller's buffer and ends it with a NUL, cut between characters where it is too long.
///
/// # Safety
/// NULL, or a buffer of `len` bytes.
pub(super) unsafe fn write_text(text: &str, buffer: *mut c_char, len: usize) {
    if buffer.is_null() || len == 0 {
        return;
    }
    let end = text.floor_char_boundary(len - 1);
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), end);
        *buffer.add(end) = 0;
    }
}

/// Copies a value out, as `ap_config_get` promises.
///
/// # Safety
/// `len` is NULL or readable and writable; `buffer` is NULL or has `*len` bytes.
pub(super) unsafe fn copy_out(value: &str, buffer: *mut c_char, len: *mut usize) -> Result<()> {
    if len.is_null() {
        return Err(Error::invalid("len is NULL"));
    }
    let needed = value.len() + 1;
    let room = unsafe { len.replace(needed) };
    if buffer.is_null() {
        return Ok(());
    }
    if room < needed {
        return Err(Error::invalid(format_args!("buf has {room} bytes; {needed} are needed")));
    }
    unsafe { write_text(value, buffer, room) };
    Ok(())
}

/// Writes as much of a size-first struct as the caller knows.
///
/// # Safety
/// `target` is a struct whose first field, its size, is true.
pub(super) unsafe fn write_sized<T: Copy>(target: *mut T, value: T) -> Result<()> {
    let known = size_of::<T>();
    let size = unsafe { target.cast::<usize>().read() };
    if !(known..=MAX_STRUCT).contains(&size) {
        return Err(Error::invalid(format_args!("struct_size is {size}; at least {known} is needed")));
    }
    unsafe { target.write(value) };
    Ok(())
}

/// A pointer and length for C; null is NULL with 0.
pub(super) fn span(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// Headers for C; they point into the message.
pub(super) fn header_array<'a>(headers: impl Iterator<Item = Header<'a>>) -> Vec<ap_header_t> {
    let header = |header: Header| {
        let (value, value_len) = span(header.value);
        ap_header_t { name: header.name.as_ptr(), value, value_len }
    };
    headers.map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: usize = size_of::<ap_message_t>();

    fn message(struct_size: usize) -> ap_message_t {
        // SAFETY: pointers and numbers, all of which may be 0.
        ap_message_t { struct_size, ..unsafe { std::mem::zeroed() } }
    }

    #[test]
    fn a_message_that_says_another_size_than_the_first_is_not_read_by_it() {
        // What stands behind the array is not of it.
        let messages = [message(KNOWN), message(KNOWN + 8), message(usize::MAX)];
        // SAFETY: two messages, of which the second lies.
        let error = unsafe { Messages::new(messages.as_ptr(), 2).and_then(|array| array.get(1)) }.expect_err("a lie");
        assert!(error.text.contains("messages[1] differs"), "{}", error.text);
    }

    #[test]
    fn no_version_of_a_struct_has_a_size_that_is_not_aligned() {
        let messages = [message(KNOWN + 1), message(0)];
        // SAFETY: there are as many bytes as the message says.
        let error = unsafe { read_message(messages.as_ptr()) }.expect_err("an odd size");
        assert!(error.text.contains("struct_size"), "{}", error.text);
    }
}
