//! A message as it is meant, and its packed form, written and read by hand from the words of the header.

use std::ffi::CString;

use super::input::Input;

pub type Bytes = Option<Box<[u8]>>;

/// What `message.max.bytes` is in every producer here.
pub const MAX_BYTES: usize = 1000;

/// The most that Kafka's format adds to a record, and to each of its headers.
const RECORD: usize = 36;
const HEADER: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub topic: CString,
    pub partition: i32,
    pub key: Bytes,
    pub value: Bytes,
    pub partition_key: Bytes,
    pub timestamp_ms: i64,
    pub tag: u64,
    pub headers: Vec<(CString, Bytes)>,
}

/// What may be answered for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Good,
    Illegal,
    TooLarge,
    /// The limit is within what the format may add.
    Close,
}

impl Record {
    pub fn plain(topic: CString, key: Bytes, value: Bytes, tag: u64) -> Record {
        Record { topic, partition: -1, key, value, partition_key: None, timestamp_ms: 0, tag, headers: Vec::new() }
    }

    pub fn from(input: &mut Input) -> Record {
        let topic = topic(input);
        let (key, value) = (input.maybe_bytes(), input.maybe_bytes());
        let mut record = Record::plain(topic, key, value, input.number() as u64);
        if input.rarely(2) {
            record.partition_key = input.maybe_bytes();
            record.partition = input.number() as i32;
            record.timestamp_ms = input.number();
            record.headers = (0..input.below(6)).map(|_| (input.text(), input.maybe_bytes())).collect();
        }
        record
    }

    pub fn fit(&self) -> Fit {
        if !is_legal(self.topic.to_bytes()) || self.partition < -1 || self.timestamp_ms < 0 {
            return Fit::Illegal;
        }
        let len = |bytes: &Bytes| bytes.as_deref().map_or(0, <[u8]>::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.count_bytes() + len(value)).sum();
        let payload = len(&self.key) + len(&self.value) + headers;
        match payload {
            _ if payload > MAX_BYTES => Fit::TooLarge,
            _ if payload + RECORD + HEADER * self.headers.len() > MAX_BYTES => Fit::Close,
            _ => Fit::Good,
        }
    }

    pub fn pack(&self) -> Vec<u8> {
        let len = |bytes: &Bytes| bytes.as_deref().map_or(-1, |bytes| bytes.len() as i32).to_le_bytes();
        let part = |bytes: &Bytes| bytes.clone().unwrap_or_default();
        let mut record = vec![0; 4];
        record.extend((self.topic.count_bytes() as u32).to_le_bytes());
        record.extend(self.partition.to_le_bytes());
        let parts = [&self.key, &self.value, &self.partition_key];
        parts.iter().for_each(|bytes| record.extend(len(bytes)));
        record.extend(self.timestamp_ms.to_le_bytes());
        record.extend(self.tag.to_le_bytes());
        record.extend((self.headers.len() as u32).to_le_bytes());
        record.extend([0; 4]);
        record.extend(self.topic.to_bytes_with_nul());
        parts.iter().for_each(|bytes| record.extend(part(bytes)));
        for (name, value) in &self.headers {
            record.extend((name.count_bytes() as u32).to_le_bytes());
            record.extend(len(value));
            record.extend(name.to_bytes_with_nul());
            record.extend(part(value));
        }
        let size = record.len() as u32;
        record[..4].copy_from_slice(&size.to_le_bytes());
        record
    }

    /// The records that follow each other in `bytes`; `None` where one is not of the form.
    pub fn unpack_all(mut bytes: &[u8]) -> Option<Vec<Record>> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let size = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
            let record = bytes.get(..size)?;
            records.push(Record::unpack(record.get(4..)?)?);
            bytes = &bytes[size..];
        }
        Some(records)
    }

    fn unpack(bytes: &[u8]) -> Option<Record> {
        let mut reader = Reader(bytes);
        let topic_len = reader.unsigned()?;
        let partition = reader.signed()?;
        let lens = [reader.signed()?, reader.signed()?, reader.signed()?];
        let timestamp_ms = i64::from_le_bytes(reader.take(8)?.try_into().ok()?);
        let tag = u64::from_le_bytes(reader.take(8)?.try_into().ok()?);
        let (header_count, reserved) = (reader.unsigned()?, reader.unsigned()?);
        if reserved != 0 {
            return None;
        }
        let topic = reader.name(topic_len)?;
        let [key, value, partition_key] =
            [reader.nullable(lens[0])?, reader.nullable(lens[1])?, reader.nullable(lens[2])?];
        let mut headers = Vec::new();
        for _ in 0..header_count {
            let (name_len, value_len) = (reader.unsigned()?, reader.signed()?);
            headers.push((reader.name(name_len)?, reader.nullable(value_len)?));
        }
        reader.0.is_empty().then_some(Record {
            topic,
            partition,
            key,
            value,
            partition_key,
            timestamp_ms,
            tag,
            headers,
        })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn unsigned(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?) as usize)
    }

    fn signed(&mut self) -> Option<i32> {
        Some(i32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn name(&mut self, len: usize) -> Option<CString> {
        let name = CString::new(self.take(len)?).ok()?;
        (self.take(1)? == [0]).then_some(name)
    }

    fn nullable(&mut self, len: i32) -> Option<Bytes> {
        match len {
            -1 => Some(None),
            _ => Some(Some(self.take(usize::try_from(len).ok()?)?.into())),
        }
    }
}

/// Mostly a legal one.
pub fn topic(input: &mut Input) -> CString {
    match input.byte() {
        0..=179 => input.pick(&[c"a", c"orders", c"x.y_z-0", c"A"]).into(),
        180..=199 => input.pick(&[c"", c".", c"..", c"a b", c"caf\xC3\xA9", c"a/b", c"\xFF"]).into(),
        200..=214 => CString::new(vec![b'n'; 240 + input.below(20)]).expect("no NUL"),
        _ => input.text(),
    }
}

pub fn is_legal(topic: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=249).contains(&topic.len()) && topic != b"." && topic != b".." && topic.iter().all(legal)
}
