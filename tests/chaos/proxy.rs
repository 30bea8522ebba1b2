//! A TCP proxy in front of a broker: what passes can be late, slow, cut, swallowed and changed.
//!
//! Kafka's answers have no checksum: where a byte of an offset or of an error code is flipped, nobody can know. So answers
//! are changed only where the protocol has a check: their size and their correlation id. A byte of a record batch may be
//! flipped, for the batch has a CRC. Where an answer has no possible size, librdkafka fails the produce requests of that
//! connection (_BAD_MSG) with their fate unknown, and does not send them again: so such faults make FAILED events.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frames::{ANSWER_HEAD, Frames, REQUEST_HEAD};

/// How often a connection looks for new weather while nothing passes.
const TICK: Duration = Duration::from_millis(20);
/// The most that is read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks on their way.
const DEPTH: usize = 64;

/// Something done once, to the next frame that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The connection is reset when half of a Produce request has passed.
    ResetInRequest,
    /// A Produce request passes, the broker answers it, and the connection is reset before the answer passes.
    ResetBeforeAnswer,
    /// A byte of a value in a Produce request is another one.
    FlipInBatch,
    /// An answer says that it has two gigabytes.
    AbsurdSize,
    /// An answer says that it has a little less than librdkafka takes, and nothing comes.
    LargeSize,
    /// An answer to nobody's question.
    WrongId,
    /// What an HTTP server says to such a request.
    Http,
}

impl Trap {
    fn is_for_requests(self) -> bool {
        matches!(self, Trap::ResetInRequest | Trap::ResetBeforeAnswer | Trap::FlipInBatch)
    }
}

const HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>Bad Request</h1>\n";

/// What a server says that is of another kind altogether.
pub const GARBAGE: &[u8] = b"\xDE\xAD\xBE\xEF\x00\xFF* OK IMAP4rev1 ready\r\n\x16\x03\x01\x02\x00\x01\x00";

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToBroker,
    ToClient,
}

pub const BOTH: [Way; 2] = [Way::ToBroker, Way::ToClient];

pub struct Proxy {
    port: u16,
    weather: Arc<Weather>,
}

#[derive(Default)]
struct Weather {
    ways: [Sky; 2],
    /// One more than before: every connection of an earlier number ends.
    cuts: AtomicU64,
    /// One more than before: nothing passes in any connection of an earlier number, and they stay open.
    holes: AtomicU64,
    trap: Mutex<Option<Trap>>,
    /// Who comes is answered with this, and the broker does not hear of it.
    impostor: Mutex<Option<&'static [u8]>>,
    connections: AtomicU64,
    passed: AtomicU64,
    over: AtomicBool,
}

/// The weather of one way.
#[derive(Default)]
struct Sky {
    delay_ms: AtomicU64,
    /// Up to so much more.
    jitter_ms: AtomicU64,
    /// 0 = no limit.
    bytes_a_second: AtomicU64,
    closed: AtomicBool,
}

impl Weather {
    fn sky(&self, way: Way) -> &Sky {
        &self.ways[way as usize]
    }

    fn take_trap(&self, fits: impl Fn(Trap) -> bool) -> Option<Trap> {
        lock(&self.trap).take_if(|trap| fits(*trap))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Listens on a port of its own, and brings who comes to `target`.
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let weather = Arc::new(Weather::default());
        let shared = weather.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(SeqCst) {
                    break;
                }
                shared.connections.fetch_add(1, SeqCst);
                let impostor = *lock(&shared.impostor);
                if let Some(words) = impostor {
                    std::thread::spawn(move || pretend(&client, words));
                } else if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    Connection::start(client, server, &shared);
                } // Where the broker is away, so is the proxy: the client's connection ends at once.
            }
        });
        Proxy { port, weather }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Everything comes so much later, and up to `jitter` later than that.
    pub fn delay(&self, time: Duration, jitter: Duration) {
        for sky in &self.weather.ways {
            sky.delay_ms.store(time.as_millis() as u64, SeqCst);
            sky.jitter_ms.store(jitter.as_millis() as u64, SeqCst);
        }
    }

    /// In each connection; what is slow is not read before its time, so the sender's window fills. 0 = no limit.
    pub fn limit(&self, way: Way, bytes_a_second: u64) {
        self.weather.sky(way).bytes_a_second.store(bytes_a_second, SeqCst);
    }

    /// Nothing passes in this way, and connections stay open. What was held passes afterwards, as TCP would have it.
    pub fn close(&self, way: Way, on: bool) {
        self.weather.sky(way).closed.store(on, SeqCst);
    }

    pub fn black_hole(&self, on: bool) {
        BOTH.iter().for_each(|way| self.close(*way, on));
    }

    /// The connections that there are become half-open for ever; new ones are well.
    pub fn forget(&self) {
        self.weather.holes.fetch_add(1, SeqCst);
    }

    /// Ends every connection, in the middle of what passes.
    pub fn cut(&self) {
        self.weather.cuts.fetch_add(1, SeqCst);
    }

    pub fn set_trap(&self, trap: Trap) {
        *lock(&self.weather.trap) = Some(trap);
    }

    /// Whether the last trap has not caught anything yet.
    pub fn is_set(&self) -> bool {
        lock(&self.weather.trap).is_some()
    }

    pub fn unset_trap(&self) {
        *lock(&self.weather.trap) = None;
    }

    /// `Some`: a server that says only this, and connections to the broker end.
    pub fn pretend(&self, words: Option<&'static [u8]>) {
        *lock(&self.weather.impostor) = words;
        if words.is_some() {
            self.cut();
        }
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.weather.connections.load(SeqCst)
    }

    /// How many bytes have passed in both ways.
    pub fn passed(&self) -> u64 {
        self.weather.passed.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.over.store(true, SeqCst);
        self.cut();
        drop(TcpStream::connect(("127.0.0.1", self.port))); // it waits for the next client
    }
}

fn pretend(mut client: &TcpStream, words: &[u8]) {
    drop(client.set_read_timeout(Some(Duration::from_secs(5))));
    let mut request = [0; 1024];
    if client.read(&mut request).is_ok_and(|len| len > 0) {
        drop(client.write_all(words));
        while client.read(&mut request).is_ok_and(|len| len > 0) {}
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    weather: Arc<Weather>,
    cuts: u64,
    holes: u64,
    over: AtomicBool,
    /// The Produce request before whose answer the connection is reset.
    awaited: Mutex<Option<u32>>,
}

/// A piece of data and when it may go on.
type Chunk = (Instant, Vec<u8>);

impl Connection {
    fn start(client: TcpStream, server: TcpStream, weather: &Arc<Weather>) {
        for stream in [&client, &server] {
            drop(stream.set_nodelay(true));
            drop(stream.set_read_timeout(Some(TICK)));
        }
        let (cuts, holes) = (weather.cuts.load(SeqCst), weather.holes.load(SeqCst));
        let (over, awaited) = (AtomicBool::new(false), Mutex::new(None));
        let connection = Arc::new(Connection { client, server, weather: weather.clone(), cuts, holes, over, awaited });
        for way in BOTH {
            let (sender, receiver) = sync_channel(DEPTH);
            let (reader, writer) = (connection.clone(), connection.clone());
            std::thread::spawn(move || reader.read(way, &sender));
            std::thread::spawn(move || writer.write(way, &receiver));
        }
    }

    fn ends(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::ToBroker => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(SeqCst) || self.weather.cuts.load(SeqCst) != self.cuts
    }

    fn is_closed(&self, way: Way) -> bool {
        self.weather.sky(way).closed.load(SeqCst) || self.weather.holes.load(SeqCst) != self.holes
    }

    fn end(&self) {
        self.over.store(true, SeqCst);
        for stream in [&self.client, &self.server] {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Both sides get an RST.
    fn reset(&self) {
        self.over.store(true, SeqCst);
        for stream in [&self.client, &self.server] {
            let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
            // SAFETY: a system call; to connect to nowhere is to end a connection, by an RST.
            unsafe { libc::connect(stream.as_raw_fd(), &nowhere, size_of_val(&nowhere) as libc::socklen_t) };
        }
    }

    fn read(&self, way: Way, sender: &SyncSender<Chunk>) {
        let (mut from, sky) = (self.ends(way).0, self.weather.sky(way));
        let (mut editor, mut due, mut dice) = (Editor { way, ..Editor::default() }, Instant::now(), 1);
        let mut buffer = vec![0; CHUNK];
        while !self.is_over() {
            if self.is_closed(way) {
                std::thread::sleep(TICK); // the fault itself, not a wait for something
                continue;
            }
            let room = match sky.bytes_a_second.load(SeqCst) as usize {
                0 => CHUNK,
                limit => (limit / 50).clamp(1, CHUNK),
            };
            let mut data = match from.read(&mut buffer[..room]) {
                Ok(0) => break,
                Ok(len) => buffer[..len].to_vec(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => break,
            };
            let goes_on = editor.edit(&mut data, self);
            dice = (dice * 1_103_515_245 + 12_345) % (1 << 31);
            let jitter = dice * sky.jitter_ms.load(SeqCst) / (1 << 31);
            let time = Duration::from_millis(sky.delay_ms.load(SeqCst) + jitter);
            due = due.max(Instant::now() + time); // nothing overtakes
            if sender.send((due, data)).is_err() || !goes_on {
                return;
            }
        }
    }

    fn write(&self, way: Way, receiver: &Receiver<Chunk>) {
        let mut to = self.ends(way).1;
        while !self.is_over() {
            let (due, data) = match receiver.recv_timeout(TICK) {
                Ok(chunk) => chunk,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.hold(|| self.is_closed(way) || Instant::now() < due);
            if self.is_over() || to.write_all(&data).is_err() {
                break;
            }
            self.weather.passed.fetch_add(data.len() as u64, SeqCst);
            if *lock(&self.awaited) == Some(RESET_NOW) {
                return self.reset();
            }
            let sent = Instant::now();
            self.hold(|| match self.weather.sky(way).bytes_a_second.load(SeqCst) {
                0 => false,
                limit => sent.elapsed().as_secs_f64() < data.len() as f64 / limit as f64,
            });
        }
        self.end();
    }

    /// As long as the weather has it so.
    fn hold(&self, weather: impl Fn() -> bool) {
        while !self.is_over() && weather() {
            std::thread::sleep(Duration::from_millis(2)); // the fault itself
        }
    }
}

/// In the place of an id: what has been written was the last.
const RESET_NOW: u32 = u32::MAX;

/// Finds frames in what passes one way, and does what traps say.
struct Editor {
    way: Way,
    frames: Frames,
    plan: Option<(usize, Trap)>,
}

impl Default for Editor {
    fn default() -> Editor {
        Editor { way: Way::ToBroker, frames: Frames::default(), plan: None }
    }
}

impl Editor {
    /// False: what is in `data` is the last that passes.
    fn edit(&mut self, data: &mut Vec<u8>, connection: &Connection) -> bool {
        for index in 0..data.len() {
            if self.way == Way::ToClient && self.frames.seen() == 0 {
                let trap = connection.weather.take_trap(|trap| !trap.is_for_requests());
                self.plan = trap.map(|trap| (0, trap));
            }
            if let Some((at, trap)) = self.plan
                && self.frames.seen() >= at
            {
                match trap {
                    Trap::ResetInRequest => {
                        data.truncate(index);
                        *lock(&connection.awaited) = Some(RESET_NOW);
                        return false;
                    }
                    Trap::Http => {
                        data.truncate(index);
                        data.extend_from_slice(HTTP);
                        return true;
                    }
                    _ => {}
                }
                let seen = self.frames.seen();
                match trap {
                    Trap::FlipInBatch if seen == at => data[index] ^= 1,
                    Trap::AbsurdSize if seen < 4 => data[index] = 0x7F,
                    Trap::LargeSize if seen < 4 => data[index] = [0x05, 0xF5, 0x00, 0x00][seen],
                    Trap::WrongId if seen == 4 => data[index] ^= 0x40, // ids are never so large
                    _ => {}
                }
            }
            self.frames.pass(data[index]);
            let seen = self.frames.seen();
            if seen == 0 {
                self.plan = None;
            } else if self.way == Way::ToBroker && seen == REQUEST_HEAD && self.frames.is_produce() {
                self.plan_request(connection);
            } else if self.way == Way::ToClient && seen == ANSWER_HEAD {
                let mut awaited = lock(&connection.awaited);
                if *awaited == Some(self.frames.answer_id()) {
                    *awaited = Some(RESET_NOW);
                    drop(awaited);
                    data.truncate((index + 1).saturating_sub(ANSWER_HEAD));
                    return false;
                }
            }
        }
        true
    }

    fn plan_request(&mut self, connection: &Connection) {
        let len = self.frames.len();
        self.plan = match connection.weather.take_trap(Trap::is_for_requests) {
            Some(Trap::ResetBeforeAnswer) => {
                *lock(&connection.awaited) = Some(self.frames.request_id());
                None
            }
            Some(trap @ Trap::ResetInRequest) => Some((len / 2, trap)),
            // In the checksum at the end of the last value (tests/chaos/value.rs), before the count of its headers and
            // what a Produce request may have behind its records.
            Some(trap) => Some((len - 12, trap)),
            None => self.plan,
        };
    }
}
