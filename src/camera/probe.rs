//! Opens a camera as a call would, and says what it is and what a call would do.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::Serialize;

use crate::media::feed::{Feed, WorkerProgram};
use crate::media::{FeedEvent, FeedSpec, Sample, SoundFacts, Source, VideoFacts};
use crate::runtime::MediaRuntime;

/// A camera that shows nothing for this long is not fit.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the picture is looked at once it is there.
const LOOK: Duration = Duration::from_secs(3);

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Finding {
    /// A call would show a picture.
    pub fit: bool,
    /// What a call would do, or what is wrong and what to do next; for people, without secrets.
    pub says: String,
    /// The picture.
    pub video: Option<VideoFacts>,
    /// The sound.
    pub sound: Option<SoundFacts>,
    /// ms until the source was open.
    pub opened_ms: Option<u64>,
    /// ms until the first picture.
    pub first_picture_ms: Option<u64>,
    /// Pictures a second.
    pub pictures_per_second: Option<f32>,
    /// kbit/s of the picture.
    pub kbps: Option<u32>,
    /// Seconds between key pictures; `None` if fewer than two came while it was looked at.
    pub key_picture_seconds: Option<f32>,
}

/// Probes on a media thread of its own, so that what a strange camera does disturbs no call. When
/// this returns, worker and thread are gone.
///
/// # Errors
/// When there is no worker program or no thread; the text is for people.
pub async fn probe_apart(
    camera: &str,
    source: &SecretString,
    tell: impl FnMut(&str) + Send + 'static,
) -> Result<Finding, String> {
    let worker = WorkerProgram::find().map_err(|e| e.to_string())?;
    let media = MediaRuntime::start().map_err(|e| e.to_string())?;
    let (camera, source) = (camera.to_owned(), source.clone());
    let looking = media.handle().spawn(async move { probe(&camera, &source, worker, tell).await });
    let finding = looking.await;
    media.stop().await;
    finding.map_err(|_| "looking at the camera broke off".into())
}

/// Opens the source and looks at it; takes at most 13 s. `tell` is given what happens, line by line.
/// To be called inside the runtime that is to carry the feed.
pub async fn probe(
    camera: &str,
    source: &SecretString,
    worker: WorkerProgram,
    mut tell: impl FnMut(&str),
) -> Finding {
    let source = match Source::parse(source) {
        Ok(source) => source,
        Err(error) => return Finding { says: error.to_string(), ..Finding::default() },
    };
    let began = Instant::now();
    let since = |began: Instant| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut finding = Finding::default();
    let spec = FeedSpec { camera: camera.to_owned(), sources: vec![source], max_kbps: 2_500 };
    tell("opening the camera");
    let (_feed, mut samples, mut events) = Feed::open(spec, worker);
    let mut look = Look::default();
    let mut end = tokio::time::Instant::now() + PATIENCE;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(end) => break,
            sample = samples.recv() => match sample {
                Some(Sample::Picture(picture)) if !picture.slate && finding.first_picture_ms.is_some() => {
                    look.see(picture.timestamp, picture.data.len(), picture.key);
                }
                Some(_) => {}
                None => break,
            },
            event = events.recv() => match event {
                Some(FeedEvent::Opened { video, sound }) => {
                    tell("the camera is open, waiting for its first picture");
                    finding.opened_ms = Some(since(began));
                    (finding.video, finding.sound) = (Some(video), Some(sound));
                }
                Some(FeedEvent::FirstPicture) => {
                    if finding.first_picture_ms.is_none() {
                        tell("there is a picture, looking at it for 3 seconds");
                        finding.first_picture_ms = Some(since(began));
                        end = tokio::time::Instant::now() + LOOK;
                    }
                }
                Some(FeedEvent::Failed { reason, .. } | FeedEvent::WorkerLost(reason)) => {
                    finding.says = reason;
                    break;
                }
                Some(FeedEvent::SpeakerLevel(_) | FeedEvent::Uses { .. }) => {}
                None => break,
            },
        }
    }
    look.tell(&mut finding);
    finding.judge()
}

impl Finding {
    fn judge(mut self) -> Self {
        self.fit = self.first_picture_ms.is_some() && self.says.is_empty();
        if self.says.is_empty() {
            self.says = match (&self.video, self.fit, self.opened_ms) {
                (Some(video), true, _) if video.copied => {
                    format!("a call would show its picture as it is: {}", video.why)
                }
                (Some(video), true, _) => format!("a call would encode its picture anew: {}", video.why),
                (None, true, _) => "a call would show its picture".into(),
                (_, false, Some(_)) => format!(
                    "it opened, but sent no picture within {} s; look whether its stream is switched on",
                    PATIENCE.as_secs()
                ),
                (_, false, None) => format!(
                    "it did not answer within {} s; look whether its address is right and it is switched on",
                    PATIENCE.as_secs()
                ),
            };
        }
        self
    }
}

/// What was seen while looking.
#[derive(Default)]
struct Look {
    first: Option<u64>,
    last: u64,
    pictures: u32,
    bytes: u64,
    keys: Vec<u64>,
}

impl Look {
    fn see(&mut self, timestamp: u64, bytes: usize, key: bool) {
        self.first.get_or_insert(timestamp);
        self.last = timestamp;
        self.pictures += 1;
        self.bytes += bytes as u64;
        if key {
            self.keys.push(timestamp);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few seconds of ticks and bytes")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]
    fn tell(&self, finding: &mut Finding) {
        let seconds = |from: u64, to: u64| to.saturating_sub(from) as f32 / 90_000.0;
        let Some(first) = self.first else { return };
        let span = seconds(first, self.last);
        if span > 0.5 {
            finding.pictures_per_second = Some((self.pictures - 1) as f32 / span);
            finding.kbps = Some((self.bytes as f32 * 8.0 / 1000.0 / span) as u32);
        }
        if let [first, .., last] = self.keys[..] {
            finding.key_picture_seconds = Some(seconds(first, last) / (self.keys.len() - 1) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_picture_is_measured_on_its_own_clock() {
        let mut look = Look::default();
        for n in 0..76_u64 {
            look.see(900 + n * 3_600, 10_000, n % 25 == 0);
        }
        let mut finding = Finding::default();
        look.tell(&mut finding);
        assert_eq!(finding.pictures_per_second, Some(25.0));
        assert_eq!(finding.key_picture_seconds, Some(1.0));
        assert!((2_000..2_060).contains(&finding.kbps.unwrap()), "{finding:?}");
    }

    #[test]
    fn what_was_not_seen_is_not_fit_and_says_what_to_do() {
        let silent = Finding::default().judge();
        assert!(!silent.fit && silent.says.contains("switched on"), "{silent:?}");
        let refused = Finding { says: "wrong password".into(), ..Finding::default() }.judge();
        assert_eq!((refused.fit, refused.says.as_str()), (false, "wrong password"));
        assert!(Finding { first_picture_ms: Some(1), ..Finding::default() }.judge().fit);
    }
}
