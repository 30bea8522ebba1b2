//! What Kafka has of a run, as its records are read one after the other; little is kept of each.

use std::collections::HashMap;

use super::value::{Value, name};
use super::verdict::{Fault, Verdict};
use crate::support::kafka::{Broker, Record};

/// A copy of a message in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    pub partition: i32,
    pub offset: i64,
}

pub struct Log<'a> {
    run: &'a str,
    topic: &'a str,
    /// The first copy of each message that was found.
    pub first: HashMap<u64, Copy>,
    /// All others.
    pub further: Vec<(u64, Copy)>,
    /// Where each key lies.
    keys: HashMap<Vec<u8>, i32>,
    /// The highest number of each thread in each partition.
    highest: HashMap<(i32, u64), u64>,
    /// What is wrong with the log in itself.
    pub verdict: Verdict,
}

impl<'a> Log<'a> {
    pub fn new(run: &'a str, topic: &'a str) -> Log<'a> {
        Log {
            run,
            topic,
            first: HashMap::new(),
            further: Vec::new(),
            keys: HashMap::new(),
            highest: HashMap::new(),
            verdict: Verdict::default(),
        }
    }

    /// What Kafka's own consumer reads of a topic, which must be all up to the ends of its partitions.
    pub fn read(broker: &Broker, run: &'a str, topic: &'a str, end_offsets: &[i64]) -> Log<'a> {
        let mut log = Log::new(run, topic);
        let mut next = vec![0; end_offsets.len()];
        broker.read_each(topic, end_offsets.iter().sum::<i64>() as u64, |record| {
            let next = &mut next[record.partition as usize];
            assert_eq!(record.offset, *next, "the reader left something out before {record:?}");
            *next += 1;
            log.add(record);
        });
        assert_eq!(next, end_offsets, "what was read of the partitions of {topic}, and what is there");
        log
    }

    /// Records of a partition come by their offsets.
    pub fn add(&mut self, record: &Record) {
        let key = record.key.as_deref().unwrap_or_default();
        let value = Value::parse(record.value.as_deref().unwrap_or_default(), key);
        let Some(value) = value.filter(|value| value.run == self.run && value.topic == self.topic) else {
            self.verdict.found(Fault::Corrupt, format!("{record:?}"));
            return;
        };
        let copy = Copy { partition: record.partition, offset: record.offset };
        if let Some(first) = self.first.get(&value.id()) {
            self.verdict.found(Fault::Dup, format!("{}: {first:?}, {copy:?}", name(value.id())));
            self.further.push((value.id(), copy));
            return;
        }
        self.first.insert(value.id(), copy);
        self.judge_order(&value, key, copy.partition);
    }

    /// First copies stand as they were produced: those of a thread in each partition, and those of a key in one partition.
    fn judge_order(&mut self, value: &Value, key: &[u8], partition: i32) {
        let highest = self.highest.entry((partition, value.thread)).or_default();
        if value.number < *highest {
            let case = format!("{} after {highest} in {partition}", name(value.id()));
            self.verdict.found(Fault::Reorder, case);
        }
        *highest = value.number.max(*highest);
        if key.is_empty() {
            return;
        }
        match self.keys.get(key) {
            None => drop(self.keys.insert(key.to_vec(), partition)),
            Some(other) if *other != partition => {
                let case = format!("{} is in {partition}, others of its key in {other}", name(value.id()));
                self.verdict.found(Fault::Reorder, case);
            }
            Some(_) => {}
        }
    }

    pub fn copies(&self, id: u64) -> impl Iterator<Item = &Copy> {
        // There are no further ones but where a message is doubled.
        let further = self.further.iter().filter(move |(other, _)| *other == id).map(|(_, copy)| copy);
        self.first.get(&id).into_iter().chain(further)
    }
}
