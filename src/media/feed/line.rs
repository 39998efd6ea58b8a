//! A worker that works for a feed with several sources, or with one that is fetched.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::supervisor::{Job, Supervisor};
use super::{Counts, OUTBOX, SAMPLES, WorkerProgram};
use crate::media::fetch::Form;
use crate::media::talk::TalkSetup;
use crate::media::wire::{PieceKind, ToWorker, WireSource};
use crate::media::{FeedEvent, Sample};

/// Most that the picture may take for now, kbit/s; 0 if there is no limit.
pub type Limit = Arc<AtomicU32>;

/// The camera's speaker.
pub type Setup = Arc<Mutex<Option<TalkSetup>>>;

/// What a worker that takes the place of another one is told first.
pub type Preamble = Arc<Mutex<Vec<ToWorker>>>;

/// A worker. Dropping it ends the worker.
pub struct Line {
    pub samples: mpsc::Receiver<Sample>,
    pub events: mpsc::Receiver<FeedEvent>,
    /// For the camera's speaker, 20 ms each.
    pub speech: mpsc::Receiver<Bytes>,
    /// Still pictures; one that is empty could not be made.
    pub stills: mpsc::Receiver<Bytes>,
    wishes: mpsc::Sender<ToWorker>,
    preamble: Preamble,
    limit: Limit,
    setup: Setup,
    /// Pictures are left out up to the next key picture.
    skipping: bool,
}

impl Line {
    /// Starts a worker.
    pub fn start(
        camera: &str,
        source: WireSource,
        max_kbps: u32,
        setup: Option<TalkSetup>,
        program: &WorkerProgram,
        counts: &Arc<Counts>,
    ) -> Self {
        let (to_samples, samples) = mpsc::channel(SAMPLES);
        let (to_events, events) = mpsc::channel(super::EVENTS);
        let (to_speech, speech) = mpsc::channel(25);
        let (to_stills, stills) = mpsc::channel(1);
        let (wishes, wished) = mpsc::channel(OUTBOX);
        let (preamble, limit) = (Preamble::default(), Limit::default());
        let setup = Arc::new(Mutex::new(setup));
        let job = Job {
            camera: camera.to_owned(),
            source,
            max_kbps,
            preamble: preamble.clone(),
            limit: limit.clone(),
            setup: setup.clone(),
        };
        let supervisor =
            Supervisor::new(job, program.clone(), to_samples, to_events, wished, Arc::clone(counts))
                .speaking(to_speech)
                .drawing(to_stills);
        tokio::spawn(supervisor.run());
        Self { samples, events, speech, stills, wishes, preamble, limit, setup, skipping: false }
    }

    /// A handed source begins, with its pictures or without, and with this speaker. A worker that takes this one's place hears
    /// of it, too.
    pub async fn begin(&mut self, form: Form, pictures: bool, setup: Option<TalkSetup>) {
        let begin = ToWorker::Begin { form, pictures };
        *self.preamble.lock().unwrap_or_else(PoisonError::into_inner) = vec![begin.clone()];
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = setup;
        self.skipping = false;
        self.say(ToWorker::Speaker { setup }).await;
        self.say(begin).await;
    }

    /// The camera's speaker is another one now. A worker that takes this one's place hears of it, too.
    pub fn speaker(&self, setup: Option<TalkSetup>) {
        let mut told = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        // What found no room is told the next time.
        if *told != setup && self.wish(ToWorker::Speaker { setup }) {
            *told = setup;
        }
    }

    /// The head of a container, which a worker that takes this one's place needs as well.
    pub async fn head(&mut self, head: Bytes) {
        let piece = ToWorker::Piece { kind: PieceKind::Bytes, ticks: 0, data: head };
        self.preamble.lock().unwrap_or_else(PoisonError::into_inner).push(piece.clone());
        self.say(piece).await;
    }

    /// A piece of the container, in order: waits for room.
    pub async fn bytes(&mut self, data: Bytes) {
        self.say(ToWorker::Piece { kind: PieceKind::Bytes, ticks: 0, data }).await;
    }

    /// A picture. When the worker does not keep up, pictures are left out up to the next key picture;
    /// false if this one was.
    pub fn picture(&mut self, data: Bytes, ticks: i64, key: bool) -> bool {
        if self.skipping && !key {
            return false;
        }
        let piece = ToWorker::Piece { kind: PieceKind::Picture, ticks, data };
        self.skipping = self.wishes.try_send(piece).is_err();
        !self.skipping
    }

    /// A packet of sound, left out when the worker does not keep up.
    pub fn sound(&mut self, data: Bytes, ticks: i64) {
        self.wishes.try_send(ToWorker::Piece { kind: PieceKind::Sound, ticks, data }).ok();
    }

    /// The handed source has ended.
    pub async fn end(&mut self, reason: &str) {
        let end = ToWorker::End { reason: reason.to_owned() };
        *self.preamble.lock().unwrap_or_else(PoisonError::into_inner) = vec![end.clone()];
        self.say(end).await;
    }

    /// Most that the picture may take from its next key picture on, kbit/s. A worker that takes this one's
    /// place obeys it, too.
    pub fn limit(&self, kbps: Option<u32>) {
        if self.limit.swap(kbps.unwrap_or(0), Ordering::Relaxed) != kbps.unwrap_or(0) {
            self.wish(ToWorker::Limit { kbps });
        }
    }

    /// A slate for a stream whose pictures go past the worker.
    pub fn slate(&self, shown: bool) {
        self.wish(ToWorker::Slate { shown });
    }

    /// Passes a wish on; false if there is no room for it.
    pub fn wish(&self, wish: ToWorker) -> bool {
        self.wishes.try_send(wish).is_ok()
    }

    async fn say(&self, word: ToWorker) {
        // A worker whose supervisor is gone has nobody to work for.
        self.wishes.send(word).await.ok();
    }
}
