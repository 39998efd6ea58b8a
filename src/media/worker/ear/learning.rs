//! What is learnt of a camera's echo while both sides talk.

use std::collections::VecDeque;

use doorstep::media::talk::EchoFinding;

use super::canceller::Removal;
use super::energy::decibels;
use super::noise_floor::NoiseFloor;

/// Frames of 10 ms that are judged at once.
const WINDOW: u32 = 10;
const WINDOW_SECONDS: f32 = 0.1;
/// The speaker is heard from this mean square on: -50 dBFS.
const ACTIVE: f32 = 1e-5;
/// Speech without any echo before it is said that there is none, seconds. The echo may be 1.4 s late.
const NONE_AFTER: f32 = 5.0;
/// Speech with echo before it is said that it is taken away, and that it is not, seconds.
const CANCELLED_AFTER: f32 = 3.0;
const LEFT_AFTER: f32 = 10.0;
/// An echo below this is none, dB of what the speaker was given.
const INAUDIBLE_RETURN: f32 = -40.0;
/// What is left of an echo below this does not disturb, dBFS.
const INAUDIBLE: f32 = -50.0;
/// Echo return loss enhancement from which on echo counts as taken away, dB.
const ENOUGH: f32 = 12.0;
/// How much clearer than that it must be before a finding is taken back, dB.
const HYSTERESIS: f32 = 3.0;
/// What is left is echo if its loudness follows the speaker's: the least coefficient of correlation.
const FOLLOWS: f32 = 0.4;
/// How much of what was measured counts after the next window: the average is over 2 s.
const KEEP: f32 = 0.95;
/// The visitor speaks where the linear model leaves so many times more than usual, and than noise.
const MORE_THAN_USUAL: f32 = 6.0;
const MORE_THAN_NOISE: f32 = 10.0;
/// Windows that say what is usual.
const USUAL: usize = 100;
/// So many times more than the usual rest of echo is a voice.
const REST: f32 = 4.0;

/// Judges the echo.
pub struct Learning {
    finding: Option<EchoFinding>,
    /// Seconds of speech since echo was seen.
    unseen: f32,
    window: Sums,
    frames: u32,
    /// Of windows in which only the speaker was heard.
    echo: Sums,
    /// Seconds of them.
    heard: f32,
    floor: NoiseFloor,
    /// In windows in which the speaker was heard: what the linear model left of the sound.
    linear: VecDeque<f32>,
    /// In windows in which only the speaker was heard: what was left at the end, of what the speaker was given.
    rest: VecDeque<f32>,
    likeness: Likeness,
}

#[derive(Default, Clone, Copy)]
struct Sums {
    speaker: f32,
    heard: f32,
    linear: f32,
    cleaned: f32,
}

impl Sums {
    fn add(&mut self, keep: f32, other: Self) {
        self.speaker = self.speaker * keep + other.speaker;
        self.heard = self.heard * keep + other.heard;
        self.linear = self.linear * keep + other.linear;
        self.cleaned = self.cleaned * keep + other.cleaned;
    }
}

impl Learning {
    /// Begins with what calls before found.
    pub fn new(known: Option<EchoFinding>) -> Self {
        let none = known == Some(EchoFinding::None);
        Self {
            finding: known,
            unseen: if none { NONE_AFTER } else { 0.0 },
            window: Sums::default(),
            frames: 0,
            echo: Sums::default(),
            heard: 0.0,
            floor: NoiseFloor::default(),
            linear: VecDeque::new(),
            rest: VecDeque::new(),
            likeness: Likeness::default(),
        }
    }

    /// The speaker was loud for some seconds.
    pub fn spoken(&mut self, seconds: f32) {
        self.unseen += seconds;
        if self.unseen >= NONE_AFTER {
            self.finding = Some(EchoFinding::None);
        }
    }

    /// The microphone has echo.
    pub fn seen(&mut self) {
        self.unseen = 0.0;
    }

    /// There is no echo, as far as anybody can see.
    pub fn unseen(&self) -> bool {
        self.unseen >= NONE_AFTER
    }

    /// 10 ms: the mean square of what the speaker was given for them, and what became of them.
    pub fn hear(&mut self, speaker: f32, removal: Removal) {
        let Removal { heard, linear, cleaned } = removal;
        self.window.add(1.0, Sums { speaker, heard, linear, cleaned });
        self.frames += 1;
        if self.frames == WINDOW {
            let scale = 1.0 / WINDOW as f32;
            let Sums { speaker, heard, linear, cleaned } = std::mem::take(&mut self.window);
            self.frames = 0;
            self.judge(Sums {
                speaker: speaker * scale,
                heard: heard * scale,
                linear: linear * scale,
                cleaned: cleaned * scale,
            });
        }
    }

    /// Echo return loss enhancement while only the speaker is heard, dB.
    pub fn erle_db(&self) -> Option<f32> {
        (self.heard >= 1.0).then(|| decibels(self.echo.heard / self.echo.cleaned.max(f32::MIN_POSITIVE)))
    }

    /// What was found.
    pub fn finding(&self) -> Option<EchoFinding> {
        self.finding
    }

    /// The most that may be left at the end of what the speaker was given, both as mean squares. `None` before that
    /// is known.
    pub fn rest(&self) -> Option<f32> {
        (self.rest.len() >= USUAL / 10).then(|| REST * quantile(&self.rest, 0.9))
    }

    fn judge(&mut self, window: Sums) {
        self.floor.hear(window.heard);
        self.likeness.hear(decibels(window.speaker), decibels(window.cleaned));
        if window.speaker < ACTIVE || self.unseen() {
            return;
        }
        let linear = window.linear / window.heard.max(f32::MIN_POSITIVE);
        push(&mut self.linear, linear);
        let usual = quantile(&self.linear, 0.2);
        if linear > usual * MORE_THAN_USUAL && window.linear > self.floor.square() * MORE_THAN_NOISE {
            return;
        }
        push(&mut self.rest, window.cleaned / window.speaker);
        self.echo.add(KEEP, window);
        self.heard += WINDOW_SECONDS;
        self.find();
    }

    fn find(&mut self) {
        let Some(erle) = self.erle_db().filter(|_| self.heard >= CANCELLED_AFTER) else { return };
        let Sums { speaker, heard, linear, cleaned } = self.echo;
        let windows = (1.0 - KEEP.powf(self.heard / WINDOW_SECONDS)) / (1.0 - KEEP);
        let back = |from| if self.finding == Some(from) { HYSTERESIS } else { 0.0 };
        let enough = ENOUGH + back(EchoFinding::Left);
        let inaudible = INAUDIBLE_RETURN + back(EchoFinding::None);
        if decibels((heard - linear).max(0.0) / speaker) < inaudible {
            self.finding = Some(EchoFinding::None);
        } else if erle >= enough || decibels(cleaned / windows) < INAUDIBLE {
            self.finding = Some(EchoFinding::Cancelled);
        } else if erle < ENOUGH && self.heard >= LEFT_AFTER && self.likeness.coefficient() > FOLLOWS {
            self.finding = Some(EchoFinding::Left);
        }
    }
}

fn push(to: &mut VecDeque<f32>, value: f32) {
    if to.len() == USUAL {
        to.pop_front();
    }
    to.push_back(value);
}

fn quantile(of: &VecDeque<f32>, share: f32) -> f32 {
    let mut sorted: Vec<f32> = of.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    sorted.get((share * sorted.len() as f32) as usize).copied().unwrap_or(0.0)
}

/// How much one loudness follows another: a running coefficient of correlation.
#[derive(Default)]
struct Likeness {
    count: f32,
    x: f32,
    y: f32,
    xx: f32,
    yy: f32,
    xy: f32,
}

impl Likeness {
    /// Average over 20 s.
    const KEEP: f32 = 0.995;

    fn hear(&mut self, x: f32, y: f32) {
        // Differences in what cannot be heard mean nothing.
        let (x, y) = (x.max(-65.0), y.max(-65.0));
        for (sum, value) in [
            (&mut self.count, 1.0),
            (&mut self.x, x),
            (&mut self.y, y),
            (&mut self.xx, x * x),
            (&mut self.yy, y * y),
            (&mut self.xy, x * y),
        ] {
            *sum = *sum * Self::KEEP + value;
        }
    }

    fn coefficient(&self) -> f32 {
        let (x, y) = (self.x / self.count, self.y / self.count);
        let spread = (self.xx / self.count - x * x) * (self.yy / self.count - y * y);
        (self.xy / self.count - x * y) / spread.max(1e-6).sqrt()
    }
}
