//! The task behind a feed: starts workers, listens to them, replaces them.

use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use super::Counts;
use super::line::{Limit, Preamble, Setup};
use super::log::Log;
use super::outlet::Outlet;
use super::program::WorkerProgram;
use crate::media::scrub::{Scrub, tidy};
use crate::media::still::is_jpeg;
use crate::media::talk::TalkReport;
use crate::media::timeline::{Timeline, Track};
use crate::media::wire::{self, FromWorker, ToWorker, WireSource};
use crate::media::{AccessUnit, FeedEvent, Sample, SoundPacket};

const HANDSHAKE: Duration = Duration::from_secs(5);
/// A worker says that it is alive once a second.
const SILENCE: Duration = Duration::from_secs(4);
/// A worker that is told to go gets this long before it is killed.
const FAREWELL: Duration = Duration::from_millis(300);
/// A worker that lived this long was a good one: its successor starts at once.
const GOOD_LIFE: Duration = Duration::from_secs(30);
/// A worker's timestamps are good; only their distance from our clock is not known exactly.
const SLACK_MS: i64 = 200;
/// Places in the queue that are kept from levels.
const RESERVED: usize = 32;
/// What a worker that is gone still has to say comes at once.
const REST: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a worker's life ended.
enum End {
    /// The feed was dropped.
    Closed,
    /// It died, fell silent or broke a rule.
    Lost(String),
}

type Reader = FramedRead<ChildStdout, LengthDelimitedCodec>;
type Writer = FramedWrite<ChildStdin, LengthDelimitedCodec>;
type WorkerLog = Log<ChildStderr>;

/// What a worker is to do.
pub struct Job {
    /// The camera's name.
    pub camera: String,
    /// What it opens.
    pub source: WireSource,
    /// Most that an encoded picture may take, kbit/s.
    pub max_kbps: u32,
    /// What it is told after that.
    pub preamble: Preamble,
    /// Said first, if there is one.
    pub limit: Limit,
    /// Said next, if there is one.
    pub setup: Setup,
}

pub struct Supervisor {
    job: Job,
    program: WorkerProgram,
    outlet: Outlet,
    events: mpsc::Sender<FeedEvent>,
    wishes: mpsc::Receiver<ToWorker>,
    speech: Option<mpsc::Sender<Bytes>>,
    stills: Option<mpsc::Sender<Bytes>>,
    counts: Arc<Counts>,
    scrub: Scrub,
    timeline: Timeline,
    born: Instant,
}

impl Supervisor {
    pub fn new(
        job: Job,
        program: WorkerProgram,
        samples: mpsc::Sender<Sample>,
        events: mpsc::Sender<FeedEvent>,
        wishes: mpsc::Receiver<ToWorker>,
        counts: Arc<Counts>,
    ) -> Self {
        let scrub = match &job.source {
            WireSource::Address(destination) => Scrub::of(destination.address().expose()),
            WireSource::Test(_) | WireSource::Handed => Scrub::default(),
        };
        let outlet = Outlet::new(samples, Arc::clone(&counts.dropped));
        let (timeline, born) = (Timeline::new(1, SLACK_MS), Instant::now());
        Self {
            job,
            program,
            outlet,
            events,
            wishes,
            speech: None,
            stills: None,
            counts,
            scrub,
            timeline,
            born,
        }
    }

    /// What it says for the camera's speaker goes there.
    pub fn speaking(mut self, speech: mpsc::Sender<Bytes>) -> Self {
        self.speech = Some(speech);
        self
    }

    /// The still pictures that it makes go there.
    pub fn drawing(mut self, stills: mpsc::Sender<Bytes>) -> Self {
        self.stills = Some(stills);
        self
    }

    /// Until the feed is dropped.
    pub async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let started = Instant::now();
            let reason = match self.one_worker().await {
                End::Closed => return,
                End::Lost(reason) => reason,
            };
            self.counts.replaced.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(camera = self.job.camera, reason, "the media worker is being replaced");
            self.tell(FeedEvent::WorkerLost(reason));
            if started.elapsed() > GOOD_LIFE {
                pause = Duration::ZERO;
            }
            if !self.rest(pause).await {
                return;
            }
            pause = (pause * 2).clamp(Duration::from_millis(500), LONGEST_PAUSE);
        }
    }

    /// Waits; what was wished in the meantime is void. False if the feed was dropped.
    async fn rest(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            match timeout_at(until, self.wishes.recv()).await {
                Ok(Some(_void)) => {}
                Ok(None) => return false,
                Err(_elapsed) => return true,
            }
        }
    }

    async fn one_worker(&mut self) -> End {
        let mut child = match self.program.start() {
            Ok(child) => child,
            Err(error) => return End::Lost(error.to_string()),
        };
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return End::Lost("it has no pipes".into());
        };
        self.counts.pid.store(child.id().unwrap_or(0), Ordering::Relaxed);
        self.timeline.begin_anew();
        let mut reader = FramedRead::new(stdout, codec());
        let mut writer = FramedWrite::new(stdin, codec());
        let mut log = Log::new(stderr, &self.job.camera, self.scrub.clone());
        let greeted = tokio::select! {
            greeted = handshake(&self.job, &mut reader, &mut writer) => greeted.map_err(End::Lost),
            () = closed(&mut self.wishes) => Err(End::Closed),
        };
        let end = match greeted {
            Ok(()) => self.converse(&mut reader, &mut writer, &mut log).await,
            Err(end) => end,
        };
        drop((reader, writer));
        let status = bury(&mut child, matches!(end, End::Closed)).await;
        self.counts.pid.store(0, Ordering::Relaxed);
        let End::Lost(reason) = end else { return End::Closed };
        log.take_rest(REST).await;
        let reason = match status {
            _ if !reason.is_empty() => reason,
            Some(status) => format!("it ended by itself ({status})"),
            None => "it ended by itself (no status)".into(),
        };
        End::Lost(match log.last_words() {
            Some(words) => format!("{reason}; its last words: {words}"),
            None => reason,
        })
    }

    /// Listens and speaks until one of the two ends. Each goes on while the other waits.
    async fn converse(&mut self, reader: &mut Reader, writer: &mut Writer, log: &mut WorkerLog) -> End {
        let Self { wishes, outlet, events, timeline, scrub, job, born, speech, stills, .. } = self;
        let (repair, mut repairs) = mpsc::channel(1);
        let mut listener = Listener {
            outlet,
            events,
            speech: speech.as_ref(),
            stills: stills.as_ref(),
            timeline,
            scrub,
            camera: &job.camera,
            born: *born,
            repair,
            log,
        };
        let speak = async {
            loop {
                let wish = tokio::select! {
                    wish = wishes.recv() => match wish {
                        Some(wish) => wish,
                        None => return End::Closed,
                    },
                    Some(()) = repairs.recv() => ToWorker::KeyFrame,
                };
                match wish.encode() {
                    Ok(frame) => {
                        if writer.send(frame).await.is_err() {
                            // The reader knows better why.
                            std::future::pending::<()>().await;
                        }
                    }
                    Err(error) => tracing::debug!(%error, "not sent to the media worker"),
                }
            }
        };
        let end = tokio::select! {
            end = listener.listen(reader) => end,
            end = speak => end,
        };
        if matches!(end, End::Closed) {
            timeout(FAREWELL, say(writer, ToWorker::Stop)).await.ok();
        }
        end
    }

    fn tell(&self, event: FeedEvent) {
        tell(&self.events, event);
    }
}

async fn handshake(job: &Job, reader: &mut Reader, writer: &mut Writer) -> Result<(), String> {
    let words = async {
        say(writer, ToWorker::Hello { version: wire::VERSION }).await?;
        match reader.next().await {
            Some(Ok(frame)) => match FromWorker::decode(frame.freeze()) {
                Ok(FromWorker::Hello { version: wire::VERSION, sealed }) => note_seal(sealed),
                Ok(FromWorker::Hello { version, .. }) => {
                    return Err(format!("it speaks version {version} of the protocol"));
                }
                Ok(_) => return Err("it did not say hello".into()),
                Err(error) => return Err(format!("it sent {error}")),
            },
            Some(Err(error)) => return Err(format!("its pipe broke: {error}")),
            None => return Err(String::new()),
        }
        let (camera, source) = (job.camera.clone(), job.source.clone());
        say(writer, ToWorker::Open { camera, source, max_kbps: job.max_kbps }).await?;
        if let Some(kbps) = Some(job.limit.load(Ordering::Relaxed)).filter(|kbps| *kbps > 0) {
            say(writer, ToWorker::Limit { kbps: Some(kbps) }).await?;
        }
        let setup = *job.setup.lock().unwrap_or_else(PoisonError::into_inner);
        if setup.is_some() {
            say(writer, ToWorker::Speaker { setup }).await?;
        }
        let preamble = job.preamble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for word in preamble {
            say(writer, word).await?;
        }
        Ok(())
    };
    timeout(HANDSHAKE, words).await.unwrap_or_else(|_elapsed| Err("it did not say hello in time".into()))
}

/// Says once what the kernel lacks.
fn note_seal(sealed: bool) {
    static SAID: Once = Once::new();
    if !sealed {
        SAID.call_once(|| {
            tracing::debug!("this kernel has no Landlock: media workers could read what this user may read");
        });
    }
}

/// Comes back when nobody wants the feed any more; what is wished for before the worker can do it is
/// not done.
async fn closed(wishes: &mut mpsc::Receiver<ToWorker>) {
    while wishes.recv().await.is_some() {}
}

/// The listening half.
struct Listener<'a> {
    outlet: &'a mut Outlet,
    events: &'a mpsc::Sender<FeedEvent>,
    speech: Option<&'a mpsc::Sender<Bytes>>,
    stills: Option<&'a mpsc::Sender<Bytes>>,
    timeline: &'a mut Timeline,
    scrub: &'a Scrub,
    camera: &'a str,
    born: Instant,
    repair: mpsc::Sender<()>,
    log: &'a mut WorkerLog,
}

impl Listener<'_> {
    async fn listen(&mut self, reader: &mut Reader) -> End {
        let mut last_alive = Instant::now();
        loop {
            // A frame that is there is taken before the time is looked at, so a pause of our own
            // does not count against the worker.
            // Neither can keep the other from being heard.
            let frame = tokio::select! {
                () = self.log.take() => continue,
                frame = timeout_at(last_alive + SILENCE, reader.next()) => frame,
            };
            let frame = match frame {
                Err(_elapsed) => return End::Lost("it has fallen silent".into()),
                Ok(None) => return End::Lost(String::new()),
                Ok(Some(Err(error))) => return End::Lost(format!("its pipe broke: {error}")),
                Ok(Some(Ok(frame))) => frame.freeze(),
            };
            match FromWorker::decode(frame) {
                Err(error) => return End::Lost(format!("it sent {error}")),
                Ok(FromWorker::Hello { .. }) => return End::Lost("it said hello twice".into()),
                Ok(FromWorker::Alive) => last_alive = Instant::now(),
                Ok(FromWorker::Event(event)) => self.event(event),
                Ok(FromWorker::Picture { data, ticks, key, slate }) => {
                    if !(data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])) {
                        return End::Lost("it sent a picture that is none".into());
                    }
                    let timestamp = self.place(Track::Picture, ticks);
                    let unit = Arc::new(AccessUnit { data, timestamp, key, slate });
                    if self.outlet.put(Sample::Picture(unit)) {
                        tracing::warn!(camera = self.camera, "the feed overflows; pictures are left out");
                        self.repair.try_send(()).ok();
                    }
                }
                Ok(FromWorker::Speech(frame)) => match self.speech {
                    // What does not fit is late.
                    Some(speech) => drop(speech.try_send(frame)),
                    None => return End::Lost("it speaks to nobody".into()),
                },
                Ok(FromWorker::Still(jpeg)) => {
                    if !(jpeg.is_empty() || is_jpeg(&jpeg)) {
                        return End::Lost("it sent a still picture that is none".into());
                    }
                    if let Some(stills) = self.stills {
                        // Nobody waits for more than one.
                        stills.try_send(jpeg).ok();
                    }
                }
                Ok(FromWorker::Sound { opus, ticks }) => {
                    let timestamp = self.place(Track::Sound, ticks);
                    self.outlet.put(Sample::Sound(SoundPacket { opus, timestamp }));
                }
            }
        }
    }

    fn place(&mut self, track: Track, ticks: i64) -> u64 {
        let now = i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX);
        u64::try_from(self.timeline.place(track, ticks, now)).unwrap_or(0)
    }

    /// Passes news on after taking out of it whatever a worker gone bad could have put in.
    fn event(&mut self, event: FeedEvent) {
        let clean = match event {
            FeedEvent::Opened { mut video, mut sound } => {
                video.codec = tidy(&video.codec, 32);
                video.why = self.scrub.text(&video.why, 300);
                sound.codec = tidy(&sound.codec, 32);
                FeedEvent::Opened { video, sound }
            }
            FeedEvent::Failed { reason, kind, .. } => {
                // It logged why before it said that it failed.
                self.log.take_what_is_there();
                let reason = self.scrub.text(&reason, 300);
                FeedEvent::Failed { reason, kind, last_words: self.log.last_words() }
            }
            FeedEvent::SpeakerLevel(level) => FeedEvent::SpeakerLevel(tidy_level(level)),
            FeedEvent::Talks { talker } => FeedEvent::Talks { talker },
            FeedEvent::Conversation(report) => FeedEvent::Conversation(TalkReport {
                speaker_dbfs: tidy_level(report.speaker_dbfs),
                microphone_dbfs: tidy_level(report.microphone_dbfs),
                passed_dbfs: tidy_level(report.passed_dbfs),
                erle_db: report.erle_db.filter(|erle| erle.is_finite()).map(|erle| erle.clamp(-50.0, 120.0)),
                ..report
            }),
            FeedEvent::FirstPicture => FeedEvent::FirstPicture,
            FeedEvent::Flow(flow) => FeedEvent::Flow(flow),
            // Only we can say so.
            FeedEvent::WorkerLost(_)
            | FeedEvent::Tries { .. }
            | FeedEvent::Uses { .. }
            | FeedEvent::Speaker(_) => return,
        };
        tell(self.events, clean);
    }
}

/// dBFS as they can be.
fn tidy_level(dbfs: f32) -> f32 {
    if dbfs.is_finite() { dbfs.clamp(-100.0, 20.0) } else { -100.0 }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(wire::MAX_FRAME).new_codec()
}

async fn say(writer: &mut Writer, message: ToWorker) -> Result<(), String> {
    let frame = message.encode().map_err(|error| format!("it could not be told what to open: {error}"))?;
    // A pipe that broke means that it ended; its exit status says more.
    writer.send(frame).await.map_err(|_broken| String::new())
}

/// Tells the camera. A measurement gives way while the queue fills: the next one comes soon.
pub fn tell(events: &mpsc::Sender<FeedEvent>, event: FeedEvent) {
    let gives_way = |event: &FeedEvent| {
        matches!(event, FeedEvent::SpeakerLevel(_) | FeedEvent::Flow(_) | FeedEvent::Conversation(_))
    };
    if gives_way(&event) && events.capacity() < RESERVED {
        return;
    }
    if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(event)
        && !gives_way(&event)
    {
        tracing::warn!(?event, "the camera does not listen; news of its feed is lost");
    }
}

/// Waits for the end if it was asked for, and makes sure of it.
async fn bury(child: &mut Child, asked: bool) -> Option<ExitStatus> {
    // One that went by itself is there to be asked for its status in no time.
    let patience = if asked { FAREWELL } else { Duration::from_millis(50) };
    if let Ok(Ok(status)) = timeout(patience, child.wait()).await {
        return Some(status);
    }
    if let Err(error) = child.start_kill() {
        tracing::warn!(%error, "a media worker cannot be killed");
    }
    timeout(Duration::from_secs(2), child.wait()).await.ok()?.ok()
}
