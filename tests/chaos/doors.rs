//! One real broker with many doors, each with a proxy of its own in front, so that tests have their weather to themselves.

use std::sync::OnceLock;

use super::proxy::Proxy;
use crate::support::kafka::{Broker, free_ports};

const COUNT: usize = 16;

pub struct Doors {
    pub broker: Broker,
    proxies: Vec<Proxy>,
}

impl Doors {
    /// Those of this test binary; they stay open to its end.
    pub fn shared() -> &'static Doors {
        static SHARED: OnceLock<Doors> = OnceLock::new();
        extern "C" fn end() {
            if let Some(doors) = SHARED.get() {
                doors.broker.end();
            }
        }
        SHARED.get_or_init(|| {
            // SAFETY: `end` may run at exit: it takes no lock that a thread could hold for ever.
            unsafe { libc::atexit(end) };
            Doors::start()
        })
    }

    /// A broker tells its clients the address of the listener they came by: so each listener tells that of its proxy.
    fn start() -> Doors {
        let [inside, controller, ports @ ..]: [u16; COUNT + 2] = free_ports();
        let proxies: Vec<_> = ports.iter().map(|port| Proxy::start(*port)).collect();
        let list = |begin: String, each: &dyn Fn(usize) -> String| {
            (0..COUNT).map(each).fold(begin, |list, door| list + "," + &door)
        };
        let properties = [
            format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
            list(format!("listeners=PLAINTEXT://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}"), &|door| {
                format!("DOOR{door}://127.0.0.1:{}", ports[door])
            }),
            list(format!("advertised.listeners=PLAINTEXT://127.0.0.1:{inside}"), &|door| {
                format!("DOOR{door}://{}", proxies[door].address())
            }),
            list("listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".into(), &|door| {
                format!("DOOR{door}:PLAINTEXT")
            }),
            "inter.broker.listener.name=PLAINTEXT".into(),
            "auto.create.topics.enable=false".into(),
            "num.network.threads=1".into(), // for each listener
        ];
        let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
        Doors { broker: Broker::start(&properties), proxies }
    }

    pub fn proxy(&self, door: usize) -> &Proxy {
        &self.proxies[door]
    }
}
