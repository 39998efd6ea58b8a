//! A talker's line on virtual time, for tests.

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
        Self { random: random.max(1), encoder, packet_ms: 20, ppm: 0, phase_ms: 7 }
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
            coming.push(Packet { at_ms: sent_ms + late_ms, sequence, timestamp, opus });
        }
        coming.sort_by_key(|packet| packet.at_ms);
        let mut talker = Talker::new(0).unwrap();
        let (mut heard, mut unheard) = (Heard::default(), Vec::<(i64, i64)>::new());
        let mut coming = coming.into_iter().peekable();
        let mut first = None;
        for now in (self.phase_ms..packets * self.packet_ms).step_by(FRAME_MS as usize) {
            while let Some(packet) = coming.next_if(|packet| packet.at_ms <= now) {
                let first = *first.get_or_insert(packet.timestamp);
                // The buffer counts on from the first timestamp without wrapping.
                let ticks = i64::from(first) + i64::from(packet.timestamp.wrapping_sub(first) as i32);
                unheard.push((ticks, packet.at_ms));
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
