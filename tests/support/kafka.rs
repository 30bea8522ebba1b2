//! A real broker, by way of tests/kafka/kafka.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka");

/// Below the ports that the system gives to clients, so that they are still free at a restart.
pub fn free_ports<const N: usize>() -> [u16; N] {
    /// Each is given once: what is free now may be what another test is about to use.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    std::array::from_fn(|_| {
        loop {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            assert!(step < 12_000, "no port is free");
            let port = 20_000 + ((std::process::id() * 31 + step) % 12_000) as u16;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// Of Kafka: tests/kafka/pom.xml.
pub fn version() -> String {
    let pom = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/pom.xml")).expect("the file");
    let after = pom.split("<kafka.version>").nth(1).expect("the version");
    after.split('<').next().unwrap_or_default().to_owned()
}

/// A broker with a directory of its own; it ends with the value, and with the test process however that ends.
pub struct Broker {
    directory: PathBuf,
    bootstrap: String,
    /// `kafka guard`: it removes the broker when its standard input, held here, is closed.
    guard: Mutex<Option<Child>>,
}

impl Broker {
    /// The one broker of this test binary, for tests that leave it running; it creates no topics by itself.
    pub fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        extern "C" fn end() {
            if let Some(broker) = SHARED.get() {
                broker.end();
            }
        }
        SHARED.get_or_init(|| {
            // SAFETY: `end` may run at exit: it takes no lock that a thread could hold for ever.
            unsafe { libc::atexit(end) };
            Broker::start(&["auto.create.topics.enable=false"])
        })
    }

    pub fn start(properties: &[&str]) -> Broker {
        Broker::start_version("", properties)
    }

    /// Of Kafka's version, such as 3.9.1; none: that of tests/kafka/pom.xml.
    pub fn start_version(version: &str, properties: &[&str]) -> Broker {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("broker-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let guard = Command::new(SCRIPT).arg("guard").arg(&directory).stdin(Stdio::piped()).spawn().expect("bash");
        let mut broker = Broker { directory, bootstrap: String::new(), guard: Mutex::new(Some(guard)) };
        let mut start = broker.command("start", properties);
        let said = String::from_utf8(output_of("start", start.env("KAFKA_VERSION", version))).expect("UTF-8");
        broker.bootstrap = said.trim().strip_prefix("bootstrap=").expect("the address").to_owned();
        broker
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// As `kill -9` does.
    pub fn kill(&self) {
        self.run::<&str>("kill", &[]);
    }

    /// With the same address and data.
    pub fn restart(&self) {
        self.run::<&str>("restart", &[]);
    }

    pub fn topic(&self, name: &str, partitions: u32, configs: &[&str]) {
        let partitions = partitions.to_string();
        self.run("topic", &[&[name, &partitions], configs].concat());
    }

    pub fn add_partitions(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        self.run("tool", &["TopicCommand", "--alter", "--topic", topic, "--partitions", &partitions]);
    }

    pub fn delete_topic(&self, topic: &str) {
        self.tool(&["TopicCommand", "--delete", "--topic", topic]);
    }

    /// Any of Kafka's tools, as `kafka tool` runs it; what it printed.
    pub fn tool(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run("tool", arguments)).expect("UTF-8")
    }

    /// Changes the configuration of a broker, a topic or a user: `a=1,b=2`.
    pub fn configure(&self, kind: &str, name: &str, properties: &str) {
        let what = ["--entity-type", kind, "--entity-name", name];
        let change = ["kafka.admin.ConfigCommand", "--alter", "--add-config", properties];
        self.run("tool", &[&change[..], &what].concat());
    }

    /// A user for SASL SCRAM.
    pub fn add_user(&self, name: &str, password: &str) {
        self.configure("users", name, &format!("SCRAM-SHA-256=[password={password}]"));
    }

    /// Partition by partition, where the next message would go.
    pub fn end_offsets(&self, topic: &str) -> Vec<i64> {
        let said = String::from_utf8(self.run("end-offsets", &[topic])).expect("UTF-8");
        let mut offsets: Vec<(i32, i64)> = said
            .lines()
            .map(|line| line.split_once(' ').expect("partition and offset"))
            .map(|(partition, offset)| (partition.parse().expect("a partition"), offset.parse().expect("an offset")))
            .collect();
        offsets.sort_unstable();
        offsets.into_iter().map(|(_, offset)| offset).collect()
    }

    /// Any of Kafka's tools; whether it did what it should.
    pub fn try_tool(&self, arguments: &[&str]) -> bool {
        let output = self.command("tool", arguments).stdin(Stdio::null()).output().expect("bash");
        output.status.success()
    }

    /// Everything in the topic, by partition and offset.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut records: Vec<Record> = split(&self.run("read", &[topic]), END).map(Record::parse).collect();
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// The first `count` records of the topic as they come, without keeping them: those of a partition by their offsets.
    pub fn read_each(&self, topic: &str, count: u64, mut take: impl FnMut(&Record)) {
        let mut command = self.command("read", &[topic, &count.to_string()]);
        let complaints = self.directory.join(format!("read-{topic}.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&complaints).expect("a file"));
        let mut child = command.spawn().expect("bash");
        let mut output = BufReader::with_capacity(1 << 20, child.stdout.take().expect("a pipe"));
        let mut record = Vec::new();
        while output.read_until(b'\n', &mut record).expect("what the consumer says") > 0 {
            if let Some(record) = record.strip_suffix(END) {
                take(&Record::parse(record));
            } else {
                continue; // a line in the middle of a value
            }
            record.clear();
        }
        assert!(record.is_empty(), "not a record: {}", record.escape_ascii());
        let status = child.wait().expect("its end");
        let complaint = || std::fs::read_to_string(&complaints).unwrap_or_default();
        assert!(status.success(), "`kafka read {topic}` failed, {status}:\n{}", complaint());
    }

    /// The values in the topic, by partition and offset.
    pub fn read_values(&self, topic: &str) -> Vec<String> {
        self.read(topic).iter().map(Record::text).collect()
    }

    /// How long the segments of the topic's logs are.
    pub fn bytes_on_disk(&self, topic: &str) -> u64 {
        let directories = std::fs::read_dir(self.directory.join("data")).expect("the logs").map(|entry| entry.unwrap());
        directories
            .filter(|entry| entry.file_name().to_string_lossy().rsplit_once('-').is_some_and(|(name, _)| name == topic))
            .flat_map(|entry| std::fs::read_dir(entry.path()).expect("a log").map(|file| file.unwrap()))
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "log"))
            .map(|file| file.metadata().expect("its size").len())
            .sum()
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.directory.join("pid")).expect("the pid file");
        text.trim().parse().expect("a number")
    }

    /// By Kafka's own console producer.
    pub fn write(&self, topic: &str, lines: &str) {
        let mut child = self.command("write", &[topic]).stdin(Stdio::piped()).spawn().expect("bash");
        child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("the console producer reads");
        assert!(child.wait().expect("its end").success(), "kafka write {topic} failed");
    }

    fn command<S: AsRef<OsStr>>(&self, name: &str, arguments: &[S]) -> Command {
        let mut command = Command::new(SCRIPT);
        command.arg(name).arg(&self.directory).args(arguments);
        command
    }

    fn run<S: AsRef<OsStr>>(&self, name: &str, arguments: &[S]) -> Vec<u8> {
        output_of(name, &mut self.command(name, arguments))
    }

    pub fn end(&self) {
        let guard = self.guard.lock().map(|mut guard| guard.take());
        if let Ok(Some(mut guard)) = guard {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

fn output_of(name: &str, command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().expect("bash");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`kafka {name}` failed, {}:\n{complaint}", output.status);
    output.stdout
}

/// A message as it lies in the broker's log.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// What `kafka read` puts between the parts; only the value of a message may hold the first one.
const FIELD: &[u8] = b"<~>";
const HEADER: &[u8] = b"<~,~>";
const NULL: &[u8] = b"<~null~>";
const END: &[u8] = b"<~end~>\n";

impl Record {
    fn parse(bytes: &[u8]) -> Record {
        let mut rest = bytes;
        let [timestamp, partition, offset, headers, key] = std::array::from_fn(|_| {
            let (field, after) = cut(rest, FIELD).unwrap_or_else(|| panic!("not a record: {}", bytes.escape_ascii()));
            rest = after;
            field
        });
        let headers = if headers == b"NO_HEADERS" {
            Vec::new()
        } else {
            split(headers, HEADER).map(Record::parse_header).collect()
        };
        Record {
            partition: number(partition, "Partition:") as i32,
            offset: number(offset, "Offset:"),
            timestamp: number(timestamp, "CreateTime:"),
            headers,
            key: unless_null(key),
            value: unless_null(rest),
        }
    }

    fn parse_header(bytes: &[u8]) -> (String, Option<Vec<u8>>) {
        let colon = bytes.iter().position(|&byte| byte == b':').expect("a colon after the name");
        let name = String::from_utf8(bytes[..colon].to_vec()).expect("a name in UTF-8");
        (name, unless_null(&bytes[colon + 1..]))
    }

    /// The value, where it is text.
    pub fn text(&self) -> String {
        String::from_utf8(self.value.clone().expect("a value")).expect("text")
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &Option<Vec<u8>>| match bytes {
            None => "null".to_owned(),
            Some(bytes) if bytes.len() > 100 => format!("{} bytes", bytes.len()),
            Some(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        };
        write!(f, "{}/{} at {}: ", self.partition, self.offset, self.timestamp)?;
        write!(f, "{} = {}", shown(&self.key), shown(&self.value))?;
        for (name, value) in &self.headers {
            write!(f, ", {name}: {}", shown(value))?;
        }
        Ok(())
    }
}

fn number(bytes: &[u8], label: &str) -> i64 {
    let text = std::str::from_utf8(bytes).expect("a number");
    text.strip_prefix(label).unwrap_or_else(|| panic!("{label} is missing in {text}")).parse().expect("a number")
}

fn unless_null(bytes: &[u8]) -> Option<Vec<u8>> {
    (bytes != NULL).then(|| bytes.to_vec())
}

/// What stands before each separator, and what follows the last one unless it is nothing.
fn split<'a>(mut rest: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (found, after) = cut(rest, separator).unwrap_or((rest, b""));
        rest = after;
        Some(found)
    })
}

/// What stands before the first separator, and what after it.
fn cut<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}
