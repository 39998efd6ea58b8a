//! One call's user: packets in, frames of 20 ms out.

use bytes::Bytes;

use super::gain::Gain;
use super::jitter_buffer::{JitterBuffer, Next, PER_MS};
use super::stretch::{self, Urgency};
use super::voice::Voice;
use crate::opus::{OpusDecoder, OpusError, PACKET};

/// ms of a frame.
pub const FRAME_MS: i64 = 20;
const FRAME: i64 = PACKET as i64;
/// What was said before the voice was noticed is kept for this long: 200 ms.
const PAST: usize = 10 * PACKET;
/// As many frames at least are between two cuts in words: a tenth faster is not noticed, and a quarter is when so much
/// waits that it matters.
const RESTS: (u32, u32) = (6, 2);
/// So much matters.
const MUCH: i64 = 100 * PER_MS;
/// After so many frames without a good place the next one is taken.
const TRIES: u32 = 10;
/// Who is this far behind lets words go.
const HOPELESS: i64 = 400 * PER_MS;
/// Less than this is not worth a cut, and more than a frame is wanted in hand before the frame is given up.
const SLACK: i64 = 5 * PER_MS;

/// What a talker has for one frame time.
pub struct Frame {
    /// Of 48 kHz, mono, [`PACKET`] of them.
    pub samples: Vec<f32>,
    /// Somebody says something.
    pub voiced: bool,
}

/// One talker.
pub struct Talker {
    buffer: JitterBuffer,
    decoder: OpusDecoder,
    voice: Voice,
    gain: Gain,
    /// Decoded, and not yet heard.
    waiting: Vec<f32>,
    /// The last that went by while somebody else, or nobody, had the speaker.
    past: Vec<f32>,
    rest: u32,
    tries: u32,
    /// When the last packet came.
    heard_ms: i64,
}

impl Talker {
    /// One who has not said anything.
    pub fn new(now_ms: i64) -> Result<Self, OpusError> {
        Ok(Self {
            buffer: JitterBuffer::default(),
            decoder: OpusDecoder::new()?,
            voice: Voice::default(),
            gain: Gain::default(),
            waiting: Vec::new(),
            past: Vec::new(),
            rest: 0,
            tries: 0,
            heard_ms: now_ms,
        })
    }

    /// When the last packet came.
    pub fn heard_ms(&self) -> i64 {
        self.heard_ms
    }

    /// Takes a packet.
    pub fn put(&mut self, sequence: u16, timestamp: u32, opus: Bytes, now_ms: i64) {
        self.heard_ms = now_ms;
        self.buffer.put(sequence, timestamp, opus, now_ms);
    }

    /// The next 20 ms; called every 20 ms. `None`: nothing comes from this talker.
    pub fn frame(&mut self, now_ms: i64) -> Option<Frame> {
        self.fill(now_ms);
        self.settle(now_ms);
        if self.waiting.is_empty() {
            self.voice.hear(&[0.0; PACKET]);
            return None;
        }
        let mut samples: Vec<f32> = self.waiting.drain(..PACKET.min(self.waiting.len())).collect();
        samples.resize(PACKET, 0.0);
        let voiced = self.voice.hear(&samples);
        Some(Frame { samples, voiced })
    }

    /// The frame is not heard: its talker waits for the speaker.
    pub fn let_go(&mut self, frame: &Frame) {
        self.past.extend_from_slice(&frame.samples);
        self.past.drain(..self.past.len().saturating_sub(PAST));
    }

    /// The talker gets the speaker with this frame: first comes what was said before the voice was noticed.
    pub fn catch_up(&mut self, frame: Frame) -> Frame {
        let mut first = std::mem::take(&mut self.past);
        first.drain(..first.len().saturating_sub((self.voice.age() - 1) * PACKET));
        first.extend_from_slice(&frame.samples);
        first.append(&mut self.waiting);
        let samples = first.drain(..PACKET).collect();
        self.waiting = first;
        Frame { samples, ..frame }
    }

    /// Lifts a frame that is heard, if the talker is quiet.
    pub fn lift(&mut self, frame: &mut Frame) {
        self.gain.lift(&mut frame.samples, frame.voiced);
    }

    /// The timestamp of the sample that is heard next, without what was made up. For tests.
    #[cfg(test)]
    pub fn place(&self) -> Option<i64> {
        self.buffer.place().map(|place| place - self.waiting.len() as i64)
    }

    fn fill(&mut self, now_ms: i64) {
        while self.waiting.len() < PACKET {
            if !self.decode(now_ms) {
                return;
            }
        }
    }

    /// Decodes what is next; false if there is nothing.
    fn decode(&mut self, now_ms: i64) -> bool {
        let waiting = &mut self.waiting;
        let decoded = match self.buffer.next(now_ms) {
            Next::Packet(opus) => self.decoder.decode(&opus, waiting).or_else(|_| {
                // It is no Opus after all.
                let samples = crate::opus::samples(&opus).unwrap_or(PACKET);
                self.decoder.conceal(samples, None, waiting)
            }),
            Next::Lost { samples, after } => self.decoder.conceal(samples, Some(&after), waiting),
            Next::Late { samples } => self.decoder.conceal(samples, None, waiting),
            Next::Nothing => return false,
        };
        decoded.is_ok()
    }

    /// By how many ticks packets would still come in time if the next one was needed one frame earlier than it is.
    fn spare(&self, now_ms: i64) -> Option<i64> {
        let frames = self.waiting.len() as i64 / FRAME;
        self.buffer.spare(now_ms + frames * FRAME_MS)
    }

    /// Comes closer to what the line needs: too much waits, or too little.
    fn settle(&mut self, now_ms: i64) {
        while self.spare(now_ms).is_some_and(|spare| spare > HOPELESS) && self.buffer.is_ready() {
            self.buffer.skip();
        }
        let Some(spare) = self.spare(now_ms) else { return };
        // Less than a frame more than whole frames only waits; a whole one is given up when it is not needed.
        let over = self.waiting.len() as i64 % FRAME;
        let frames = if spare > FRAME + SLACK { spare / FRAME } else { 0 };
        let (longer, most) = if spare < -SLACK { (true, FRAME) } else { (false, over + frames * FRAME) };
        let urgency = self.urgency();
        if most < SLACK {
            return;
        }
        while self.waiting.len() < 2 * PACKET && self.buffer.is_ready() && self.decode(now_ms) {}
        let rest = if most < MUCH { RESTS.0 } else { RESTS.1 };
        let most = usize::try_from(most).unwrap_or_default();
        let done = if longer {
            stretch::lengthen(&mut self.waiting, most, urgency)
        } else {
            let most = most.min(self.waiting.len().saturating_sub(PACKET));
            stretch::shorten(&mut self.waiting, most, urgency)
        };
        if done > 0 {
            (self.rest, self.tries) = (rest, 0);
        }
        self.fill(now_ms);
    }

    fn urgency(&mut self) -> Urgency {
        if self.rest > 0 {
            self.rest -= 1;
            return Urgency::None;
        }
        self.tries = self.tries.saturating_add(1);
        if self.tries > TRIES { Urgency::High } else { Urgency::Low }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::super::line::Line;
    use super::*;

    #[test]
    fn a_talker_whose_sequence_or_time_begins_anew_is_heard_again_at_once() {
        let mut line = Line::new(7, false);
        let mut talker = Talker::new(0).unwrap();
        let mut now = 0;
        for (first, start) in
            [(0_u16, 0_u32), (40_000, 0), (7, 3_000_000_000), (8_000, 17), (8_050, 17 + 50 * 960 + 24_000)]
        {
            let mut heard = 0;
            for n in 0..50_u16 {
                now += 20;
                talker.put(
                    first.wrapping_add(n),
                    start.wrapping_add(u32::from(n) * 960),
                    line.packet(0),
                    now,
                );
                heard += usize::from(talker.frame(now).is_some_and(|frame| frame.voiced));
            }
            assert!(heard >= 43, "{heard} frames from {first}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_comes_whenever_there_is_one_whole_frame_or_none_in_a_frame_time(
            packets in prop::collection::vec(
                (0_i64..200, any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40), any::<bool>()),
                1..300,
            ),
        ) {
            let mut talker = Talker::new(0).unwrap();
            let (mut now, mut sequence, mut timestamp) = (0, 0_u16, 0_u32);
            for (wait, jump, leap, opus, fits) in packets {
                sequence = sequence.wrapping_add(if fits { jump % 4 } else { jump });
                timestamp = timestamp.wrapping_add(if fits { leap % 4_000 } else { leap });
                talker.put(sequence, timestamp, Bytes::from(opus), now);
                for _ in 0..wait / 20 {
                    now += FRAME_MS;
                    let frame = talker.frame(now);
                    prop_assert!(frame.is_none_or(|frame| frame.samples.len() == PACKET));
                    prop_assert!(talker.waiting.len() <= PAST + 2 * crate::opus::LONGEST);
                }
            }
        }
    }
}
