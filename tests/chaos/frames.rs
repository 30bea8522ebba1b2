//! Where the frames of Kafka's protocol begin and end: each has its size in four bytes in front.
//! <https://kafka.apache.org/protocol#protocol_common>

/// Size, key and version of the call, correlation id.
pub const REQUEST_HEAD: usize = 12;
/// Size, correlation id.
pub const ANSWER_HEAD: usize = 8;

const SIZE: usize = 4;
const PRODUCE: [u8; 2] = [0, 0];

#[derive(Default)]
pub struct Frames {
    head: [u8; REQUEST_HEAD],
    seen: usize,
}

impl Frames {
    /// How many bytes of the frame have passed; 0 between two frames.
    pub fn seen(&self) -> usize {
        self.seen
    }

    pub fn pass(&mut self, byte: u8) {
        if self.seen < REQUEST_HEAD {
            self.head[self.seen] = byte;
        }
        self.seen += 1;
        if self.seen >= SIZE && self.seen == self.len() {
            self.seen = 0;
        }
    }

    /// With the size itself; known once that has passed.
    pub fn len(&self) -> usize {
        let [a, b, c, d, ..] = self.head;
        SIZE + u32::from_be_bytes([a, b, c, d]) as usize
    }

    /// Of a request whose head has passed.
    pub fn is_produce(&self) -> bool {
        self.head[SIZE..SIZE + 2] == PRODUCE
    }

    /// Of a request whose head has passed.
    pub fn request_id(&self) -> u32 {
        self.id(SIZE + 4)
    }

    /// Of an answer whose head has passed.
    pub fn answer_id(&self) -> u32 {
        self.id(SIZE)
    }

    fn id(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.head[at], self.head[at + 1], self.head[at + 2], self.head[at + 3]])
    }
}
