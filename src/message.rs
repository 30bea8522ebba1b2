//! A message: what the caller drafts, and the one heap block the library keeps of it.

use std::ffi::CStr;
use std::fmt::{self, Write};

use crate::error::{Error, Result, Status};
use crate::limits::Place;

/// `partition`: let the partitioner choose.
pub const PARTITION_ANY: i32 = -1;

/// Lengths are kept in 31 bits, as in Kafka's own protocol.
pub const MAX_LEN: usize = i32::MAX as usize;

/// Kafka's limit of a topic name.
const MAX_TOPIC_LEN: usize = 249;

/// What a message costs beside its block: its places in our queue and lanes, and librdkafka's own record of it
/// (`sizeof(rd_kafka_msg_t)` and the allocator's share), rounded up.
const OVERHEAD: u64 = 256;

/// Bytes a record of Kafka's format v2 takes beside key, value and headers: attributes, deltas and lengths at their longest.
/// <https://kafka.apache.org/documentation/#record>
const RECORD_OVERHEAD: u64 = 36;

/// Bytes a header of that format takes beside name and value.
const HEADER_OVERHEAD: u64 = 10;

/// A header as the caller has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub name: &'a CStr,
    pub value: Option<&'a [u8]>,
}

/// A message as the caller has it: borrowed, and copied once by [`Message::copy`].
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub topic: &'a CStr,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Chooses the partition instead of the key; not sent.
    pub partition_key: Option<&'a [u8]>,
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970; 0 = the time of the call.
    pub timestamp_ms: i64,
    pub tag: u64,
    pub partition: i32,
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Draft {
            topic: c"",
            key: None,
            value: None,
            partition_key: None,
            headers: &[],
            timestamp_ms: 0,
            tag: 0,
            partition: PARTITION_ANY,
        }
    }
}

impl Draft<'_> {
    /// Refuses what can never be sent.
    pub fn check(&self) -> Result<()> {
        check_topic(self.topic.to_bytes())?;
        if self.partition < PARTITION_ANY {
            return Err(Error::invalid(format_args!(
                "partition {} is negative; -1 lets the partitioner choose",
                self.partition
            )));
        }
        if self.timestamp_ms < 0 {
            return Err(Error::invalid(format_args!("timestamp_ms {} is before 1970", self.timestamp_ms)));
        }
        Ok(())
    }

    /// Bytes of key, value and headers: what `max_buffer_bytesize` counts.
    pub fn payload_len(&self) -> u64 {
        let headers: usize =
            self.headers.iter().map(|header| header.name.count_bytes() + header.value.map_or(0, <[u8]>::len)).sum();
        (self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers) as u64
    }

    /// An upper bound of the record's size on the wire: what `message.max.bytes` limits.
    pub fn wire_len(&self) -> u64 {
        self.payload_len() + RECORD_OVERHEAD + HEADER_OVERHEAD * self.headers.len() as u64
    }

    /// Bytes charged against `max_pending_bytes`: the block and all that is kept beside it.
    pub fn charge(&self) -> u64 {
        self.block_len() as u64 + OVERHEAD
    }

    fn block_len(&self) -> usize {
        let headers: usize = self.headers.iter().map(header_len).sum();
        META + self.topic.count_bytes()
            + 1
            + self.key.map_or(0, <[u8]>::len)
            + self.value.map_or(0, <[u8]>::len)
            + self.partition_key.map_or(0, <[u8]>::len)
            + headers
    }
}

/// Whether a byte may stand in a topic's name: a table, because each call looks at each of them.
const LEGAL: [bool; 256] = {
    let mut legal = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        legal[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'.' | b'_' | b'-');
        byte += 1;
    }
    legal
};

/// Kafka's rule for topic names; librdkafka would accept anything and let the broker refuse it much later.
fn check_topic(name: &[u8]) -> Result<()> {
    let shown = || Lossy(&name[..name.len().min(MAX_TOPIC_LEN)]);
    if name.is_empty() {
        return Err(Error::invalid("topic is empty; 1 to 249 characters are allowed"));
    }
    if name.len() > MAX_TOPIC_LEN {
        return Err(Error::invalid(format_args!(
            "topic \"{}...\" has {} characters; 249 are allowed",
            shown(),
            name.len()
        )));
    }
    if name == b"." || name == b".." {
        return Err(Error::invalid(format_args!("topic \"{}\" is not allowed", shown())));
    }
    if !name.iter().all(|byte| LEGAL[*byte as usize]) {
        return Err(Error::invalid(format_args!(
            "topic \"{}\" has an illegal character; letters, digits, '.', '_' and '-' are allowed",
            shown()
        )));
    }
    Ok(())
}

/// Bytes that should be text, shown without taking memory.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            formatter.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                formatter.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// A message the library owns: one heap block with a fixed part, then topic, key, value, partition key and headers.
///
/// One block because allocation is what a producer's hot path pays for; accessors because the block is bytes.
/// Headers are stored as: name and NUL, length of the value (-1 = null), value.
#[derive(Debug, PartialEq, Eq)]
pub struct Message(Box<[u8]>);

// Where the fields of the fixed part stand.
const TAG: usize = 0;
const TIMESTAMP: usize = 8;
const ACCEPTED_AT: usize = 16;
const KEY_LEN: usize = 24;
const VALUE_LEN: usize = 28;
const PARTITION_KEY_LEN: usize = 32;
const HEADER_COUNT: usize = 36;
const PARTITION: usize = 40;
const TOPIC_LEN: usize = 44;
const PLACE: usize = 45;
const META: usize = 48;

impl Message {
    /// Copies a draft. `timestamp_ms` and `accepted_at_us` are the time of the call, on the wall and the monotonic clock.
    pub fn copy(
        draft: &Draft,
        place: Place,
        timestamp_ms: i64,
        accepted_at_us: u64,
    ) -> std::result::Result<Message, Status> {
        let mut block = Vec::new();
        block.try_reserve_exact(draft.block_len()).map_err(|_| Status::NoMemory)?;
        let mut fixed = [0; META];
        put(&mut fixed, TAG, draft.tag.to_ne_bytes());
        put(&mut fixed, TIMESTAMP, timestamp_ms.to_ne_bytes());
        put(&mut fixed, ACCEPTED_AT, accepted_at_us.to_ne_bytes());
        put(&mut fixed, KEY_LEN, len_of(draft.key).to_ne_bytes());
        put(&mut fixed, VALUE_LEN, len_of(draft.value).to_ne_bytes());
        put(&mut fixed, PARTITION_KEY_LEN, len_of(draft.partition_key).to_ne_bytes());
        put(&mut fixed, HEADER_COUNT, (draft.headers.len() as u32).to_ne_bytes());
        put(&mut fixed, PARTITION, draft.partition.to_ne_bytes());
        put(&mut fixed, TOPIC_LEN, [draft.topic.count_bytes() as u8]);
        put(&mut fixed, PLACE, [place as u8]);
        block.extend_from_slice(&fixed);
        block.extend_from_slice(draft.topic.to_bytes_with_nul());
        if let Some(key) = draft.key {
            block.extend_from_slice(key);
        }
        if let Some(value) = draft.value {
            block.extend_from_slice(value);
        }
        if let Some(partition_key) = draft.partition_key {
            block.extend_from_slice(partition_key);
        }
        for header in draft.headers {
            block.extend_from_slice(header.name.to_bytes_with_nul());
            block.extend_from_slice(&len_of(header.value).to_ne_bytes());
            block.extend_from_slice(header.value.unwrap_or_default());
        }
        Ok(Message(block.into_boxed_slice()))
    }

    pub fn tag(&self) -> u64 {
        u64::from_ne_bytes(self.field(TAG))
    }

    pub fn timestamp_ms(&self) -> i64 {
        i64::from_ne_bytes(self.field(TIMESTAMP))
    }

    pub fn accepted_at_us(&self) -> u64 {
        u64::from_ne_bytes(self.field(ACCEPTED_AT))
    }

    pub fn partition(&self) -> i32 {
        i32::from_ne_bytes(self.field(PARTITION))
    }

    pub fn topic(&self) -> &CStr {
        CStr::from_bytes_with_nul(self.topic_with_nul()).unwrap_or_default()
    }

    /// The topic as it stands in the block: for the places where looking for the NUL again would cost too much.
    pub fn topic_with_nul(&self) -> &[u8] {
        &self.0[META..self.key_start()]
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.part(self.key_start(), KEY_LEN)
    }

    pub fn value(&self) -> Option<&[u8]> {
        self.part(self.value_start(), VALUE_LEN)
    }

    pub fn partition_key(&self) -> Option<&[u8]> {
        self.part(self.partition_key_start(), PARTITION_KEY_LEN)
    }

    /// The bytes that choose the partition.
    pub fn routing_key(&self) -> Option<&[u8]> {
        self.partition_key().or_else(|| self.key())
    }

    pub fn header_count(&self) -> usize {
        u32::from_ne_bytes(self.field(HEADER_COUNT)) as usize
    }

    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        let mut rest = &self.0[self.headers_start()..];
        (0..self.header_count()).map_while(move |_| {
            let name = CStr::from_bytes_until_nul(rest).ok()?;
            let (len, tail) = rest[name.count_bytes() + 1..].split_first_chunk()?;
            let len = i32::from_ne_bytes(*len);
            let (value, tail) = tail.split_at(len.max(0) as usize);
            rest = tail;
            Some(Header { name, value: (len >= 0).then_some(value) })
        })
    }

    /// As [`Draft::payload_len`].
    pub fn payload_len(&self) -> u64 {
        let beside = self.key_start() + self.len_at(PARTITION_KEY_LEN) + self.header_count() * HEADER_FRAME;
        (self.0.len() - beside) as u64
    }

    /// As [`Draft::wire_len`].
    pub fn wire_len(&self) -> u64 {
        self.payload_len() + RECORD_OVERHEAD + HEADER_OVERHEAD * self.header_count() as u64
    }

    /// As [`Draft::charge`].
    pub fn charge(&self) -> u64 {
        self.0.len() as u64 + OVERHEAD
    }

    /// Where the limits count it.
    pub fn place(&self) -> Place {
        if self.0[PLACE] == Place::Buffer as u8 { Place::Buffer } else { Place::Queue }
    }

    pub fn set_place(&mut self, place: Place) {
        self.0[PLACE] = place as u8;
    }

    /// A second copy, for the one case where librdkafka keeps the first (see `Transport::abandon`).
    pub fn duplicate(&self) -> Message {
        Message(self.0.clone())
    }

    fn key_start(&self) -> usize {
        META + self.0[TOPIC_LEN] as usize + 1
    }

    fn value_start(&self) -> usize {
        self.key_start() + self.len_at(KEY_LEN)
    }

    fn partition_key_start(&self) -> usize {
        self.value_start() + self.len_at(VALUE_LEN)
    }

    fn headers_start(&self) -> usize {
        self.partition_key_start() + self.len_at(PARTITION_KEY_LEN)
    }

    fn part(&self, start: usize, len_field: usize) -> Option<&[u8]> {
        let len = i32::from_ne_bytes(self.field(len_field));
        (len >= 0).then(|| &self.0[start..start + len as usize])
    }

    fn len_at(&self, field: usize) -> usize {
        i32::from_ne_bytes(self.field(field)).max(0) as usize
    }

    fn field<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[start..start + N]);
        bytes
    }
}

fn put<const N: usize>(fixed: &mut [u8; META], start: usize, bytes: [u8; N]) {
    fixed[start..start + N].copy_from_slice(&bytes);
}

/// A length as it is stored: -1 = null. The boundary has refused lengths over [`MAX_LEN`].
fn len_of(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| bytes.len() as i32)
}

/// What is stored of a header beside its name and value: the NUL and the length.
const HEADER_FRAME: usize = 1 + size_of::<i32>();

fn header_len(header: &Header) -> usize {
    header.name.count_bytes() + HEADER_FRAME + header.value.map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(draft: &Draft) -> Message {
        Message::copy(draft, Place::Queue, draft.timestamp_ms, 7).expect("memory")
    }

    #[test]
    fn every_part_comes_back() {
        let headers = [
            Header { name: c"trace", value: Some(b"abc") },
            Header { name: c"", value: None },
            Header { name: c"trace", value: Some(b"") },
        ];
        let draft = Draft {
            topic: c"greetings",
            key: Some(b"k\0ey"),
            value: Some(b"hello"),
            partition_key: Some(b"pk"),
            headers: &headers,
            timestamp_ms: 1_700_000_000_123,
            tag: u64::MAX,
            partition: 3,
        };
        let message = copy(&draft);
        assert_eq!(message.topic(), c"greetings");
        assert_eq!(message.key(), Some(&b"k\0ey"[..]));
        assert_eq!(message.value(), Some(&b"hello"[..]));
        assert_eq!(message.routing_key(), Some(&b"pk"[..]));
        assert_eq!(message.headers().collect::<Vec<_>>(), headers);
        assert_eq!((message.timestamp_ms(), message.tag(), message.partition()), (1_700_000_000_123, u64::MAX, 3));
        assert_eq!(message.accepted_at_us(), 7);
        assert_eq!((message.payload_len(), message.charge()), (draft.payload_len(), draft.charge()));
    }

    #[test]
    fn null_and_empty_stay_apart() {
        let null = copy(&Draft { topic: c"t", ..Draft::default() });
        let empty = copy(&Draft { topic: c"t", key: Some(b""), value: Some(b""), ..Draft::default() });
        assert_eq!((null.key(), null.value(), null.routing_key()), (None, None, None));
        assert_eq!((empty.key(), empty.value()), (Some(&b""[..]), Some(&b""[..])));
    }

    #[test]
    fn the_key_routes_where_no_partition_key_is_given() {
        let message = copy(&Draft { topic: c"t", key: Some(b"k"), ..Draft::default() });
        assert_eq!(message.routing_key(), Some(&b"k"[..]));
    }

    #[test]
    fn the_place_can_change() {
        let mut message = copy(&Draft { topic: c"t", ..Draft::default() });
        assert_eq!(message.place(), Place::Queue);
        message.set_place(Place::Buffer);
        assert_eq!(message.place(), Place::Buffer);
    }

    #[test]
    fn topics_follow_kafkas_rule() {
        let check = |topic: &CStr| Draft { topic, ..Draft::default() }.check();
        let longest = std::ffi::CString::new("x".repeat(249)).expect("no NUL");
        let too_long = std::ffi::CString::new("x".repeat(250)).expect("no NUL");
        for good in [c"a", c"A.b_c-9", c"...", longest.as_c_str()] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [c"", c".", c"..", c"a b", c"a/b", c"\xc3\xa4", too_long.as_c_str()] {
            assert_eq!(check(bad).map_err(|error| error.status), Err(Status::InvalidArgument), "{bad:?}");
        }
    }

    #[test]
    fn the_wire_length_is_never_below_librdkafkas_estimate() {
        // librdkafka refuses a message whose key + value + headers + 36 bytes exceed message.max.bytes
        // (rd_kafka_msg_max_wire_size in rdkafka_proto.h and rdkafka_msg.h).
        let draft = Draft { topic: c"t", key: Some(b"12345"), value: Some(b"1234567890"), ..Draft::default() };
        assert_eq!(draft.wire_len(), 15 + RECORD_OVERHEAD);
    }
}
