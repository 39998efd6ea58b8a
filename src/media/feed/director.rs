//! Shows a camera from the first of its sources that works: a worker's, or one that is fetched, with a
//! worker only where picture or sound has to be made anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::interval;

use super::choice::{Choice, Failure};
use super::direct::DirectPicture;
use super::line::Line;
use super::outlet::Outlet;
use super::speaker::Speaker;
use super::supervisor::tell;
use super::{Counts, WorkerProgram};
use crate::media::fetch::{FetchEnd, Form, SpeakerLine};
use crate::media::flow::FlowMeter;
use crate::media::onvif::Asker;
use crate::media::sound_line::SoundLine;
use crate::media::still::{Shown, Still};
use crate::media::timeline::Timeline;
use crate::media::wire::{ToWorker, WireSource};
use crate::media::{Destination, FeedEvent, FeedSpec, Sample, Source, TroubleKind};
use news::{Fetching, Finding, Made, News, found, made, piece, spoke, until};

mod camera;
mod lookup;
mod news;
mod pictures;
mod sound;
mod still;
mod stream;
mod talk;

/// Pieces of a fetched source that wait.
const PIECES: usize = 64;
/// So long without a picture and the slate comes.
const PATIENCE: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(20);
/// A source that shows nothing yet is asked for a key picture this often: its first one may be lost.
const ASK: Duration = Duration::from_millis(500);
/// A source's timestamps are good; only their distance from our clock is not known exactly.
const SLACK_MS: i64 = 200;

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It reads the source.
    Reads,
    /// It makes picture and sound of what is handed to it.
    Makes,
    /// It makes the sound; pictures go past it.
    Sounds,
    /// It shows that there is no picture.
    Slate,
    /// It makes still pictures; all else goes past it.
    Draws,
}

impl Role {
    /// It hears what is said, and makes the camera's sound.
    fn sounds(self) -> bool {
        matches!(self, Self::Reads | Self::Makes | Self::Sounds)
    }
}

/// The stream of a fetched source.
struct Stream {
    form: Form,
    picture: DirectPicture,
    flow: FlowMeter,
    speaker: Option<SpeakerLine>,
    key_frames: Option<Arc<Notify>>,
    /// The head of the container has come.
    headed: bool,
}

pub struct Director {
    spec: FeedSpec,
    program: WorkerProgram,
    outlet: Outlet,
    events: mpsc::Sender<FeedEvent>,
    counts: Arc<Counts>,
    choice: Choice,
    /// Place of the source that is read.
    using: usize,
    line: Option<(Line, Role)>,
    stream: Option<Stream>,
    /// A speaker that does not come with the source; `None` if no way leads to one.
    speaker: Option<Speaker>,
    /// Who talks, as the worker told it.
    talker: Option<u32>,
    /// Who asks the cameras at the sources' own addresses for key pictures, by source.
    askers: HashMap<usize, Asker>,
    /// A worker passes the camera's picture on as it is.
    copied: bool,
    timeline: Timeline,
    sound: SoundLine,
    born: Instant,
    /// When a picture of the camera was last seen, or began to be awaited.
    good_at: Instant,
    /// When the source was last asked for a key picture.
    asked_at: Instant,
    needs_key: bool,
    /// No picture yet since the source began.
    first: bool,
    /// The slate is shown.
    slate: bool,
    /// A worker that makes only the sound was told to draw the slate.
    slate_wanted: bool,
    /// Why there is no picture, for the slate.
    reason: String,
    /// What FFmpeg said last about it.
    last_words: Option<String>,
    /// A host that is being looked up.
    finding: Option<Finding>,
    /// Where the worker connects.
    destination: Option<Destination>,
    /// How often an address showed nothing; its host may have others.
    attempts: usize,
    /// Most that the picture may take for now, kbit/s.
    limit: Option<u32>,
    /// The picture could be passed on and is made anew only to take less.
    limited: bool,
    /// What a still picture is made of.
    shown: Shown,
    /// Who waits for one, and since when its picture has been with the worker.
    wanted: Option<still::Wanted>,
    /// When the worker was asked for one last.
    asked_for_still: Option<Instant>,
}

impl Director {
    pub fn new(
        spec: FeedSpec,
        program: WorkerProgram,
        samples: mpsc::Sender<Sample>,
        events: mpsc::Sender<FeedEvent>,
        counts: Arc<Counts>,
    ) -> Self {
        let outlet = Outlet::new(samples, Arc::clone(&counts.dropped));
        let way = spec.speaker.as_ref().map(|speaker| speaker.way.clone());
        let speaker = way.and_then(|way| Speaker::new(way, program.policy().clone()));
        Self {
            choice: Choice::new(spec.sources.len()),
            spec,
            program,
            outlet,
            events,
            counts,
            using: 0,
            line: None,
            stream: None,
            speaker,
            talker: None,
            askers: HashMap::new(),
            copied: false,
            timeline: Timeline::new(1, SLACK_MS),
            sound: SoundLine::default(),
            born: Instant::now(),
            good_at: Instant::now(),
            asked_at: Instant::now(),
            needs_key: true,
            first: true,
            slate: false,
            slate_wanted: false,
            reason: String::new(),
            last_words: None,
            finding: None,
            destination: None,
            attempts: 0,
            limit: None,
            limited: false,
            shown: Shown::default(),
            wanted: None,
            asked_for_still: None,
        }
    }

    /// Until the feed is dropped.
    pub async fn run(
        mut self,
        mut wishes: mpsc::Receiver<ToWorker>,
        mut stills: mpsc::Receiver<oneshot::Sender<Still>>,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut fetching: Option<Fetching> = None;
        let mut begin_at = Some(Instant::now());
        loop {
            // Never holds what is borrowed across the handling of it.
            let news = tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => News::Wish(wish),
                    None => return,
                },
                Some(to) = stills.recv() => News::Still(to),
                piece = piece(&mut fetching) => News::Piece(piece),
                made = made(&mut self.line) => News::Made(made),
                found = found(&mut self.finding) => News::Found(found),
                spoke = spoke(&mut self.speaker) => News::Spoke(spoke),
                () = until(begin_at) => News::Begin,
                _ = tick.tick() => News::Tick,
            };
            let failed = match news {
                News::Wish(ToWorker::End { reason }) => {
                    self.line = None;
                    self.fall_silent();
                    Some(FetchEnd::lasting(TroubleKind::EncoderFull, reason))
                }
                News::Wish(wish) => {
                    self.wish(wish);
                    None
                }
                News::Piece(Ok(piece)) => {
                    self.piece(piece).await;
                    None
                }
                News::Piece(Err(end)) => {
                    fetching = None;
                    Some(end)
                }
                News::Made(made) => self.made(made),
                News::Found(found) => self.found(found),
                News::Spoke(news) => {
                    self.spoke(news);
                    None
                }
                News::Still(to) => {
                    self.wanted = Some(still::Wanted::new(to));
                    None
                }
                News::Begin => {
                    begin_at = None;
                    fetching = self.begin();
                    None
                }
                News::Tick => {
                    self.tick().await;
                    None
                }
            };
            if let Some(end) = failed {
                begin_at = self.failed(end, &mut fetching).await;
            }
        }
    }

    /// Takes the source whose turn it is into use.
    fn begin(&mut self) -> Option<Fetching> {
        let (using, _) = self.choice.next(Instant::now())?;
        self.using = using;
        (self.stream, self.finding, self.destination) = (None, None, None);
        self.begin_pictures();
        self.tell(FeedEvent::Tries { source: using });
        match self.spec.sources.get(using)? {
            Source::Fetched(fetch) => {
                let (to, pieces) = mpsc::channel(PIECES);
                let fetch = Arc::clone(fetch);
                let future: BoxFuture<'static, FetchEnd> = Box::pin(async move { fetch.fetch(to).await });
                Some((future, pieces))
            }
            Source::Address(address) => {
                let address = address.clone();
                self.look_up(address);
                None
            }
            Source::Test(pattern) => {
                self.read(WireSource::Test(*pattern));
                None
            }
        }
    }

    fn read(&mut self, source: WireSource) {
        self.line = Some((self.start(source), Role::Reads));
        let talk = self.setup().is_some();
        self.tell(FeedEvent::Uses { source: self.using, speaker: false, talk });
    }

    fn start(&self, source: WireSource) -> Line {
        let (spec, setup) = (&self.spec, self.setup());
        let line = Line::start(&spec.camera, source, spec.max_kbps, setup, &self.program, &self.counts);
        line.limit(self.limit);
        line
    }

    fn begin_pictures(&mut self) {
        self.timeline.begin_anew();
        (self.needs_key, self.first, self.copied) = (true, true, false);
        self.asked_at = Instant::now();
    }

    /// Says what is wrong; when to begin again, if the source in use is not to go on by itself.
    async fn failed(&mut self, end: FetchEnd, fetching: &mut Option<Fetching>) -> Option<Instant> {
        let now = Instant::now();
        let failure = match end {
            FetchEnd { kind, .. } if kind.is_login() => Failure::Refused,
            FetchEnd { lasting: true, .. } => Failure::Lasting,
            _ => Failure::Passing,
        };
        let reason = self.of_source(&end.reason);
        self.reason.clone_from(&reason);
        let last_words = self.last_words.take();
        if self.first {
            self.attempts = self.attempts.wrapping_add(1);
        }
        self.tell(FeedEvent::Failed { reason, kind: end.kind, last_words });
        self.choice.failed(self.using, failure, now);
        let (next, at) = self.choice.next(now)?;
        let reads = matches!(self.line, Some((_, Role::Reads)));
        if reads && (next == self.using || at > now) {
            // The worker tries again by itself, unless the camera is elsewhere now.
            (self.first, self.copied) = (true, false);
            if let Some(Source::Address(address)) = self.spec.sources.get(self.using) {
                let address = address.clone();
                self.look_up(address);
            }
            return None;
        }
        *fetching = None;
        (self.stream, self.finding) = (None, None);
        match &mut self.line {
            Some((_, Role::Reads)) => {
                self.line = None;
                self.fall_silent();
            }
            Some((line, role)) => {
                line.end(&self.reason).await;
                *role = if *role == Role::Makes { Role::Makes } else { Role::Slate };
            }
            None => {}
        }
        Some(at)
    }

    /// With several sources a reason says whose it is.
    fn of_source(&self, reason: &str) -> String {
        match self.spec.sources.get(self.using) {
            Some(Source::Fetched(fetch)) => format!("{}: {reason}", fetch.name()),
            Some(_) if self.spec.sources.len() > 1 => format!("its own address: {reason}"),
            _ => reason.to_owned(),
        }
    }

    /// What the worker made; its failure, if it says that the source has failed.
    fn made(&mut self, made: Made) -> Option<FetchEnd> {
        let role = self.line.as_ref().map(|(_, role)| *role)?;
        let pictures = matches!(role, Role::Reads | Role::Makes);
        match made {
            Made::Sample(Sample::Picture(unit)) => self.made_picture(&unit, role),
            Made::Sample(Sample::Sound(packet)) if role.sounds() => {
                self.hear(&packet.opus, i64::try_from(packet.timestamp).unwrap_or(i64::MAX));
            }
            Made::Sample(Sample::Sound(_)) => {}
            Made::Speech(frame) => self.speak(frame),
            Made::Still(jpeg) => self.drawn(jpeg),
            Made::Event(FeedEvent::Failed { reason, kind, last_words }) if pictures => {
                self.last_words = last_words;
                return Some(FetchEnd { reason, kind, lasting: role == Role::Makes });
            }
            Made::Event(FeedEvent::Opened { mut video, sound }) if pictures => {
                if role == Role::Reads {
                    self.opened(&mut video);
                }
                self.tell(FeedEvent::Opened { video, sound });
            }
            Made::Event(event @ FeedEvent::Flow(_)) if pictures => self.tell(event),
            Made::Event(event @ FeedEvent::WorkerLost(_)) if pictures => {
                self.fall_silent();
                (self.first, self.copied) = (true, false);
                self.ask_source();
                self.tell(event);
            }
            Made::Event(FeedEvent::Talks { talker }) => self.talks(talker),
            Made::Event(event @ (FeedEvent::SpeakerLevel(_) | FeedEvent::Conversation(_))) => {
                self.tell(event);
            }
            Made::Event(FeedEvent::WorkerLost(_)) => self.fall_silent(),
            Made::Event(_) => {}
            Made::Over => {
                self.line = None;
                self.fall_silent();
                let reason = "its worker is gone";
                return pictures.then(|| FetchEnd::passing(TroubleKind::WorkerLost, reason));
            }
        }
        None
    }

    fn wish(&mut self, wish: ToWorker) {
        match wish {
            ToWorker::KeyFrame => self.want_key_frame(),
            ToWorker::Limit { kbps } => {
                self.limit = kbps;
                if let Some((line, _)) = &self.line {
                    line.limit(kbps);
                }
            }
            ToWorker::Fresh | ToWorker::Allow { .. } | ToWorker::Rate { .. } => {
                if let Some((line, Role::Reads | Role::Makes)) = &self.line {
                    line.wish(wish);
                }
            }
            ToWorker::Talk { .. } | ToWorker::Leave { .. } => self.talk(wish),
            ToWorker::Tone => self.play_tone(),
            // Nothing else comes from outside.
            _ => {}
        }
    }

    async fn tick(&mut self) {
        let due = self.sound.due(self.now_ms());
        self.silence(due);
        if self.first && self.asked_at.elapsed() >= ASK {
            self.asked_at = Instant::now();
            self.ask_source();
        }
        self.draw();
        if self.good_at.elapsed() < PATIENCE {
            return;
        }
        match &self.line {
            None => {
                let mut line = self.start(WireSource::Handed);
                line.end(&self.reason).await;
                self.line = Some((line, Role::Slate));
                self.want_key_frame();
            }
            Some((line, Role::Sounds | Role::Draws)) if !std::mem::replace(&mut self.slate_wanted, true) => {
                line.slate(true);
                self.want_key_frame();
            }
            Some(_) => {}
        }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn tell(&self, event: FeedEvent) {
        tell(&self.events, event);
    }
}
