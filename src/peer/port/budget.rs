//! What may be sent to a host that never answered. An offer names whom it likes: this keeps it from
//! turning us against a bystander, and leaves an honest far end all it needs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::table::Path;

/// Checks at once, per second, and in all.
const BURST: f64 = 20.0;
const PER_SECOND: f64 = 6.0;
const PACKETS: u32 = 120;
/// Bytes in all, with the headers of IP and UDP.
const BYTES: usize = 24_000;
const HEADERS: usize = 28;
/// Checks that the host's own checks have earned and that have not been sent yet.
const MOST_EARNED: usize = 16;
/// Paths that wait for their turn, and for how long one that asks no more stays in line.
const MOST_WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// One peer's budget toward one host, over all of our sockets and all of its ports.
#[derive(Debug)]
pub(super) struct Budget {
    answered: bool,
    tokens: f64,
    filled: Instant,
    packets: u32,
    bytes: usize,
    /// Paths on which a signed check came that ours may follow: tit for tat harms nobody.
    earned: VecDeque<Path>,
    /// Paths whose check was refused, in order: those that the stack checks first would take all.
    waiting: VecDeque<(Path, Instant)>,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            answered: false,
            tokens: BURST,
            filled: now,
            packets: 0,
            bytes: 0,
            earned: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// The host answered a check of ours: it takes part, and there is no limit any more.
    pub(super) fn answered(&mut self) {
        self.answered = true;
        self.earned.clear();
        self.waiting.clear();
    }

    /// A signed check came. Its sender may be forged, so this is no answer.
    pub(super) fn earn(&mut self, path: Path) {
        if !self.answered && self.earned.len() < MOST_EARNED {
            self.earned.push_back(path);
        }
    }

    /// True if a check of `length` bytes may leave on `path`.
    pub(super) fn spend(&mut self, path: Path, length: usize, now: Instant) -> bool {
        if self.answered {
            return true;
        }
        if let Some(at) = self.earned.iter().position(|earned| *earned == path) {
            self.earned.remove(at);
            return true;
        }
        let bytes = self.bytes + length + HEADERS;
        if self.packets >= PACKETS || bytes > BYTES {
            return false;
        }
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * PER_SECOND;
        self.tokens = (self.tokens + gained).min(BURST);
        self.filled = now;
        if !self.is_next(path, now) {
            return false;
        }
        self.tokens -= 1.0;
        self.packets += 1;
        self.bytes = bytes;
        true
    }

    fn is_next(&mut self, path: Path, now: Instant) -> bool {
        self.waiting.retain(|(_, asked)| now.saturating_duration_since(*asked) <= PATIENCE);
        let is_first = self.waiting.front().is_none_or(|(waiting, _)| *waiting == path);
        if self.tokens >= 1.0 && is_first {
            self.waiting.pop_front();
            return true;
        }
        if let Some((_, asked)) = self.waiting.iter_mut().find(|(waiting, _)| *waiting == path) {
            *asked = now;
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back((path, now));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn path(port: u16) -> Path {
        (0, std::net::SocketAddr::from(([192, 0, 2, 1], port)))
    }

    /// The checks that leave when each path has one every 200 ms, as the stack sends them.
    fn checks(budget: &mut Budget, paths: u16, seconds: u64, length: usize) -> Vec<Vec<Duration>> {
        let start = Instant::now();
        let mut sent = vec![Vec::new(); usize::from(paths)];
        for tick in 0..seconds * 5 {
            let at = Duration::from_millis(tick * 200);
            for port in 0..paths {
                if budget.spend(path(port), length, start + at) {
                    sent[usize::from(port)].push(at);
                }
            }
        }
        sent
    }

    #[test]
    fn a_host_that_never_answers_gets_120_checks_in_all_and_they_last_for_ten_seconds() {
        let sent = checks(&mut Budget::new(Instant::now()), 40, 60, 120);
        let mut all: Vec<Duration> = sent.concat();
        all.sort();
        assert_eq!(all.len(), 120);
        assert!(*all.last().unwrap() > Duration::from_secs(10), "{all:?}");
        assert!(all.iter().filter(|at| **at < Duration::from_secs(5)).count() <= 52, "{all:?}");
    }

    #[test]
    fn long_checks_count_by_their_bytes() {
        let sent = checks(&mut Budget::new(Instant::now()), 1, 60, 472);
        assert_eq!(sent[0].len(), 24_000 / 500);
    }

    #[test]
    fn no_path_starves_behind_those_that_are_checked_first() {
        let sent = checks(&mut Budget::new(Instant::now()), 30, 12, 120);
        let fewest = sent.iter().map(Vec::len).min().unwrap();
        assert!(fewest >= 2, "{sent:?}");
    }

    #[test]
    fn whoever_answers_gets_all_and_whoever_only_asks_gets_as_many_as_he_sent() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        while budget.spend(path(1), 100, now) {}
        budget.earn(path(1));
        budget.earn(path(1));
        assert!(!budget.spend(path(2), 100, now), "another path has earned nothing");
        assert!(budget.spend(path(1), 100, now) && budget.spend(path(1), 100, now));
        assert!(!budget.spend(path(1), 100, now));
        budget.answered();
        assert!((0..500).all(|_| budget.spend(path(1), 100, now)));
    }
}
