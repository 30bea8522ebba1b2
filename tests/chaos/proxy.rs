//! A TCP proxy in front of a broker that can delay, cut, swallow and garble what passes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// How often a connection looks for new weather while nothing passes.
const TICK: Duration = Duration::from_millis(20);

pub struct Proxy {
    port: u16,
    weather: Arc<Weather>,
}

#[derive(Default)]
struct Weather {
    delay_ms: AtomicU64,
    /// Connections stay open and nothing passes any more, in either direction: a half-open peer.
    black_hole: AtomicBool,
    /// One more than before: every connection of an earlier number ends.
    cuts: AtomicU64,
    /// The next response of some connection gets an absurd size in front.
    garble: AtomicBool,
    over: AtomicBool,
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
                // Where the broker is away, so is the proxy: the client's connection ends at once.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    connect(client, server, &shared);
                }
            }
        });
        Proxy { port, weather }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Each piece of data waits so long before it goes on.
    pub fn delay(&self, time: Duration) {
        self.weather.delay_ms.store(time.as_millis() as u64, SeqCst);
    }

    pub fn black_hole(&self, on: bool) {
        self.weather.black_hole.store(on, SeqCst);
    }

    /// Ends every connection, in the middle of what passes.
    pub fn cut(&self) {
        self.weather.cuts.fetch_add(1, SeqCst);
    }

    pub fn garble(&self) {
        self.weather.garble.store(true, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.over.store(true, SeqCst);
        self.cut();
        drop(TcpStream::connect(("127.0.0.1", self.port))); // it waits for the next client
    }
}

fn connect(client: TcpStream, server: TcpStream, weather: &Arc<Weather>) {
    let number = weather.cuts.load(SeqCst);
    let copy = |stream: &TcpStream| stream.try_clone().expect("descriptors");
    let (up, down) = ((copy(&client), copy(&server)), (server, client));
    for ((from, to), frames) in [(up, None), (down, Some(Frames::default()))] {
        let weather = weather.clone();
        std::thread::spawn(move || pump(from, to, frames, number, &weather));
    }
}

/// Brings data from one side to the other until one of them ends or the weather ends it.
fn pump(mut from: TcpStream, mut to: TcpStream, mut frames: Option<Frames>, number: u64, weather: &Weather) {
    let mut buffer = vec![0; 64 * 1024];
    from.set_read_timeout(Some(TICK)).expect("a timeout");
    drop(to.set_nodelay(true));
    while weather.cuts.load(SeqCst) == number {
        if weather.black_hole.load(SeqCst) {
            std::thread::sleep(TICK); // the fault itself, not a wait for something
            continue;
        }
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        let delay = weather.delay_ms.load(SeqCst);
        if delay > 0 {
            std::thread::sleep(Duration::from_millis(delay));
        }
        if let Some(frames) = &mut frames {
            if weather.garble.load(SeqCst) && frames.is_at_start() && weather.garble.swap(false, SeqCst) {
                buffer[..len.min(4)].fill(0x7F);
            }
            frames.pass(&buffer[..len]);
        }
        if weather.cuts.load(SeqCst) != number || to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

/// Where the frames of Kafka's protocol begin: each has its size in four bytes in front.
/// <https://kafka.apache.org/protocol#protocol_common>
#[derive(Default)]
struct Frames {
    size: Vec<u8>,
    left: usize,
}

impl Frames {
    fn is_at_start(&self) -> bool {
        self.left == 0 && self.size.is_empty()
    }

    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let body = self.left.min(bytes.len());
            self.left -= body;
            bytes = &bytes[body..];
            while self.left == 0 && !bytes.is_empty() {
                self.size.push(bytes[0]);
                bytes = &bytes[1..];
                if let Ok(size) = <[u8; 4]>::try_from(self.size.as_slice()) {
                    self.left = u32::from_be_bytes(size) as usize;
                    self.size.clear();
                }
            }
        }
    }
}
