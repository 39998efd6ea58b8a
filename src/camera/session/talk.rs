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
use crate::camera::talk::{Talk, TalkLook, TalkWay, fingerprint};
use crate::camera::way::Way;
use crate::media::Source;
use crate::media::back_channel::{self, BackChannelError};
use crate::media::fetch::{Fetch, Piece};
use crate::media::talk::{SpeakerEvent, SpeakerFormat, TalkReport};
use crate::state::{Learned, LearnedBackChannel};

/// Between looks that found nothing out, at first; twice as long each time.
const AGAIN: Duration = Duration::from_secs(300);
/// What is known is looked at again after this long, and what cannot be found out, too.
const DAILY: Duration = Duration::from_secs(24 * 3600);
/// Cameras that are looked at together.
const TOGETHER: usize = 2;
/// A relay that has not answered by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at whether one can talk to a camera.
#[derive(Debug, Default)]
pub(super) struct Looks {
    goes_on: bool,
    last: Option<Instant>,
    /// Looks in a row that found nothing out.
    in_vain: u32,
}

impl Looks {
    /// The next one is due.
    pub(super) fn again(&mut self) {
        (self.last, self.in_vain) = (None, 0);
    }

    /// A look has found something out, or not.
    fn saw(&mut self, something: bool) {
        self.in_vain = if something { 0 } else { self.in_vain.saturating_add(1) };
    }

    fn pause(&self) -> Duration {
        AGAIN.saturating_mul(1 << self.in_vain.saturating_sub(1).min(16)).min(DAILY)
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
    /// It could not be seen whether the relay brings a speaker, or where the address is.
    Nothing {
        look: TalkLook,
        reason: String,
    },
}

impl CameraSession {
    /// Looks whether one can talk to the camera, if that is not known.
    pub(super) fn look_at_talk_if_due(&mut self, ctx: &mut Context<Self>) {
        let Talk { looks, is_known, .. } = &self.camera.talk;
        if looks.is_empty() {
            return;
        }
        let is_there = self.camera.summary.on && self.camera.summary.reachable && !self.camera.hub_away;
        let pause = if *is_known { DAILY } else { self.talk_looks.pause() };
        let is_due = self.talk_looks.last.is_none_or(|at| at.elapsed() >= pause);
        if !is_there || !is_due || self.talk_looks.goes_on {
            return;
        }
        // A house that starts asks its cameras one after the other.
        let Some(place) = self.resources.looks.take(TOGETHER) else { return };
        let looks = looks.clone();
        (self.talk_looks.goes_on, self.talk_looks.last) = (true, Some(Instant::now()));
        let (camera, resources) = (self.name().to_owned(), self.resources.clone());
        let looking = self.resources.media.spawn(async move {
            let mut found = Vec::new();
            for look in looks {
                found.push(at(look, camera.clone(), resources.clone()).await);
            }
            found
        });
        ctx.spawn(looking.into_actor(self).map(move |found, act, _ctx| {
            drop(place);
            act.talk_looks.goes_on = false;
            match found {
                Ok(found) => found.into_iter().for_each(|found| act.learn_talk(found)),
                Err(error) => debug!(%error, "a look for a speaker broke off"),
            }
        }));
    }

    fn learn_talk(&mut self, found: Found) {
        let endpoint = self.camera.summary.endpoint_id.to_string();
        match found {
            Found::BackChannel { address, format } => {
                info!(camera = endpoint, found = ?format, "asked for a speaker");
                self.talk_looks.saw(format.as_ref().map_or_else(BackChannelError::is_lasting, |_| true));
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
                self.talk_looks.saw(true);
                self.learn_of(&registry_id, |learned| {
                    (learned.talk, learned.talk_trouble) = (Some(speaker), None);
                });
            }
            Found::Nothing { look, reason } => {
                debug!(camera = endpoint, reason, "not known whether it has a speaker");
                self.talk_looks.saw(false);
                match look {
                    TalkLook::Relay(entity) => {
                        self.learn_of(&entity.registry_id, |learned| learned.talk_trouble = Some(reason));
                    }
                    TalkLook::BackChannel(address) => {
                        let address = fingerprint(&address);
                        let found =
                            LearnedBackChannel { address, trouble: Some(reason), ..Default::default() };
                        self.learn_of(&endpoint, |learned| learned.back_channel = Some(found));
                    }
                }
            }
        }
    }

    pub(super) fn learn_of(&mut self, id: &str, teach: impl FnOnce(&mut Learned)) {
        if self.resources.state.learn(id, teach) {
            self.learned = true;
            self.tell_registry();
        }
    }

    /// A feed without a call is opened by the new way.
    pub(super) fn talk_may_have_changed(&mut self) {
        for ongoing in self.calls.values_mut() {
            ongoing.explains_talk(&self.camera.talk.why());
        }
        let is_outdated = self.live.as_ref().is_some_and(|live| live.is_outdated(&self.camera));
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
        if let Some(echo) = report.echo {
            let endpoint = self.camera.summary.endpoint_id.to_string();
            self.learn_of(&endpoint, |learned| learned.echo = Some(echo.name().to_owned()));
        }
    }

    pub(super) fn spoke(&mut self, event: SpeakerEvent) {
        let endpoint = self.camera.summary.endpoint_id.to_string();
        let Some(live) = &mut self.live else { return };
        let way = live.talk_way().cloned();
        match event {
            SpeakerEvent::Opened { format } => {
                debug!(camera = endpoint, %format, "the speaker is open");
                (live.speaker_open, live.speaker_trouble) = (true, None);
                self.calls.values_mut().for_each(Ongoing::spoken);
                if let Some(TalkWay::BackChannel { .. }) = way {
                    self.learn_back_channel(&endpoint, |known| known.format = Some(format.to_string()));
                }
            }
            SpeakerEvent::Closed => {
                live.speaker_open = false;
                debug!(camera = endpoint, "the speaker is closed");
            }
            SpeakerEvent::Failed { reason, lasting } => {
                warn!(camera = endpoint, reason, "nobody is heard at the camera");
                (live.speaker_open, live.speaker_trouble) = (false, Some(reason.clone()));
                for ongoing in self.calls.values_mut() {
                    ongoing.unheard(&reason);
                }
                match way.filter(|_| lasting) {
                    Some(TalkWay::BackChannel { .. }) => self.learn_back_channel(&endpoint, |known| {
                        (known.format, known.trouble, known.lasting) = (None, Some(reason), true);
                    }),
                    Some(TalkWay::Relay(entity)) => {
                        self.learn_of(&entity.registry_id, |learned| learned.talk = Some(false));
                    }
                    Some(TalkWay::Screen) | None => {}
                }
            }
        }
    }

    /// Teaches of a back channel that was found by a look.
    fn learn_back_channel(&mut self, endpoint: &str, teach: impl FnOnce(&mut LearnedBackChannel)) {
        self.learn_of(endpoint, |learned| {
            if let Some(known) = &mut learned.back_channel {
                teach(known);
            }
        });
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
                Err(refusal) => {
                    Found::Nothing { reason: refusal.to_string(), look: TalkLook::BackChannel(address) }
                }
            }
        }
        TalkLook::Relay(entity) => {
            let reason = match Way::Relay(entity.clone()).source(&camera, true, &resources.reach()) {
                Some(Source::Fetched(source)) => match timeout(PATIENCE, begins(source.as_ref())).await {
                    Ok(Ok(speaker)) => return Found::Relay { registry_id: entity.registry_id, speaker },
                    Ok(Err(reason)) => reason,
                    Err(_elapsed) => "it did not answer in time".to_owned(),
                },
                _ => "there is no hub".to_owned(),
            };
            let reason = format!("the hub's relay was asked for a speaker: {reason}");
            Found::Nothing { look: TalkLook::Relay(entity), reason }
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
