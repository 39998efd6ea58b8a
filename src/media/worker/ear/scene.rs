//! What happens at a door, for tests: a house that speaks, a camera with a speaker and a microphone in a room, a
//! visitor. All of it over G.711.

use super::rate::Interpolator;
use super::{Ear, EarReport};

/// Hz of the telephone line on which scenes are made.
const RATE: usize = 8_000;
const RATIO: usize = 6;
/// Samples of 48 kHz in a packet, and its duration.
const PACKET: usize = 960;
const PACKET_MS: i64 = 20;
/// When a conversation begins, on the worker's clock.
const BEGIN_MS: i64 = 1_000;
/// The speaker closes 5 s after the last sound.
const STAYS_OPEN: u32 = 250;

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to 1.
    pub fn roll(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn noise(&mut self) -> f32 {
        (0..4).map(|_| self.roll() - 0.5).sum::<f32>() * 1.7
    }
}

/// Something like speech at 8 kHz: syllables of a gliding voice with two formants, hisses between them, pauses.
pub fn speech(seconds: usize, voice_hz: f32, seed: u64) -> Vec<f32> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut speech = Vec::new();
    let mut phase = 0.0_f32;
    while speech.len() < seconds * RATE {
        let length = RATE / 10 + (dice.roll() * RATE as f32 / 6.0) as usize;
        let formants = [300.0 + 500.0 * dice.roll(), 900.0 + 1_500.0 * dice.roll()];
        let (pitch, glide, hisses) =
            (voice_hz * (0.8 + 0.5 * dice.roll()), dice.roll() - 0.5, dice.roll() < 0.25);
        for n in 0..length {
            let at = n as f32 / length as f32;
            let hz = pitch * (1.0 + 0.3 * glide * at);
            phase = (phase + hz / RATE as f32).fract();
            let harmonic = |k: usize| {
                let of = k as f32 * hz;
                let near = |formant: f32| (-((of - formant) / 250.0).powi(2)).exp();
                (0.03 + near(formants[0]) + 0.5 * near(formants[1]))
                    * (std::f32::consts::TAU * k as f32 * phase).sin()
            };
            let sound = if hisses {
                0.12 * dice.noise()
            } else {
                (1..=(3_300.0 / hz) as usize).map(harmonic).sum::<f32>() / 2.0
            };
            speech.push(0.2 * sound * (std::f32::consts::PI * at).sin().sqrt());
        }
        let pause = if dice.roll() < 0.15 { 0.4 } else { 0.04 };
        speech.resize(speech.len() + (pause * RATE as f32) as usize, 0.0);
    }
    speech.truncate(seconds * RATE);
    speech
}

/// What is said, and what the room does to it.
#[derive(Clone, Copy)]
pub struct Room {
    /// From the speaker to the microphone.
    pub delay_ms: usize,
    /// Echo return, a factor of the amplitude.
    pub echo: f32,
    /// The speaker is overdriven.
    pub distorts: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self { delay_ms: 120, echo: 0.5, distorts: false }
    }
}

/// What the microphone hears at 8 kHz.
pub fn microphone(speaker: &[f32], visitor: &[f32], room: Room) -> Vec<f32> {
    let mut dice = Dice(4_711);
    // Direct sound, and 40 reflections in 60 ms.
    let mut path = vec![(0, 1.0)];
    path.extend((0..40).map(|_| {
        let after = dice.roll();
        ((after * 0.06 * RATE as f32) as usize, 0.5 * dice.noise() * (-4.0 * after).exp())
    }));
    let loudness = path.iter().map(|(_, gain): &(usize, f32)| gain * gain).sum::<f32>().sqrt();
    let delay = room.delay_ms * RATE / 1000;
    let played = |at: usize| {
        let sample = speaker.get(at).map_or(0.0, |sample| mu_law(*sample));
        if room.distorts { (sample * 4.0).tanh() / 4.0 } else { sample }
    };
    let heard = |at: usize| {
        let echo = path.iter().map(|(after, gain)| at.checked_sub(delay + after).map_or(0.0, played) * gain);
        echo.sum::<f32>() * room.echo / loudness
    };
    let heard: Vec<f32> = (0..speaker.len()).map(heard).collect();
    let others = heard.iter().zip(visitor.iter().chain(std::iter::repeat(&0.0)));
    others.map(|(echo, visitor)| echo + visitor + 0.0005 * dice.noise()).collect()
}

/// Cubic interpolation at another clock's samples.
fn drift(samples: &[f32], ppm: f32) -> Vec<f32> {
    if ppm == 0.0 {
        return samples.to_vec();
    }
    let sample = |at: usize| samples.get(at).copied().unwrap_or(0.0);
    let value = |n: usize| {
        let at = n as f64 * (1.0 - f64::from(ppm) * 1e-6);
        let (first, x) = ((at as usize).saturating_sub(1), at.fract() as f32);
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| sample(first + k));
        b + 0.5 * x * (c - a + x * (2.0 * a - 5.0 * b + 4.0 * c - d + x * (3.0 * (b - c) + d - a)))
    };
    (0..samples.len()).map(value).collect()
}

/// Over a telephone line, and up to 48 kHz.
fn line(samples: &[f32]) -> Vec<f32> {
    let coarse: Vec<f32> = samples.iter().map(|sample| mu_law(*sample)).collect();
    let mut line = vec![0.0; samples.len() * RATIO];
    Interpolator::new(RATIO, 16).run(&coarse, &mut line);
    line
}

/// As coarse as G.711's µ-law makes it.
fn mu_law(sample: f32) -> f32 {
    let size = (sample.abs() * 32_768.0).min(32_635.0) + 132.0;
    let step = 2.0_f32.powi(size.log2().floor() as i32 - 4);
    ((size / step).floor() * step + step / 2.0 - 132.0).max(0.0).copysign(sample) / 32_768.0
}

/// A conversation through an ear.
pub struct Conversation {
    pub ear: Ear,
    /// At 48 kHz: what the microphone heard, and what became of it.
    pub heard: Vec<f32>,
    pub passed: Vec<f32>,
    /// One a second.
    pub reports: Vec<EarReport>,
    /// How much faster than the worker's the camera's clock runs, parts per million.
    pub drift_ppm: f32,
    /// Packets until now.
    packets: i64,
    /// Packets until the speaker closes.
    open: u32,
}

impl Conversation {
    pub fn new(ear: Ear) -> Self {
        Self {
            ear,
            heard: Vec::new(),
            passed: Vec::new(),
            reports: Vec::new(),
            drift_ppm: 0.0,
            packets: 0,
            open: 0,
        }
    }

    /// Goes on with what the speaker is given and the microphone hears, both at 8 kHz.
    pub fn go_on(&mut self, speaker: &[f32], microphone: &[f32]) {
        let (speaker, heard) = (line(speaker), drift(&line(microphone), self.drift_ppm));
        for (speaker, heard) in speaker.chunks_exact(PACKET).zip(heard.chunks_exact(PACKET)) {
            self.play(speaker);
            self.hear(heard);
        }
    }

    /// Goes on, and the microphone's packets are lost.
    pub fn lose(&mut self, speaker: &[f32]) {
        for speaker in line(speaker).chunks_exact(PACKET) {
            self.play(speaker);
            self.packets += 1;
        }
    }

    fn play(&mut self, speaker: &[f32]) {
        if speaker.iter().any(|sample| sample.abs() > 1e-3) {
            self.open = STAYS_OPEN;
        }
        if self.open > 0 {
            self.open -= 1;
            self.ear.played(speaker, BEGIN_MS + self.packets * PACKET_MS);
        }
    }

    fn hear(&mut self, heard: &[f32]) {
        let mut passed = heard.to_vec();
        let ticks = 5_000_000 + self.packets * PACKET as i64;
        self.packets += 1;
        // A packet comes when its last sample was heard.
        self.ear.hear(&mut passed, ticks, BEGIN_MS + self.packets * PACKET_MS);
        self.heard.extend_from_slice(heard);
        self.passed.extend_from_slice(&passed);
        if self.packets % 50 == 0 {
            self.reports.push(self.ear.report());
        }
    }

    /// How much quieter it became between two times, dB.
    pub fn quieter(&self, from: f32, to: f32) -> f32 {
        let part = |of: &[f32]| energy(&of[(from * 48_000.0) as usize..(to * 48_000.0) as usize]);
        10.0 * (part(&self.heard) / part(&self.passed).max(1e-12)).log10()
    }

    /// How much what was passed on since some second is like a signal of 8 kHz: the coefficient of correlation, at
    /// the best of all delays up to 40 ms.
    pub fn likeness(&self, to: &[f32], from: usize) -> f32 {
        let passed: Vec<f32> = self.passed.iter().step_by(RATIO).copied().collect();
        let at = from * RATE;
        let like = |late: usize| {
            let (a, b) = (&passed[at + late..], &to[at..passed.len() - late]);
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / (energy(a) * energy(b)).sqrt()
        };
        (0..RATE / 25).map(like).fold(-1.0, f32::max)
    }
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}
