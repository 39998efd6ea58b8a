//! The simulated home: areas, devices, entities, and what changes in them.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::camera::SimCamera;
use super::flavour::Flavour;
use super::registry::{Area, Device, Entity};
use super::stamp::Stamp;
use super::state::{Context, State};

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
    pub(super) entities: Vec<Entity>,
    contexts: u64,
}

impl World {
    pub(super) fn new(cameras: &[SimCamera], flavour: Flavour) -> Self {
        let mut world = Self {
            phase: Phase::Running,
            flavour,
            areas: Vec::new(),
            devices: Vec::new(),
            entities: Vec::new(),
            contexts: 0,
        };
        for camera in cameras {
            let _quiet = world.add_camera(camera);
        }
        world
    }

    /// Adds a device with its entities, and says what subscribers hear.
    pub(super) fn add_camera(&mut self, camera: &SimCamera) -> Vec<Change> {
        let now = Stamp::now();
        let shared = Arc::new(camera.clone());
        let mut heard = Vec::new();
        let area = camera.area.as_ref().map(|name| slug(name));
        if let (Some(id), Some(name)) = (&area, &camera.area)
            && !self.areas.iter().any(|known| &known.id == id)
        {
            self.areas.push(Area { id: id.clone(), name: name.clone(), created: now });
            heard.push(updated("area_registry_updated", json!({"action": "create", "area_id": id})));
        }
        let device = hex_id("device", &camera.key);
        self.devices.push(Device {
            id: device.clone(),
            key: camera.key.clone(),
            name: camera.name.clone(),
            model: camera.model.clone(),
            area,
            created: now,
        });
        heard.push(updated("device_registry_updated", json!({"action": "create", "device_id": device})));

        let key = &camera.key;
        let mut parts = vec![(format!("camera.{key}"), "", None, "idle", camera_attributes(camera))];
        if camera.doorbell {
            let bell = json!({"event_types": ["ring"], "event_type": null, "device_class": "doorbell"});
            parts.push((format!("event.{key}_ring"), "Ring", Some("doorbell"), "unknown", object(bell)));
            parts.push((format!("button.{key}_press"), "Press", None, "unknown", Map::new()));
        }
        if camera.motion {
            let motion = object(json!({"device_class": "motion"}));
            parts.push((format!("binary_sensor.{key}_motion"), "Motion", Some("motion"), "off", motion));
        }
        for (entity_id, name, class, value, mut attributes) in parts {
            let friendly =
                if name.is_empty() { camera.name.clone() } else { format!("{} {name}", camera.name) };
            attributes.insert("friendly_name".into(), friendly.into());
            if entity_id.starts_with("camera.") {
                attributes.insert("supported_features".into(), 2.into());
            }
            self.entities.push(Entity {
                id: hex_id("entity", &entity_id),
                unique_id: format!("simulated_{}", entity_id.replace('.', "_")),
                device: device.clone(),
                name: None,
                original_name: (!name.is_empty()).then(|| name.to_owned()),
                translation_key: (class == Some("doorbell")).then(|| "doorbell".to_owned()),
                device_class: class.map(str::to_owned),
                disabled_by: None,
                created: now,
                modified: now,
                camera: entity_id.starts_with("camera.").then(|| shared.clone()),
                state: None,
                resting: (value.to_owned(), attributes.clone()),
                entity_id: entity_id.clone(),
            });
            let data = json!({"action": "create", "entity_id": entity_id});
            heard.push(updated("entity_registry_updated", data));
            heard.extend(self.write(&entity_id, value, attributes, None));
        }
        heard
    }

    /// Takes a device with all its entities out of the home.
    pub(super) fn remove_camera(&mut self, key: &str) -> Vec<Change> {
        let Some(device) = self.devices.iter().find(|device| device.key == key).map(|d| d.id.clone()) else {
            return Vec::new();
        };
        self.devices.retain(|known| known.id != device);
        let (gone, kept) = std::mem::take(&mut self.entities).into_iter().partition(|e| e.device == device);
        self.entities = kept;
        let mut heard = Vec::new();
        for entity in Vec::<Entity>::from_iter(gone) {
            let data = json!({"action": "remove", "entity_id": entity.entity_id});
            heard.push(updated("entity_registry_updated", data));
            if let Some(old) = entity.state {
                heard.push(Change::State {
                    entity_id: entity.entity_id,
                    old: Some(Box::new(old)),
                    new: None,
                });
            }
        }
        heard.push(updated("device_registry_updated", json!({"action": "remove", "device_id": device})));
        heard
    }

    pub(super) fn entity(&self, entity_id: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.entity_id == entity_id)
    }

    pub(super) fn entity_mut(&mut self, entity_id: &str) -> Option<&mut Entity> {
        self.entities.iter_mut().find(|entity| entity.entity_id == entity_id)
    }

    /// A camera that has a state.
    pub(super) fn camera(&self, entity_id: &str) -> Option<&Arc<SimCamera>> {
        self.entity(entity_id).filter(|entity| entity.state.is_some())?.camera.as_ref()
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
        heard.extend(self.set(&format!("button.{key}_press"), &now.micros(), user));
        let bell = format!("event.{key}_ring");
        let attributes = self.entity(&bell).and_then(|e| e.state.as_ref()).map(|s| s.attributes.clone());
        if let Some(mut attributes) = attributes {
            attributes.insert("event_type".into(), "ring".into());
            heard.extend(self.write(&bell, &now.millis(), attributes, None));
        }
        heard.extend(self.set(&format!("binary_sensor.{key}_motion"), "on", None));
        heard
    }

    /// Gives every camera a new access token, as the hub does every five minutes.
    pub(super) fn rotate_tokens(&mut self) -> Vec<Change> {
        let mut heard = Vec::new();
        for entity_id in self.cameras() {
            let Some(state) = self.entity(&entity_id).and_then(|entity| entity.state.clone()) else {
                continue;
            };
            let mut attributes = state.attributes;
            if attributes.contains_key("access_token") {
                attributes.extend(access(&entity_id));
                heard.extend(self.write(&entity_id, &state.value, attributes, None));
            }
        }
        heard
    }

    fn cameras(&self) -> Vec<String> {
        self.entities.iter().filter(|e| e.domain() == "camera").map(|e| e.entity_id.clone()).collect()
    }

    /// The hub goes down: no entity has a state; an event keeps its last one for the way back.
    pub(super) fn go_down(&mut self) {
        self.phase = Phase::NotRunning;
        for entity in &mut self.entities {
            if let Some(state) = entity.state.take()
                && matches!(entity.domain(), "event" | "button")
            {
                entity.resting = (state.value, state.attributes);
            }
        }
    }

    /// The entities are back after a start.
    pub(super) fn come_back(&mut self) -> Vec<Change> {
        self.phase = Phase::Starting;
        let ids: Vec<String> = self.entities.iter().map(|entity| entity.entity_id.clone()).collect();
        ids.iter().filter_map(|entity_id| self.revive(entity_id)).collect()
    }

    /// Gives an entity another id: the registry speaks first, then the old state goes, then the new one comes.
    pub(super) fn rename(&mut self, entity_id: &str, to: &str) -> Vec<Change> {
        let Some(entity) = self.entity_mut(entity_id) else { return Vec::new() };
        entity.entity_id = to.to_owned();
        entity.modified = Stamp::now();
        let old = entity.state.take();
        let mut heard = vec![updated(
            "entity_registry_updated",
            json!({"action": "update", "entity_id": to, "changes": {"entity_id": entity_id}, "old_entity_id": entity_id}),
        )];
        if let Some(old) = old {
            let (value, mut attributes) = (old.value.clone(), old.attributes.clone());
            heard.push(Change::State {
                entity_id: entity_id.to_owned(),
                old: Some(Box::new(old)),
                new: None,
            });
            if attributes.contains_key("access_token") {
                attributes.extend(access(to));
            }
            heard.extend(self.write(to, &value, attributes, None));
        }
        heard
    }

    /// Gives an entity a name of its own, or takes it away.
    pub(super) fn name(&mut self, entity_id: &str, name: Option<&str>) -> Vec<Change> {
        let Some(entity) = self.entity_mut(entity_id) else { return Vec::new() };
        let before = std::mem::replace(&mut entity.name, name.map(str::to_owned));
        entity.modified = Stamp::now();
        let part = entity.name.clone().or_else(|| entity.original_name.clone());
        let (device, state) = (entity.device.clone(), entity.state.clone());
        let mut heard = vec![updated(
            "entity_registry_updated",
            json!({"action": "update", "entity_id": entity_id, "changes": {"name": before}}),
        )];
        let device = self.devices.iter().find(|known| known.id == device).map_or("", |known| &known.name);
        let friendly = part.map_or_else(|| device.to_owned(), |part| format!("{device} {part}"));
        if let Some(state) = state {
            let mut attributes = state.attributes;
            attributes.insert("friendly_name".into(), friendly.into());
            heard.extend(self.write(entity_id, &state.value, attributes, None));
        }
        heard
    }

    /// Disables an entity: the registry speaks first, then its state goes.
    pub(super) fn disable(&mut self, entity_id: &str, by: &str) -> Vec<Change> {
        let Some(entity) = self.entity_mut(entity_id) else { return Vec::new() };
        let before = entity.disabled_by.replace(by.to_owned());
        entity.modified = Stamp::now();
        let mut heard = vec![updated(
            "entity_registry_updated",
            json!({"action": "update", "entity_id": entity_id, "changes": {"disabled_by": before}}),
        )];
        heard.extend(self.clear(entity_id));
        heard
    }

    /// Enables an entity: it is there at once as `unavailable` and `restored`, and real only after
    /// [`World::revive`].
    pub(super) fn enable(&mut self, entity_id: &str) -> Vec<Change> {
        let Some(entity) = self.entity_mut(entity_id) else { return Vec::new() };
        let before = entity.disabled_by.take();
        entity.modified = Stamp::now();
        let friendly = entity.resting.1.get("friendly_name").cloned().unwrap_or_default();
        let attributes =
            object(json!({"restored": true, "friendly_name": friendly, "supported_features": 0}));
        let mut heard = vec![updated(
            "entity_registry_updated",
            json!({"action": "update", "entity_id": entity_id, "changes": {"disabled_by": before}}),
        )];
        heard.extend(self.write(entity_id, "unavailable", attributes, None));
        heard
    }

    /// The real entity is there again.
    pub(super) fn revive(&mut self, entity_id: &str) -> Option<Change> {
        let (value, attributes) = self.entity(entity_id)?.resting.clone();
        self.write(entity_id, &value, attributes, None)
    }

    pub(super) fn create_area(&mut self, name: &str) -> (Value, Change) {
        let area = Area { id: slug(name), name: name.to_owned(), created: Stamp::now() };
        let change = updated("area_registry_updated", json!({"action": "create", "area_id": area.id}));
        let listed = area.listed();
        self.areas.push(area);
        (listed, change)
    }

    pub(super) fn delete_area(&mut self, id: &str) -> Option<Change> {
        let at = self.areas.iter().position(|area| area.id == id)?;
        self.areas.remove(at);
        Some(updated("area_registry_updated", json!({"action": "remove", "area_id": id})))
    }

    /// As in `config/device_registry/list`.
    pub(super) fn devices(&self) -> Value {
        self.devices.iter().map(Device::listed).collect()
    }

    /// As in `config/area_registry/list`.
    pub(super) fn areas(&self) -> Value {
        self.areas.iter().map(Area::listed).collect()
    }
}

fn updated(event_type: &'static str, data: Value) -> Change {
    Change::Event { event_type, data }
}

fn camera_attributes(camera: &SimCamera) -> Map<String, Value> {
    let mut attributes = access(&format!("camera.{}", camera.key));
    attributes.insert("brand".into(), "Doorstep".into());
    attributes.insert("model_name".into(), camera.model.as_str().into());
    attributes
}

fn access(entity_id: &str) -> Map<String, Value> {
    let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    let picture = format!("/api/camera_proxy/{entity_id}?token={token}");
    object(json!({"access_token": token, "entity_picture": picture}))
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

/// 32 hex digits that are the same at every start, as a registry's ids are.
fn hex_id(kind: &str, of: &str) -> String {
    let digest = Sha256::digest(format!("{kind} {of}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
