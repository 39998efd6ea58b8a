//! A talker's line on virtual time, and what is heard at the end of it.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};

use super::talker::{FRAME_MS, Talker};
use crate::opus::PACKET;

/// Samples of 5 ms, over which loudness is looked at.
const BLOCK: usize = 240;

/// Who talks without a pause, and what the line does to it.
pub struct Line {
    random: u64,
    encoder: Encoder,
    /// ms of a packet: 10, 20, 40 or 60.
    pub packet_ms: i64,
    /// The talker's clock is faster than ours by so many millionths.
    pub ppm: i64,
    /// Each packet comes a second time, so many ms later.
    pub doubled_ms: Option<i64>,
    /// When the first frame is taken.
    pub phase_ms: i64,
}

/// What was heard.
#[derive(Default)]
pub struct Heard {
    latencies: Vec<i64>,
    samples: Vec<f32>,
    frames: usize,
}

struct Packet {
    at_ms: i64,
    sequence: u16,
    timestamp: u32,
    opus: Bytes,
}

impl Line {
    /// `copies`: packets hold a copy of the one before, as of telephones that know of losses.
    pub fn new(random: u64, copies: bool) -> Self {
        let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip).unwrap();
        encoder.set_bitrate(Bitrate::Value(32_000)).unwrap();
        if copies {
            encoder.set_inband_fec(InbandFec::Mode1).unwrap();
            encoder.set_packet_loss(10).unwrap();
        }
        Self { random: random.max(1), encoder, packet_ms: 20, ppm: 0, doubled_ms: None, phase_ms: 7 }
    }

    /// Less than `below`.
    pub fn random(&mut self, below: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as i64 % below
    }

    /// So many packets; `fate` says how many ms each one is late, or that it is lost.
    pub fn run(&mut self, packets: i64, mut fate: impl FnMut(&mut Self, i64) -> Option<i64>) -> Heard {
        let mut coming: Vec<Packet> = Vec::new();
        for n in 0..packets {
            let opus = self.packet(n);
            let sent_ms = (n + 1) * self.packet_ms * 1_000_000 / (1_000_000 + self.ppm);
            let Some(late_ms) = fate(self, n) else { continue };
            let sequence = (65_500 + n) as u16;
            let timestamp = (4_294_900_000 + n * self.packet_ms * 48) as u32;
            let at_ms = sent_ms + late_ms;
            for at_ms in [Some(at_ms), self.doubled_ms.map(|later| at_ms + later)].into_iter().flatten() {
                coming.push(Packet { at_ms, sequence, timestamp, opus: opus.clone() });
            }
        }
        coming.sort_by_key(|packet| packet.at_ms);
        let mut talker = Talker::new(0).unwrap();
        let (mut heard, mut unheard) = (Heard::default(), Vec::<(i64, i64)>::new());
        let mut coming = coming.into_iter().peekable();
        let (mut first, mut seen) = (None, HashSet::new());
        for now in (self.phase_ms..packets * self.packet_ms).step_by(FRAME_MS as usize) {
            while let Some(packet) = coming.next_if(|packet| packet.at_ms <= now) {
                let first = *first.get_or_insert(packet.timestamp);
                // The buffer counts on from the first timestamp without wrapping.
                let ticks = i64::from(first) + i64::from(packet.timestamp.wrapping_sub(first) as i32);
                if seen.insert(ticks) {
                    unheard.push((ticks, packet.at_ms));
                }
                talker.put(packet.sequence, packet.timestamp, packet.opus, packet.at_ms);
            }
            if coming.peek().is_none() {
                break;
            }
            if let Some(frame) = talker.frame(now) {
                heard.samples.extend(frame.samples);
                heard.frames += 1;
            }
            if let Some(place) = talker.place() {
                unheard.retain(|(ticks, at_ms)| {
                    let is_heard = *ticks < place;
                    heard.latencies.extend(is_heard.then_some(now - at_ms));
                    !is_heard
                });
            }
        }
        heard.latencies.sort_unstable();
        heard
    }

    /// A voice whose pitch and colour change slowly.
    pub fn packet(&mut self, n: i64) -> Bytes {
        let samples = self.packet_ms * 48;
        let wave: Vec<f32> = (n * samples..(n + 1) * samples)
            .map(|at| {
                let seconds = at as f64 / 48_000.0;
                let phase = seconds * 140.0 * std::f64::consts::TAU + 2.0 * (seconds * 3.0).sin();
                let tones = (1..12).map(f64::from);
                tones.map(|k| (phase * k + k).sin() * 0.12 / k.sqrt()).sum::<f64>() as f32
            })
            .collect();
        let mut packet = [0; 1_500];
        let length = self.encoder.encode_float_to_slice(&wave, &mut packet).unwrap();
        Bytes::copy_from_slice(&packet[..length])
    }
}

impl Heard {
    /// ms that so many of a hundred packets took at most.
    pub fn latency(&self, percent: usize) -> i64 {
        self.latencies[(self.latencies.len() * percent / 100).min(self.latencies.len() - 1)]
    }

    /// ms in which something was heard.
    pub fn duration_ms(&self) -> i64 {
        self.loud().iter().filter(|loud| **loud).count() as i64 * 5
    }

    /// ms of the longest hole in it.
    pub fn longest_gap_ms(&self) -> i64 {
        let loud = self.loud();
        let begun = loud.iter().skip_while(|loud| !**loud).copied().collect::<Vec<_>>();
        begun.split(|loud| *loud).map(<[bool]>::len).max().unwrap_or(0) as i64 * 5
    }

    /// Loudest step from one sample to the next.
    pub fn steepest(&self) -> f32 {
        self.samples.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max)
    }

    /// 15 dB below the voice is a hole in it.
    fn loud(&self) -> Vec<bool> {
        let power = |block: &[f32]| block.iter().map(|s| s * s).sum::<f32>() / BLOCK as f32;
        let powers: Vec<f32> = self.samples.chunks_exact(BLOCK).map(power).collect();
        let mut sorted = powers.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let voice = sorted[sorted.len() / 2];
        powers.iter().map(|power| *power > voice * 0.03).collect()
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.latency(percent));
        let seconds = self.frames * PACKET / 48_000;
        write!(
            f,
            "latency {half} ms, p99 {most}, most {all}; heard {} ms of {seconds} s, longest gap {} ms, steepest {:.2}",
            self.duration_ms(),
            self.longest_gap_ms(),
            self.steepest()
        )
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_calm_line_costs_less_than_forty_milliseconds_whatever_the_packets() {
        for packet_ms in [10, 20, 40, 60] {
            for phase_ms in [0, 3, 8, 13, 19] {
                let mut line = Line::new(1, false);
                (line.packet_ms, line.phase_ms) = (packet_ms, phase_ms);
                let heard = line.run(20_000 / packet_ms, |_, _| Some(0));
                println!("packets of {packet_ms} ms, frames at {phase_ms}: {heard}");
                assert!(heard.latency(50) <= 40 && heard.latency(99) <= 45, "{heard}");
                assert_eq!(heard.longest_gap_ms(), 0);
                assert!(heard.duration_ms() >= 19_850, "{heard}");
            }
        }
    }

    #[test]
    fn a_line_that_jitters_costs_no_words_and_less_than_eighty_milliseconds() {
        for most in [10, 20, 40] {
            let heard = Line::new(2, false).run(1_500, |line, _| Some(line.random(most)));
            println!("jitter of {most} ms: {heard}");
            assert!(heard.latency(50) <= 80 && heard.latency(99) <= 150, "{heard}");
            assert!(heard.duration_ms() >= 29_900 && heard.longest_gap_ms() <= 5, "{heard}");
        }
    }

    #[test]
    fn of_a_voice_that_loses_one_packet_in_twenty_nearly_all_is_heard() {
        for copies in [false, true] {
            for most in [0, 20] {
                let heard = Line::new(3, copies).run(3_000, |line, _| {
                    let late = line.random(most + 1);
                    (line.random(100) >= 5).then_some(late)
                });
                println!("5 % lost, copies {copies}, jitter of {most} ms: {heard}");
                assert!(heard.duration_ms() >= 58_800 && heard.longest_gap_ms() <= 60, "{heard}");
                assert!(heard.latency(50) <= 80 && heard.latency(99) <= 150, "{heard}");
            }
        }
    }

    #[test]
    fn what_comes_in_the_wrong_order_is_put_right_and_what_comes_twice_is_heard_once() {
        let mut line = Line::new(4, false);
        line.doubled_ms = Some(45);
        let heard = line.run(1_500, |_, n| Some(if n % 4 == 1 { 30 } else { 0 }));
        println!("every fourth packet 30 ms late, all twice: {heard}");
        assert!(heard.latency(50) <= 50 && heard.longest_gap_ms() <= 60, "{heard}");
        assert!((29_800..30_100).contains(&heard.duration_ms()), "{heard}");
    }

    #[test]
    fn a_clock_that_is_faster_or_slower_neither_fills_the_buffer_nor_empties_it() {
        for ppm in [-500, 500] {
            let mut line = Line::new(5, false);
            line.ppm = ppm;
            let heard = line.run(5_000, |_, _| Some(0));
            println!("{ppm} ppm: {heard}");
            assert!(heard.latency(100) <= 50 && heard.longest_gap_ms() <= 5, "{heard}");
        }
    }

    #[test]
    fn a_line_that_stood_still_for_a_moment_catches_up() {
        let heard =
            Line::new(6, false).run(1_500, |_, n| Some(((700 - n) * 20).clamp(0, 200) * i64::from(n > 690)));
        println!("a stall of 200 ms: {heard}");
        assert!(heard.latency(50) <= 45, "{heard}");
        assert!(heard.latency(80) <= 60, "the backlog is worked off: {heard}");
        assert!(heard.duration_ms() >= 29_500, "{heard}");
    }
}
