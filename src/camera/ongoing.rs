//! A call that goes on: its state, its peer, its tasks, its record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::call::{Call, CallState, EndReason};
use super::line::Line;
use super::live::Live;
use super::outcome::{Ways, judge};
use super::places::Place;
use super::resources::Resources;
use super::sampler::Sampler;
use super::session::Notice;
use super::speaker::Speaker;
use super::trouble::Trouble;
use super::viewer::Viewer;
use super::{Caller, CameraError, CameraSummary, Offer};
use crate::media::VideoFacts;
use crate::media::talk::{Duplex, TalkReport};
use crate::peer::port::Nat;
use crate::peer::{Answered, Peer, PeerEnd, PeerEvent, TalkPacket};
use crate::state::{self, CallRecord, NetworkRecord, TalkRecord, VideoRecord};
use crate::telemetry;

/// Where a call's answer arrives; closed if the call ends before.
pub type Reply = watch::Receiver<Option<Result<String, CameraError>>>;

/// The ring is sent again to one viewer after this long at the earliest, and after twice as long
/// each time: a path that loses the picture over and over is not helped by more of it.
const REPLAY: Duration = Duration::from_secs(2);
const LONGEST_REPLAY: Duration = Duration::from_secs(30);
/// Different troubles that one record keeps.
const TROUBLES: usize = 8;

/// A call that goes on. Dropping it, for whatever reason, closes its peer, ends its tasks, frees
/// its place and keeps its record.
pub struct Ongoing {
    /// Names its peer in notices.
    pub serial: u64,
    /// Where it stands.
    pub call: Call,
    /// Whose it is.
    pub caller: Caller,
    /// What will be kept of it.
    pub record: CallRecord,
    arrived: Instant,
    /// The offer's text, to know a retry.
    offer: String,
    bandwidth_kbps: Option<u32>,
    /// The line to the far end, once it is connected.
    line: Option<Line>,
    /// How the line was over time, once it is connected.
    sampler: Option<Sampler>,
    /// What the answer names of us.
    ways: Ways,
    answer: watch::Sender<Option<Result<String, CameraError>>>,
    peer: Option<Arc<dyn Peer>>,
    /// Events, talk and pictures of the peer; aborted with this.
    tasks: Vec<JoinHandle<()>>,
    replay: Arc<Notify>,
    replayed: Instant,
    replay_pause: Duration,
    dropped: Arc<AtomicU64>,
    resources: Resources,
    _place: Place,
}

impl Ongoing {
    /// Most that its offer allows for the picture, headers included, kbit/s.
    #[must_use]
    pub fn bandwidth_kbps(&self) -> Option<u32> {
        self.bandwidth_kbps
    }

    /// A path to the far end was found. `path`: `direct` or `relay`; `far`: the kind of the far end's address. True if
    /// it had been out of reach.
    pub fn reached(&mut self, path: &str, far: String) -> bool {
        self.record.stages.ice_connected.get_or_insert(self.since_offer());
        let network = self.record.network.get_or_insert_default();
        (network.path, network.far) = (path.to_owned(), far);
        self.call.returned()
    }

    /// Why it is over now that the far end has hung up.
    #[must_use]
    pub fn hung_up(&self) -> EndReason {
        EndReason::of_hang_up(self.peer.as_ref().and_then(|peer| peer.end()))
    }

    /// The far end is connected: media flows.
    pub fn connected(&mut self, now: Instant) {
        self.record.stages.dtls_connected.get_or_insert(self.since_offer());
        self.call.connected(now);
        let after = self.since_offer();
        self.line.get_or_insert_with(|| Line::new(now));
        self.sampler.get_or_insert_with(|| Sampler::new(now, after));
    }

    /// The far end says that it can receive so much (REMB), kbit/s.
    pub fn estimated(&mut self, kbps: u32) {
        if let Some(line) = &mut self.line {
            line.estimated(kbps, Instant::now());
        }
    }

    /// Weighs how the line is. `wanted_kbps`: what would be sent if it carried everything.
    pub fn weigh(&mut self, wanted_kbps: u32, now: Instant) {
        if let (Some(line), Some(peer)) = (&mut self.line, &self.peer) {
            line.take(peer.counters(), wanted_kbps, now);
        }
        if let (Some(sampler), Some(peer)) = (&mut self.sampler, &self.peer) {
            sampler.take(&peer.counters(), now);
        }
    }

    /// Most that an encoded picture may take on its line for now, kbit/s.
    #[must_use]
    pub fn carries_kbps(&self) -> Option<u32> {
        self.heard_of()?.carries_kbps(Instant::now())
    }

    /// Most that a picture may take on its line that is passed on as it is, kbit/s.
    #[must_use]
    pub fn bears_kbps(&self) -> Option<u32> {
        self.heard_of()?.bears_kbps(Instant::now())
    }

    /// Its line, unless the far end is out of reach: then it holds nobody down.
    fn heard_of(&self) -> Option<&Line> {
        self.line.as_ref().filter(|_| !self.call.is_lost())
    }

    /// A call whose answer is being made.
    #[must_use]
    pub fn new(
        serial: u64,
        call: Call,
        offer: Offer,
        bandwidth_kbps: Option<u32>,
        place: Place,
        camera: &CameraSummary,
        resources: &Resources,
    ) -> Self {
        let record = CallRecord {
            id: uuid::Uuid::new_v4().to_string(),
            camera: camera.name.clone(),
            endpoint_id: camera.endpoint_id.to_string(),
            session_id: offer.session.as_str().to_owned(),
            from_page: offer.caller == Caller::Page,
            started: state::now(),
            talk: Some(TalkRecord {
                path: camera.talk.path.map(str::to_owned),
                why: camera.talk.why.clone(),
                duplex: name(camera.talk.duplex).to_owned(),
                ..TalkRecord::default()
            }),
            ..CallRecord::default()
        };
        telemetry::call_began();
        resources.exchanges.offered(&record.id, &offer.sdp);
        Self {
            serial,
            call,
            caller: offer.caller,
            offer: offer.sdp,
            record,
            arrived: offer.arrived,
            bandwidth_kbps,
            line: None,
            sampler: None,
            ways: Ways::default(),
            answer: watch::Sender::new(None),
            peer: None,
            tasks: Vec::new(),
            replay: Arc::default(),
            replayed: Instant::now(),
            replay_pause: REPLAY,
            dropped: Arc::default(),
            resources: resources.clone(),
            _place: place,
        }
    }

    /// Our own id of the call.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Where its answer arrives.
    #[must_use]
    pub fn reply(&self) -> Reply {
        self.answer.subscribe()
    }

    /// True for the very offer that this call began with.
    #[must_use]
    pub fn is_retry(&self, offer: &Offer) -> bool {
        self.offer == offer.sdp
    }

    /// Time since the offer came, ms.
    #[must_use]
    pub fn since_offer(&self) -> u64 {
        u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// No answer can be made.
    pub fn refuse(&mut self, error: CameraError) {
        self.answer.send_replace(Some(Err(error)));
    }

    /// The peer is made: its answer leaves, its tasks begin. `fresh`: a picture of now is on its way.
    pub fn answered(&mut self, answered: Answered, live: &Live, fresh: bool, notices: mpsc::Sender<Notice>) {
        let Answered { sdp, peer, events, talk } = answered;
        self.record.stages.answer_sent.get_or_insert(self.since_offer());
        telemetry::answered(self.arrived.elapsed());
        self.call.answered();
        self.ways = Ways::named_in(&sdp);
        if live.is_lit() {
            self.lit();
        }
        if let Some(video) = &live.video {
            self.shows(video, live.from());
        }
        let (first_picture, pictured) = oneshot::channel();
        let viewer = Viewer {
            peer: peer.clone(),
            fanout: live.fanout(),
            bandwidth_kbps: self.bandwidth_kbps,
            replay: self.replay.clone(),
            fresh,
            first_picture: Some(first_picture),
            dropped: self.dropped.clone(),
        };
        let (connected, connection) = oneshot::channel();
        let media = &self.resources.media;
        let serial = self.serial;
        self.tasks.push(media.spawn(forward_events(events, serial, notices.clone(), connected)));
        self.tasks.push(media.spawn(forward_talk(talk, serial, live.speaker(serial), notices.clone())));
        self.tasks.push(media.spawn(async move {
            if connection.await.is_ok() {
                viewer.run().await;
            }
        }));
        self.tasks.push(media.spawn(async move {
            if pictured.await.is_ok() {
                // The session may have gone: then nobody keeps the time.
                let _gone = notices.send(Notice::FirstPicture(serial)).await;
            }
        }));
        self.peer = Some(peer);
        self.resources.exchanges.answered(&self.record.id, &sdp);
        self.answer.send_replace(Some(Ok(sdp)));
    }

    /// Its viewer gets the ring again, for a far end that lost the picture of a camera that cannot
    /// make a key picture.
    pub fn replay(&mut self) {
        if self.replayed.elapsed() >= self.replay_pause {
            self.replayed = Instant::now();
            self.replay_pause = (self.replay_pause * 2).min(LONGEST_REPLAY);
            self.replay.notify_one();
        }
    }

    /// What it shows.
    pub fn shows(&mut self, video: &VideoFacts, from: &str) {
        self.record.video = Some(VideoRecord {
            from: from.to_owned(),
            mode: if video.copied { "copy" } else { "transcode" }.to_owned(),
            why: video.why.clone(),
            codec: video.codec.clone(),
            width: video.width,
            height: video.height,
        });
    }

    /// That one can talk to the camera was found out while it was shown already.
    pub fn cannot_talk_yet(&mut self) {
        let talk = self.record.talk.get_or_insert_default();
        talk.path = None;
        "that one can talk was found out during another call; once all have ended, the next one can"
            .clone_into(&mut talk.why);
    }

    /// Why nobody can talk to the camera, if that is so: it may be found out after the answer.
    pub fn explains_talk(&mut self, why: &str) {
        if let Some(talk) = self.record.talk.as_mut().filter(|talk| talk.path.is_none()) {
            why.clone_into(&mut talk.why);
        }
    }

    /// Its user has the speaker.
    pub fn talks(&mut self) {
        self.record.talk.get_or_insert_default().talked = true;
    }

    /// The speaker is open.
    pub fn spoken(&mut self) {
        let after = self.since_offer();
        self.record.talk.get_or_insert_default().opened.get_or_insert(after);
    }

    /// Nobody is heard at the camera.
    pub fn unheard(&mut self, reason: &str) {
        self.record.talk.get_or_insert_default().trouble = Some(reason.to_owned());
        self.troubled(&format!("nobody was heard at the camera: {reason}"));
    }

    /// How the conversation sounds.
    pub fn converses(&mut self, report: &TalkReport) {
        let talk = self.record.talk.get_or_insert_default();
        let louder = |kept: &mut Option<f32>, dbfs: f32| {
            *kept = Some(kept.map_or(dbfs, |loudest| loudest.max(dbfs)));
        };
        louder(&mut talk.speaker_dbfs, report.speaker_dbfs);
        louder(&mut talk.microphone_dbfs, report.microphone_dbfs);
        louder(&mut talk.passed_dbfs, report.passed_dbfs);
        talk.erle_db = report.erle_db.or(talk.erle_db);
        talk.delay_ms = report.delay_ms.or(talk.delay_ms);
        talk.echo = report.echo.map(|echo| echo.name().to_owned()).or(talk.echo.take());
        name(report.duplex).clone_into(&mut talk.duplex);
    }

    /// The camera shows a picture of its own.
    pub fn lit(&mut self) {
        self.record.stages.camera_shown.get_or_insert(self.since_offer());
        self.call.lit();
    }

    /// The camera shows nothing.
    pub fn darkened(&mut self, now: Instant, trouble: &Trouble) {
        self.call.darkened(now, trouble);
        self.troubled(&trouble.text);
    }

    /// What went wrong; each thing is kept once.
    pub fn troubled(&mut self, reason: &str) {
        let troubles = &mut self.record.trouble;
        if troubles.len() < TROUBLES && !troubles.iter().any(|known| known == reason) {
            troubles.push(reason.to_owned());
        }
    }

    /// The record as it stands now.
    #[must_use]
    pub fn current_record(&self) -> CallRecord {
        let mut record = self.record.clone();
        if let Some(peer) = &self.peer {
            let counted = peer.counters();
            let counters = &mut record.counters;
            counters.packets_sent = counted.packets_sent;
            counters.retransmitted = counted.retransmitted;
            counters.repairs_wanted = counted.repairs_wanted;
            counters.repairs_refused = counted.repairs_refused;
            (counters.nack, counters.pli, counters.fir) = (counted.nack, counted.pli, counted.fir);
            counters.remb_kbps = counted.remb_kbps;
            counters.talk_packets = counted.talk_packets;
        }
        record.counters.pictures_dropped = self.dropped.load(Ordering::Relaxed);
        if let Some(line) = &self.line {
            line.describe(record.network.get_or_insert_default());
            record.trouble.extend(line.troubles());
        }
        record.plot = self.sampler.as_ref().map(Sampler::plot);
        record
    }
}

impl Ongoing {
    /// What is known of the ways between the far end and us.
    fn ways(&self) -> Ways {
        let peers = &self.resources.peers;
        let symmetric = peers.paths().sockets.iter().any(|socket| socket.nat == Nat::AddressDependent);
        Ways {
            symmetric,
            sought: self.peer.as_ref().is_some_and(|peer| peer.counters().sought),
            port: peers.addresses().first().map_or(0, |address| address.port()),
            ..self.ways
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let mut record = self.current_record();
        record.ended = Some(state::now());
        // Dropped in mid-call: its session died.
        self.call.end(EndReason::Internal);
        let lasted = self.arrived.elapsed();
        let verdict = judge(&self.call, &record, self.ways(), lasted, self.resources.longest_call());
        (record.outcome, record.outcome_values) = (Some(verdict.outcome), verdict.values);
        if let CallState::Ended(reason) = self.call.state() {
            record.end_reason = Some(reason.to_string());
            telemetry::call_ended(reason.label());
        }
        telemetry::pictures_dropped(record.counters.pictures_dropped);
        telemetry::packets_sent(record.counters.packets_sent, record.counters.retransmitted);
        if let Some(network) = &record.network {
            tell_network(network);
        }
        self.resources.state.record_call(record);
        if let Some(peer) = self.peer.take() {
            self.resources.media.spawn(async move { peer.close().await });
        }
    }
}

fn tell_network(network: &NetworkRecord) {
    let path = if network.path == "relay" { "relay" } else { "direct" };
    let round_trip = network.round_trip_ms.map(|ms| Duration::from_millis(ms.into()));
    telemetry::line(path, round_trip, network.loss_percent);
}

async fn forward_events(
    mut events: mpsc::Receiver<PeerEvent>,
    serial: u64,
    notices: mpsc::Sender<Notice>,
    connected: oneshot::Sender<()>,
) {
    let mut connected = Some(connected);
    while let Some(event) = events.recv().await {
        if event == PeerEvent::Connected
            && let Some(connected) = connected.take()
        {
            // The viewer's task may have been aborted.
            let _gone = connected.send(());
        }
        if notices.send(Notice::Peer(serial, event)).await.is_err() {
            return;
        }
    }
    // A peer whose events end without a word has ended all the same.
    let _gone = notices.send(Notice::Peer(serial, PeerEvent::Ended(PeerEnd::Closed))).await;
}

async fn forward_talk(
    mut talk: mpsc::Receiver<TalkPacket>,
    serial: u64,
    speaker: Speaker,
    notices: mpsc::Sender<Notice>,
) {
    let mut first = true;
    while let Some(packet) = talk.recv().await {
        if std::mem::take(&mut first) && notices.send(Notice::FirstTalk(serial)).await.is_err() {
            return;
        }
        speaker.talk(packet);
    }
}

fn name(duplex: Duplex) -> &'static str {
    match duplex {
        Duplex::Full => "full",
        Duplex::Half => "half",
    }
}
