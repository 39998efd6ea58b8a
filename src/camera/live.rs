//! A camera's open feed with its fan-out, and what is known of both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::account::Account;
use super::catalogue::KnownCamera;
use super::fanout::Fanout;
use super::fit::Fit;
use super::pace::Pace;
use super::places::Place;
use super::resources::Resources;
use super::session::Notice;
use super::speaker::Speaker;
use super::talk::TalkWay;
use super::way::{Way, own};
use crate::config::Prefer;
use crate::media::feed::Feed;
use crate::media::talk::{Duplex, TalkReport};
use crate::media::{FeedSpec, SoundFacts, Source, VideoFacts};

/// Key pictures are asked of an encoder at most this often.
const KEY_FRAMES: Duration = Duration::from_millis(500);
/// A peak of the speaker is shown for this long.
const HELD: Duration = Duration::from_secs(1);

/// A group of pictures that spans less than this is soon followed by a new key picture.
const LONG: Duration = Duration::from_secs(2);
/// Whoever would be behind the camera for longer gets a picture of now, if there is a place for encoding.
const SLOW: Duration = Duration::from_millis(1_500);
/// An encoded picture of now is there by then, or will not come.
const FRESHENED: Duration = Duration::from_secs(5);
/// After one that did not come, none is asked for this long.
const IN_VAIN: Duration = Duration::from_secs(60);

/// Why a picture is not shown that would have to be encoded anew.
const NO_SLOT: &str = "its picture would have to be encoded anew, and other cameras take all the time for that; \
    choose its H.264 sub-stream, or raise limits.transcodes";

/// An open feed. Dropping it ends the worker and the fan-out.
pub struct Live {
    /// Names the feed in notices.
    pub serial: u64,
    /// The ways that the feed may take, in its order.
    ways: Vec<Way>,
    /// The kind of way that the settings wanted.
    prefer: Prefer,
    /// The one that it takes.
    using: usize,
    /// The way to its speaker, and who may be heard at the same time.
    talk: (Option<TalkWay>, Duplex),
    /// What the feed told.
    pub account: Account,
    /// The picture, once the source is open.
    pub video: Option<VideoFacts>,
    /// The sound, once the source is open.
    pub sound: Option<SoundFacts>,
    /// Shared with the tasks that bring talk; ends with the last of them.
    feed: Arc<Feed>,
    fanout: Fanout,
    fit: Fit,
    /// Most that the picture may take, as the feed was told, kbit/s.
    limit: Option<u32>,
    /// Most that is encoded by the viewers' offers, as the feed was told last, kbit/s.
    allowed: Option<u32>,
    /// Least that a viewer's line is said to carry, as the feed was told last, kbit/s.
    rate: Option<u32>,
    /// Its place among the cameras whose picture is encoded anew.
    slot: Option<Place>,
    /// Loudest level at the speaker of late, dBFS, and when it was.
    loudest: Option<(f32, Instant)>,
    /// How the conversation sounds, as was told last.
    pub conversation: Option<TalkReport>,
    /// Why nobody is heard at the camera, if that is so.
    pub speaker_trouble: Option<String>,
    /// The speaker plays what it is given.
    pub speaker_open: bool,
    /// Since when there has been no call.
    idle_since: Option<Instant>,
    /// The camera itself shows a picture.
    lit: bool,
    key_frame_asked: Option<Instant>,
    /// Since when a copied picture is asked to be encoded anew up to its next key picture, if nothing came of it yet.
    freshened: Option<Instant>,
    /// Forwards the feed's events; aborted with this.
    events: JoinHandle<()>,
}

impl Live {
    /// Opens the feed: the worker starts, and its samples flow into the fan-out.
    #[must_use]
    pub fn open(
        serial: u64,
        camera: &KnownCamera,
        ways: Vec<Way>,
        resources: &Resources,
        notices: mpsc::Sender<Notice>,
    ) -> Self {
        let name = &camera.summary.name;
        let reach = resources.reach();
        let open = |way: Way| Some((way.source(name, camera.talk.asks_relay, &reach)?, way));
        let (sources, ways): (_, Vec<Way>) = ways.into_iter().filter_map(open).unzip();
        let speaker = camera.talk.speaker(name, &reach);
        let spec = FeedSpec { camera: name.clone(), sources, max_kbps: resources.max_kbps, speaker };
        let runtime = resources.media.enter();
        let (feed, samples, mut events) = Feed::open(spec, resources.worker.clone());
        drop(runtime);
        let fanout = Fanout::default();
        resources.media.spawn(fanout.clone().run(samples));
        let forward = async move {
            while let Some(event) = events.recv().await {
                if notices.send(Notice::Feed(serial, event)).await.is_err() {
                    break;
                }
            }
        };
        Self {
            serial,
            talk: (camera.talk.way.clone(), camera.talk.duplex),
            account: Account::new(ways.iter().map(Way::kind).collect()),
            ways,
            prefer: camera.prefer,
            using: 0,
            video: None,
            sound: None,
            feed: Arc::new(feed),
            fanout,
            fit: Fit::default(),
            limit: None,
            allowed: None,
            rate: None,
            slot: None,
            loudest: None,
            conversation: None,
            speaker_trouble: None,
            speaker_open: false,
            idle_since: Some(Instant::now()),
            lit: false,
            key_frame_asked: None,
            freshened: None,
            events: resources.media.spawn(forward),
        }
    }

    /// A way had failed before the feed was opened.
    pub fn failed_earlier(&mut self, way: &Way, reason: &str) {
        if let Some(place) = self.ways.iter().position(|other| other == way) {
            self.account.failed_earlier(place, reason);
        }
    }

    /// The way to the speaker for which it was opened.
    #[must_use]
    pub fn talk_way(&self) -> Option<&TalkWay> {
        self.talk.0.as_ref()
    }

    /// It was opened for other ways to picture or speaker than the camera has now.
    #[must_use]
    pub fn is_outdated(&self, camera: &KnownCamera) -> bool {
        let talk = &camera.talk;
        let picture = (own(&self.ways), self.prefer) != (own(&camera.ways), camera.prefer);
        picture || (&self.talk.0, self.talk.1) != (&talk.way, talk.duplex)
    }

    /// It takes this of its ways now.
    pub fn takes(&mut self, way: usize) {
        self.using = way;
    }

    /// The way that it takes.
    #[must_use]
    pub fn way(&self) -> Option<&Way> {
        self.ways.get(self.using)
    }

    /// Where the picture comes from, for people.
    #[must_use]
    pub fn from(&self) -> &'static str {
        self.way().map_or("", Way::name)
    }

    /// Where viewers join.
    #[must_use]
    pub fn fanout(&self) -> Fanout {
        self.fanout.clone()
    }

    /// The speaker, for one call's talk.
    #[must_use]
    pub fn speaker(&self, call: u64) -> Speaker {
        Speaker::new(call, self.feed.clone())
    }

    /// The speaker played this loud, dBFS.
    pub fn played(&mut self, dbfs: f32) {
        if self.loudest.is_none_or(|(loudest, at)| dbfs >= loudest || at.elapsed() >= HELD) {
            self.loudest = Some((dbfs, Instant::now()));
        }
    }

    /// Loudest level at the speaker within the last second, dBFS: who looks once a second misses
    /// no word.
    #[must_use]
    pub fn speaker_dbfs(&self) -> Option<f32> {
        self.loudest.map(|(dbfs, _)| dbfs)
    }

    /// Plays a tone at the speaker. What was known of it before is void.
    pub fn play_tone(&mut self) {
        (self.conversation, self.speaker_trouble) = (None, None);
        self.feed.play_tone();
    }

    /// A call uses it.
    pub fn used(&mut self) {
        self.idle_since = None;
    }

    /// The last call left.
    pub fn idle(&mut self) {
        self.idle_since.get_or_insert_with(Instant::now);
    }

    /// True if no call has used it for `time`.
    #[must_use]
    pub fn idle_for(&self, time: Duration) -> bool {
        self.idle_since.is_some_and(|since| since.elapsed() >= time)
    }

    /// The source is open. A picture that is encoded anew takes one of the places for that (`slot`); when none is
    /// free, it is not shown.
    pub fn opened(&mut self, video: VideoFacts, sound: SoundFacts, slot: impl FnOnce() -> Option<Place>) {
        // The test picture is made in any case, and stills are little work.
        let is_work = !matches!(self.way(), Some(Way::Own(Source::Test(_)) | Way::Stills(_)));
        if video.copied || !is_work {
            self.slot = None;
        } else if self.slot.is_none() {
            self.slot = slot();
            if self.slot.is_none() {
                self.feed.refuse(NO_SLOT);
            }
        }
        self.freshened = None;
        (self.video, self.sound) = (Some(video), Some(sound));
    }

    /// What would be sent if every line carried everything, kbit/s. `offered`: what the viewers' offers allow;
    /// `most`: what an encoded picture may take.
    #[must_use]
    pub fn wanted_kbps(&self, offered: Option<u32>, most: u32) -> u32 {
        let is_copyable = self.video.as_ref().is_some_and(|video| video.copyable);
        let flow = self.account.flow.filter(|_| is_copyable).map_or(0, |flow| flow.kbps);
        offered.unwrap_or(most).min(most.max(flow)).max(flow)
    }

    /// Holds the picture to what its viewers allow and their lines carry, kbit/s, if a place for encoding is free.
    pub fn fit(&mut self, allowed: Option<u32>, carried: Option<u32>, slot: impl FnOnce() -> Option<Place>) {
        let limit = self.fit.judge(self.account.flow, allowed, carried, Instant::now());
        if limit.is_none() && self.is_copied() && !self.is_freshening() {
            self.slot = None;
        }
        if limit.is_some() && self.slot.is_none() && self.is_copied() {
            self.slot = slot();
            if self.slot.is_none() {
                return;
            }
        }
        if limit != self.limit {
            let is_first = self.limit.is_none();
            self.limit = limit;
            self.feed.limit(limit);
            if is_first && self.fit.is_too_much() {
                // The line is full now, and the camera's next key picture may be far.
                self.freshen(allowed, || None);
            }
        }
    }

    /// What is encoded may take no more than the viewers' offers allow, and for now no more than their lines are said
    /// to carry, kbit/s. Said again and again, in case that the worker is a new one.
    pub fn allow(&mut self, offered: Option<u32>, carried: Option<u32>) {
        let offered = offered.map(Fit::picture_kbps);
        if std::mem::replace(&mut self.allowed, offered).is_some() || offered.is_some() {
            self.feed.allow(offered);
        }
        if std::mem::replace(&mut self.rate, carried).is_some() || carried.is_some() {
            self.feed.rate(carried);
        }
    }

    /// Gets whoever joins a picture of now, if it would take its line too long to catch up with the camera's own, and
    /// there is a place for encoding. True if one will come. `allowed`: what its offer allows, kbit/s.
    pub fn freshen(&mut self, allowed: Option<u32>, slot: impl FnOnce() -> Option<Place>) -> bool {
        let group = self.fanout.group();
        let is_slow = group.lasts >= LONG && Pace::catches_up(group, allowed) >= SLOW;
        let is_above = self.limit.is_some();
        // What comes by the relay is not the worker's, and the far end makes a key picture soon.
        let passes_by = matches!(self.way(), Some(Way::Relay(_)));
        if !self.is_copied() || passes_by || !(is_slow || is_above) {
            return false;
        }
        if self.is_freshening() {
            return true;
        }
        // A machine that did not keep up will not now: the pictures since the last key picture are better.
        if self.freshened.is_some_and(|at| at.elapsed() < IN_VAIN) {
            return false;
        }
        self.slot = self.slot.take().or_else(slot);
        if self.slot.is_none() {
            return false;
        }
        self.freshened = Some(Instant::now());
        self.feed.freshen();
        // A camera that makes one itself may be quicker.
        self.key_frame_wanted();
        true
    }

    fn is_freshening(&self) -> bool {
        self.freshened.is_some_and(|at| at.elapsed() < FRESHENED)
    }

    fn is_copied(&self) -> bool {
        self.video.as_ref().is_some_and(|video| video.copied)
    }

    /// The camera itself shows a picture.
    pub fn lit(&mut self) {
        self.lit = true;
    }

    /// The camera shows nothing any more. True if it did before.
    pub fn unlit(&mut self) -> bool {
        // Nothing is encoded: another camera may need the place.
        self.slot = None;
        std::mem::take(&mut self.lit)
    }

    /// True while the camera itself shows a picture.
    #[must_use]
    pub fn is_lit(&self) -> bool {
        self.lit
    }

    /// A far end needs a key picture, which is asked of whoever makes the picture. True if that may be
    /// in vain, so that the ring has to be sent again: a hub's relay takes wishes that its camera does not, and
    /// some cameras take wishes and do nothing.
    pub fn key_frame_wanted(&mut self) -> bool {
        let (copied, on_request) =
            self.video.as_ref().map_or((false, true), |video| (video.copied, video.keys_on_request));
        if (on_request || !copied) && self.key_frame_asked.is_none_or(|at| at.elapsed() >= KEY_FRAMES) {
            self.key_frame_asked = Some(Instant::now());
            self.feed.request_key_frame();
        }
        copied
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.events.abort();
    }
}
