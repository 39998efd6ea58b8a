//! A session's speaker: whether there is one, who talks, how that sounds.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::CameraSession;
use crate::camera::ongoing::Ongoing;
use crate::camera::resources::Resources;
use crate::camera::speaker::talker;
use crate::camera::talk::{TalkLook, fingerprint};
use crate::camera::way::Way;
use crate::media::Source;
use crate::media::back_channel::{self, BackChannelError};
use crate::media::fetch::{Fetch, Piece};
use crate::media::talk::{EchoRule, SpeakerEvent, SpeakerFormat, TalkReport};
use crate::state::{Learned, LearnedBackChannel};

/// Between looks that found nothing out.
const AGAIN: Duration = Duration::from_secs(300);
/// Cameras that are looked at together.
const TOGETHER: usize = 2;
/// A relay that has not answered by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at whether one can talk to a camera.
#[derive(Debug, Default)]
pub(super) struct Looks {
    goes_on: bool,
    last: Option<Instant>,
}

impl Looks {
    /// The next one is due.
    pub(super) fn again(&mut self) {
        self.last = None;
    }
}

/// What a look found.
enum Found {
    BackChannel {
        address: String,
        format: Result<SpeakerFormat, BackChannelError>,
    },
    Relay {
        registry_id: String,
        speaker: bool,
    },
    /// It could not be looked at.
    Nothing(String),
}

impl CameraSession {
    /// Looks whether one can talk to the camera, if that is not known.
    pub(super) fn look_at_talk_if_due(&mut self, ctx: &mut Context<Self>) {
        let Some(look) = &self.camera.talk.look else { return };
        let is_there = self.camera.summary.on && self.camera.summary.reachable && !self.camera.hub_away;
        // What is known is looked at once in a session's life.
        let is_due = match self.talk_looks.last {
            None => true,
            Some(at) => !self.camera.talk.is_known && at.elapsed() >= AGAIN,
        };
        if !is_there || !is_due || self.talk_looks.goes_on {
            return;
        }
        // A house that starts asks its cameras one after the other.
        let Some(place) = self.resources.looks.take(TOGETHER) else { return };
        self.talk_looks = Looks { goes_on: true, last: Some(Instant::now()) };
        let looking =
            self.resources.media.spawn(at(look.clone(), self.name().to_owned(), self.resources.clone()));
        ctx.spawn(looking.into_actor(self).map(move |found, act, _ctx| {
            drop(place);
            act.talk_looks.goes_on = false;
            match found {
                Ok(found) => act.learn_talk(found),
                Err(error) => debug!(%error, "a look for a speaker broke off"),
            }
        }));
    }

    fn learn_talk(&mut self, found: Found) {
        let endpoint = self.camera.summary.endpoint_id.to_string();
        match found {
            Found::BackChannel { address, format } => {
                info!(camera = endpoint, found = ?format, "asked for a speaker");
                let back_channel = match format {
                    Ok(format) => {
                        LearnedBackChannel { address, format: Some(format.to_string()), ..Default::default() }
                    }
                    Err(error) => LearnedBackChannel {
                        address,
                        format: None,
                        lasting: error.is_lasting(),
                        trouble: Some(error.to_string()),
                    },
                };
                self.learn_of(&endpoint, |learned| learned.back_channel = Some(back_channel));
            }
            Found::Relay { registry_id, speaker } => {
                info!(camera = endpoint, speaker, "the relay was asked for a speaker");
                self.learn_of(&registry_id, |learned| learned.talk = Some(speaker));
            }
            Found::Nothing(reason) => debug!(camera = endpoint, reason, "not known whether it has a speaker"),
        }
    }

    fn learn_of(&mut self, id: &str, teach: impl FnOnce(&mut Learned)) {
        if self.resources.state.learn(id, teach) {
            self.learned = true;
            self.tell_registry();
        }
    }

    /// A feed without a call is opened by the new way.
    pub(super) fn talk_may_have_changed(&mut self) {
        for ongoing in self.calls.values_mut() {
            ongoing.explains_talk(&self.camera.talk.why);
        }
        let is_outdated = self.live.as_ref().is_some_and(|live| live.is_outdated(&self.camera.talk));
        if is_outdated && self.calls.is_empty() && self.camera.warm {
            self.open_for_a_while();
        }
    }

    pub(super) fn talks(&mut self, who: Option<u32>) {
        let talking = self.calls.values_mut().find(|ongoing| Some(talker(ongoing.serial)) == who);
        if let Some(ongoing) = talking {
            ongoing.talks();
        }
    }

    pub(super) fn converse(&mut self, report: TalkReport) {
        let Some(live) = &mut self.live else { return };
        live.conversation = Some(report);
        for ongoing in self.calls.values_mut() {
            ongoing.converses(&report);
        }
        if let (Some(echo), EchoRule::Auto(_)) = (report.echo, self.camera.talk.echo) {
            let endpoint = self.camera.summary.endpoint_id.to_string();
            self.learn_of(&endpoint, |learned| learned.echo = Some(echo.name().to_owned()));
        }
    }

    pub(super) fn spoke(&mut self, event: SpeakerEvent) {
        match event {
            SpeakerEvent::Opened { format } => {
                debug!(camera = %self.camera.summary.endpoint_id, %format, "the speaker is open");
                self.calls.values_mut().for_each(Ongoing::spoken);
                if let Some(live) = &mut self.live {
                    live.speaker_trouble = None;
                }
            }
            SpeakerEvent::Closed => {
                debug!(camera = %self.camera.summary.endpoint_id, "the speaker is closed");
            }
            SpeakerEvent::Failed { reason, gone } => {
                warn!(camera = %self.camera.summary.endpoint_id, reason, "nobody is heard at the camera");
                for ongoing in self.calls.values_mut() {
                    ongoing.unheard(&reason);
                }
                if let Some(live) = &mut self.live {
                    live.speaker_trouble = Some(reason);
                }
                if gone {
                    let endpoint = self.camera.summary.endpoint_id.to_string();
                    self.learn_of(&endpoint, |learned| learned.back_channel = None);
                    self.talk_looks.again();
                }
            }
        }
    }
}

async fn at(look: TalkLook, camera: String, resources: Resources) -> Found {
    match look {
        TalkLook::BackChannel(address) => {
            let found = resources.worker.policy().find(&address, 0).await;
            match found {
                Ok(destination) => Found::BackChannel {
                    address: fingerprint(&address),
                    format: back_channel::look(&destination).await,
                },
                Err(refusal) => Found::Nothing(refusal.to_string()),
            }
        }
        TalkLook::Relay(entity) => {
            let registry_id = entity.registry_id.clone();
            match Way::Relay(entity).source(&camera, true, &resources.reach()) {
                Some(Source::Fetched(source)) => match timeout(PATIENCE, begins(source.as_ref())).await {
                    Ok(Ok(speaker)) => Found::Relay { registry_id, speaker },
                    Ok(Err(reason)) => Found::Nothing(reason),
                    Err(_elapsed) => Found::Nothing("the hub's relay did not answer in time".to_owned()),
                },
                _ => Found::Nothing("there is no hub".to_owned()),
            }
        }
    }
}

/// Opens a source until it is known whether it brings a speaker.
async fn begins(source: &dyn Fetch) -> Result<bool, String> {
    let (to, mut pieces) = mpsc::channel(4);
    tokio::select! {
        end = source.fetch(to) => Err(end.reason),
        Some(Piece::Begin(begin)) = pieces.recv() => Ok(begin.speaker.is_some()),
    }
}
