//! One camera that a directive named or that is kept warm: an actor that owns its calls, its feed and its speaker.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Message, StreamHandler, WrapFuture};
use tokio::sync::mpsc;
use tracing::{debug, info};

use super::call::{Call, CallState, EndReason};
use super::catalogue::KnownCamera;
use super::live::Live;
use super::ongoing::{Ongoing, Reply};
use super::places::Place;
use super::registry::{CameraNews, CameraStopped, Registry};
use super::resources::Resources;
use super::trouble::Trouble;
use super::way::Way;
use super::{Caller, CameraError, Offer, SessionId};
use crate::media::still::Still;
use crate::media::{FeedEvent, TroubleKind};
use crate::peer::{AnswerOptions, Answered, PeerError, PeerEvent};
use crate::runtime::release_memory;
use crate::seat::Seat;
use crate::telemetry;

mod asks;
mod feed;
mod still;
mod stream;
mod talk;

/// How often the times of calls and feed are looked at.
const TICK: Duration = Duration::from_millis(500);
/// An idle feed stays open this long, so that a call that comes back has its picture at once.
const LINGER: Duration = Duration::from_secs(30);
/// Peers have closed this long after their calls.
const TIDY: Duration = Duration::from_secs(2);
/// A camera whose opening failed less than this ago is known to be down.
const KNOWN_DOWN: Duration = Duration::from_secs(30);
/// A way that showed nothing comes last for this long.
const FAILED: Duration = Duration::from_secs(600);
/// An offer may come this long after its own hang-up and is not answered then.
const OVERTAKEN: Duration = Duration::from_secs(5);
/// Hang-ups that are remembered.
const HUNG_UP: usize = 32;
/// Notices of peers, viewers and feed that wait for this actor.
const NOTICES: usize = 256;

/// Owns a camera's calls, feed and speaker. At most one per camera, owned by the Registry.
pub struct CameraSession {
    /// The camera as the Registry knows it.
    camera: KnownCamera,
    resources: Resources,
    /// Where this actor's news and its end are told.
    registry: Seat<Registry>,
    /// The calls that go on; one that is over leaves at once.
    calls: HashMap<SessionId, Ongoing>,
    /// The open feed, if any.
    live: Option<Live>,
    /// Ended with this actor; given to the tasks of peers and feed.
    notices: mpsc::Sender<Notice>,
    /// Taken when the actor starts.
    inbox: Option<mpsc::Receiver<Notice>>,
    /// Names peers and feeds, so that news of one that is gone is told apart.
    serial: u64,
    /// The camera's last trouble and when it was seen; `None` while it shows a picture.
    trouble: Option<(Instant, Trouble)>,
    /// Ways that showed nothing, when that was seen, and why; cleared when one shows a picture.
    failed: Vec<(Way, Instant, String)>,
    /// Something was learned that the Registry has not been told yet.
    learned: bool,
    /// Hang-ups of late for calls that were not there, newest last: directives come over connections
    /// of their own and may pass each other.
    hung_up: VecDeque<(SessionId, Caller, Instant)>,
    /// Looks at what the hub's stream for screens is.
    looks: stream::Looks,
    /// Looks at whether one can talk to it.
    talk_looks: talk::Looks,
    /// Still pictures that are being made, or were a moment ago.
    stills: still::StillLooks,
    /// When the memory of the last calls is given back.
    tidy_at: Option<Instant>,
    /// Somebody asked it to leave.
    leaving: bool,
}

/// News of a task on the media runtime.
#[derive(Debug)]
pub enum Notice {
    /// Of the peer with this serial.
    Peer(u64, PeerEvent),
    /// The first picture went to the peer with this serial.
    FirstPicture(u64),
    /// The first sound came from the peer with this serial.
    FirstTalk(u64),
    /// Of the feed with this serial.
    Feed(u64, FeedEvent),
    /// A still picture was made that nobody waits for.
    Still(Still),
}

/// Note of the Registry: the camera has changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Update(pub KnownCamera);

/// Note of the Registry: a call may come soon. The camera is opened for a while, if an offer would open it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ExpectCall;

/// Note of a Registry that is new: tell it how the camera is.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Report;

/// Ask: end all calls and leave; the camera is gone or the house stops.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave(pub EndReason);

impl CameraSession {
    /// A session of the given camera, with no call yet.
    #[must_use]
    pub fn new(camera: KnownCamera, resources: Resources, registry: Seat<Registry>) -> Self {
        let (notices, inbox) = mpsc::channel(NOTICES);
        Self {
            camera,
            resources,
            registry,
            calls: HashMap::new(),
            live: None,
            notices,
            inbox: Some(inbox),
            serial: 0,
            trouble: None,
            failed: Vec::new(),
            learned: false,
            hung_up: VecDeque::new(),
            looks: stream::Looks::default(),
            talk_looks: talk::Looks::default(),
            stills: still::StillLooks::default(),
            tidy_at: None,
            leaving: false,
        }
    }

    fn name(&self) -> &str {
        &self.camera.summary.name
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Whether Alexa may have anything of the camera.
    fn is_shared(&self) -> Result<(), CameraError> {
        let camera = self.name().to_owned();
        if !self.camera.summary.alexa {
            return Err(CameraError::Disabled(camera));
        }
        if !self.camera.summary.on {
            return Err(CameraError::SwitchedOff(camera));
        }
        if !self.camera.summary.reachable {
            let reason = self.camera.summary.reason.clone().unwrap_or_default();
            return Err(CameraError::Unreachable { camera, kind: self.lack(), reason });
        }
        Ok(())
    }

    /// What kind of trouble keeps it from being shown at all.
    fn lack(&self) -> TroubleKind {
        self.camera.lack.unwrap_or_default()
    }

    /// Whether the camera can take an offer at all.
    fn admit(&self) -> Result<(), CameraError> {
        self.is_shared()?;
        let camera = self.name().to_owned();
        if self.camera.hub_away && !self.live.as_ref().is_some_and(Live::is_lit) {
            return Err(CameraError::HubAway(camera));
        }
        if let Some((since, Trouble { kind, text })) = &self.trouble
            && since.elapsed() < KNOWN_DOWN
        {
            return Err(CameraError::Unreachable { camera, kind: *kind, reason: text.clone() });
        }
        Ok(())
    }

    /// A place for one more call.
    fn place(&mut self) -> Result<Place, CameraError> {
        let camera = self.name().to_owned();
        self.elapse();
        let limits = &self.resources.limits;
        if self.calls.len() >= limits.calls_per_camera {
            return Err(CameraError::Full { camera: Some(camera), limit: limits.calls_per_camera });
        }
        let full = CameraError::Full { camera: None, limit: limits.calls };
        self.resources.places.take(limits.calls).ok_or(full)
    }

    /// Begins to answer an offer that is new here. The reply comes through the call's own channel.
    fn begin(&mut self, offer: Offer, ctx: &mut Context<Self>) -> Result<Reply, CameraError> {
        self.admit()?;
        let parsed = crate::peer::offer::Offer::parse(&offer.sdp, self.resources.allow_loopback)
            .map_err(|error| CameraError::Offer(error.to_string()))?;
        // Only an offer that can be used takes the place of the call that has its id.
        self.end_if_known(&offer.session, EndReason::Replaced);
        let place = self.place()?;
        self.let_go_of_outdated_feed();
        // Who shares a feed talks the way for which that was opened.
        let can_talk = match &self.live {
            Some(live) => live.talk_way().is_some(),
            None => self.camera.talk.way.is_some(),
        };
        let serial = self.next_serial();
        let call = Call::new(offer.arrived, self.resources.longest_call());
        let options = AnswerOptions {
            talk: can_talk,
            label: format!("{} {}", self.camera.summary.endpoint_id, offer.session.as_str()),
        };
        let bandwidth_kbps = parsed.bandwidth_kbps();
        let peers = self.resources.peers.clone();
        let answer = self.resources.media.spawn(async move { peers.answer(&parsed, options).await });
        let session = offer.session.clone();
        let mut ongoing =
            Ongoing::new(serial, call, offer, bandwidth_kbps, place, &self.camera.summary, &self.resources);
        if !can_talk && self.camera.talk.way.is_some() {
            ongoing.cannot_talk_yet();
        }
        let reply = ongoing.reply();
        info!(camera = %self.camera.summary.endpoint_id, call = ongoing.id(), "offer came");
        self.calls.insert(session.clone(), ongoing);
        self.open_feed();
        let answered = answer.into_actor(self).map(move |answered, act, _ctx| {
            let answered = answered.unwrap_or_else(|error| Err(PeerError::Stack(error.to_string())));
            act.answered(&session, serial, answered);
        });
        ctx.spawn(answered);
        self.tell_registry();
        Ok(reply)
    }

    fn answered(&mut self, session: &SessionId, serial: u64, answered: Result<Answered, PeerError>) {
        self.fit();
        let ongoing = self.calls.get_mut(session).filter(|ongoing| ongoing.serial == serial);
        match (ongoing, answered) {
            (Some(ongoing), Ok(answered)) => {
                let Some(live) = &mut self.live else { return self.end(session, EndReason::Internal) };
                let fresh = live.freshen(ongoing.bandwidth_kbps(), || self.resources.encoding());
                ongoing.answered(answered, live, fresh, self.notices.clone());
            }
            (Some(ongoing), Err(error)) => {
                let error = match error {
                    PeerError::Offer(_) => CameraError::Offer(error.to_string()),
                    _ => CameraError::Internal(error.to_string()),
                };
                ongoing.refuse(error.clone());
                self.end(session, EndReason::NotAnswered(error));
            }
            // Hung up or replaced while the answer was being made.
            (None, Ok(answered)) => {
                self.resources.media.spawn(async move { answered.peer.close().await });
            }
            (None, Err(error)) => debug!(%error, "no answer for a call that has ended"),
        }
    }

    /// Opens the camera without a call. It closes after a while, as after one.
    fn open_for_a_while(&mut self) {
        self.let_go_of_outdated_feed();
        self.open_feed();
        if let Some(live) = self.live.as_mut().filter(|_| self.calls.is_empty()) {
            live.idle();
        }
    }

    fn end(&mut self, session: &SessionId, reason: EndReason) {
        if let Some(mut ongoing) = self.calls.remove(session) {
            info!(camera = %self.camera.summary.endpoint_id, call = ongoing.id(), %reason, "call ended");
            ongoing.call.end(reason);
        }
        if self.calls.is_empty() {
            self.keep_what_is_shown();
            self.tidy_at = Some(Instant::now() + TIDY);
            if let Some(live) = &mut self.live {
                live.idle();
            }
        }
        self.tell_registry();
    }

    fn end_if_known(&mut self, session: &SessionId, reason: EndReason) {
        if self.calls.contains_key(session) {
            self.end(session, reason);
        }
    }

    /// Ends what has run out of time.
    fn elapse(&mut self) {
        let now = Instant::now();
        let mut over = Vec::new();
        for (session, ongoing) in &mut self.calls {
            ongoing.call.elapse(now);
            if let CallState::Ended(reason) = ongoing.call.state() {
                over.push((session.clone(), reason.clone()));
            }
        }
        for (session, reason) in over {
            self.end(&session, reason);
        }
        self.stills.let_go();
        self.weigh(now);
        self.fit();
        if self.calls.is_empty() && self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy_at = None;
            self.resources.media.spawn_blocking(release_memory);
        }
        if !self.camera.warm && self.live.as_ref().is_some_and(|live| live.idle_for(LINGER)) {
            self.live = None;
            self.trouble = None;
        }
    }

    /// Ends all that goes on: the privacy switch is off.
    fn go_dark(&mut self) {
        self.end_all(&EndReason::SwitchedOff);
        self.live = None;
        self.trouble = None;
        self.stills = still::StillLooks::default();
        self.tell_registry();
    }

    fn end_all(&mut self, reason: &EndReason) {
        for session in self.calls.keys().cloned().collect::<Vec<_>>() {
            self.end(&session, reason.clone());
        }
    }

    fn by_serial(&mut self, serial: u64) -> Option<(SessionId, &mut Ongoing)> {
        self.calls
            .iter_mut()
            .find(|(_, ongoing)| ongoing.serial == serial)
            .map(|(session, ongoing)| (session.clone(), ongoing))
    }

    fn peer_event(&mut self, serial: u64, event: PeerEvent) {
        let Some((session, ongoing)) = self.by_serial(serial) else { return };
        match event {
            PeerEvent::IceConnected { remote, remote_kind, local_kind } => {
                debug!(call = ongoing.id(), ?remote, remote_kind, local_kind, "path found");
                if ongoing.reached(local_kind, remote_kind) {
                    // What was sent in the meantime is lost.
                    self.key_frame_wanted(&session);
                }
            }
            PeerEvent::Connected => {
                let now = Instant::now();
                ongoing.connected(now);
                if let Some((_, trouble)) = &self.trouble
                    && let Some(ongoing) = self.calls.get_mut(&session)
                {
                    ongoing.call.darkened(now, trouble);
                }
            }
            PeerEvent::Disconnected => ongoing.call.disconnected(Instant::now()),
            PeerEvent::Ended(how) => self.end(&session, EndReason::Closed(how)),
            PeerEvent::KeyFrameWanted(_) => self.key_frame_wanted(&session),
            PeerEvent::Moved => {
                debug!(call = ongoing.id(), "the far end is at another address now");
                // What was sent in the meantime is lost.
                self.key_frame_wanted(&session);
            }
            PeerEvent::Remb(kbps) => ongoing.estimated(kbps),
        }
    }

    /// Gets a far end that lost the picture a new one: of the camera, of the encoder, or the ring once more.
    fn key_frame_wanted(&mut self, session: &SessionId) {
        if let Some(live) = &mut self.live
            && live.key_frame_wanted()
            && let Some(ongoing) = self.calls.get_mut(session)
            && !live.freshen(ongoing.bandwidth_kbps(), || self.resources.encoding())
        {
            ongoing.replay();
        }
    }

    fn tell_registry(&mut self) {
        let news = CameraNews {
            endpoint: self.camera.summary.endpoint_id.clone(),
            trouble: self.trouble.as_ref().map(|(_, trouble)| trouble.text.clone()),
            shows: self.trouble.is_none() && self.live.as_ref().is_some_and(Live::is_lit),
            calls: self.calls.len(),
            learned: self.learned,
        };
        if let Some(registry) = self.registry.addr()
            && registry.try_send(news).is_err()
        {
            debug!("the Registry is away; its successor asks for a report");
            return;
        }
        self.learned = false;
    }

    fn owned(&self, session: &SessionId, caller: &Caller) -> Result<(), CameraError> {
        match self.calls.get(session) {
            Some(ongoing) if ongoing.caller != *caller => Err(CameraError::Foreign),
            _ => Ok(()),
        }
    }
}

impl Actor for CameraSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(inbox) = self.inbox.take() {
            let next = |mut inbox: mpsc::Receiver<Notice>| async move {
                inbox.recv().await.map(|notice| (notice, inbox))
            };
            ctx.add_stream(futures_util::stream::unfold(inbox, next));
        }
        ctx.run_interval(TICK, |act, ctx| {
            act.elapse();
            act.look_at_stream_if_due(ctx);
            act.look_at_talk_if_due(ctx);
        });
        if self.camera.warm {
            self.open_for_a_while();
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let endpoint = self.camera.summary.endpoint_id.clone();
        if let Some(registry) = self.registry.addr() {
            // A note upward that must not be lost: one per life of a session.
            registry.do_send(CameraStopped { endpoint, died: !self.leaving });
        }
    }
}

impl StreamHandler<Notice> for CameraSession {
    fn handle(&mut self, notice: Notice, _: &mut Self::Context) {
        match notice {
            Notice::Peer(serial, event) => self.peer_event(serial, event),
            Notice::FirstPicture(serial) => {
                if let Some((_, ongoing)) = self.by_serial(serial) {
                    let after = ongoing.since_offer();
                    ongoing.record.stages.first_video_sent.get_or_insert(after);
                    telemetry::first_picture(Duration::from_millis(after));
                }
            }
            Notice::FirstTalk(serial) => {
                if let Some((_, ongoing)) = self.by_serial(serial) {
                    ongoing.record.stages.first_talk_received.get_or_insert(ongoing.since_offer());
                }
            }
            Notice::Feed(serial, event) => self.feed_event(serial, event),
            Notice::Still(still) => self.keep(&still),
        }
    }
}

/// The least of what the calls say.
fn least(calls: &HashMap<SessionId, Ongoing>, says: impl Fn(&Ongoing) -> Option<u32>) -> Option<u32> {
    calls.values().filter_map(says).min()
}
