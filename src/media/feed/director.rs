//! Shows a camera from the first of its sources that works: a worker's, or one that is fetched, with a
//! worker only where picture or sound has to be made anew.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::sync::{Notify, mpsc};
use tokio::time::{interval, sleep_until};

use super::choice::{Choice, Failure};
use super::direct::{Direct, DirectPicture};
use super::line::Line;
use super::outlet::Outlet;
use super::supervisor::tell;
use super::{Counts, WorkerProgram};
use crate::media::fetch::{Begin, FetchEnd, Form, PictureCodec, Piece, SoundCodec, SpeakerLine};
use crate::media::flow::FlowMeter;
use crate::media::sound_line::{SILENCE, SoundLine};
use crate::media::timeline::{Timeline, Track};
use crate::media::wire::{MAX_PICTURE, ToWorker, WireSource};
use crate::media::{AccessUnit, FeedEvent, FeedSpec, Sample, SoundFacts, SoundPacket, Source};

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
    /// Last sequence number of what was said.
    said: Option<u16>,
}

pub struct Director {
    spec: FeedSpec,
    program: WorkerProgram,
    outlet: Outlet,
    events: mpsc::Sender<FeedEvent>,
    wishes: mpsc::Receiver<ToWorker>,
    counts: Arc<Counts>,
    choice: Choice,
    /// Place of the source that is read.
    using: usize,
    line: Option<(Line, Role)>,
    stream: Option<Stream>,
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
    /// Most that the picture may take for now, kbit/s.
    limit: Option<u32>,
    /// The picture could be passed on and is made anew only to take less.
    limited: bool,
}

type Fetching = (BoxFuture<'static, FetchEnd>, mpsc::Receiver<Piece>);

impl Director {
    pub fn new(
        spec: FeedSpec,
        program: WorkerProgram,
        samples: mpsc::Sender<Sample>,
        events: mpsc::Sender<FeedEvent>,
        wishes: mpsc::Receiver<ToWorker>,
        counts: Arc<Counts>,
    ) -> Self {
        let outlet = Outlet::new(samples, Arc::clone(&counts.dropped));
        Self {
            choice: Choice::new(spec.sources.len()),
            spec,
            program,
            outlet,
            events,
            wishes,
            counts,
            using: 0,
            line: None,
            stream: None,
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
            limit: None,
            limited: false,
        }
    }

    /// Until the feed is dropped.
    pub async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut fetching: Option<Fetching> = None;
        let mut begin_at = Some(Instant::now());
        loop {
            // Never holds what is borrowed across the handling of it.
            let news = tokio::select! {
                wish = self.wishes.recv() => match wish {
                    Some(wish) => News::Wish(wish),
                    None => return,
                },
                piece = piece(&mut fetching) => News::Piece(piece),
                made = made(&mut self.line) => News::Made(made),
                () = until(begin_at) => News::Begin,
                _ = tick.tick() => News::Tick,
            };
            let failed = match news {
                News::Wish(ToWorker::End { reason }) => {
                    self.line = None;
                    Some(FetchEnd { reason, unauthorized: false, lasting: true })
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
        self.stream = None;
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
                self.read(WireSource::Address(address.expose_secret().to_owned()), false);
                None
            }
            Source::Test(pattern) => {
                self.read(WireSource::Test(*pattern), true);
                None
            }
        }
    }

    fn read(&mut self, source: WireSource, talk: bool) {
        self.line = Some((self.start(source), Role::Reads));
        self.tell(FeedEvent::Uses { source: self.using, talk });
    }

    fn start(&self, source: WireSource) -> Line {
        let line = Line::start(&self.spec.camera, source, self.spec.max_kbps, &self.program, &self.counts);
        line.limit(self.limit);
        line
    }

    fn begin_pictures(&mut self) {
        self.timeline.begin_anew();
        (self.needs_key, self.first) = (true, true);
        self.asked_at = Instant::now();
    }

    /// Says what is wrong; when to begin again, if the source in use is not to go on by itself.
    async fn failed(&mut self, end: FetchEnd, fetching: &mut Option<Fetching>) -> Option<Instant> {
        let now = Instant::now();
        let failure = match end {
            FetchEnd { unauthorized: true, .. } => Failure::Refused,
            FetchEnd { lasting: true, .. } => Failure::Lasting,
            _ => Failure::Passing,
        };
        let reason = self.of_source(&end.reason);
        self.reason.clone_from(&reason);
        self.tell(FeedEvent::Failed { reason, unauthorized: end.unauthorized });
        self.choice.failed(self.using, failure, now);
        let (next, at) = self.choice.next(now)?;
        let reads = matches!(self.line, Some((_, Role::Reads)));
        if reads && (next == self.using || at > now) {
            // The worker tries again by itself.
            self.first = true;
            return None;
        }
        *fetching = None;
        self.stream = None;
        match &mut self.line {
            Some((_, Role::Reads)) => self.line = None,
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

    async fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Begin(begin) => self.begin_stream(begin).await,
            Piece::Bytes(data) => {
                let Some(stream) = &mut self.stream else { return };
                let is_head = !std::mem::replace(&mut stream.headed, true);
                if let Some((line, Role::Makes)) = &mut self.line {
                    if is_head { line.head(data).await } else { line.bytes(data).await }
                }
            }
            Piece::Picture { data, ticks } if data.len() <= MAX_PICTURE => self.picture(data, ticks).await,
            Piece::Picture { .. } => {}
            Piece::Sound { data, ticks } => match (&mut self.line, &self.stream) {
                (Some((line, Role::Makes | Role::Sounds)), _) => line.sound(data, ticks),
                (_, Some(Stream { form: Form::Packets { sound: Some(SoundCodec::Opus), .. }, .. })) => {
                    self.hear(&data, ticks);
                }
                _ => {}
            },
        }
    }

    async fn begin_stream(&mut self, begin: Begin) {
        let Begin { form, speaker, key_frames } = begin;
        self.begin_pictures();
        self.tell(FeedEvent::Uses { source: self.using, talk: speaker.is_some() });
        self.limited = false;
        self.stream = Some(Stream {
            form,
            picture: DirectPicture::new(key_frames.is_some()),
            flow: FlowMeter::default(),
            speaker,
            key_frames,
            headed: false,
            said: None,
        });
        self.take_role(form).await;
    }

    /// Gives the stream to a worker as far as it needs one.
    async fn take_role(&mut self, form: Form) {
        let speaks = self.speaks();
        let role = match form {
            Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Opus) | None }
                if speaks.is_none() =>
            {
                None
            }
            Form::Packets { picture: PictureCodec::H264, .. } => Some(Role::Sounds),
            _ => Some(Role::Makes),
        };
        match role {
            // A slate stays until the first picture.
            None => {
                if let Some((_, role)) = &mut self.line {
                    *role = Role::Slate;
                }
            }
            Some(role) => self.hand_over(form, speaks, role).await,
        }
    }

    /// What talk has to be made into for the source's speaker.
    fn speaks(&self) -> Option<SoundCodec> {
        let speaker = self.stream.as_ref().and_then(|stream| stream.speaker.as_ref());
        speaker.map(|speaker| speaker.codec).filter(|codec| *codec != SoundCodec::Opus)
    }

    /// Gives the stream to a worker.
    async fn hand_over(&mut self, form: Form, speaks: Option<SoundCodec>, role: Role) {
        let (mut line, _) = match self.line.take() {
            Some(line) => line,
            None => (self.start(WireSource::Handed), role),
        };
        line.begin(form, role == Role::Makes, speaks).await;
        self.slate_wanted = role == Role::Sounds && self.slate;
        if self.slate_wanted {
            line.slate(true);
        }
        self.line = Some((line, role));
    }

    async fn picture(&mut self, data: Bytes, ticks: i64) {
        let Some(stream) = &mut self.stream else { return };
        let form = stream.form;
        let Form::Packets { picture: codec, .. } = form else { return };
        let key = codec.is_key(&data);
        if key && codec == PictureCodec::H264 {
            self.obey(form).await;
        }
        let Some(stream) = &mut self.stream else { return };
        if let Some((line, Role::Makes)) = &mut self.line {
            if !line.picture(data, ticks, key) {
                self.ask_source();
            }
            return;
        }
        if codec != PictureCodec::H264 {
            return;
        }
        match stream.picture.take(&data) {
            Direct::Unfit(why) => {
                tracing::info!(camera = self.spec.camera, why, "the picture is encoded anew");
                let (form, speaks) = (stream.form, self.speaks());
                self.hand_over(form, speaks, Role::Makes).await;
                if let Some((line, _)) = &mut self.line {
                    line.picture(data, ticks, true);
                }
            }
            Direct::News(data, key, video) => {
                let sound = sound_facts(stream.form);
                self.tell(FeedEvent::Opened { video, sound });
                self.show(data, ticks, key);
            }
            Direct::Pass(data, key) => self.show(data, ticks, key),
        }
    }

    /// At a key picture: has it made anew while it must not take what the source brings.
    async fn obey(&mut self, form: Form) {
        let is_made = matches!(self.line, Some((_, Role::Makes)));
        match (is_made, self.limit) {
            (false, Some(_)) => {
                self.limited = true;
                self.timeline.begin_anew();
                self.hand_over(form, self.speaks(), Role::Makes).await;
            }
            (true, None) if self.limited => {
                self.limited = false;
                self.timeline.begin_anew();
                self.take_role(form).await;
            }
            _ => {}
        }
    }

    /// Shows a picture that needs no worker.
    fn show(&mut self, data: Bytes, ticks: i64, key: bool) {
        let now = self.now_ms();
        if let Some(flow) = self.stream.as_mut().and_then(|stream| stream.flow.take(ticks, data.len(), key)) {
            self.tell(FeedEvent::Flow(flow));
        }
        // Placed even if it is not shown: what is left out tells about the backlog.
        let at = self.timeline.place(Track::Picture, ticks, now);
        if self.needs_key && !key {
            return;
        }
        (self.needs_key, self.slate) = (false, false);
        self.seen();
        let had_slate = std::mem::take(&mut self.slate_wanted);
        match &self.line {
            Some((_, Role::Slate)) => self.line = None,
            Some((line, Role::Sounds)) if had_slate => line.slate(false),
            _ => {}
        }
        self.put_picture(data, at, key, false);
    }

    /// The camera itself shows a picture.
    fn seen(&mut self) {
        self.good_at = Instant::now();
        if std::mem::take(&mut self.first) {
            self.choice.showed(self.using);
            self.tell(FeedEvent::FirstPicture);
        }
    }

    fn put_picture(&mut self, data: Bytes, ticks: i64, key: bool, slate: bool) {
        let timestamp = u64::try_from(ticks).unwrap_or(0);
        let unit = Arc::new(AccessUnit { data, timestamp, key, slate });
        if self.outlet.put(Sample::Picture(unit)) {
            tracing::warn!(camera = self.spec.camera, "the feed overflows; pictures are left out");
            self.want_key_frame();
        }
    }

    /// A packet of Opus; ticks of its own clock.
    fn hear(&mut self, opus: &Bytes, ticks: i64) {
        let now = self.now_ms();
        let at = self.timeline.place(Track::Sound, ticks, now);
        let place = self.sound.place(at, now);
        self.silence(place.silence);
        if place.take {
            self.put_sound(opus.clone());
        }
    }

    fn silence(&mut self, packets: i64) {
        for _ in 0..packets {
            self.put_sound(Bytes::from_static(&SILENCE));
        }
    }

    fn put_sound(&mut self, opus: Bytes) {
        let timestamp = u64::try_from(self.sound.step()).unwrap_or(0);
        self.outlet.put(Sample::Sound(SoundPacket { opus, timestamp }));
    }

    /// What the worker made; its failure, if it says that the source has failed.
    fn made(&mut self, made: Made) -> Option<FetchEnd> {
        let role = self.line.as_ref().map(|(_, role)| *role)?;
        let pictures = matches!(role, Role::Reads | Role::Makes);
        match made {
            Made::Sample(Sample::Picture(unit)) => self.made_picture(&unit, role),
            Made::Sample(Sample::Sound(packet)) if role != Role::Slate => {
                self.hear(&packet.opus, i64::try_from(packet.timestamp).unwrap_or(i64::MAX));
            }
            Made::Sample(Sample::Sound(_)) => {}
            Made::Speech(frame) => {
                if let Some(speaker) = self.stream.as_ref().and_then(|stream| stream.speaker.as_ref()) {
                    // What does not fit is late.
                    speaker.frames.try_send(frame).ok();
                }
            }
            Made::Event(FeedEvent::Failed { reason, unauthorized }) if pictures => {
                return Some(FetchEnd { reason, unauthorized, lasting: role == Role::Makes });
            }
            Made::Event(event @ (FeedEvent::Opened { .. } | FeedEvent::Flow(_))) if pictures => {
                self.tell(event);
            }
            Made::Event(event @ FeedEvent::WorkerLost(_)) if pictures => {
                self.first = true;
                self.ask_source();
                self.tell(event);
            }
            Made::Event(event @ FeedEvent::SpeakerLevel(_)) => self.tell(event),
            Made::Event(_) => {}
            Made::Over => {
                self.line = None;
                let reason = "its worker is gone".to_owned();
                return pictures.then_some(FetchEnd { reason, unauthorized: false, lasting: false });
            }
        }
        None
    }

    fn made_picture(&mut self, unit: &AccessUnit, role: Role) {
        let late = self.good_at.elapsed() >= PATIENCE;
        let wanted = match role {
            Role::Reads | Role::Makes => true,
            // Its slate is of use only while there is no picture.
            Role::Sounds | Role::Slate => unit.slate && (late || self.slate),
        };
        let is_own = matches!(role, Role::Reads | Role::Makes);
        if !wanted || !(is_own || self.slate || unit.key) {
            return;
        }
        let now = self.now_ms();
        let at = match role {
            Role::Reads | Role::Makes => {
                let ticks = i64::try_from(unit.timestamp).unwrap_or(i64::MAX);
                self.timeline.place(Track::Picture, ticks, now)
            }
            // At its own time: the source's clock has nothing to do with it.
            Role::Sounds | Role::Slate => self.timeline.now(Track::Picture, now),
        };
        self.slate = unit.slate;
        if !unit.slate {
            self.seen();
        } else if !is_own {
            // The camera's own pictures are of no use now before its next key picture.
            self.needs_key = true;
        }
        self.put_picture(unit.data.clone(), at, unit.key, unit.slate);
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
            ToWorker::Talk { opus, sequence, timestamp } => self.talk(opus, sequence, timestamp),
            // Nothing else comes from outside.
            _ => {}
        }
    }

    fn want_key_frame(&self) {
        match (&self.line, &self.stream) {
            (Some((line, Role::Reads | Role::Makes)), _) => {
                line.wish(ToWorker::KeyFrame);
            }
            _ => self.ask_source(),
        }
    }

    /// Asks the source itself for a key picture, if it can be asked.
    fn ask_source(&self) {
        if let Some(Stream { key_frames: Some(key_frames), .. }) = &self.stream {
            key_frames.notify_one();
        }
    }

    fn talk(&mut self, opus: Bytes, sequence: u16, timestamp: u32) {
        let taken = match (&mut self.stream, &self.line) {
            (Some(Stream { speaker: Some(speaker), said, .. }), _) if speaker.codec == SoundCodec::Opus => {
                // Late and doubled ones would be heard at the wrong place.
                let step = said.map_or(1, |last| sequence.wrapping_sub(last));
                if step == 0 || step > 0x8000 {
                    return;
                }
                *said = Some(sequence);
                speaker.frames.try_send(opus).is_ok()
            }
            (_, Some((line, role))) if *role != Role::Slate => {
                line.wish(ToWorker::Talk { opus, sequence, timestamp })
            }
            _ => return,
        };
        if !taken {
            self.counts.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn tick(&mut self) {
        let due = self.sound.due(self.now_ms());
        self.silence(due);
        if self.first && self.asked_at.elapsed() >= ASK {
            self.asked_at = Instant::now();
            self.ask_source();
        }
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
            Some((line, Role::Sounds)) if !std::mem::replace(&mut self.slate_wanted, true) => {
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

fn sound_facts(form: Form) -> SoundFacts {
    match form {
        Form::Packets { sound: Some(codec), .. } => SoundFacts::of(codec),
        Form::Packets { sound: None, .. } | Form::Mp4 => SoundFacts::none(),
    }
}

enum News {
    Wish(ToWorker),
    Piece(Result<Piece, FetchEnd>),
    Made(Made),
    Begin,
    Tick,
}

/// What a worker made.
enum Made {
    Sample(Sample),
    Event(FeedEvent),
    Speech(Bytes),
    Over,
}

/// The next piece; the source's end once all of them are taken.
async fn piece(fetching: &mut Option<Fetching>) -> Result<Piece, FetchEnd> {
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

async fn made(line: &mut Option<(Line, Role)>) -> Made {
    let Some((line, _)) = line else { return pending().await };
    tokio::select! {
        biased;
        event = line.events.recv() => event.map_or(Made::Over, Made::Event),
        Some(speech) = line.speech.recv() => Made::Speech(speech),
        sample = line.samples.recv() => sample.map_or(Made::Over, Made::Sample),
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}
