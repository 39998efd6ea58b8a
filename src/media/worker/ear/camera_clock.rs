//! The camera's clock beside the worker's.

use std::collections::VecDeque;

/// Samples in a millisecond of either clock.
const MS: i64 = 48;
/// No time is further from zero than this: so times can be added without care.
const FAR: i64 = 1 << 52;
/// A step of the camera's clock beyond this is no gap: its clock begins anew.
const JUMP: i64 = 5_000 * MS;
/// A difference up to this is left alone.
const SLACK: i64 = 30 * MS;
/// How long the earliest arrival of a packet is remembered, in pieces of `PIECE`.
const PIECES: usize = 30;
const PIECE: i64 = 1_000 * MS;

/// Where a packet belongs on the worker's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its first sample, in samples of 48 kHz.
    pub at: i64,
    /// How much later than before the same sample is placed now, in samples of 48 kHz; usually none.
    pub slipped: i64,
    /// The camera's clock begins anew: nothing that was known of it holds any longer.
    pub anew: bool,
}

/// Maps the camera's clock to the worker's. Packets arrive late, never early: so what arrived with the least delay
/// of late says how far the clocks are apart. The map stays as it is until it is clearly wrong, as every change
/// moves the echo.
#[derive(Default)]
pub struct CameraClock {
    apart: Option<i64>,
    next: i64,
    /// The least distance in each piece of time, and when that piece began.
    least: VecDeque<(i64, i64)>,
}

impl CameraClock {
    /// Places a packet of so many samples by its `ticks` and its arrival.
    pub fn place(&mut self, ticks: i64, samples: usize, now_ms: i64) -> Placed {
        let ticks = ticks.clamp(-FAR, FAR);
        let now = now_ms.clamp(-FAR / MS, FAR / MS) * MS;
        let jumped = !(-JUMP..=JUMP).contains(&(ticks - self.next));
        let known = self.apart.filter(|_| !jumped);
        if known.is_none() {
            self.least.clear();
        }
        let (least, sure) = self.remember(now - ticks, now);
        let before = known.unwrap_or(least);
        // That a packet came earlier than thought possible is proof; that all are late becomes one with time.
        let wrong = least < before - SLACK || (sure && least > before + SLACK);
        let apart = if wrong { least } else { before };
        self.apart = Some(apart);
        self.next = ticks + samples as i64;
        Placed { at: ticks + apart, slipped: apart - before, anew: known.is_none() }
    }

    /// The least distance of late, and whether that is known for the whole time.
    fn remember(&mut self, distance: i64, now: i64) -> (i64, bool) {
        match self.least.back_mut() {
            Some((began, least)) if (0..PIECE).contains(&(now - *began)) => *least = distance.min(*least),
            _ => self.least.push_back((now, distance)),
        }
        while self.least.len() > PIECES {
            self.least.pop_front();
        }
        let least = self.least.iter().map(|(_, least)| *least).min().unwrap_or(distance);
        (least, self.least.len() == PIECES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: i64 = 960;

    /// Packets from `from` on, each late by `late` of its number; gives the last place and the sum of all slips.
    fn run(clock: &mut CameraClock, from: i64, packets: i64, late: impl Fn(i64) -> i64) -> (Placed, i64) {
        let mut slips = 0;
        let mut last = Placed { at: 0, slipped: 0, anew: false };
        for n in from..from + packets {
            last = clock.place(7_000 + n * PACKET, 960, 100 + n * 20 + late(n));
            slips += last.slipped;
        }
        (last, slips)
    }

    #[test]
    fn bursts_do_not_move_the_map() {
        let mut clock = CameraClock::default();
        let (last, slips) = run(&mut clock, 0, 3_000, |n| 80 - 20 * (n % 5));
        assert_eq!((last.at, last.anew), ((100 + 2_999 * 20) * 48, false));
        // Once, when the first packet of a burst was not the fastest.
        assert_eq!(slips, -80 * 48);
    }

    #[test]
    fn a_slow_line_moves_it_only_after_half_a_minute() {
        let mut clock = CameraClock::default();
        run(&mut clock, 0, 500, |_| 0);
        assert_eq!(run(&mut clock, 500, 1_000, |_| 100).1, 0);
        assert_eq!(run(&mut clock, 1_500, 1_500, |_| 100).1, 100 * 48);
    }

    #[test]
    fn drift_is_followed_in_few_steps() {
        let mut clock = CameraClock::default();
        let slips: Vec<i64> = (0..50_000).map(|n| run(&mut clock, n, 1, |n| n / 500).1).collect();
        let sum = slips.iter().sum::<i64>();
        assert!((60 * 48..=100 * 48).contains(&sum), "{sum}");
        assert!(slips.iter().filter(|slip| **slip != 0).count() <= 3);
    }

    #[test]
    fn a_gap_is_kept_and_a_jump_begins_anew() {
        let mut clock = CameraClock::default();
        run(&mut clock, 0, 10, |_| 0);
        let gap = clock.place(7_000 + 110 * PACKET, 960, 100 + 110 * 20);
        assert_eq!(gap, Placed { at: (100 + 110 * 20) * 48, slipped: 0, anew: false });
        let jump = clock.place(-90_000_000, 960, 100 + 111 * 20);
        assert_eq!(jump, Placed { at: (100 + 111 * 20) * 48, slipped: 0, anew: true });
        for (ticks, now) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, 0)] {
            clock.place(ticks, usize::MAX >> 12, now);
        }
    }
}
