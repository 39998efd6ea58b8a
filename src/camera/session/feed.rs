//! A session's feed: what it opens, what it is told of it, what it makes of that.

use std::time::Instant;

use tracing::{debug, warn};

use super::{CameraSession, FAILED, least};
use crate::camera::explained;
use crate::camera::live::Live;
use crate::camera::ongoing::Ongoing;
use crate::camera::trouble::Trouble;
use crate::camera::way::Way;
use crate::media::{FeedEvent, TroubleKind};
use crate::state::Learned;
use crate::telemetry;

impl CameraSession {
    /// A feed that nobody looks at is opened anew by the ways to picture and speaker that the camera has now.
    pub(super) fn let_go_of_outdated_feed(&mut self) {
        if self.calls.is_empty() && self.live.as_ref().is_some_and(|live| live.is_outdated(&self.camera)) {
            self.live = None;
        }
    }

    /// Opens the camera for a call, if it is not open.
    pub(super) fn open_feed(&mut self) {
        if let Some(live) = &mut self.live {
            live.used();
            return;
        }
        if self.camera.ways.is_empty() || !self.camera.summary.on {
            return;
        }
        let mut ways = self.camera.ways.clone();
        // What failed of late comes last: nobody is to wait for it again.
        ways.sort_by_key(|way| self.has_failed(way));
        let serial = self.next_serial();
        let mut live = Live::open(serial, &self.camera, ways, &self.resources, self.notices.clone());
        for (way, at, reason) in &self.failed {
            if at.elapsed() < FAILED {
                live.failed_earlier(way, reason);
            }
        }
        live.used();
        self.live = Some(live);
    }

    fn has_failed(&self, way: &Way) -> bool {
        self.failed.iter().any(|(failed, at, _)| failed == way && at.elapsed() < FAILED)
    }

    /// Remembers that a way failed, or that it is a good one.
    fn judge(&mut self, way: Option<Way>, failure: Option<&str>) {
        let Some(way) = way else { return };
        self.failed.retain(|(failed, at, _)| *failed != way && at.elapsed() < FAILED);
        if let Some(reason) = failure {
            self.failed.push((way, Instant::now(), reason.to_owned()));
        }
    }

    /// Remembers what the open source teaches of the hub's camera entity, or of the camera at its own address.
    fn learn(&mut self, teach: impl FnOnce(&mut Learned)) {
        let Some(way) = self.live.as_ref().and_then(Live::way) else { return };
        let endpoint = &self.camera.summary.endpoint_id;
        let id = way.entity().map_or(endpoint.as_str(), |entity| &entity.registry_id).to_owned();
        self.learn_of(&id, teach);
    }

    /// Holds the picture to what all calls bear.
    pub(super) fn fit(&mut self) {
        if let Some(live) = &mut self.live {
            let offered = least(&self.calls, Ongoing::bandwidth_kbps);
            // Without a viewer it is made as for the last one, who may come back.
            if !self.calls.is_empty() {
                live.allow(offered, least(&self.calls, Ongoing::carries_kbps));
            }
            let borne = least(&self.calls, Ongoing::bears_kbps);
            live.fit(offered, borne, || self.resources.encoding());
        }
    }

    /// Weighs how the lines to all viewers are.
    pub(super) fn weigh(&mut self, now: Instant) {
        let Some(live) = &self.live else { return };
        let wanted = live.wanted_kbps(least(&self.calls, Ongoing::bandwidth_kbps), self.resources.max_kbps);
        for ongoing in self.calls.values_mut() {
            ongoing.weigh(wanted, now);
        }
    }

    pub(super) fn feed_event(&mut self, serial: u64, event: FeedEvent) {
        let Some(live) = self.live.as_mut().filter(|live| live.serial == serial) else { return };
        let now = Instant::now();
        live.account.take(&event);
        match event {
            FeedEvent::Tries { source } => live.takes(source),
            FeedEvent::Uses { source, speaker, talk } => {
                live.takes(source);
                debug!(camera = %self.camera.summary.endpoint_id, from = live.from(), talk, "source taken");
                if matches!(live.way(), Some(Way::Relay(_))) && self.camera.talk.asks_relay {
                    self.learn(|learned| learned.talk = Some(speaker));
                }
            }
            FeedEvent::Opened { video, sound } => {
                for ongoing in self.calls.values_mut() {
                    ongoing.shows(&video, live.from());
                }
                let seen = video.clone();
                live.opened(video, sound, || self.resources.encoding());
                // A still says nothing of what the camera streams.
                if !matches!(live.way(), Some(Way::Stills(_))) {
                    self.learn(|learned| learned.see(&seen.codec, (seen.width, seen.height), seen.copyable));
                    // What is made anew for a time is not so by itself.
                    if seen.copied == seen.copyable {
                        self.learn(|learned| learned.why = seen.why);
                    }
                }
            }
            FeedEvent::FirstPicture => {
                let way = live.way().cloned();
                self.judge(way, None);
                let Some(live) = &mut self.live else { return };
                self.trouble = None;
                self.calls.values_mut().for_each(Ongoing::lit);
                live.lit();
                self.keep_what_is_shown();
                self.tell_registry();
            }
            FeedEvent::Failed { reason, kind, last_words } => {
                let reason = explained(reason, last_words);
                warn!(camera = %self.camera.summary.endpoint_id, from = live.from(), reason, "camera shows nothing");
                live.unlit();
                let way = live.way().cloned();
                self.judge(way, Some(&reason));
                self.dark(now, Trouble::new(kind, reason));
            }
            FeedEvent::WorkerLost(reason) => {
                warn!(camera = %self.camera.summary.endpoint_id, reason, "media worker lost; it is replaced");
                telemetry::worker_lost();
                // One loss says nothing of the camera: the next worker may show it at once.
                let trouble = Trouble::new(TroubleKind::WorkerLost, reason);
                if live.unlit() {
                    self.calls.values_mut().for_each(|ongoing| ongoing.darkened(now, &trouble));
                } else {
                    self.dark(now, trouble);
                }
            }
            FeedEvent::SpeakerLevel(dbfs) => live.played(dbfs),
            FeedEvent::Talks { talker } => self.talks(talker),
            FeedEvent::Conversation(report) => self.converse(report),
            FeedEvent::Speaker(event) => self.spoke(event),
            FeedEvent::Flow(_) => {}
        }
    }

    fn dark(&mut self, now: Instant, trouble: Trouble) {
        self.calls.values_mut().for_each(|ongoing| ongoing.darkened(now, &trouble));
        self.trouble = Some((now, trouble));
        self.tell_registry();
    }
}
