//! The oracle: what the ledger says against what Kafka has.

use std::collections::BTreeMap;
use std::fmt;

use super::ledger::{End, Entry, Ledger};
use super::log::Log;
use super::value::name;

/// How long a fresh message may take once everything is well again.
pub const PROBE_MS: i64 = 10_000;

/// What can be wrong. Of each the first few cases are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Reported delivered, and not there.
    Lost,
    /// There more than once.
    Dup,
    /// In a partition, an earlier message of a thread after a later one; or a key in two partitions.
    Reorder,
    /// Not what was produced: the checksum or the form of the value.
    Corrupt,
    /// There, and refused or never intended.
    Phantom,
    /// There, and reported as surely not there.
    FalseFail,
    /// Reported delivered where it is not: another partition or offset.
    WrongReport,
    /// Accepted, and its end was not told exactly once; or an end was told of what was not accepted.
    Unsettled,
    /// The statistics are not what the events told.
    Unbalanced,
    /// The program did not come to its end, or a fresh message took too long afterwards.
    Wedged,
}

pub const ALL: [(Fault, &str); 10] = [
    (Fault::Lost, "LOST"),
    (Fault::Dup, "DUP"),
    (Fault::Reorder, "REORDER"),
    (Fault::Corrupt, "CORRUPT"),
    (Fault::Phantom, "PHANTOM"),
    (Fault::FalseFail, "FALSE-FAIL"),
    (Fault::WrongReport, "WRONG-REPORT"),
    (Fault::Unsettled, "UNSETTLED"),
    (Fault::Unbalanced, "UNBALANCED"),
    (Fault::Wedged, "WEDGED"),
];

#[derive(Clone, Debug, Default)]
pub struct Verdict {
    counts: BTreeMap<Fault, u64>,
    examples: Vec<String>,
}

const MOST_EXAMPLES: u64 = 3;

impl Verdict {
    pub fn has(&self, fault: Fault) -> bool {
        self.counts.contains_key(&fault)
    }

    /// This, and nothing else.
    pub fn is_only(&self, fault: Fault) -> bool {
        self.has(fault) && self.counts.len() == 1
    }

    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn found(&mut self, fault: Fault, case: String) {
        let count = self.counts.entry(fault).or_default();
        *count += 1;
        if *count <= MOST_EXAMPLES {
            let (_, label) = ALL[fault as usize];
            self.examples.push(format!("{label}: {case}"));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> =
            ALL.iter().map(|(fault, label)| format!("{label} {}", self.counts.get(fault).unwrap_or(&0))).collect();
        write!(f, "{}", counts.join(", "))?;
        for example in &self.examples {
            write!(f, "\n  {example}")?;
        }
        Ok(())
    }
}

/// Compares the ledger of a run with what Kafka has of it.
pub fn judge(ledger: &Ledger, log: &Log) -> Verdict {
    let mut verdict = log.verdict.clone();
    for id in log.first.keys() {
        if ledger.entries.get(id).is_none_or(|entry| entry.refused) {
            verdict.found(Fault::Phantom, format!("{} was refused or never intended", name(*id)));
        }
    }
    for (id, entry) in &ledger.entries {
        judge_entry(&mut verdict, *id, entry, log);
    }
    judge_statistics(&mut verdict, ledger);
    judge_liveness(&mut verdict, ledger);
    verdict
}

fn judge_entry(verdict: &mut Verdict, id: u64, entry: &Entry, log: &Log) {
    let wanted = usize::from(entry.accepted_ms.is_some());
    if entry.ends().count() != wanted {
        let ends: Vec<_> = entry.ends().collect();
        let was = if wanted == 1 { "accepted" } else { "not accepted" };
        verdict.found(Fault::Unsettled, format!("{}, which was {was}, has the ends {ends:?}", name(id)));
    }
    let found = log.first.contains_key(&id);
    for end in entry.ends() {
        match end {
            End::Delivered { .. } if !found => verdict.found(Fault::Lost, format!("{}: {end:?}", name(id))),
            End::Delivered { partition, offset, .. } => {
                // Where Kafka had it already, it did not say where (design.md: -1 = unknown).
                let mut copies = log.copies(id);
                if !copies.any(|copy| copy.partition == *partition && (*offset == -1 || copy.offset == *offset)) {
                    let first = log.first.get(&id);
                    verdict.found(Fault::WrongReport, format!("{}: {end:?}, and it is at {first:?}", name(id)));
                }
            }
            End::Failed { persistence: 0 } | End::Dropped if found => {
                verdict.found(Fault::FalseFail, format!("{}: {end:?}", name(id)));
            }
            End::Failed { .. } | End::Dropped => {}
        }
    }
}

fn judge_statistics(verdict: &mut Verdict, ledger: &Ledger) {
    let Some(statistics) = &ledger.statistics else { return };
    let mut told = [0; 5];
    for entry in ledger.entries.values() {
        told[0] += u64::from(entry.accepted_ms.is_some());
        told[4] += u64::from(entry.refused);
        for end in entry.ends() {
            let place = match end {
                End::Delivered { .. } => 1,
                End::Failed { .. } => 2,
                End::Dropped => 3,
            };
            told[place] += 1;
        }
    }
    let of = statistics;
    let counted = [of.accepted, of.delivered, of.failed, of.dropped, of.overflowed];
    if told != counted {
        let names = "(accepted, delivered, failed, dropped, overflowed)";
        verdict.found(Fault::Unbalanced, format!("told {told:?}, counted {counted:?} {names}"));
    }
}

fn judge_liveness(verdict: &mut Verdict, ledger: &Ledger) {
    if ledger.statistics.is_none() {
        verdict.found(Fault::Wedged, "the ledger has no end".into());
        return;
    }
    let delay = ledger.probe.and_then(|id| ledger.entries.get(&id)).and_then(Entry::delay_ms);
    if delay.is_none_or(|delay| delay > PROBE_MS) {
        verdict.found(Fault::Wedged, format!("a fresh message at the end took {delay:?} ms"));
    }
}
