//! A camera's microphone, without the echo of its own speaker and without noise.
//!
//! Pure: no clock of its own, no threads, no FFmpeg. The speaker's signal is put on the worker's clock, the
//! microphone's is mapped onto it, the delay between both is searched, and the canceller gets both side by side.
//! All of it works at 16 kHz; what is passed on is as wide as that.

use crate::level::Level;
use doorstep::media::talk::EchoRule;

use camera_clock::{CameraClock, Placed};
use canceller::{Aec3, EchoCanceller, FRAME, Frame};
use delay_search::{DelaySearch, Look};
use energy::mean_square;
use fade::Fade;
use learning::Learning;
use rate::{Decimator, Interpolator};
use speaker::Speaker;
use voice::Voice;

pub use report::EarReport;

mod camera_clock;
mod canceller;
mod delay_search;
mod energy;
mod fade;
mod learning;
mod noise_floor;
mod rate;
mod report;
#[cfg(test)]
mod scene;
mod speaker;
#[cfg(test)]
mod tests;
mod timeline;
mod voice;

/// 48 kHz over 16 kHz.
const RATIO: usize = 3;
/// Half the length of the filters between both rates, in samples of 16 kHz: 1 ms.
const REACH: usize = 16;
/// Hz in here.
const RATE: f32 = 16_000.0;
/// Samples of 16 kHz in a millisecond.
const MS: i64 = 16;
/// How much earlier than the echo the canceller gets its reference, so that what comes first fits in, too.
const EARLY: i64 = 12 * MS;
/// The delay is not moved for a difference up to this.
const SLACK: i64 = 8 * MS;
/// How much two looks may differ to be of one opinion.
const AGREE: i64 = 2 * MS;
/// A delay that was confirmed since then is right, whatever the clocks say: 60 s.
const FRESH: i64 = 60_000 * MS;
/// What is passed on while there may be echo whose delay is not known yet: -30 dB.
const GUARDED: f32 = 0.03;
/// For how much speech that may last, seconds.
const GUARD: f32 = 2.0;
/// How long the canceller needs to know a room.
const SETTLES: i64 = 400 * MS;
/// The longest time from the speaker to the microphone.
const LONGEST: i64 = 1_450 * MS;
/// How much of a sound is still there 10 ms later in a room that echoes much.
const FADES: f32 = 0.9;
/// 10 ms at 48 kHz.
const PIECE: usize = FRAME * RATIO;

/// Why there is no ear.
#[derive(Debug, thiserror::Error)]
pub enum EarError {
    /// The canceller refused its settings.
    #[error("the echo canceller refuses its settings")]
    Settings,
}

/// One camera's microphone.
pub struct Ear {
    rule: EchoRule,
    clock: CameraClock,
    speaker: Speaker,
    down: Decimator,
    up: Interpolator,
    search: DelaySearch,
    /// The last look's opinion.
    seen: Option<i64>,
    /// From the speaker to the microphone, samples of 16 kHz.
    delay: Option<i64>,
    /// When a look first saw it, and when one last confirmed it.
    found: i64,
    confirmed: i64,
    /// One did so since the last report.
    heard_speaker: bool,
    canceller: Box<dyn EchoCanceller>,
    learning: Learning,
    /// Seconds of speech that were guarded.
    guarded: f32,
    voice: Voice,
    fade: Fade,
    held: bool,
    heard: Level,
    passed: Level,
    low: Vec<f32>,
    /// What the speaker was given for what is heard now, and of late: mean square.
    far: f32,
}

impl Ear {
    /// For a camera whose echo is dealt with by this rule.
    ///
    /// # Errors
    /// When the canceller cannot be made.
    pub fn new(rule: EchoRule) -> Result<Self, EarError> {
        Ok(Self::with(rule, Box::new(Aec3::new()?)))
    }

    fn with(rule: EchoRule, canceller: Box<dyn EchoCanceller>) -> Self {
        let known = match rule {
            EchoRule::Auto(known) => known,
            EchoRule::On | EchoRule::Off => None,
        };
        Self {
            rule,
            clock: CameraClock::default(),
            speaker: Speaker::new(),
            down: Decimator::new(RATIO, REACH),
            up: Interpolator::new(RATIO, REACH),
            search: DelaySearch::new(speaker::SECONDS),
            seen: None,
            delay: None,
            found: 0,
            confirmed: 0,
            heard_speaker: false,
            canceller,
            learning: Learning::new(known),
            guarded: 0.0,
            voice: Voice::default(),
            fade: Fade::default(),
            held: false,
            heard: Level::default(),
            passed: Level::default(),
            low: Vec::new(),
            far: 0.0,
        }
    }

    /// What the speaker is given, in order, from `at_ms` of the worker's clock on: 48 kHz, mono, as the speaker
    /// will play it, after its codec. Called every 20 ms while the speaker is open.
    pub fn played(&mut self, samples: &[f32], at_ms: i64) {
        let played = self.speaker.play(samples, at_ms);
        self.search.speaker(played.at, played.samples);
        if played.is_loud {
            let seconds = played.samples.len() as f32 / RATE;
            self.learning.spoken(seconds);
            self.guarded += if self.delay.is_none() { seconds } else { 0.0 };
        }
    }

    /// One packet of the microphone, 960 samples of 48 kHz, mono, cleaned in place. `ticks`: its place on the
    /// camera's own clock, 48 kHz; `now_ms`: when it arrived, on the worker's clock.
    pub fn hear(&mut self, samples: &mut [f32], ticks: i64, now_ms: i64) {
        tame(samples);
        self.heard.note(samples);
        let placed = self.clock.place(ticks, samples.len(), now_ms);
        let begin = placed.at.div_euclid(RATIO as i64);
        if self.rule == EchoRule::Off {
            for (at, piece) in (begin..).step_by(FRAME).zip(samples.chunks(PIECE)) {
                let unknown = self.speaker.was_loud(at, LONGEST);
                self.voice.hear(mean_square(piece), if unknown { f32::INFINITY } else { 0.0 });
            }
        } else {
            self.slip(placed);
            self.clean(begin, samples);
        }
        let end = begin.saturating_add((samples.len() / RATIO) as i64);
        let gain = match (self.held, self.is_guarded(end)) {
            (true, _) => 0.0,
            (false, true) => GUARDED,
            (false, false) => 1.0,
        };
        self.fade.run(samples, gain);
        self.passed.note(samples);
    }

    /// Holds the microphone down, or lets it go: with ramps of 20 ms.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The visitor speaks now.
    pub fn hears_voice(&self) -> bool {
        self.voice.speaks()
    }

    /// What was heard since the last report.
    pub fn report(&mut self) -> EarReport {
        let on = self.rule != EchoRule::Off;
        let delay = self.delay.filter(|_| !self.learning.unseen());
        EarReport {
            microphone_dbfs: self.heard.take(),
            passed_dbfs: self.passed.take(),
            erle_db: self.learning.erle_db(),
            delay_ms: delay.map(|delay| u32::try_from(delay / MS).unwrap_or(0)),
            echo: self.learning.finding().filter(|_| on),
            hears_voice: self.hears_voice(),
            heard_speaker: std::mem::take(&mut self.heard_speaker),
        }
    }

    /// The clocks' map has changed.
    fn slip(&mut self, placed: Placed) {
        if placed.anew || placed.slipped != 0 {
            self.search.forget();
            self.seen = None;
        }
        // What was confirmed of late stays as it is; else the clocks have drifted apart.
        if placed.at / RATIO as i64 - self.confirmed < FRESH {
            self.delay = self.delay.map(|delay| delay + placed.slipped / RATIO as i64);
        }
    }

    fn clean(&mut self, begin: i64, samples: &mut [f32]) {
        let mut low = std::mem::take(&mut self.low);
        low.clear();
        self.down.run(samples, &mut low);
        // A packet that is no number of whole frames is none of ours.
        let (frames, rest) = low.as_chunks_mut::<FRAME>();
        rest.fill(0.0);
        for (at, frame) in (begin..).step_by(FRAME).zip(frames) {
            self.frame(at, frame);
        }
        self.up.run(&low, samples);
        self.low = low;
    }

    fn frame(&mut self, at: i64, microphone: &mut Frame) {
        if let Some(look) = self.search.microphone(at, microphone) {
            self.look(at, look);
        }
        let mut reference = [0.0; FRAME];
        let known = self.delay.filter(|_| !self.is_bypassed());
        if let Some(delay) = known {
            self.speaker.read(at - delay + EARLY, &mut reference);
        }
        let removal = self.canceller.clean(known.map(|_| &reference), microphone);
        let far = known.map_or(0.0, |_| mean_square(&reference));
        self.far = far.max(self.far * FADES);
        if known.is_some() && at - self.found >= SETTLES {
            self.learning.hear(far, removal);
        }
        self.voice.hear(removal.cleaned, self.echo_left(at));
    }

    /// The most that may be left of an echo now, mean square.
    fn echo_left(&self, at: i64) -> f32 {
        match (self.delay, self.learning.rest()) {
            _ if self.learning.unseen() => 0.0,
            (Some(_), Some(rest)) => self.far * rest,
            _ if self.speaker.was_loud(at, LONGEST) => f32::INFINITY,
            _ => 0.0,
        }
    }

    /// Learns of the delay.
    fn look(&mut self, at: i64, look: Look) {
        let before = std::mem::take(&mut self.seen);
        let Look::Echo(delay) = look else { return };
        self.seen = Some(delay);
        if before.is_none_or(|before| (before - delay).abs() > AGREE) {
            return;
        }
        self.learning.seen();
        self.confirmed = at;
        self.heard_speaker = true;
        if self.delay.is_none() {
            self.found = at;
        }
        if self.delay.is_none_or(|known| (known - delay).abs() > SLACK) {
            self.delay = Some(delay);
        }
    }

    /// There is no echo here, so that nothing has to be taken away but noise.
    fn is_bypassed(&self) -> bool {
        matches!(self.rule, EchoRule::Auto(_)) && self.learning.unseen()
    }

    /// There may be an echo that nobody can take away yet.
    fn is_guarded(&self, at: i64) -> bool {
        let fresh = self.delay.is_some() && at - self.found < SETTLES;
        let unknown = fresh || (self.delay.is_none() && !self.learning.unseen() && self.guarded < GUARD);
        self.rule != EchoRule::Off && unknown && self.speaker.was_loud(at, LONGEST)
    }
}

/// Takes out what is no sound.
fn tame(samples: &mut [f32]) {
    for sample in samples {
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
}
