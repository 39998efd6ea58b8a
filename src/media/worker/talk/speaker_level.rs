//! How loud the speaker is, for who shows it.

use crate::level::{Level, SILENT};

/// ms between two levels.
const EVERY_MS: i64 = 100;

/// Told while packets come, and once more when they end.
#[derive(Default)]
pub struct SpeakerLevel {
    level: Level,
    packets: bool,
    /// How often in a row none came; `None` before the first one, and when the end was told.
    missed: Option<u32>,
    due_ms: i64,
}

impl SpeakerLevel {
    /// A packet came.
    pub fn packet(&mut self) {
        self.packets = true;
    }

    /// The speaker is given this.
    pub fn played(&mut self, samples: &[f32]) {
        self.level.note(samples);
    }

    /// The end was told, and nothing came since.
    pub fn is_over(&self) -> bool {
        self.missed.is_none() && !self.packets
    }

    /// Time goes on. What is to be told now, dBFS.
    pub fn step(&mut self, now_ms: i64) -> Option<f32> {
        if now_ms < self.due_ms {
            return None;
        }
        self.due_ms = now_ms + EVERY_MS;
        if std::mem::take(&mut self.packets) {
            self.missed = Some(0);
            return Some(self.level.take());
        }
        // Packets that come in bursts leave one time empty; two are an end.
        let missed = self.missed? + 1;
        self.missed = (missed < 2).then_some(missed);
        (missed == 2).then_some(SILENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_told_while_packets_come_and_silence_once_when_they_end() {
        let mut level = SpeakerLevel::default();
        let mut told = Vec::new();
        for now in (0..2_000).step_by(20) {
            if (300..900).contains(&now) {
                level.packet();
                level.played(&[0.1; 960]);
            }
            told.extend(level.step(now));
        }
        assert_eq!(told.len(), 8, "{told:?}");
        assert!(told[..7].iter().all(|level| (level + 20.0).abs() < 0.1), "{told:?}");
        assert_eq!(told[7], SILENT);
        assert!(level.is_over());
    }
}
