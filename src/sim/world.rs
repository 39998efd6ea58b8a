//! The simulated home: areas, devices, entities, and what changes in them.

mod edit;
mod furnish;

pub(super) use edit::Update;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::area::Area;
use super::camera::SimCamera;
use super::device::Device;
use super::entity::{Entity, Role};
use super::flavour::Flavour;
use super::stamp::Stamp;
use super::state::{Context, State};
use super::subscription::fits;

/// Access tokens of a camera that are good at a time.
const GOOD_TOKENS: usize = 2;

/// How far the hub is with starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    NotRunning,
    Starting,
    Running,
}

impl Phase {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotRunning => "NOT_RUNNING",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
        }
    }
}

/// Something that subscribers may hear of.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A state that came, changed or went.
    State { entity_id: String, old: Option<Box<State>>, new: Option<Box<State>> },
    /// Any other event.
    Event { event_type: &'static str, data: Value },
}

/// The home itself.
#[derive(Debug)]
pub(super) struct World {
    pub(super) phase: Phase,
    flavour: Flavour,
    areas: Vec<Area>,
    devices: Vec<Device>,
    pub(super) entities: BTreeMap<String, Entity>,
    contexts: u64,
    strangers: usize,
}

impl World {
    pub(super) fn new(cameras: &[SimCamera], flavour: Flavour) -> Self {
        let mut world = Self {
            phase: Phase::Running,
            flavour,
            areas: Vec::new(),
            devices: Vec::new(),
            entities: BTreeMap::new(),
            contexts: 0,
            strangers: 0,
        };
        for camera in cameras {
            let _quiet = world.add_camera(camera);
        }
        world
    }

    pub(super) fn entity(&self, entity_id: &str) -> Option<&Entity> {
        self.entities.get(entity_id)
    }

    fn entity_mut(&mut self, entity_id: &str) -> Option<&mut Entity> {
        self.entities.get_mut(entity_id)
    }

    /// A camera that has a state.
    pub(super) fn camera(&self, entity_id: &str) -> Option<&Arc<SimCamera>> {
        self.entity(entity_id).filter(|entity| entity.state.is_some())?.camera()
    }

    /// A new context; `user` when a person caused it.
    pub(super) fn context(&mut self, user: Option<&str>) -> Context {
        self.contexts += 1;
        Context { id: format!("01D{:023X}", self.contexts), user: user.map(str::to_owned) }
    }

    /// Writes a state. Nothing is heard of a write that changes nothing.
    pub(super) fn write(
        &mut self,
        entity_id: &str,
        value: &str,
        attributes: Map<String, Value>,
        user: Option<&str>,
    ) -> Option<Change> {
        let now = Stamp::now();
        let context = self.context(user);
        let entity = self.entity_mut(entity_id).filter(|entity| entity.disabled_by.is_none())?;
        let old = entity.state.clone();
        if let Some(state) = &mut entity.state
            && state.value == value
            && state.attributes == attributes
        {
            state.reported = now;
            return None;
        }
        let changed = match &old {
            Some(state) if state.value == value => state.changed,
            _ => now,
        };
        let new =
            State { value: value.to_owned(), attributes, changed, updated: now, reported: now, context };
        entity.state = Some(new.clone());
        Some(Change::State {
            entity_id: entity_id.to_owned(),
            old: old.map(Box::new),
            new: Some(Box::new(new)),
        })
    }

    /// Writes a state's value and keeps its attributes.
    pub(super) fn set(&mut self, entity_id: &str, value: &str, user: Option<&str>) -> Option<Change> {
        let attributes = self.entity(entity_id)?.state.as_ref()?.attributes.clone();
        self.write(entity_id, value, attributes, user)
    }

    /// Takes a state away.
    pub(super) fn clear(&mut self, entity_id: &str) -> Option<Change> {
        let old = self.entity_mut(entity_id)?.state.take()?;
        Some(Change::State { entity_id: entity_id.to_owned(), old: Some(Box::new(old)), new: None })
    }

    /// Rings the bell of a camera: its button (if a person pressed it there), its event, its motion.
    pub(super) fn press(&mut self, key: &str, user: Option<&str>) -> Vec<Change> {
        let now = Stamp::now();
        let mut heard = Vec::new();
        if let Some(button) = self.with_role(&Role::Button(key.to_owned())) {
            heard.extend(self.set(&button, &now.micros(), user));
        }
        if let Some(bell) = self.with_role(&Role::Bell(key.to_owned()))
            && let Some(state) = self.entity(&bell).and_then(|entity| entity.state.as_ref())
        {
            let mut attributes = state.attributes.clone();
            attributes.insert("event_type".into(), "ring".into());
            heard.extend(self.write(&bell, &now.millis(), attributes, None));
        }
        heard.extend(self.move_before(key, "on"));
        heard
    }

    /// Something moves before a camera (`on`), or no longer (`off`).
    pub(super) fn move_before(&mut self, key: &str, value: &str) -> Option<Change> {
        let motion = self.with_role(&Role::Motion(key.to_owned()))?;
        self.set(&motion, value, None)
    }

    fn with_role(&self, role: &Role) -> Option<String> {
        self.entities.values().find(|entity| entity.role == *role).map(|entity| entity.entity_id.clone())
    }

    /// Changes states that fit one of the globs, one after the other: a sensor's value, any other's attribute.
    pub(super) fn ripple(&mut self, globs: &[String], numbers: Range<u64>) -> Vec<Change> {
        let fit = |id: &&String| globs.iter().any(|glob| fits(glob, id));
        let ids: Vec<String> = self.entities.keys().filter(fit).cloned().collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let mut heard = Vec::new();
        for number in numbers {
            let at = usize::try_from(number).unwrap_or_default() % ids.len();
            let entity_id = &ids[at];
            let Some(state) = self.entity(entity_id).and_then(|entity| entity.state.clone()) else {
                continue;
            };
            let (mut value, mut attributes) = (state.value, state.attributes);
            if entity_id.starts_with("sensor.") {
                value = number.to_string();
            } else {
                attributes.insert("ripple".into(), number.into());
            }
            heard.extend(self.write(entity_id, &value, attributes, None));
        }
        heard
    }

    /// Gives every camera a new access token, as the hub does every five minutes.
    pub(super) fn rotate_tokens(&mut self) -> Vec<Change> {
        let cameras = self.entities.values().filter(|entity| entity.domain() == "camera");
        let states: Vec<(String, State)> =
            cameras.filter_map(|entity| Some((entity.entity_id.clone(), entity.state.clone()?))).collect();
        let mut heard = Vec::new();
        for (entity_id, state) in states {
            let mut attributes = state.attributes;
            if attributes.contains_key("access_token") {
                attributes.extend(self.access(&entity_id));
                heard.extend(self.write(&entity_id, &state.value, attributes, None));
            }
        }
        heard
    }

    /// A new access token of a camera; the one before it stays good.
    fn access(&mut self, entity_id: &str) -> Map<String, Value> {
        let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        if let Some(entity) = self.entity_mut(entity_id) {
            entity.tokens.push_back(token.clone());
            if entity.tokens.len() > GOOD_TOKENS {
                entity.tokens.pop_front();
            }
        }
        let picture = format!("/api/camera_proxy/{entity_id}?token={token}");
        object(json!({"access_token": token, "entity_picture": picture}))
    }

    /// The hub goes down: no entity has a state; an event keeps its last one for the way back.
    pub(super) fn go_down(&mut self) {
        self.phase = Phase::NotRunning;
        for entity in self.entities.values_mut() {
            entity.tokens.clear();
            if let Some(state) = entity.state.take()
                && matches!(entity.domain(), "event" | "button" | "input_button")
            {
                entity.resting = (state.value, state.attributes);
            }
        }
    }

    /// The entities are back after a start.
    pub(super) fn come_back(&mut self) -> Vec<Change> {
        self.phase = Phase::Starting;
        let ids: Vec<String> = self.entities.keys().cloned().collect();
        ids.iter().filter_map(|entity_id| self.revive(entity_id)).collect()
    }

    /// An entity becomes real: at a start, or when it was enabled.
    pub(super) fn revive(&mut self, entity_id: &str) -> Option<Change> {
        let (value, mut attributes) = self.entity(entity_id)?.resting.clone();
        if self.entity(entity_id)?.camera().is_some() {
            attributes.extend(self.access(entity_id));
        }
        self.write(entity_id, &value, attributes, None)
    }

    /// As in `config/device_registry/list`.
    pub(super) fn devices(&self) -> Value {
        self.devices.iter().map(|device| device.listed(self.flavour)).collect()
    }

    /// As in `config/area_registry/list`.
    pub(super) fn areas(&self) -> Value {
        self.areas.iter().map(Area::listed).collect()
    }
}

fn updated(event_type: &'static str, data: Value) -> Change {
    Change::Event { event_type, data }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
