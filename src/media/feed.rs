//! A camera's worker as the rest of the house sees it: samples come out, wishes go in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::still::Still;
use super::wire::ToWorker;
use super::{FeedEvent, FeedSpec, Sample};

mod choice;
mod direct;
mod director;
mod line;
mod log;
mod outlet;
mod program;
mod speaker;
mod supervisor;

pub use program::WorkerProgram;

/// Samples that may wait for the camera, about 5 s of picture and sound.
pub const SAMPLES: usize = 512;
const EVENTS: usize = 64;
const OUTBOX: usize = 64;

/// Owns one worker process and replaces it when it dies. Dropping the feed ends it.
pub struct Feed {
    outbox: mpsc::Sender<ToWorker>,
    stills: mpsc::Sender<oneshot::Sender<Still>>,
    counts: Arc<Counts>,
}

/// What a feed counts, and its worker's process id.
#[derive(Debug, Default)]
struct Counts {
    pid: AtomicU32,
    dropped: Arc<AtomicU64>,
    talk_dropped: AtomicU64,
    replaced: AtomicU64,
}

impl Feed {
    /// Opens a camera's feed. Must be called inside the runtime that is to carry it.
    #[must_use]
    pub fn open(
        spec: FeedSpec,
        program: WorkerProgram,
    ) -> (Self, mpsc::Receiver<Sample>, mpsc::Receiver<FeedEvent>) {
        let (samples, samples_out) = mpsc::channel(SAMPLES);
        let (events, events_out) = mpsc::channel(EVENTS);
        let (outbox, wishes) = mpsc::channel(OUTBOX);
        let (stills, asked) = mpsc::channel(1);
        let counts = Arc::<Counts>::default();
        let director = director::Director::new(spec, program, samples, events, Arc::clone(&counts));
        tokio::spawn(director.run(wishes, asked));
        (Self { outbox, stills, counts }, samples_out, events_out)
    }

    /// Asks for a key picture soon. A picture that is only copied can fulfil it if its camera takes wishes.
    pub fn request_key_frame(&self) {
        // A full outbox belongs to a worker that is about to be replaced, which brings one anyway.
        self.outbox.try_send(ToWorker::KeyFrame).ok();
    }

    /// From the next key picture on the picture may take no more than so many kbit/s; `None`: what it likes.
    pub fn limit(&self, kbps: Option<u32>) {
        self.outbox.try_send(ToWorker::Limit { kbps }).ok();
    }

    /// Asks for a picture of now soon, even if a picture that is copied has to be encoded anew for that up to
    /// the camera's next key picture.
    pub fn freshen(&self) {
        self.outbox.try_send(ToWorker::Fresh).ok();
    }

    /// What is encoded may take no more than so many kbit/s, which decides its size, too; `None`: as the settings say.
    pub fn allow(&self, kbps: Option<u32>) {
        self.outbox.try_send(ToWorker::Allow { kbps }).ok();
    }

    /// What is encoded may take no more than so many kbit/s from now on, at the size that it has; `None`: what is
    /// allowed.
    pub fn rate(&self, kbps: Option<u32>) {
        self.outbox.try_send(ToWorker::Rate { kbps }).ok();
    }

    /// A still picture of what the camera shows, once it shows something. Ends empty-handed with the feed, when none
    /// can be made, and when somebody else asks for one: only the last wish counts.
    pub fn still(&self) -> impl Future<Output = Option<Still>> + Send + use<> {
        let (to, still) = oneshot::channel();
        self.stills.try_send(to).ok();
        async move { still.await.ok() }
    }

    /// There is no place to encode the picture of the source in use, which is not shown then, and why; the next one is
    /// tried, and this one again later.
    pub fn refuse(&self, reason: &str) {
        self.outbox.try_send(ToWorker::End { reason: reason.to_owned() }).ok();
    }

    /// Passes on what an Echo's user says. Never waits: when the worker does not keep up, it is
    /// dropped and counted.
    pub fn talk(&self, talker: u32, opus: Bytes, sequence: u16, timestamp: u32) {
        if self.outbox.try_send(ToWorker::Talk { talker, opus, sequence, timestamp }).is_err() {
            self.counts.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Plays a tone of a second at the speaker, if nobody talks.
    pub fn play_tone(&self) {
        self.outbox.try_send(ToWorker::Tone).ok();
    }

    /// A call whose user may have talked has ended.
    pub fn leave(&self, talker: u32) {
        self.outbox.try_send(ToWorker::Leave { talker }).ok();
    }

    /// Process id of the worker, if one runs.
    #[must_use]
    pub fn worker_pid(&self) -> Option<u32> {
        Some(self.counts.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// Samples dropped because the camera did not take them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Talk packets dropped because the worker did not take them in time.
    #[must_use]
    pub fn talk_dropped(&self) -> u64 {
        self.counts.talk_dropped.load(Ordering::Relaxed)
    }

    /// How often the worker had to be replaced.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.counts.replaced.load(Ordering::Relaxed)
    }
}
