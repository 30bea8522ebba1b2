//! The oracle: what the ledger says against what Kafka has.

use std::collections::HashMap;
use std::fmt;

use crate::ledger::{End, Ledger};
use crate::support::kafka::Record;

/// Where the number of a thread begins in an id.
const NUMBER_BITS: u32 = 40;

/// What can be wrong. Of each the first few cases are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Reported delivered, and not there.
    Lost,
    /// There more than once.
    Dup,
    /// In a partition, an earlier message of a thread after a later one.
    Reorder,
    /// Not what was produced: the checksum or the form of the value.
    Corrupt,
    /// There, and refused or never intended.
    Phantom,
    /// There, and reported as surely not there.
    FalseFail,
    /// Reported delivered where it is not: another partition or offset.
    WrongReport,
    /// Accepted, and its end was not told exactly once.
    Unsettled,
    /// The statistics are not what the events told.
    Unbalanced,
    /// The program did not come to its end.
    Wedged,
}

const ALL: [Fault; 10] = [
    Fault::Lost,
    Fault::Dup,
    Fault::Reorder,
    Fault::Corrupt,
    Fault::Phantom,
    Fault::FalseFail,
    Fault::WrongReport,
    Fault::Unsettled,
    Fault::Unbalanced,
    Fault::Wedged,
];

#[derive(Debug, Default)]
pub struct Verdict {
    counts: HashMap<Fault, u64>,
    examples: Vec<String>,
}

const MOST_EXAMPLES: u64 = 3;

impl Verdict {
    pub fn has(&self, fault: Fault) -> bool {
        self.counts.contains_key(&fault)
    }

    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    fn found(&mut self, fault: Fault, case: String) {
        let count = self.counts.entry(fault).or_default();
        *count += 1;
        if *count <= MOST_EXAMPLES {
            self.examples.push(format!("{fault:?}: {case}"));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = ALL
            .iter()
            .map(|fault| format!("{fault:?} {}", self.counts.get(fault).unwrap_or(&0)).to_uppercase())
            .collect();
        write!(f, "{}", counts.join(", "))?;
        for example in &self.examples {
            write!(f, "\n  {example}")?;
        }
        Ok(())
    }
}

/// A copy of a message in the log.
#[derive(Clone, Copy)]
struct Copy {
    partition: i32,
    offset: i64,
}

/// Compares the ledger of a run with the records of its topic, which come by partition and offset.
pub fn judge(ledger: &Ledger, records: &[Record], run: &str, topic: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let copies = find_copies(&mut verdict, records, run, topic);
    judge_order(&mut verdict, records, run);
    for (id, copies) in &copies {
        if copies.len() > 1 {
            verdict.found(Fault::Dup, format!("{} is there {} times", name(*id), copies.len()));
        }
        let intended = ledger.entries.get(id);
        if intended.is_none_or(|entry| entry.refused) {
            verdict.found(Fault::Phantom, format!("{} was refused or never intended", name(*id)));
        }
    }
    for (id, entry) in &ledger.entries {
        let found = copies.get(id).map(Vec::as_slice).unwrap_or_default();
        if entry.accepted_ms.is_some() && entry.ends.len() != 1 {
            verdict.found(Fault::Unsettled, format!("{} has the ends {:?}", name(*id), entry.ends));
        }
        for end in &entry.ends {
            judge_end(&mut verdict, *id, end, found);
        }
    }
    judge_statistics(&mut verdict, ledger);
    verdict
}

fn name(id: u64) -> String {
    format!("message {} of thread {}", id & ((1 << NUMBER_BITS) - 1), id >> NUMBER_BITS)
}

fn find_copies(verdict: &mut Verdict, records: &[Record], run: &str, topic: &str) -> HashMap<u64, Vec<Copy>> {
    let mut copies: HashMap<u64, Vec<Copy>> = HashMap::new();
    for record in records {
        match Value::parse(record) {
            Some(value) if value.run == run && value.topic == topic => {
                copies.entry(value.id()).or_default().push(Copy { partition: record.partition, offset: record.offset });
            }
            _ => verdict.found(Fault::Corrupt, format!("{record:?}")),
        }
    }
    copies
}

/// The first copies of a thread's messages stand in each partition as they were produced.
fn judge_order(verdict: &mut Verdict, records: &[Record], run: &str) {
    let mut last: HashMap<(i32, u64), u64> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for record in records {
        let Some(value) = Value::parse(record).filter(|value| value.run == run) else { continue };
        if !seen.insert(value.id()) {
            continue;
        }
        let latest = last.entry((record.partition, value.thread)).or_default();
        if value.number < *latest {
            verdict.found(Fault::Reorder, format!("{} after {latest} in {}", name(value.id()), record.partition));
        }
        *latest = value.number.max(*latest);
    }
}

fn judge_end(verdict: &mut Verdict, id: u64, end: &End, found: &[Copy]) {
    match end {
        End::Delivered { partition, offset, .. } => {
            let there = |copy: &Copy| copy.partition == *partition && (*offset < 0 || copy.offset == *offset);
            if found.is_empty() {
                verdict.found(Fault::Lost, format!("{}: {end:?}", name(id)));
            } else if !found.iter().any(there) {
                verdict.found(Fault::WrongReport, format!("{}: {end:?}", name(id)));
            }
        }
        End::Failed { persistence: 0 } | End::Dropped if !found.is_empty() => {
            verdict.found(Fault::FalseFail, format!("{}: {end:?}", name(id)));
        }
        End::Failed { .. } | End::Dropped => {}
    }
}

fn judge_statistics(verdict: &mut Verdict, ledger: &Ledger) {
    let Some(statistics) = &ledger.statistics else {
        verdict.found(Fault::Wedged, "the ledger has no end".into());
        return;
    };
    let ends = |wanted: fn(&End) -> bool| {
        ledger.entries.values().flat_map(|entry| &entry.ends).filter(|end| wanted(end)).count() as u64
    };
    let told = [
        ledger.accepted() as u64,
        ends(|end| matches!(end, End::Delivered { .. })),
        ends(|end| matches!(end, End::Failed { .. })),
        ends(|end| matches!(end, End::Dropped)),
    ];
    let counted = [statistics.accepted, statistics.delivered, statistics.failed, statistics.dropped];
    if told != counted {
        verdict.found(
            Fault::Unbalanced,
            format!("told {told:?}, counted {counted:?} (accepted, delivered, failed, dropped)"),
        );
    }
}

/// What a value says of itself.
struct Value<'a> {
    run: &'a str,
    thread: u64,
    number: u64,
    topic: &'a str,
}

impl Value<'_> {
    /// `None`: it is not of the form, or the checksum does not fit.
    fn parse(record: &Record) -> Option<Value<'_>> {
        let text = std::str::from_utf8(record.value.as_deref()?).ok()?;
        let (body, checksum) = text.rsplit_once(' ')?;
        let key = record.key.as_deref().unwrap_or_default();
        let hash = fnv1a(fnv1a(14_695_981_039_346_656_037, &text.as_bytes()[..=body.len()]), key);
        let mut parts = body.split(' ');
        let value = Value {
            run: parts.next()?,
            thread: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            topic: parts.next()?,
        };
        (u64::from_str_radix(checksum, 16) == Ok(hash)).then_some(value)
    }

    fn id(&self) -> u64 {
        (self.thread << NUMBER_BITS) | self.number
    }
}

/// <http://www.isthe.com/chongo/tech/comp/fnv/>
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}
