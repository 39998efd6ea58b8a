//! What a probe found.

use std::time::Duration;

use serde::Serialize;

use super::advice::advice;
use super::look::{KEYS, PATIENCE};
use crate::camera::account::{Account, Tried};
use crate::camera::screen_stream::ScreenStream;
use crate::camera::sentence::{Sentence, joined};
use crate::camera::way::WayKind;
use crate::media::{SoundFacts, VideoFacts, why};

/// What was found. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Finding {
    /// The camera's name.
    pub camera: String,
    /// A call would show a picture.
    pub fit: bool,
    /// What a call would do, or what is wrong and what to do next.
    pub says: Sentence,
    /// The way that the picture took, for people.
    pub from: Option<&'static str>,
    /// The same, for programs.
    pub way: Option<WayKind>,
    /// Ways that showed nothing.
    pub tried: Vec<Tried>,
    /// It was shown already: these are the facts of the feed that ran, and times are of its opening.
    pub running: bool,
    /// The picture.
    pub video: Option<VideoFacts>,
    /// The sound.
    pub sound: Option<SoundFacts>,
    /// Talk reaches its speaker.
    pub talk: bool,
    /// Why it is so, for people.
    pub talk_why: String,
    /// The same, one by one.
    pub talk_reasons: Vec<Sentence>,
    /// ms until the source was open.
    pub opened_ms: Option<u64>,
    /// ms until the first picture.
    pub first_picture_ms: Option<u64>,
    /// Pictures a second that the camera sends.
    pub pictures_per_second: Option<f32>,
    /// kbit/s of the picture that the camera sends.
    pub kbps: Option<u32>,
    /// Seconds between the camera's last two key pictures; `None` if it was not looked at for so long.
    pub key_picture_seconds: Option<f32>,
    /// Key pictures are at least so many seconds apart; `None` if it is known how many.
    pub key_picture_longer_than: Option<f32>,
    /// What to change to do better, most important first.
    pub advice: Vec<Sentence>,
}

impl Finding {
    /// A camera that cannot be opened at all.
    #[must_use]
    pub fn refused(camera: &str, says: Sentence) -> Self {
        Self { camera: camera.to_owned(), says, ..Self::default() }
    }

    /// A camera whose privacy switch is off.
    #[must_use]
    pub fn switched_off(camera: &str) -> Self {
        let says = "it is switched off, so nothing of it is opened; switch it on in the page, by Alexa, or at the hub";
        Self::refused(camera, Sentence::new("off", says))
    }

    /// Adds whether one can talk to it, and why that is so. What the source that was opened has shown counts more than
    /// what was known before.
    #[must_use]
    pub fn with_talk(mut self, talk: bool, reasons: Vec<Sentence>) -> Self {
        self.talk_reasons = match (self.talk, talk, self.way) {
            (true, false, Some(way)) => {
                let text = format!("{} brings a speaker", way.name());
                vec![Sentence::new("brings", text).with("way", way)]
            }
            _ => reasons,
        };
        self.talk_why = joined(&self.talk_reasons);
        self.talk |= talk;
        self
    }

    /// Adds why Alexa is not told of the stream that the settings want for screens, if so.
    #[must_use]
    pub fn with_stream(mut self, stream: Option<&ScreenStream>) -> Self {
        if let Some(ScreenStream::Withheld(why)) = stream {
            let text = format!("its stream for screens (`stream = true`) is not offered to Alexa: {why}");
            self.advice.push(Sentence::new("stream", text).with("why", why));
        }
        self
    }

    /// What a feed's account amounts to.
    pub(super) fn of(camera: &str, account: &Account, max_kbps: u32) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let flow = account.flow.as_ref();
        let keys = flow.and_then(|flow| flow.key_picture_seconds);
        let fit = account.is_lit();
        let mut finding = Self {
            camera: camera.to_owned(),
            fit,
            says: says(account),
            from: fit.then(|| account.way()),
            way: account.kind().filter(|_| fit),
            tried: account.tried().to_vec(),
            running: false,
            video: account.video.clone(),
            sound: account.sound.clone(),
            talk: account.speaker,
            talk_why: String::new(),
            talk_reasons: Vec::new(),
            opened_ms: account.opened().map(ms),
            first_picture_ms: account.first_picture().map(ms),
            pictures_per_second: flow.map(|flow| flow.pictures_per_second),
            kbps: flow.map(|flow| flow.kbps),
            key_picture_seconds: keys,
            key_picture_longer_than: flow
                .filter(|_| keys.is_none())
                .map(|flow| flow.since_key_seconds.min(KEYS)),
            advice: Vec::new(),
        };
        finding.advice = advice(&finding, max_kbps);
        finding
    }
}

fn says(account: &Account) -> Sentence {
    if account.is_lit() {
        return match &account.video {
            Some(video) if video.copied => {
                Sentence::new("copies", "a call would show its picture as it is, at no cost")
            }
            Some(video) => {
                let why = video.why.trim_start_matches(why::ANEW);
                let text = format!("a call would encode its picture anew: {why}");
                let says = Sentence::new("encodes", text).with("why", why::code(&video.why));
                says.with("codec", &video.codec).with("detail", why)
            }
            None => Sentence::new("shows", "a call would show its picture"),
        };
    }
    let seconds = PATIENCE.as_secs();
    match (account.tried(), account.opened()) {
        ([one], _) => {
            let text = format!("a call would show no picture: {}", one.reason);
            Sentence::new("nothing", text).with("reason", &one.reason)
        }
        ([.., last], _) => {
            let (way, reason) = (last.way, &last.reason);
            let text = format!(
                "a call would show no picture: none of its ways leads to one, the last was {way}: {reason}"
            );
            Sentence::new("no_way", text).with("way", last.kind).with("reason", reason)
        }
        ([], Some(_)) => {
            let text = format!(
                "it opened, but sent no picture within {seconds} s; look whether its stream is switched on"
            );
            Sentence::new("no_picture", text).with("seconds", seconds)
        }
        ([], None) => {
            let text = format!(
                "it did not answer within {seconds} s; look whether its address is right and it is switched on"
            );
            Sentence::new("no_answer", text).with("seconds", seconds)
        }
    }
}
