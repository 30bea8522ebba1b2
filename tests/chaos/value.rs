//! What is in a message: "run thread number topic padding checksum", as tests/chaos/soak.c writes it.

/// Where the number of a thread begins in an id.
pub const NUMBER_BITS: u32 = 40;

pub fn id(thread: u64, number: u64) -> u64 {
    (thread << NUMBER_BITS) | number
}

/// For people.
pub fn name(id: u64) -> String {
    format!("message {} of thread {}", id & ((1 << NUMBER_BITS) - 1), id >> NUMBER_BITS)
}

/// What a value says of itself.
pub struct Value<'a> {
    pub run: &'a str,
    pub thread: u64,
    pub number: u64,
    pub topic: &'a str,
}

impl Value<'_> {
    pub fn compose(&self, padding: usize, key: &[u8]) -> String {
        let Value { run, thread, number, topic } = self;
        let body = format!("{run} {thread} {number} {topic} {} ", "x".repeat(padding));
        let checksum = checksum(&body, key);
        format!("{body}{checksum:016x}")
    }

    /// `None`: it is not of the form, or the checksum does not fit.
    pub fn parse<'a>(value: &'a [u8], key: &[u8]) -> Option<Value<'a>> {
        let text = std::str::from_utf8(value).ok()?;
        let (body, found) = text.split_at(text.rfind(' ')? + 1);
        let mut parts = body.split(' ');
        let value = Value {
            run: parts.next()?,
            thread: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            topic: parts.next()?,
        };
        (u64::from_str_radix(found, 16) == Ok(checksum(body, key))).then_some(value)
    }

    pub fn id(&self) -> u64 {
        id(self.thread, self.number)
    }
}

/// <http://www.isthe.com/chongo/tech/comp/fnv/>
fn checksum(body: &str, key: &[u8]) -> u64 {
    let bytes = body.bytes().chain(key.iter().copied());
    bytes.fold(14_695_981_039_346_656_037, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211))
}
