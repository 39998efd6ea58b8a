//! Plays a tone at a camera's speaker, and says what became of it.

use std::time::{Duration, Instant};

use actix::Addr;
use serde::Serialize;
use tokio::time::sleep;

use super::sentence::Sentence;
use super::session::CameraSession;
use super::talk::TalkWay;
use super::{CameraError, CameraStatus, CameraSummary, PlayTone, Probe, Status};
use crate::media::TroubleKind;
use crate::seat::ask;

/// Longest wait for a session, which answers from memory.
const SESSION: Duration = Duration::from_secs(2);
/// A camera that shows nothing by then is not talked to.
const OPENS: Duration = Duration::from_secs(20);
/// The tone, its way there, and its echo.
const PLAYS: Duration = Duration::from_secs(10);
/// The tone's echo comes within this time after the speaker has played.
const ECHO: Duration = Duration::from_secs(4);
const STEP: Duration = Duration::from_millis(100);

/// What became of a tone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeakerFinding {
    /// The camera's name.
    pub camera: String,
    /// The way to the speaker, for people.
    pub path: Option<&'static str>,
    /// The speaker was given the tone.
    pub played: bool,
    /// From the speaker to the camera's microphone, ms; absent if the microphone did not hear it.
    pub delay_ms: Option<u32>,
    /// What became of it and what to do next.
    pub says: Sentence,
}

/// Opens the camera, if it is not open, and plays a tone there.
///
/// # Errors
/// When nobody can talk there, or the camera shows nothing.
pub async fn test_speaker(
    camera: &CameraSummary,
    session: &Addr<CameraSession>,
) -> Result<SpeakerFinding, CameraError> {
    let gone = |error: crate::seat::AskError| CameraError::Internal(format!("its session: {error}"));
    let began = Instant::now();
    while !ask(session, Probe, SESSION).await.map_err(gone)??.is_lit() {
        if began.elapsed() >= OPENS {
            let reason = "it showed no picture in time".to_owned();
            return Err(CameraError::Unreachable {
                camera: camera.name.clone(),
                kind: TroubleKind::NoPicture,
                reason,
            });
        }
        sleep(STEP).await;
    }
    ask(session, PlayTone, SESSION).await.map_err(gone)??;
    let began = Instant::now();
    let mut played_at = None;
    let is_screen = camera.talk.path == Some(TalkWay::Screen.name());
    loop {
        let status = ask(session, Status, SESSION).await.map_err(gone)?;
        let sounds = status.conversation.is_some_and(|report| report.speaker_dbfs > -60.0);
        if sounds && (status.speaker_open || is_screen) {
            played_at.get_or_insert_with(Instant::now);
        }
        let is_over = began.elapsed() >= PLAYS || played_at.is_some_and(|at: Instant| at.elapsed() >= ECHO);
        let is_heard = status.conversation.is_some_and(|report| report.heard);
        if is_over || is_heard || status.speaker_trouble.is_some() {
            return Ok(finding(camera, &status, played_at.is_some() || is_heard));
        }
        sleep(STEP).await;
    }
}

fn finding(camera: &CameraSummary, status: &CameraStatus, sounded: bool) -> SpeakerFinding {
    let path = camera.talk.path;
    let way = path.unwrap_or("no way");
    let delay_ms = status.conversation.filter(|report| report.heard).and_then(|report| report.delay_ms);
    let played = sounded && status.speaker_trouble.is_none();
    let says = match (&status.speaker_trouble, played, delay_ms) {
        (Some(trouble), ..) => {
            let text = format!("nothing was played, by {way}: {trouble}");
            Sentence::new("failed", text).with("trouble", trouble)
        }
        (None, false, _) => {
            let text = format!("nothing was played, by {way}: somebody talks there, or its worker is busy");
            Sentence::new("busy", text)
        }
        (None, true, Some(ms)) => {
            let text = format!("a tone was played, by {way}; the camera's microphone heard it after {ms} ms");
            Sentence::new("heard", text).with("ms", ms)
        }
        (None, true, None) => {
            let text = format!(
                "a tone was played, by {way}; the camera's microphone did not hear it: listen at the door whether the \
                 speaker sounds, and look at its volume. A camera that takes its own echo away is not heard here either"
            );
            Sentence::new("unheard", text)
        }
    };
    SpeakerFinding { camera: camera.name.clone(), path, played, delay_ms, says }
}
