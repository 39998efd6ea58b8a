//! What an open feed has told of itself: which ways it tried, what it found, how fast pictures come.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::way::WayKind;
use crate::media::flow::Flow;
use crate::media::{FeedEvent, SoundFacts, VideoFacts};

/// A way that showed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Which, for people.
    pub way: &'static str,
    /// The same, for programs.
    pub kind: WayKind,
    /// What happened there; for people, without secrets.
    pub reason: String,
    /// A password or a token is wrong.
    pub unauthorized: bool,
    /// It was put last, because it had failed before the feed was opened.
    pub earlier: bool,
    /// Its place among the ways.
    #[serde(skip)]
    place: usize,
}

/// What is known of a feed. Kept by whoever hears its events.
#[derive(Debug, Clone)]
pub struct Account {
    /// When it was opened, or when what it showed broke off.
    began: Instant,
    /// Its ways, in its order.
    ways: Vec<WayKind>,
    tried: Vec<Tried>,
    /// The way that it takes.
    using: usize,
    opened: Option<Duration>,
    first_picture: Option<Duration>,
    /// The picture of the open source.
    pub video: Option<VideoFacts>,
    /// Its sound.
    pub sound: Option<SoundFacts>,
    /// The open source itself brings a speaker.
    pub speaker: bool,
    /// Talk reaches the camera.
    pub talk: bool,
    /// What the camera sends.
    pub flow: Option<Flow>,
}

impl Account {
    /// Of a feed that is opened now and may take these ways.
    #[must_use]
    pub fn new(ways: Vec<WayKind>) -> Self {
        Self {
            began: Instant::now(),
            ways,
            tried: Vec::new(),
            using: 0,
            opened: None,
            first_picture: None,
            video: None,
            sound: None,
            speaker: false,
            talk: false,
            flow: None,
        }
    }

    /// The way at this place had failed before.
    pub fn failed_earlier(&mut self, place: usize, reason: &str) {
        if let Some(kind) = self.ways.get(place).copied() {
            let reason = without(kind.name(), reason);
            let way = kind.name();
            self.tried.push(Tried { way, kind, reason, unauthorized: false, earlier: true, place });
        }
    }

    /// Takes what the feed tells.
    pub fn take(&mut self, event: &FeedEvent) {
        match event {
            FeedEvent::Tries { source } => {
                self.using = *source;
                self.close();
            }
            FeedEvent::Uses { source, speaker, talk } => {
                self.using = *source;
                (self.speaker, self.talk) = (*speaker, *talk);
            }
            FeedEvent::Opened { video, sound } => {
                self.opened.get_or_insert(self.began.elapsed());
                (self.video, self.sound) = (Some(video.clone()), Some(sound.clone()));
            }
            FeedEvent::FirstPicture => {
                self.first_picture.get_or_insert(self.began.elapsed());
                self.tried.retain(|tried| tried.place != self.using);
            }
            FeedEvent::Flow(flow) => self.flow = Some(*flow),
            FeedEvent::Failed { reason, kind, last_words } => {
                self.failed(&super::explained(reason.clone(), last_words.clone()), kind.is_login());
            }
            FeedEvent::WorkerLost(reason) => self.failed(reason, false),
            FeedEvent::SpeakerLevel(_)
            | FeedEvent::Talks { .. }
            | FeedEvent::Conversation(_)
            | FeedEvent::Speaker(_) => {}
        }
    }

    fn failed(&mut self, reason: &str, unauthorized: bool) {
        if self.is_lit() {
            self.began = Instant::now();
        }
        self.close();
        let place = self.using;
        let Some(kind) = self.ways.get(place).copied() else { return };
        let way = kind.name();
        let reason = without(way, reason);
        self.tried.retain(|tried| tried.place != place);
        self.tried.push(Tried { way, kind, reason, unauthorized, earlier: false, place });
    }

    fn close(&mut self) {
        (self.opened, self.first_picture, self.flow) = (None, None, None);
        (self.video, self.sound) = (None, None);
        (self.speaker, self.talk) = (false, false);
    }

    /// When it was opened, or when what it showed broke off.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The way that it takes, for people.
    #[must_use]
    pub fn way(&self) -> &'static str {
        self.kind().map_or("", WayKind::name)
    }

    /// The way that it takes.
    #[must_use]
    pub fn kind(&self) -> Option<WayKind> {
        self.ways.get(self.using).copied()
    }

    /// Ways that showed nothing, in the order in which that was seen.
    #[must_use]
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// From its beginning until the source was open.
    #[must_use]
    pub fn opened(&self) -> Option<Duration> {
        self.opened
    }

    /// From its beginning until the first picture.
    #[must_use]
    pub fn first_picture(&self) -> Option<Duration> {
        self.first_picture
    }

    /// True while the camera shows a picture.
    #[must_use]
    pub fn is_lit(&self) -> bool {
        self.first_picture.is_some()
    }

    /// True if each of its ways was tried and none shows anything now.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        let failed = self.tried.iter().filter(|tried| !tried.earlier).count();
        !self.is_lit() && failed >= self.ways.len()
    }
}

/// A feed says whose a reason is when it has several sources.
fn without(way: &str, reason: &str) -> String {
    reason.strip_prefix(way).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::media::TroubleKind;

    fn failed(reason: &str) -> FeedEvent {
        FeedEvent::Failed { reason: reason.into(), kind: TroubleKind::Other, last_words: None }
    }

    #[test]
    fn each_way_has_its_own_reason_also_when_it_never_began() {
        let mut account = Account::new(vec![WayKind::Relay, WayKind::Hls, WayKind::Still]);
        account.failed_earlier(2, "HTTP 500");
        for event in [
            FeedEvent::Tries { source: 0 },
            failed("the hub's relay: no answer"),
            FeedEvent::Tries { source: 1 },
            failed("the hub's stream: HTTP 404"),
        ] {
            account.take(&event);
        }
        let told = |account: &Account| {
            account.tried().iter().map(|one| (one.way, one.reason.clone())).collect::<Vec<_>>()
        };
        let (relay, stream) = ("the hub's relay", "the hub's stream");
        assert_eq!(told(&account)[1..], [(relay, "no answer".to_owned()), (stream, "HTTP 404".to_owned())]);
        assert!(!account.is_hopeless(), "the stills failed earlier and are tried once more");

        for event in
            [FeedEvent::Tries { source: 2 }, FeedEvent::Uses { source: 2, speaker: false, talk: false }]
        {
            account.take(&event);
        }
        account.take(&FeedEvent::FirstPicture);
        assert_eq!((account.way(), account.tried().len()), ("the hub's stills", 2));
        account.take(&failed("the hub's stills: HTTP 500"));
        assert!(account.is_hopeless() && !account.is_lit());
    }
}
