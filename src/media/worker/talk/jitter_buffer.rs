//! A talker's packets, put in order and given out when it is time for them.
//!
//! Times are in ticks of 48 kHz. A packet's transit is its arrival on our clock less its timestamp on the talker's:
//! only its changes mean anything. Packets are given out as late after their timestamps as nearly all of them come.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::rate_limit::RateLimit;
use super::transit::Transit;
use crate::opus;

/// Ticks in a millisecond.
pub const PER_MS: i64 = 48;
/// Most packets that wait.
const MOST: usize = 100;
/// A sequence number this far from the newest is another stream's.
const FAR: i64 = 200;
/// A transit that changes by more than this is another stream's.
const JUMP: i64 = 1_000 * PER_MS;
/// No line becomes faster by more than this: the talker's clock has jumped.
const FASTER: i64 = 100 * PER_MS;
/// A longer gap is left as a gap.
const LONGEST_GAP: i64 = opus::LONGEST as i64;
/// So long a packet that does not come is made up for.
const PATIENCE: i64 = 100 * PER_MS;
/// libopus conceals in steps of this.
const STEP: i64 = 120;

/// What is to be heard next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// This packet.
    Packet(Bytes),
    /// Something in place of so many lost samples; the packet after them may hold a copy of the last ones.
    Lost {
        /// A multiple of 120.
        samples: usize,
        /// Comes next.
        after: Bytes,
    },
    /// Something to bridge the time until the next packet comes.
    Late {
        /// A multiple of 120.
        samples: usize,
    },
    /// The talker sends nothing, or not yet.
    Nothing,
}

struct Held {
    ticks: i64,
    samples: i64,
    opus: Bytes,
}

/// The newest packet that came, unwrapped.
struct Newest {
    sequence: i64,
    ticks: i64,
    transit: i64,
    /// Bit n: the packet n before this one came, too.
    seen: u128,
}

/// What is to be given out next.
struct Run {
    sequence: i64,
    ticks: i64,
    /// How much was made up since the last packet.
    made: i64,
    /// Samples of the last packet.
    samples: i64,
}

/// One talker's.
#[derive(Default)]
pub struct JitterBuffer {
    held: BTreeMap<i64, Held>,
    newest: Option<Newest>,
    /// A packet that does not fit: if its successor comes, the stream has begun anew.
    stranger: Option<(u16, u32, Bytes)>,
    transit: Transit,
    run: Option<Run>,
    limit: RateLimit,
}

impl JitterBuffer {
    /// Takes what came at this time. What is no Opus, doubled, too late or too much is dropped.
    pub fn put(&mut self, sequence: u16, timestamp: u32, opus: Bytes, now_ms: i64) {
        if opus::samples(&opus).is_none() || !self.limit.allows(now_ms) {
            return;
        }
        if self.newest.is_some() && self.fit(sequence, timestamp, now_ms).is_none() {
            let before = self.stranger.replace((sequence, timestamp, opus.clone()));
            let Some(before) = before.filter(|(before, _, _)| before.wrapping_add(1) == sequence) else {
                return;
            };
            self.begin_anew();
            self.keep(before.0, before.1, before.2, now_ms);
        }
        self.stranger = None;
        self.keep(sequence, timestamp, opus, now_ms);
    }

    /// What is to be heard now.
    pub fn next(&mut self, now_ms: i64) -> Next {
        let Some((&sequence, first)) = self.held.first_key_value() else { return self.bridge() };
        let Some(run) = &mut self.run else {
            let due = first.ticks.saturating_add(self.transit.goal());
            return if now_ms * PER_MS >= due { self.give() } else { Next::Nothing };
        };
        let gap = first.ticks.saturating_sub(run.ticks);
        let lost = sequence > run.sequence;
        if gap > LONGEST_GAP || (gap > 0 && !lost) {
            // The talker made a pause.
            self.run = None;
            return self.next(now_ms);
        }
        let missing = (gap - run.made) / STEP * STEP;
        if !lost || missing <= 0 {
            return self.give();
        }
        (run.sequence, run.ticks, run.made) = (sequence, first.ticks, 0);
        Next::Lost { samples: usize::try_from(missing).unwrap_or_default(), after: first.opus.clone() }
    }

    /// True if [`next`](Self::next) has a packet at hand that follows the last one.
    pub fn is_ready(&self) -> bool {
        let first = self.held.first_key_value();
        first
            .zip(self.run.as_ref())
            .is_some_and(|((sequence, first), run)| *sequence == run.sequence && first.ticks <= run.ticks)
    }

    /// The timestamp that is to be given out next, while there is one.
    pub fn place(&self) -> Option<i64> {
        self.run.as_ref().map(|run| run.ticks)
    }

    /// By how many ticks packets would still come in time if the next one was needed at this time already.
    pub fn spare(&self, needed_ms: i64) -> Option<i64> {
        self.place().map(|place| needed_ms * PER_MS - place - self.transit.goal())
    }

    /// Lets the next packet go unheard.
    pub fn skip(&mut self) {
        self.give();
    }

    fn fit(&self, sequence: u16, timestamp: u32, now_ms: i64) -> Option<(i64, i64)> {
        let newest = self.newest.as_ref()?;
        let step = i64::from(sequence.wrapping_sub(newest.sequence as u16) as i16);
        let ahead = i64::from(timestamp.wrapping_sub(newest.ticks as u32) as i32);
        let ticks = newest.ticks + ahead;
        let transit = now_ms * PER_MS - ticks;
        let jumps = (transit - newest.transit).abs() > JUMP
            || self.transit.fastest().is_some_and(|fastest| transit < fastest - FASTER);
        (step.abs() <= FAR && !jumps).then_some((newest.sequence + step, ticks))
    }

    fn begin_anew(&mut self) {
        self.held.clear();
        (self.newest, self.run) = (None, None);
        self.transit = Transit::default();
    }

    fn keep(&mut self, sequence: u16, timestamp: u32, opus: Bytes, now_ms: i64) {
        let fit = self.fit(sequence, timestamp, now_ms);
        let (sequence, ticks) = fit.unwrap_or((i64::from(sequence), i64::from(timestamp)));
        let transit = now_ms * PER_MS - ticks;
        if !self.is_new(sequence, ticks, transit) {
            return;
        }
        self.transit.note(transit);
        if self.run.as_ref().is_some_and(|run| sequence < run.sequence) {
            return;
        }
        let samples = opus::samples(&opus).unwrap_or_default() as i64;
        self.held.insert(sequence, Held { ticks, samples, opus });
        if self.held.len() > MOST {
            self.skip();
        }
    }

    fn is_new(&mut self, sequence: i64, ticks: i64, transit: i64) -> bool {
        let Some(newest) = &mut self.newest else {
            self.newest = Some(Newest { sequence, ticks, transit, seen: 1 });
            return true;
        };
        let step = sequence - newest.sequence;
        if step > 0 {
            let seen = newest.seen.checked_shl(u32::try_from(step).unwrap_or(u32::MAX)).unwrap_or(0) | 1;
            *newest = Newest { sequence, ticks, transit, seen };
            return true;
        }
        let bit = 1_u128.checked_shl(u32::try_from(-step).unwrap_or(u32::MAX)).unwrap_or(0);
        let new = bit != 0 && newest.seen & bit == 0;
        newest.seen |= bit;
        new
    }

    fn give(&mut self) -> Next {
        let Some((sequence, first)) = self.held.pop_first() else { return Next::Nothing };
        let Held { ticks, samples, opus } = first;
        self.run =
            Some(Run { sequence: sequence + 1, ticks: ticks.saturating_add(samples), made: 0, samples });
        Next::Packet(opus)
    }

    fn bridge(&mut self) -> Next {
        let Some(run) = &mut self.run else { return Next::Nothing };
        if run.made >= PATIENCE {
            self.run = None;
            return Next::Nothing;
        }
        let samples = run.samples.clamp(STEP, 960);
        run.made += samples;
        Next::Late { samples: usize::try_from(samples).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// A packet of 20 ms that is this one and no other.
    fn packet(n: u16) -> Bytes {
        Bytes::from(vec![0xF8, n as u8, 0])
    }

    fn put(buffer: &mut JitterBuffer, n: u16, now_ms: i64) {
        buffer.put(n, u32::from(n) * 960, packet(n), now_ms);
    }

    #[test]
    fn packets_come_out_in_order_and_in_place_of_a_lost_one_there_is_the_one_that_may_hold_its_copy() {
        let mut buffer = JitterBuffer::default();
        for (n, now) in [(1, 20), (3, 40), (2, 41), (3, 42), (5, 60), (4_000, 61)] {
            put(&mut buffer, n, now);
        }
        let next: Vec<Next> = (0..6).map(|_| buffer.next(100)).collect();
        let [one, two, three, five] = [1, 2, 3, 5].map(|n| Next::Packet(packet(n)));
        let lost = Next::Lost { samples: 960, after: packet(5) };
        assert_eq!(next, [one, two, three, lost, five, Next::Late { samples: 960 }]);
        assert_eq!(buffer.next(1_000), Next::Late { samples: 960 });
        // What was bridged already is not made up for once more, and what comes too late is not heard.
        put(&mut buffer, 4, 1_000);
        put(&mut buffer, 8, 1_000);
        assert_eq!(buffer.next(1_000), Next::Packet(packet(8)));
    }

    #[test]
    fn who_sends_nothing_is_bridged_for_a_tenth_of_a_second_and_then_silent() {
        let mut buffer = JitterBuffer::default();
        put(&mut buffer, 1, 20);
        let next: Vec<Next> = (0..8).map(|n| buffer.next(40 + n * 20)).collect();
        assert_eq!(next.iter().filter(|next| matches!(next, Next::Late { .. })).count(), 5);
        assert_eq!(next[6..], [Next::Nothing, Next::Nothing]);
    }
}
