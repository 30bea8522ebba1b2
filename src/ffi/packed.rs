//! The packed form of messages: the records of ap_produce_packed(), and of ap_event_message() on the way back.

use std::ffi::CStr;

use crate::error::{Error, Result, Status};
use crate::event::Event;
use crate::message::{Draft, Header, Message};

use super::batch::Visit;

/// Bytes before the topic.
const HEAD: usize = 48;

/// A buffer that should be full of records.
pub(super) struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Records<'a> {
        Records(bytes)
    }

    /// Visits each record as a draft, in order.
    pub(super) fn each(&self, visit: Visit) -> Result<()> {
        let (mut rest, mut headers) = (self.0, Vec::new());
        for index in 0.. {
            if rest.is_empty() {
                break;
            }
            let (record, tail) = split_record(rest).ok_or_else(|| malformed(index, "size"))?;
            headers.clear();
            visit(&read(record, &mut headers).map_err(|flaw| flaw.at(index))?)?;
            rest = tail;
        }
        Ok(())
    }
}

/// Why a record cannot be read.
enum Flaw {
    Field(&'static str),
    NoMemory,
}

impl From<&'static str> for Flaw {
    fn from(field: &'static str) -> Flaw {
        Flaw::Field(field)
    }
}

impl Flaw {
    fn at(self, index: usize) -> Error {
        match self {
            Flaw::Field(field) => malformed(index, field),
            Flaw::NoMemory => Status::NoMemory.into(),
        }
    }
}

fn malformed(index: usize, field: &str) -> Error {
    Error::invalid(format_args!("record {index}: {field} is not what the packed form allows"))
}

fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    if size < HEAD { None } else { bytes.split_at_checked(size) }
}

/// Reads one record.
fn read<'a, 'h>(record: &'a [u8], headers: &'h mut Vec<Header<'a>>) -> std::result::Result<Draft<'h>, Flaw>
where
    'a: 'h,
{
    let mut reader = Reader(&record[size_of::<u32>()..]);
    let topic_len = reader.u32().ok_or("topic_len")?;
    let partition = reader.i32().ok_or("partition")?;
    let key_len = reader.i32().ok_or("key_len")?;
    let value_len = reader.i32().ok_or("value_len")?;
    let partition_key_len = reader.i32().ok_or("partition_key_len")?;
    let timestamp_ms = reader.i64().ok_or("timestamp_ms")?;
    let tag = reader.u64().ok_or("tag")?;
    let header_count = reader.u32().ok_or("header_count")?;
    if reader.u32() != Some(0) {
        return Err("reserved".into());
    }
    let topic = reader.name(topic_len).ok_or("topic_len")?;
    let key = reader.nullable(key_len).ok_or("key_len")?;
    let value = reader.nullable(value_len).ok_or("value_len")?;
    let partition_key = reader.nullable(partition_key_len).ok_or("partition_key_len")?;
    for _ in 0..header_count {
        headers.try_reserve(1).map_err(|_| Flaw::NoMemory)?;
        headers.push(reader.header().ok_or("a header")?);
    }
    if !reader.0.is_empty() {
        return Err("size".into());
    }
    Ok(Draft { topic, key, value, partition_key, headers, timestamp_ms, tag, partition })
}

/// Takes fields from the front of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.fixed().map(i32::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.fixed().map(i64::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.fixed().map(u64::from_le_bytes)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Text that ends with a NUL, which `len` does not count, and has no other.
    fn name(&mut self, len: u32) -> Option<&'a CStr> {
        CStr::from_bytes_with_nul(self.bytes((len as usize).checked_add(1)?)?).ok()
    }

    /// -1 = null; anything else below 0 is no length.
    fn nullable(&mut self, len: i32) -> Option<Option<&'a [u8]>> {
        if len == -1 { Some(None) } else { self.bytes(usize::try_from(len).ok()?).map(Some) }
    }

    fn header(&mut self) -> Option<Header<'a>> {
        let (name_len, value_len) = (self.u32()?, self.i32()?);
        Some(Header { name: self.name(name_len)?, value: self.nullable(value_len)? })
    }
}

/// What an event is about, as a record; the topic is empty where there is none. A message has the partition it was
/// produced with, so that the record can be produced again.
pub(super) fn write(event: &Event) -> Result<Vec<u8>> {
    let topic = event.topic().unwrap_or_default();
    let parts = [event.key(), event.value(), event.partition_key()];
    let headers = event
        .headers()
        .map(|header| 2 * size_of::<u32>() + header.name.count_bytes() + 1 + header.value.map_or(0, <[u8]>::len));
    let bytes: usize = parts.iter().flatten().map(|part| part.len()).chain(headers).sum();
    let mut record = Vec::new();
    record.try_reserve_exact(HEAD + topic.count_bytes() + 1 + bytes).map_err(|_| Status::NoMemory)?;
    record.extend_from_slice(&0_u32.to_le_bytes()); // The size, known at the end.
    record.extend_from_slice(&(topic.count_bytes() as u32).to_le_bytes());
    let partition = event.message().map_or(event.partition, Message::partition);
    record.extend_from_slice(&partition.to_le_bytes());
    for part in parts {
        record.extend_from_slice(&len_of(part).to_le_bytes());
    }
    record.extend_from_slice(&event.timestamp_ms.to_le_bytes());
    record.extend_from_slice(&event.tag.to_le_bytes());
    record.extend_from_slice(&(event.headers().count() as u32).to_le_bytes());
    record.extend_from_slice(&0_u32.to_le_bytes());
    record.extend_from_slice(topic.to_bytes_with_nul());
    for part in parts {
        record.extend_from_slice(part.unwrap_or_default());
    }
    for header in event.headers() {
        record.extend_from_slice(&(header.name.count_bytes() as u32).to_le_bytes());
        record.extend_from_slice(&len_of(header.value).to_le_bytes());
        record.extend_from_slice(header.name.to_bytes_with_nul());
        record.extend_from_slice(header.value.unwrap_or_default());
    }
    let size = record.len() as u32;
    record[..size_of::<u32>()].copy_from_slice(&size.to_le_bytes());
    Ok(record)
}

/// A length as it is packed: -1 = null. Messages keep theirs in 31 bits.
fn len_of(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| bytes.len() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::limits::Place;

    fn packed(draft: &Draft) -> Vec<u8> {
        let message = Message::copy(draft, Place::Queue, draft.timestamp_ms, 0).expect("memory");
        write(&Event::of_message(Kind::Dropped, c"", message)).expect("memory")
    }

    fn example<'a>(headers: &'a [Header<'a>]) -> Draft<'a> {
        Draft {
            topic: c"greetings",
            key: Some(b"k\0ey"),
            value: Some(b""),
            partition_key: Some(b"pk"),
            headers,
            timestamp_ms: 1_700_000_000_123,
            tag: u64::MAX,
            partition: 3,
        }
    }

    const HEADERS: [Header; 3] = [
        Header { name: c"trace", value: Some(b"abc") },
        Header { name: c"", value: None },
        Header { name: c"trace", value: Some(b"") },
    ];

    fn visit(bytes: &[u8]) -> Result<Vec<String>> {
        let mut seen = Vec::new();
        Records::new(bytes).each(&mut |draft| {
            seen.push(format!("{draft:?}"));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn what_is_packed_is_read_back_whole() {
        let (full, null) = (example(&HEADERS), Draft { topic: c"t", ..Draft::default() });
        let bytes = [packed(&full), packed(&null)].concat();
        assert_eq!(visit(&bytes).expect("records"), [format!("{full:?}"), format!("{null:?}")]);
    }

    #[test]
    fn no_bytes_are_no_records() {
        assert_eq!(visit(&[]), Ok(Vec::new()));
    }

    #[test]
    fn a_record_cut_anywhere_is_refused() {
        let bytes = packed(&example(&HEADERS));
        for len in 1..bytes.len() {
            assert!(visit(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn each_length_that_lies_is_refused_by_its_name() {
        let good = packed(&example(&HEADERS));
        let fields = [
            (0, "size"),
            (4, "topic_len"),
            (12, "key_len"),
            (16, "value_len"),
            (20, "partition_key_len"),
            (44, "reserved"),
        ];
        for (offset, field) in fields {
            for lie in [i32::MIN, -2, i32::MAX] {
                let mut bytes = good.clone();
                bytes[offset..offset + 4].copy_from_slice(&lie.to_le_bytes());
                let error = visit(&bytes).expect_err(field);
                assert!(error.text.contains(field), "{field} = {lie}: {}", error.text);
            }
        }
        let mut bytes = good.clone();
        bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(visit(&bytes).expect_err("header_count").text.contains("a header"));
    }

    #[test]
    fn any_single_byte_may_be_wrong_without_harm() {
        let good = packed(&example(&HEADERS));
        for place in 0..good.len() {
            for byte in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut bytes = good.clone();
                bytes[place] = byte;
                // Read or refused; what counts is that nothing outside is touched, which the types see to.
                drop(visit(&bytes));
            }
        }
    }

    #[test]
    fn a_name_with_a_nul_inside_is_refused() {
        let mut bytes = packed(&Draft { topic: c"abc", ..Draft::default() });
        bytes[HEAD + 1] = 0;
        assert!(visit(&bytes).expect_err("a NUL").text.contains("topic_len"));
    }

    #[test]
    fn an_event_about_nothing_has_an_empty_topic() {
        let record = write(&Event::new(Kind::Stats, c"").with_document((*b"{}").into())).expect("memory");
        assert_eq!(
            visit(&record).expect("a record"),
            [format!("{:?}", Draft { value: Some(b"{}"), ..Draft::default() })]
        );
    }
}
