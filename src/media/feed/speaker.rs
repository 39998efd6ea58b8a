//! A camera's speaker: open while somebody talks, whatever way leads to it.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::config::camera_address::CameraAddress;
use crate::media::back_channel::{BackChannel, BackChannelError};
use crate::media::fetch::{Fetch, Piece, SpeakerLine};
use crate::media::talk::{SpeakerFormat, SpeakerWay};
use crate::media::{AddressPolicy, Refusal};

/// Frames that may wait while it is opened, a second.
const WAITING: usize = 50;
/// A speaker that failed is tried again after this long, if somebody still talks.
const REST: Duration = Duration::from_secs(3);
/// The same for one that would fail again.
const LONG_REST: Duration = Duration::from_secs(60);
/// A source that brings no speaker within this time has none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between frames that had to wait: twice as fast as they are spoken.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Why a speaker cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakerFailure {
    /// For people, without secrets.
    pub reason: String,
    /// It would fail again soon.
    pub lasting: bool,
    /// The camera has no such speaker (any more).
    pub gone: bool,
}

/// What becomes of a speaker.
#[derive(Debug)]
pub enum SpeakerNews {
    /// It plays what it is given.
    Open(SpeakerFormat),
    /// It was closed, or failed.
    Over(Result<(), SpeakerFailure>),
}

/// A speaker that a feed opens by itself. Dropping it closes it.
pub struct Speaker {
    way: SpeakerWay,
    policy: AddressPolicy,
    /// What it takes, as far as is known.
    format: SpeakerFormat,
    frames: Option<mpsc::Sender<Bytes>>,
    news: Option<mpsc::Receiver<SpeakerNews>>,
    rests_until: Option<Instant>,
    /// Somebody talks.
    wanted: bool,
}

impl Speaker {
    /// A speaker that is closed; `None` for one that cannot be opened.
    pub fn new(way: SpeakerWay, policy: AddressPolicy) -> Option<Self> {
        let format = match &way {
            SpeakerWay::Screen => return None,
            SpeakerWay::BackChannel { format, .. } => *format,
            // What most cameras behind a relay take; the relay says it when it is opened.
            SpeakerWay::Source(_) => SpeakerFormat::Pcmu,
        };
        Some(Self { way, policy, format, frames: None, news: None, rests_until: None, wanted: false })
    }

    /// What it takes.
    pub fn format(&self) -> SpeakerFormat {
        self.format
    }

    /// Somebody talks: it is opened, if it is not.
    pub fn open(&mut self) {
        self.wanted = true;
        if self.news.is_some() || self.rests_until.is_some_and(|until| until > Instant::now()) {
            return;
        }
        let (frames, waiting) = mpsc::channel(WAITING);
        let (to, news) = mpsc::channel(2);
        match &self.way {
            SpeakerWay::Screen => return,
            SpeakerWay::BackChannel { address, .. } => {
                tokio::spawn(carry(address.clone(), self.policy.clone(), waiting, to));
            }
            SpeakerWay::Source(source) => drop(tokio::spawn(carry_to_source(source.clone(), waiting, to))),
        }
        (self.frames, self.news) = (Some(frames), Some(news));
    }

    /// Nobody talks any more.
    pub fn close(&mut self) {
        self.wanted = false;
        self.frames = None;
    }

    /// One frame in its format. What does not fit is late.
    pub fn speak(&mut self, frame: Bytes) {
        match &self.frames {
            Some(frames) => drop(frames.try_send(frame)),
            // It failed in mid-sentence.
            None if self.wanted => self.open(),
            None => {}
        }
    }

    /// What becomes of it.
    pub async fn news(&mut self) -> SpeakerNews {
        let Some(news) = &mut self.news else { return pending().await };
        let told = news.recv().await.unwrap_or(SpeakerNews::Over(Ok(())));
        match &told {
            // What waits was made for another format.
            SpeakerNews::Open(format) => self.format = *format,
            SpeakerNews::Over(result) => {
                (self.frames, self.news) = (None, None);
                let rest =
                    result.as_ref().err().map(|failure| if failure.lasting { LONG_REST } else { REST });
                self.rests_until = rest.map(|rest| Instant::now() + rest);
            }
        }
        told
    }
}

/// Opens the back channel and carries frames there until nobody talks.
async fn carry(
    address: CameraAddress,
    policy: AddressPolicy,
    frames: mpsc::Receiver<Bytes>,
    news: mpsc::Sender<SpeakerNews>,
) {
    let talked = async {
        let destination = policy.find(&address, 0).await.map_err(refused)?;
        let channel = BackChannel::open(&destination).await.map_err(failed)?;
        // Who listened may be gone; the end of the frames follows.
        news.send(SpeakerNews::Open(channel.format())).await.ok();
        channel.run(frames).await.map_err(failed)
    };
    let over = talked.await;
    news.send(SpeakerNews::Over(over)).await.ok();
}

fn refused(refusal: Refusal) -> SpeakerFailure {
    let lasting = matches!(refusal, Refusal::Forbidden(_));
    SpeakerFailure { reason: refusal.to_string(), lasting, gone: false }
}

fn failed(error: BackChannelError) -> SpeakerFailure {
    SpeakerFailure {
        reason: error.to_string(),
        lasting: error.is_lasting(),
        gone: error == BackChannelError::NoSpeaker,
    }
}

/// Opens a source for its speaker alone; what it shows is not looked at.
async fn carry_to_source(
    source: Arc<dyn Fetch>,
    mut frames: mpsc::Receiver<Bytes>,
    news: mpsc::Sender<SpeakerNews>,
) {
    let (to, mut pieces) = mpsc::channel(16);
    let fetch = source.fetch(to);
    tokio::pin!(fetch);
    let mut line: Option<SpeakerLine> = None;
    let deadline = sleep(PATIENCE);
    tokio::pin!(deadline);
    let failure = |reason: String, lasting, gone| {
        Err(SpeakerFailure { reason: format!("{}: {reason}", source.name()), lasting, gone })
    };
    let over = loop {
        tokio::select! {
            end = &mut fetch => break failure(end.reason, end.lasting, false),
            Some(piece) = pieces.recv() => if let Piece::Begin(begin) = piece {
                let Some(speaker) = begin.speaker else {
                    break failure("it brings no speaker".into(), true, true);
                };
                news.send(SpeakerNews::Open(speaker.format)).await.ok();
                line = Some(speaker);
            },
            // What is said early waits.
            frame = frames.recv(), if line.is_some() => match (frame, &line) {
                (Some(frame), Some(line)) => {
                    drop(line.frames.try_send(frame));
                    if frames.len() > 1 {
                        sleep(CATCH_UP).await;
                    }
                }
                _ => break Ok(()),
            },
            () = &mut deadline, if line.is_none() => {
                break failure("it did not open in time".into(), false, false);
            }
        }
    };
    news.send(SpeakerNews::Over(over)).await.ok();
}
