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

/// Frames that may wait while it is opened: more than who opens it keeps, so that the newest find room.
const WAITING: usize = 100;
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
    /// It would fail again, until somebody changes a setting.
    pub lasting: bool,
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
    /// Until when it is not tried again, and why.
    rests: Option<(Instant, SpeakerFailure)>,
    /// What is to be told once more.
    again: Option<SpeakerFailure>,
    is_open: bool,
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
        Some(Self { way, policy, format, frames: None, news: None, rests: None, again: None, is_open: false })
    }

    /// What it takes.
    pub fn format(&self) -> SpeakerFormat {
        self.format
    }

    /// It plays what it is given.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// What failed before does not count.
    pub fn forgive(&mut self) {
        self.rests = None;
    }

    /// Somebody talks: it is opened, if it is not. While it rests after a failure, that is told once more.
    pub fn open(&mut self) {
        self.again = self.rests.as_ref().filter(|_| self.is_resting()).map(|(_, failure)| failure.clone());
        self.try_open();
    }

    fn is_resting(&self) -> bool {
        self.rests.as_ref().is_some_and(|(until, _)| *until > Instant::now())
    }

    fn try_open(&mut self) {
        if self.news.is_some() || self.is_resting() {
            return;
        }
        let (frames, waiting) = mpsc::channel(WAITING);
        let (to, news) = mpsc::channel(2);
        match &self.way {
            SpeakerWay::Screen => return,
            SpeakerWay::BackChannel { address, .. } => {
                tokio::spawn(carry(address.clone(), self.policy.clone(), self.format, waiting, to));
            }
            SpeakerWay::Source(source) => {
                tokio::spawn(carry_to_source(source.clone(), self.format, waiting, to));
            }
        }
        (self.frames, self.news) = (Some(frames), Some(news));
    }

    /// Nobody talks any more.
    pub fn close(&mut self) {
        self.frames = None;
    }

    /// One frame in its format. What does not fit is late.
    pub fn speak(&mut self, frame: Bytes) {
        match &self.frames {
            Some(frames) => drop(frames.try_send(frame)),
            // It failed in mid-sentence.
            None => self.try_open(),
        }
    }

    /// What becomes of it.
    pub async fn news(&mut self) -> SpeakerNews {
        if let Some(failure) = self.again.take() {
            return SpeakerNews::Over(Err(failure));
        }
        let Some(news) = &mut self.news else { return pending().await };
        let told = news.recv().await.unwrap_or(SpeakerNews::Over(Ok(())));
        match &told {
            SpeakerNews::Open(format) => (self.format, self.is_open) = (*format, true),
            SpeakerNews::Over(result) => {
                (self.frames, self.news, self.is_open) = (None, None, false);
                self.rests = result.as_ref().err().map(|failure| {
                    let rest = if failure.lasting { LONG_REST } else { REST };
                    (Instant::now() + rest, failure.clone())
                });
            }
        }
        told
    }
}

/// Opens the back channel and carries frames there until nobody talks.
async fn carry(
    address: CameraAddress,
    policy: AddressPolicy,
    expected: SpeakerFormat,
    mut frames: mpsc::Receiver<Bytes>,
    news: mpsc::Sender<SpeakerNews>,
) {
    let talked = async {
        let destination = policy.find(&address, 0).await.map_err(refused)?;
        let channel = BackChannel::open(&destination).await.map_err(failed)?;
        let fits = channel.format() == expected;
        discard_unless(fits, &mut frames);
        // Who listened may be gone; the end of the frames follows.
        news.send(SpeakerNews::Open(channel.format())).await.ok();
        channel.run(frames).await.map_err(failed)
    };
    let over = talked.await;
    news.send(SpeakerNews::Over(over)).await.ok();
}

/// What waits was made for another format, and would be noise.
fn discard_unless(fits: bool, frames: &mut mpsc::Receiver<Bytes>) {
    while !fits && frames.try_recv().is_ok() {}
}

fn refused(refusal: Refusal) -> SpeakerFailure {
    let lasting = matches!(refusal, Refusal::Forbidden(_));
    SpeakerFailure { reason: refusal.to_string(), lasting }
}

fn failed(error: BackChannelError) -> SpeakerFailure {
    SpeakerFailure { reason: error.to_string(), lasting: error.is_lasting() }
}

/// Opens a source for its speaker alone; what it shows is not looked at.
async fn carry_to_source(
    source: Arc<dyn Fetch>,
    expected: SpeakerFormat,
    mut frames: mpsc::Receiver<Bytes>,
    news: mpsc::Sender<SpeakerNews>,
) {
    let (to, mut pieces) = mpsc::channel(16);
    let fetch = source.fetch(to);
    tokio::pin!(fetch);
    let mut line: Option<SpeakerLine> = None;
    let deadline = sleep(PATIENCE);
    tokio::pin!(deadline);
    let failure = |reason: String, lasting| {
        Err(SpeakerFailure { reason: format!("{}: {reason}", source.name()), lasting })
    };
    let over = loop {
        tokio::select! {
            end = &mut fetch => break failure(end.reason, end.lasting),
            Some(piece) = pieces.recv() => if let Piece::Begin(begin) = piece {
                let Some(speaker) = begin.speaker else {
                    break failure("it brings no speaker".into(), true);
                };
                discard_unless(speaker.format == expected, &mut frames);
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
                break failure("it did not open in time".into(), false);
            }
        }
    };
    news.send(SpeakerNews::Over(over)).await.ok();
}

#[cfg(test)]
mod tests;
