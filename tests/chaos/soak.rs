//! The soak program, tests/chaos/soak.c, as a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use crate::support::program;

pub struct Soak {
    process: Child,
    ledger: PathBuf,
}

impl Soak {
    pub fn start(run: &str, brokers: &str, topic: &str, options: &[String]) -> Soak {
        let program = program::compile("tests/chaos/soak.c");
        let ledger = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{}-{run}", std::process::id()));
        drop(std::fs::remove_file(&ledger));
        let mut command = Command::new(program);
        command.args([brokers, topic]).arg(&ledger).arg(format!("run={run}")).args(options).stdin(Stdio::piped());
        Soak { process: command.spawn().expect("the soak program"), ledger }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Takes no more messages, and delivers what there is.
    pub fn end(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Its ledger; without an end where it does not come to its end in time.
    pub fn finish(mut self, patience: Duration) -> Ledger {
        let limit = Instant::now() + patience;
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
