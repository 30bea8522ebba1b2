//! What librdkafka says again and again is told once, then once a minute with how often it was said.

use std::time::{Duration, Instant};

/// Between two tellings of the same.
const SILENCE: Duration = Duration::from_secs(60);

/// Different complaints that are remembered; the one that was told longest ago makes room.
const MOST: usize = 64;

#[derive(Default)]
pub(super) struct Complaints(Vec<Complaint>);

struct Complaint {
    what: String,
    told: Instant,
    unsaid: u64,
}

impl Complaints {
    /// How many occurrences to tell of now; `None`: it was told a short time ago.
    pub(super) fn hear(&mut self, text: &str, now: Instant) -> Option<u64> {
        let what = essence(text);
        if let Some(known) = self.0.iter_mut().find(|complaint| complaint.what == what) {
            known.unsaid += 1;
            if now.saturating_duration_since(known.told) < SILENCE {
                return None;
            }
            known.told = now;
            return Some(std::mem::take(&mut known.unsaid));
        }
        if self.0.len() == MOST
            && let Some(oldest) = (0..MOST).min_by_key(|&index| self.0[index].told)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push(Complaint { what: what.to_owned(), told: now, unsaid: 0 });
        Some(1)
    }
}

/// Without what differs each time: librdkafka ends its texts with "(after 3ms in state CONNECT, 5 identical error(s)
/// suppressed)".
fn essence(text: &str) -> &str {
    text.split_once(" (after ").map_or(text, |(essence, _)| essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_and_then_once_a_minute_with_its_count() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let refused = |number: u64| format!("broker 1: connection refused (after {number}ms in state CONNECT)");
        assert_eq!(complaints.hear(&refused(0), start), Some(1));
        for number in 1..100 {
            assert_eq!(complaints.hear(&refused(number), start + Duration::from_millis(number)), None);
        }
        assert_eq!(complaints.hear("broker 2: connection refused", start), Some(1));
        assert_eq!(complaints.hear(&refused(100), start + SILENCE), Some(100));
        assert_eq!(complaints.hear(&refused(101), start + SILENCE), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_forgotten() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        for number in 0..10 * MOST as u64 {
            let now = start + Duration::from_millis(number);
            assert_eq!(complaints.hear(&number.to_string(), now), Some(1));
        }
        assert_eq!(complaints.0.len(), MOST);
        assert_eq!(complaints.hear(&(10 * MOST - 1).to_string(), start + Duration::from_secs(1)), None);
    }
}
