//! What the soak program wrote down: see tests/chaos/soak.c.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The end of a message, as its event told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Delivered {
        partition: i32,
        offset: i64,
        at_ms: i64,
    },
    /// `persistence` is 0 where Kafka surely does not have it.
    Failed {
        persistence: i32,
    },
    Dropped,
}

/// Of a million messages nearly all have one end, so the first one needs no memory of its own.
#[derive(Debug, Default)]
pub struct Entry {
    /// When the call began that accepted it.
    pub accepted_ms: Option<i64>,
    pub refused: bool,
    end: Option<End>,
    further: Vec<End>,
}

impl Entry {
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        self.end.iter().chain(&self.further)
    }

    pub fn add_end(&mut self, end: End) {
        match self.end {
            None => self.end = Some(end),
            Some(_) => self.further.push(end),
        }
    }

    /// From the call to the report of its delivery.
    pub fn delay_ms(&self) -> Option<i64> {
        match (self.accepted_ms, self.end) {
            (Some(accepted), Some(End::Delivered { at_ms, .. })) => Some(at_ms - accepted),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub accepted: u64,
    pub delivered: u64,
    pub failed: u64,
    pub dropped: u64,
    pub overflowed: u64,
    pub shutdown: i32,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: HashMap<u64, Entry>,
    /// The fresh message after everything was settled.
    pub probe: Option<u64>,
    /// `None`: the program did not come to its end.
    pub statistics: Option<Statistics>,
    /// The most memory that the program had.
    pub memory_kib: u64,
}

impl Ledger {
    pub fn read(path: &Path) -> Ledger {
        let file = std::fs::File::open(path).expect("the ledger");
        let mut ledger = Ledger::default();
        for line in BufReader::with_capacity(1 << 20, file).lines() {
            ledger.note(&line.expect("text"));
        }
        ledger
    }

    pub fn parse(text: &str) -> Ledger {
        let mut ledger = Ledger::default();
        text.lines().for_each(|line| ledger.note(line.trim()));
        ledger
    }

    fn note(&mut self, line: &str) {
        let mut fields = line.split(' ');
        let kind = fields.next().unwrap_or_default();
        let mut numbers = [0; 6];
        let mut count = 0;
        for field in fields {
            assert!(count < numbers.len(), "ledger: {line}");
            numbers[count] = field.parse::<i64>().unwrap_or_else(|_| panic!("ledger: {line}"));
            count += 1;
        }
        match (kind, &numbers[..count]) {
            ("S", &[accepted, delivered, failed, dropped, overflowed, shutdown]) => {
                let [accepted, delivered, failed, dropped, overflowed] =
                    [accepted, delivered, failed, dropped, overflowed].map(|number| number as u64);
                let shutdown = shutdown as i32;
                self.statistics = Some(Statistics { accepted, delivered, failed, dropped, overflowed, shutdown });
            }
            ("M", [kib]) => self.memory_kib = *kib as u64,
            ("P", [id]) => self.probe = Some(*id as u64),
            ("I", [id]) => drop(self.entry(*id)),
            ("A", [id, at_ms]) => self.entry(*id).accepted_ms = Some(*at_ms),
            ("R", [id, _]) => self.entry(*id).refused = true,
            ("D", [id, partition, offset, at_ms]) => {
                self.entry(*id).add_end(End::Delivered {
                    partition: *partition as i32,
                    offset: *offset,
                    at_ms: *at_ms,
                });
            }
            ("F", [id, _, persistence]) => {
                self.entry(*id).add_end(End::Failed { persistence: *persistence as i32 });
            }
            ("X", [id]) => self.entry(*id).add_end(End::Dropped),
            _ => panic!("ledger: {line}"),
        }
    }

    pub fn entry(&mut self, id: i64) -> &mut Entry {
        self.entries.entry(id as u64).or_default()
    }

    pub fn accepted(&self) -> usize {
        self.entries.values().filter(|entry| entry.accepted_ms.is_some()).count()
    }

    pub fn refused(&self) -> usize {
        self.entries.values().filter(|entry| entry.refused).count()
    }

    /// How long after a moment the last message was delivered that had been accepted before it: the time it took to get
    /// over what ended then.
    pub fn recovery_ms(&self, moment_ms: i64) -> i64 {
        let late = |entry: &Entry| {
            let accepted = entry.accepted_ms.filter(|accepted| *accepted < moment_ms)?;
            Some(accepted + entry.delay_ms()? - moment_ms)
        };
        self.entries.values().filter_map(late).max().unwrap_or(0).max(0)
    }
}
