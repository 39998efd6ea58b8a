//! The home behind the hub, as far as it is known: states, registries, and cameras of before a loss.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::hub::entity;
use crate::hub::registries::Registries;
use crate::hub::states::{Change, States};
use crate::hub::ties::{self, HandTie, TiedCamera};
use crate::hub::{Cause, HubCamera, HubCameraEntity, HubTieable, press};

/// What one event of the hub's states brought.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// It ends the first reading, even if it is empty.
    pub(super) is_first: bool,
    /// It may show in a camera.
    pub(super) shows: bool,
    /// A part of it makes no sense.
    pub(super) is_faulty: bool,
    /// Cameras that may have been set up anew.
    pub(super) fresh: Vec<String>,
    /// When the hub wrote the newest of it, Unix seconds by its clock.
    pub(super) stamped: Option<f64>,
    /// Bells that were pressed.
    pub(super) pressed: Vec<Pressed>,
}

/// A bell that was pressed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pressed {
    /// Entity id of the bell.
    pub(super) bell: String,
    /// What it is.
    pub(super) cause: Cause,
    /// When, Unix seconds by the hub's clock.
    pub(super) stamp: f64,
}

/// The home behind the hub.
#[derive(Debug, Default)]
pub(super) struct Home {
    ties: Vec<HandTie>,
    states: States,
    states_seen: bool,
    registries: Registries,
    listed: bool,
    /// Whether the hub has started, once it said so, and where it is reached from the internet.
    config: (Option<bool>, Option<Url>),
    /// Cameras of the time before the hub was lost, kept until it is complete again.
    kept: Vec<HubCamera>,
}

impl Home {
    pub(super) fn new(ties: Vec<HandTie>) -> Self {
        Self { ties, ..Self::default() }
    }

    pub(super) fn tie_by_hand(&mut self, ties: Vec<HandTie>) {
        self.ties = ties;
    }

    pub(super) fn ties(&self) -> &[HandTie] {
        &self.ties
    }

    pub(super) fn states(&self) -> &States {
        &self.states
    }

    /// The hub says whether it has started, and where it is reached from the internet. True if that is news.
    pub(super) fn is_configured(&mut self, running: bool, external_url: Option<Url>) -> bool {
        let told = (Some(running), external_url);
        let is_news = self.config != told;
        self.config = told;
        is_news
    }

    pub(super) fn external_url(&self) -> Option<&Url> {
        self.config.1.as_ref()
    }

    /// All is known, and what is missing is gone.
    pub(super) fn is_complete(&self) -> bool {
        self.is_synced() && self.config.0 == Some(true)
    }

    fn is_synced(&self) -> bool {
        self.states_seen && self.listed
    }

    /// The lists were read.
    pub(super) fn list(&mut self, registries: Registries) {
        (self.registries, self.listed) = (registries, true);
    }

    /// An entity has another entity id: what is tied by hand stays tied.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        let tied = self.ties.iter_mut().flat_map(|tie| {
            let camera = match &mut tie.camera {
                TiedCamera::OfHub(entity_id) => Some(entity_id),
                TiedCamera::Own(_) => None,
            };
            [camera, tie.bell.as_mut(), tie.motion.as_mut()].into_iter().flatten()
        });
        tied.filter(|tied| *tied == from).for_each(|tied| to.clone_into(tied));
    }

    /// Takes in an event of the hub's states.
    pub(super) fn hear(&mut self, event: &Value) -> Heard {
        let applied = self.states.apply(event);
        let (registries, ties) = (&self.registries, &self.ties);
        let matters = |change| ties::matters(change, registries, ties);
        Heard {
            is_first: !std::mem::replace(&mut self.states_seen, true),
            shows: applied.others || applied.changes.iter().any(matters),
            is_faulty: applied.faults > 0,
            fresh: applied.fresh,
            stamped: applied.stamped,
            pressed: applied.changes.into_iter().filter_map(|change| self.press(change)).collect(),
        }
    }

    fn press(&self, change: Change) -> Option<Pressed> {
        let known = ties::cause(&change.entity_id, &change.after, &self.registries, &self.ties);
        // Some bells are told apart by the lists only. One that is none has no camera to ring for.
        let is_plain = change.entity_id.starts_with("binary_sensor.") && change.after.class.is_none();
        let may_be = || is_plain && !self.listed;
        let cause = known.or_else(|| may_be().then_some(Cause::Bell))?;
        Some(Pressed { stamp: press::moment(&change, cause)?, bell: change.entity_id, cause })
    }

    /// The cameras as they are. A hub that starts tells its entities bit by bit, so until it is
    /// complete nothing that is missing is gone.
    pub(super) fn cameras(&mut self) -> Vec<HubCamera> {
        let mut cameras = if self.is_synced() {
            entity::cameras(&self.states, &self.registries, &self.ties)
        } else {
            Vec::new()
        };
        if self.is_complete() {
            self.kept.clear();
        } else {
            keep(&mut cameras, &self.kept);
        }
        cameras
    }

    /// Cameras of our own whose motion sensor sees something.
    pub(super) fn moving(&self) -> BTreeSet<String> {
        let sees = |tie: &&HandTie| {
            let sensor = tie.motion.as_deref().and_then(|sensor| self.states.get(sensor));
            sensor.is_some_and(|state| state.state == "on")
        };
        self.ties.iter().filter(sees).filter_map(|tie| tie.camera.own()).map(str::to_owned).collect()
    }

    /// What cameras may be tied to by hand.
    pub(super) fn tieable(&self) -> Vec<HubTieable> {
        ties::tieable(&self.states, &self.registries)
    }

    /// Cameras of before.
    pub(super) fn kept(&self) -> &[HubCamera] {
        &self.kept
    }

    /// The hub is lost; `cameras` is what was known last.
    pub(super) fn lost(&mut self, cameras: Vec<HubCamera>) {
        let (ties, external_url) = (std::mem::take(&mut self.ties), self.config.1.take());
        *self = Self { ties, config: (None, external_url), kept: cameras, ..Self::default() };
    }
}

/// Adds what was known before and is not there (yet).
fn keep(cameras: &mut Vec<HubCamera>, kept: &[HubCamera]) {
    for old in kept {
        match cameras.iter_mut().find(|camera| camera.endpoint_id == old.endpoint_id) {
            Some(camera) => {
                let is_missing = |entity: &&HubCameraEntity| {
                    camera.entities.iter().all(|known| known.registry_id != entity.registry_id)
                };
                let missing: Vec<_> = old.entities.iter().filter(is_missing).cloned().collect();
                camera.entities.extend(missing);
                camera.bell = camera.bell.take().or_else(|| old.bell.clone());
                camera.motion = camera.motion.take().or_else(|| old.motion.clone());
            }
            None => cameras.push(old.clone()),
        }
    }
    cameras.sort_by(|a, b| a.endpoint_id.cmp(&b.endpoint_id));
}
