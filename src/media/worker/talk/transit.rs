//! How long after their timestamps a talker's packets come.

use super::jitter_buffer::PER_MS;

/// Packets that are looked back upon; 2.5 s of 20 ms each.
const KEPT: usize = 128;
/// A packet is wanted this long before it is needed.
const AHEAD: i64 = 10 * PER_MS;
/// Nobody waits longer than this for packets that are later than the fastest.
const DEEPEST: i64 = 150 * PER_MS;

/// The transits of a talker's last packets, 48 kHz ticks.
#[derive(Default)]
pub struct Transit {
    last: Vec<i64>,
    at: usize,
}

impl Transit {
    /// One more packet came.
    pub fn note(&mut self, transit: i64) {
        if self.last.len() < KEPT {
            self.last.push(transit);
        } else if let Some(oldest) = self.last.get_mut(self.at) {
            *oldest = transit;
            self.at = (self.at + 1) % KEPT;
        }
    }

    /// The least of them.
    pub fn fastest(&self) -> Option<i64> {
        self.last.iter().min().copied()
    }

    /// How long after its timestamp a packet should be needed, so that nearly all are there in time.
    pub fn goal(&self) -> i64 {
        let mut sorted = self.last.clone();
        sorted.sort_unstable();
        let (Some(first), Some(slow)) = (sorted.first(), sorted.get(sorted.len() * 98 / 100)) else {
            return 0;
        };
        (*slow).min(first.saturating_add(DEEPEST)).saturating_add(AHEAD)
    }
}
