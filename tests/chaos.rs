//! Nothing lost, nothing twice, nothing out of order, whatever happens to the brokers and the network; and the oracle that
//! says so turns red on each defect that is put in on purpose.
//!
//! `make chaos SECONDS=600 SEED=7` runs the long form. A seed repeats the faults and the messages; the times between
//! are the machine's.

#[path = "chaos/cluster.rs"]
mod cluster;
#[path = "chaos/ledger.rs"]
mod ledger;
#[path = "chaos/nemesis.rs"]
mod nemesis;
#[path = "chaos/proxy.rs"]
mod proxy;
mod support;
#[path = "chaos/verdict.rs"]
mod verdict;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cluster::Cluster;
use ledger::Ledger;
use nemesis::Nemesis;
use support::kafka::Broker;
use verdict::{Fault, judge};

/// How long the soak program may take to deliver what is left once the faults are over.
const PATIENCE: Duration = Duration::from_secs(120);

struct Soak {
    process: Child,
    ledger: PathBuf,
}

impl Soak {
    fn start(name: &str, brokers: &str, topic: &str, options: &[String]) -> Soak {
        let program = support::program::compile("tests/chaos/soak.c");
        let ledger = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{}-{name}", std::process::id()));
        drop(std::fs::remove_file(&ledger));
        let run = format!("run={name}");
        let mut command = Command::new(program);
        command.args([brokers, topic]).arg(&ledger).arg(run).args(options).stdin(Stdio::piped());
        Soak { process: command.spawn().expect("the soak program"), ledger }
    }

    /// Takes no more messages, and delivers what there is.
    fn end(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Its ledger; without its end where it does not come to it.
    fn finish(mut self) -> Ledger {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().expect("its status") {
                assert!(status.success(), "the soak program ended with {status}");
                break;
            }
            if Instant::now() > limit {
                drop(self.process.kill());
                drop(self.process.wait());
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let ledger = Ledger::read(&self.ledger);
        drop(std::fs::remove_file(&self.ledger));
        ledger
    }
}

/// One defect after another, each of which the oracle must find under its name; and none, where it must find nothing.
#[test]
fn the_oracle_finds_each_defect() {
    let broker = Broker::shared();
    let defects = [
        ("none", None),
        ("drop-report", Some(Fault::Unsettled)),
        ("send-twice", Some(Fault::Dup)),
        ("swap", Some(Fault::Reorder)),
        ("flip", Some(Fault::Corrupt)),
        ("false-report", Some(Fault::Lost)),
        ("false-failure", Some(Fault::FalseFail)),
        ("phantom", Some(Fault::Phantom)),
        ("miscount", Some(Fault::Unbalanced)),
    ];
    for (defect, wanted) in defects {
        let topic = format!("oracle-{defect}");
        broker.topic(&topic, 2, &[]);
        let options = [format!("sabotage={defect}"), "messages=300".into(), "rate=100000".into(), "seconds=60".into()];
        let ledger = Soak::start(defect, broker.bootstrap(), &topic, &options).finish();
        let verdict = judge(&ledger, &broker.read(&topic), defect, &topic);
        match wanted {
            None => assert!(verdict.is_clean(), "without a defect: {verdict}"),
            Some(fault) => assert!(verdict.has(fault), "{defect} was not found as {fault:?}: {verdict}"),
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let (seconds, seed, rate) = (number("CHAOS_SECONDS", 60), number("CHAOS_SEED", 1), number("CHAOS_RATE", 1000));
    let cluster = Cluster::start();
    cluster.brokers[0].topic("chaos", 6, &[]);
    eprintln!("chaos: CHAOS_SEED={seed} CHAOS_SECONDS={seconds} CHAOS_RATE={rate}, {}", cluster.bootstrap());

    let options = [
        format!("seed={seed}"),
        format!("rate={rate}"),
        format!("seconds={}", seconds * 10 + 600),
        "socket.timeout.ms=5000".into(),
        "request.timeout.ms=4000".into(),
        "reconnect.backoff.max.ms=1000".into(),
    ];
    let mut soak = Soak::start("chaos", &cluster.bootstrap(), "chaos", &options);
    let mut nemesis = Nemesis::new(seed);
    let mut past = Vec::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        nemesis.rest();
        past.push(nemesis.strike(&cluster));
    }
    nemesis.rest();
    soak.end();
    let ledger = soak.finish();
    let verdict = judge(&ledger, &cluster.brokers[0].read("chaos"), "chaos", "chaos");
    report(&ledger, &past);
    eprintln!("chaos: {verdict}");
    assert!(verdict.is_clean(), "CHAOS_SEED={seed}: {verdict}");
    assert!(ledger.accepted() > 1000, "only {} messages were accepted", ledger.accepted());
}

/// How much there was of everything, and how long it took to get over each kind of fault.
fn report(ledger: &Ledger, past: &[nemesis::Past]) {
    let refused = ledger.entries.values().filter(|entry| entry.refused).count();
    eprintln!("chaos: {} accepted, {refused} refused for lack of room, {} faults", ledger.accepted(), past.len());
    let mut worst: Vec<(String, usize, i64)> = Vec::new();
    for fault in past {
        let name = format!("{:?}", fault.fault);
        let recovery = ledger.recovery_ms(fault.ended_ms).unwrap_or(0);
        match worst.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, count, most)) => (*count, *most) = (*count + 1, recovery.max(*most)),
            None => worst.push((name, 1, recovery)),
        }
    }
    for (name, count, most) in worst {
        eprintln!("chaos: {name} x {count}: all that waited was delivered {most} ms after its end at the latest");
    }
}
