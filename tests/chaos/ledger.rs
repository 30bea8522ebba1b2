//! What the soak program wrote down: see tests/chaos/soak.c.

use std::collections::HashMap;
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

#[derive(Debug, Default)]
pub struct Entry {
    /// When the call began that accepted it.
    pub accepted_ms: Option<i64>,
    pub refused: bool,
    pub ends: Vec<End>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub accepted: u64,
    pub delivered: u64,
    pub failed: u64,
    pub dropped: u64,
    pub shutdown: i32,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: HashMap<u64, Entry>,
    /// `None`: the program did not come to its end.
    pub statistics: Option<Statistics>,
}

impl Ledger {
    pub fn read(path: &Path) -> Ledger {
        Ledger::parse(&std::fs::read_to_string(path).expect("the ledger"))
    }

    pub fn parse(text: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for line in text.lines() {
            ledger.note(line);
        }
        ledger
    }

    fn note(&mut self, line: &str) {
        let mut fields = line.split(' ');
        let kind = fields.next().unwrap_or_default();
        let numbers: Vec<i64> =
            fields.map(|field| field.parse().unwrap_or_else(|_| panic!("ledger: {line}"))).collect();
        if kind == "S" {
            let [accepted, delivered, failed, dropped, shutdown] = numbers[..] else { panic!("ledger: {line}") };
            self.statistics = Some(Statistics {
                accepted: accepted as u64,
                delivered: delivered as u64,
                failed: failed as u64,
                dropped: dropped as u64,
                shutdown: shutdown as i32,
            });
            return;
        }
        let entry = self.entries.entry(numbers[0] as u64).or_default();
        match (kind, &numbers[1..]) {
            ("I", []) => {}
            ("A", [at]) => entry.accepted_ms = Some(*at),
            ("R", [_]) => entry.refused = true,
            ("D", [partition, offset, at_ms]) => {
                entry.ends.push(End::Delivered { partition: *partition as i32, offset: *offset, at_ms: *at_ms });
            }
            ("F", [_, persistence]) => entry.ends.push(End::Failed { persistence: *persistence as i32 }),
            ("X", []) => entry.ends.push(End::Dropped),
            _ => panic!("ledger: {line}"),
        }
    }

    pub fn accepted(&self) -> usize {
        self.entries.values().filter(|entry| entry.accepted_ms.is_some()).count()
    }

    /// How long after a moment the last message was delivered that had been accepted before it: the time it took to get
    /// over what ended then.
    pub fn recovery_ms(&self, moment_ms: i64) -> Option<i64> {
        let delivered = |entry: &Entry| {
            let accepted = entry.accepted_ms.filter(|accepted| *accepted < moment_ms)?;
            entry.ends.iter().find_map(|end| match end {
                End::Delivered { at_ms, .. } if *at_ms >= accepted => Some(*at_ms - moment_ms),
                _ => None,
            })
        };
        self.entries.values().filter_map(delivered).max().map(|late| late.max(0))
    }
}
