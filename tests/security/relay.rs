//! Passes connections on and counts them: a client that spins is seen by how many it makes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::support::PATIENCE;

pub struct Relay {
    address: String,
    accepted: Arc<(Mutex<usize>, Condvar)>,
}

impl Relay {
    pub fn to(target: &str) -> Relay {
        let target = target.to_owned();
        Relay::serving(move |client| {
            if let Ok(server) = TcpStream::connect(&target) {
                join(client, server);
            }
        })
    }

    /// No Kafka, but a web server that understands nothing.
    pub fn web_server() -> Relay {
        Relay::serving(|mut client| {
            let mut request = [0; 1024];
            let _ = client.read(&mut request);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        })
    }

    /// Until the process ends, a thread for each connection.
    fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let relay = Relay { address, accepted: Arc::default() };
        let (accepted, serve) = (relay.accepted.clone(), Arc::new(serve));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                *accepted.0.lock().expect("no panic") += 1;
                accepted.1.notify_all();
                let serve = serve.clone();
                thread::spawn(move || serve(client));
            }
        });
        relay
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for this many connections; answers how many there are.
    pub fn wait_for(&self, count: usize) -> usize {
        let (accepted, changed) = &*self.accepted;
        let found = accepted.lock().expect("no panic");
        let (found, late) = changed.wait_timeout_while(found, PATIENCE, |found| *found < count).expect("no panic");
        assert!(!late.timed_out(), "waited for {count} connections, {found} came");
        *found
    }
}

fn join(client: TcpStream, server: TcpStream) {
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let (Ok(from_client), Ok(to_client)) = (client.try_clone(), client.try_clone()) else { return };
    let Ok(to_server) = server.try_clone() else { return };
    let upwards = thread::spawn(move || pass(from_client, to_server));
    pass(server, to_client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upwards.join();
}
