//! The hub's WebRTC relay as a source: we call, the hub's peer answers and sends what the camera sends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::entity::Entity;
use super::way::ask;
use crate::hub::bridge::{HubBridge, OpenRelay, RelayWishes};
use crate::hub::{RelayLine, RelayNews};
use crate::media::TroubleKind;
use crate::media::fetch::{Begin, Fetch, FetchEnd, Form, PictureCodec, Piece, SoundCodec, SpeakerLine};
use crate::media::talk::SpeakerFormat;
use crate::peer::connection::Peers;
use crate::peer::{
    Agreed, CallOptions, Calling, OutgoingCall, PeerEvent, PictureFormat, Received, SoundFormat,
};
use crate::seat::Seat;

/// The hub is asked for a session within this long.
const ASK: Duration = Duration::from_secs(10);
/// From the hub's yes to its peer's answer: the hub opens the camera for it.
const ANSWER: Duration = Duration::from_secs(12);
/// From the answer to the first picture.
const FIRST: Duration = Duration::from_secs(12);
/// A picture that pauses for longer has ended.
const STALL: Duration = Duration::from_secs(5);
/// The same without the link to the hub: a hub ends the sessions of a link with it.
const STALL_UNLINKED: Duration = Duration::from_secs(1);
/// Frames of 20 ms that may wait for the camera's speaker.
const SPOKEN: usize = 25;

/// A camera of the hub, read through its relay.
#[derive(Clone)]
pub struct Relay {
    /// Which.
    pub entity: Entity,
    /// Its name, for the log.
    pub camera: String,
    /// Its speaker may be asked for.
    pub talk: bool,
    /// Carries the signalling.
    pub bridge: Seat<HubBridge>,
    /// Makes the call.
    pub peers: Peers,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("entity", &self.entity)
            .field("talk", &self.talk)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Fetch for Relay {
    fn name(&self) -> &'static str {
        "the hub's relay"
    }

    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd {
        match self.open().await {
            Ok(session) => session.run(&to).await,
            Err(end) => end,
        }
    }
}

fn ended(reason: impl Into<String>) -> FetchEnd {
    FetchEnd::passing(TroubleKind::Hub, reason)
}

fn unlinked() -> FetchEnd {
    FetchEnd::passing(TroubleKind::HubAway, "the link to the hub was lost")
}

/// An answered session.
struct Session {
    calling: Calling,
    agreed: Agreed,
    line: RelayLine,
}

impl Relay {
    async fn open(&self) -> Result<Session, FetchEnd> {
        let entity_id = self.entity.find(&self.bridge).await?;
        let wishes = RelayWishes { entity_id: entity_id.clone() };
        // Hubs that cannot say have no camera that wishes for anything.
        let data_channel = ask(&self.bridge, wishes, ASK).await.unwrap_or_default();
        let options = CallOptions { talk: self.talk, data_channel, label: format!("{} relay", self.camera) };
        let calling = self.peers.call(options).await.map_err(|error| ended(error.to_string()))?;
        let offer = OpenRelay { entity_id, offer: calling.sdp.clone() };
        let mut line = ask(&self.bridge, offer, ASK).await?;
        let agreed = timeout_at(Instant::now() + ANSWER, answer(&mut line, calling.call.as_ref()))
            .await
            .unwrap_or_else(|_elapsed| Err(ended("the hub's relay did not answer in time")))?;
        Ok(Session { calling, agreed, line })
    }
}

/// Waits for the far end's answer.
async fn answer(line: &mut RelayLine, call: &dyn OutgoingCall) -> Result<Agreed, FetchEnd> {
    loop {
        match line.news.recv().await {
            Some(RelayNews::Answer(sdp)) => {
                return call.answered(&sdp).await.map_err(|error| ended(error.to_string()));
            }
            Some(RelayNews::Candidate(candidate)) => call.candidate(&candidate).await,
            Some(RelayNews::Failed { message, .. }) => return Err(ended(message)),
            None => return Err(unlinked()),
        }
    }
}

impl Session {
    async fn run(self, to: &mpsc::Sender<Piece>) -> FetchEnd {
        let Self { calling, agreed, mut line } = self;
        let Calling { call, mut events, mut media, .. } = calling;
        let key_frames = Arc::new(Notify::new());
        let (frames, mut spoken) = mpsc::channel(SPOKEN);
        let begin = begin(agreed, frames, key_frames.clone());
        if to.send(Piece::Begin(begin)).await.is_err() {
            return ended("closed");
        }
        let (mut linked, mut sends) = (true, true);
        let mut speech = Speech::new(agreed.sound);
        let mut silent_at = Instant::now() + FIRST;
        loop {
            let piece = tokio::select! {
                // What is there is taken before the time is looked at.
                biased;
                event = events.recv() => match event {
                    Some(PeerEvent::Ended(how)) => return ended(how.to_string()),
                    Some(_) => continue,
                    None => return ended("the hub's relay has ended"),
                },
                news = line.news.recv(), if linked => match news {
                    Some(RelayNews::Candidate(candidate)) => {
                        call.candidate(&candidate).await;
                        continue;
                    }
                    Some(RelayNews::Answer(_)) => continue,
                    Some(RelayNews::Failed { message, .. }) => return ended(message),
                    None => {
                        // The picture may go on without the hub; when it does not, that is seen.
                        linked = false;
                        silent_at = silent_at.min(Instant::now() + STALL_UNLINKED);
                        continue;
                    }
                },
                // Nobody says anything where there is no speaker.
                Some(frame) = spoken.recv() => {
                    // The end of the call is heard above.
                    call.send_sound(&frame, speech.next()).await.ok();
                    continue;
                }
                () = key_frames.notified() => {
                    call.request_key_frame();
                    continue;
                }
                received = media.recv(), if sends => match received {
                    Some(Received::Picture { data, timestamp, .. }) => {
                        silent_at = Instant::now() + if linked { STALL } else { STALL_UNLINKED };
                        Piece::Picture { data, ticks: ticks(timestamp) }
                    }
                    Some(Received::Sound { payload, timestamp }) => {
                        Piece::Sound { data: payload, ticks: ticks(timestamp) }
                    }
                    None => {
                        // The reason follows.
                        sends = false;
                        continue;
                    }
                },
                () = sleep_until(silent_at) => {
                    let sends_nothing = "the hub's relay sends no picture";
                    return if linked { ended(sends_nothing) } else { unlinked() };
                }
            };
            if to.send(piece).await.is_err() {
                return ended("closed");
            }
        }
    }
}

fn begin(agreed: Agreed, frames: mpsc::Sender<Bytes>, key_frames: Arc<Notify>) -> Begin {
    let sound = agreed.sound.map(|sound| match sound {
        SoundFormat::Opus => SoundCodec::Opus,
        SoundFormat::Pcmu => SoundCodec::Pcmu,
        SoundFormat::Pcma => SoundCodec::Pcma,
    });
    let picture = match agreed.picture {
        PictureFormat::H264 => PictureCodec::H264,
        PictureFormat::H265 => PictureCodec::H265,
    };
    let speaker = agreed.sound.filter(|_| agreed.talk).map(|sound| SpeakerLine {
        format: match sound {
            SoundFormat::Opus => SpeakerFormat::Opus,
            SoundFormat::Pcmu => SpeakerFormat::Pcmu,
            SoundFormat::Pcma => SpeakerFormat::Pcma,
        },
        frames,
    });
    Begin { form: Form::Packets { picture, sound }, speaker, key_frames: Some(key_frames) }
}

fn ticks(timestamp: u64) -> i64 {
    i64::try_from(timestamp).unwrap_or(i64::MAX)
}

/// RTP timestamps of what is said, which pauses: they go on with the time that passed.
struct Speech {
    per_ms: u32,
    began: Instant,
    next: u32,
}

impl Speech {
    fn new(sound: Option<SoundFormat>) -> Self {
        let per_ms = if sound == Some(SoundFormat::Opus) { 48 } else { 8 };
        Self { per_ms, began: Instant::now(), next: 0 }
    }

    fn next(&mut self) -> u32 {
        let ms = u32::try_from(self.began.elapsed().as_millis() & u128::from(u32::MAX)).unwrap_or_default();
        let now = ms.wrapping_mul(self.per_ms);
        let step = 20 * self.per_ms;
        let ahead = now.wrapping_sub(self.next);
        // A pause of more than a tenth of a second is told, what comes in bursts is kept even.
        if ahead < u32::MAX / 2 && ahead > 5 * step {
            self.next = now;
        }
        let timestamp = self.next;
        self.next = self.next.wrapping_add(step);
        timestamp
    }
}
