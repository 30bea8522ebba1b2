//! key=value words, as in peer.h.

pub struct Options {
    pub bootstrap: String,
    pub topic: String,
    pub payload: String,
    pub compression: String,
    pub messages: u64,
    pub size: u64,
    pub threads: u64,
    pub rate: u64,
    pub linger: u64,
    pub queue: u64,
    pub calls: bool,
    pub latency: bool,
    pub wait: bool,
}

pub fn fail(what: &str) -> ! {
    eprintln!("peer: {what}");
    std::process::exit(1)
}

impl Options {
    pub fn read() -> Options {
        let mut options = Options {
            bootstrap: "127.0.0.1:9092".into(),
            topic: "bench".into(),
            payload: String::new(),
            compression: "none".into(),
            messages: 100_000,
            size: 100,
            threads: 1,
            rate: 0,
            linger: 5,
            queue: 100_000,
            calls: false,
            latency: false,
            wait: true,
        };
        for word in std::env::args().skip(1) {
            let (key, value) = word.split_once('=').unwrap_or_else(|| fail("options are key=value"));
            options.set(key, value);
        }
        options
    }

    fn set(&mut self, key: &str, value: &str) {
        let number = || value.parse::<u64>().unwrap_or_else(|_| fail("a number is expected"));
        match key {
            "bootstrap" => self.bootstrap = value.into(),
            "topic" => self.topic = value.into(),
            "payload" => self.payload = value.into(),
            "compression" => self.compression = value.into(),
            "messages" => self.messages = number(),
            "size" => self.size = number(),
            "threads" => self.threads = number(),
            "rate" => self.rate = number(),
            "linger" => self.linger = number(),
            "queue" => self.queue = number(),
            "calls" => self.calls = number() != 0,
            "latency" => self.latency = number() != 0,
            "wait" => self.wait = number() != 0,
            _ => fail("an option is not known"),
        }
    }

    /// The lines of the payload file, each of `size` bytes.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        let size = self.size as usize;
        if self.payload.is_empty() {
            return vec![vec![b'x'; size]];
        }
        let file = std::fs::read(&self.payload).unwrap_or_else(|error| fail(&error.to_string()));
        file.chunks_exact(size + 1).map(|line| line[..size].to_vec()).collect()
    }
}
