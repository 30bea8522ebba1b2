//! What a run of chaos shows, for people.

use std::collections::BTreeMap;
use std::fmt;

use super::ledger::{End, Ledger};
use super::nemesis::Past;
use super::verdict::Verdict;

pub struct Summary<'a> {
    pub title: String,
    pub ledger: &'a Ledger,
    pub past: &'a [Past],
    pub verdict: &'a Verdict,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = self.ledger;
        writeln!(f, "{}", self.title)?;
        let failed = |fate: fn(i32) -> bool| {
            let ends = ledger.entries.values().flat_map(|entry| entry.ends());
            ends.filter(|end| matches!(end, End::Failed { persistence } if fate(*persistence))).count()
        };
        let (gone, unknown) = (failed(|persistence| persistence == 0), failed(|persistence| persistence != 0));
        write!(f, "{} accepted, {} refused for lack of room, ", ledger.accepted(), ledger.refused())?;
        writeln!(f, "{gone} failed and not in Kafka, {unknown} failed with their fate unknown")?;
        writeln!(f, "{}", self.verdict)?;
        let recoveries: Vec<_> = self.past.iter().map(|past| ledger.recovery_ms(past.ended_ms)).collect();
        self.write_delays(f, &recoveries)?;
        writeln!(f, "most memory of the program: {:.1} MiB", ledger.memory_kib as f64 / 1024.0)?;
        let worst = recoveries.iter().max().copied().unwrap_or(0);
        writeln!(f, "{} faults, of {} kinds; worst recovery {worst} ms", self.past.len(), self.by_kind(&[]).len())?;
        writeln!(
            f,
            "| fault | times | most ms from its end, others following, until all accepted before is delivered |"
        )?;
        writeln!(f, "| --- | --- | --- |")?;
        for (name, (count, worst)) in self.by_kind(&recoveries) {
            writeln!(f, "| {name} | {count} | {worst} |")?;
        }
        Ok(())
    }
}

impl Summary<'_> {
    fn by_kind(&self, recoveries: &[i64]) -> BTreeMap<String, (usize, i64)> {
        let mut kinds = BTreeMap::new();
        for (index, past) in self.past.iter().enumerate() {
            let (count, worst) = kinds.entry(format!("{:?}", past.fault)).or_insert((0, 0));
            *count += 1;
            *worst = recoveries.get(index).copied().unwrap_or(0).max(*worst);
        }
        kinds
    }

    /// A fault goes from its beginning until it is got over; calm is all other time.
    fn write_delays(&self, f: &mut fmt::Formatter<'_>, recoveries: &[i64]) -> fmt::Result {
        let faults: Vec<_> =
            self.past.iter().zip(recoveries).map(|(past, late)| past.began_ms..=past.ended_ms + late).collect();
        let (mut calm, mut fault) = (Vec::new(), Vec::new());
        for entry in self.ledger.entries.values() {
            if let (Some(accepted), Some(delay)) = (entry.accepted_ms, entry.delay_ms()) {
                let is_in_fault = faults.iter().any(|time| time.contains(&accepted));
                if is_in_fault { &mut fault } else { &mut calm }.push(delay);
            }
        }
        for (name, delays) in [("calm", &mut calm), ("a fault", &mut fault)] {
            delays.sort_unstable();
            let part = |percent: usize| delays.get((delays.len() * percent / 100).min(delays.len().max(1) - 1));
            let [half, most, all] = [50, 99, 100].map(|percent| part(percent).copied().unwrap_or(0));
            let count = delays.len();
            writeln!(f, "accept to report in {name}: p50 {half} ms, p99 {most} ms, max {all} ms, of {count}")?;
        }
        Ok(())
    }
}
