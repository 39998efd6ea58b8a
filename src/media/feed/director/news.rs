//! What the director waits for.

use std::future::pending;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::Role;
use crate::media::feed::line::Line;
use crate::media::feed::speaker::{Speaker, SpeakerNews};
use crate::media::fetch::{FetchEnd, Piece};
use crate::media::still::Still;
use crate::media::wire::ToWorker;
use crate::media::{Destination, FeedEvent, Refusal, Sample};

/// A source that is being read, and what it brings.
pub type Fetching = (BoxFuture<'static, FetchEnd>, mpsc::Receiver<Piece>);

/// A host that is being looked up.
pub type Finding = BoxFuture<'static, Result<Destination, Refusal>>;

pub enum News {
    Wish(ToWorker),
    Piece(Result<Piece, FetchEnd>),
    Made(Made),
    Found(Result<Destination, Refusal>),
    /// Of the speaker.
    Spoke(SpeakerNews),
    /// Somebody wants a still picture.
    Still(oneshot::Sender<Still>),
    Begin,
    Tick,
}

/// What a worker made.
pub enum Made {
    Sample(Sample),
    Event(FeedEvent),
    Speech(Bytes),
    Still(Bytes),
    Over,
}

/// The next piece; the source's end once all of them are taken.
pub async fn piece(fetching: &mut Option<Fetching>) -> Result<Piece, FetchEnd> {
    let Some((future, pieces)) = fetching else { return pending().await };
    tokio::select! {
        biased;
        Some(piece) = pieces.recv() => Ok(piece),
        end = future => match pieces.try_recv() {
            // What it brought before its end counts; the end comes again as one that fell silent.
            Ok(piece) => {
                *fetching = Some((Box::pin(async move { end }), std::mem::replace(pieces, mpsc::channel(1).1)));
                Ok(piece)
            }
            Err(_) => Err(end),
        },
    }
}

pub async fn made(line: &mut Option<(Line, Role)>) -> Made {
    let Some((line, _)) = line else { return pending().await };
    tokio::select! {
        biased;
        event = line.events.recv() => event.map_or(Made::Over, Made::Event),
        Some(speech) = line.speech.recv() => Made::Speech(speech),
        Some(jpeg) = line.stills.recv() => Made::Still(jpeg),
        sample = line.samples.recv() => sample.map_or(Made::Over, Made::Sample),
    }
}

pub async fn found(finding: &mut Option<Finding>) -> Result<Destination, Refusal> {
    let Some(future) = finding else { return pending().await };
    let found = future.await;
    *finding = None;
    found
}

pub async fn spoke(speaker: &mut Option<Speaker>) -> SpeakerNews {
    match speaker {
        Some(speaker) => speaker.news().await,
        None => pending().await,
    }
}

pub async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}
