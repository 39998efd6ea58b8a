//! A camera's sound on its way out: one packet every 20 ms without end, whatever the camera does.

/// Samples of a 20 ms packet at 48 kHz.
pub const PACKET: usize = 960;
/// An Opus packet of 20 ms of silence, mono.
pub const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

const STEP: i64 = PACKET as i64;
const PER_MS: i64 = 48;
/// A packet this far behind its place is still taken for the next one; a backlog is not.
const LATE: i64 = STEP;
/// A packet this far ahead of its place is still taken for the next one.
const EARLY: i64 = 3 * STEP;
/// While the camera's sound was heard this recently, gaps are its own affair.
const HEARD_MS: i64 = 1_000;
/// Made silence stays this far behind the clock, so that the camera's sound finds its place.
const BEHIND: i64 = 40 * PER_MS;
/// A gap longer than this many packets is left as a gap.
const MOST: i64 = 50;

/// Decides which packets go out and where silence fills in.
#[derive(Debug, Default)]
pub struct SoundLine {
    next: i64,
    heard_ms: Option<i64>,
}

/// What to do with a packet: first so much silence, then the packet if it is taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Packets of silence to put in front.
    pub silence: i64,
    /// False if it is too late to be heard.
    pub take: bool,
}

impl SoundLine {
    /// Where the next packet goes, 48 kHz ticks; counts it.
    pub fn step(&mut self) -> i64 {
        let place = self.next;
        self.next += STEP;
        place
    }

    /// The camera's sound has a packet for this place.
    #[must_use]
    pub fn place(&mut self, ticks: i64, now_ms: i64) -> Place {
        self.heard_ms = Some(now_ms);
        let ahead = ticks.saturating_sub(self.next);
        if ahead < -LATE {
            return Place { silence: 0, take: false };
        }
        let missing = if ahead > EARLY { ahead / STEP } else { 0 };
        Place { silence: self.skip(missing), take: true }
    }

    /// How many packets of silence are due when the camera gives no sound.
    #[must_use]
    pub fn due(&mut self, now_ms: i64) -> i64 {
        if self.heard_ms.is_some_and(|heard| now_ms - heard < HEARD_MS) {
            return 0;
        }
        let missing = (now_ms * PER_MS - BEHIND - self.next) / STEP;
        self.skip(missing.max(0))
    }

    fn skip(&mut self, missing: i64) -> i64 {
        if missing <= MOST {
            return missing;
        }
        self.next += missing * STEP;
        0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn fill(line: &mut SoundLine, now_ms: i64) -> i64 {
        let due = line.due(now_ms);
        (0..due).for_each(|_| {
            line.step();
        });
        due
    }

    #[test]
    fn without_a_camera_there_are_fifty_packets_a_second() {
        let mut line = SoundLine::default();
        let packets: i64 = (1..=500).map(|tick| fill(&mut line, tick * 20)).sum();
        assert!((497..=500).contains(&packets), "{packets}");
    }

    #[test]
    fn a_camera_whose_sound_comes_late_is_heard_after_the_silence() {
        let mut line = SoundLine::default();
        let mut taken = 0;
        for tick in 1..=200 {
            let now = tick * 20;
            fill(&mut line, now);
            if now > 1_000 {
                let place = line.place((now - 600) * PER_MS, now);
                assert_eq!(place.silence, 0);
                if place.take {
                    line.step();
                    taken += 1;
                }
            }
        }
        assert!(taken > 110, "{taken}");
    }

    #[test]
    fn lost_packets_become_silence_and_a_long_gap_stays_a_gap() {
        let mut line = SoundLine::default();
        assert!(line.place(0, 0).take);
        line.step();
        assert_eq!(line.place(STEP * 6, 120), Place { silence: 5, take: true });
        (0..6).for_each(|_| {
            line.step();
        });
        assert_eq!(line.place(STEP * 1000, 20_000), Place { silence: 0, take: true });
        assert_eq!(line.step(), STEP * 1000);
    }
}
