//! What comes into the simulated home and goes from it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Change, World, object, slug, updated};
use crate::sim::camera::SimCamera;
use crate::sim::device::Device;
use crate::sim::entity::{Entity, Role};
use crate::sim::flavour::Flavour;
use crate::sim::stamp::Stamp;

/// What an entity that comes into the home is like.
struct Draft {
    entity_id: String,
    device: Option<String>,
    /// Its part of the name, behind the device's.
    part: String,
    friendly: String,
    role: Role,
    value: &'static str,
    attributes: Map<String, Value>,
    disabled_by: Option<&'static str>,
    hidden_by: Option<&'static str>,
}

impl Draft {
    fn new(entity_id: String, device: &str, of: &str, part: &str) -> Self {
        Self {
            entity_id,
            device: Some(device.to_owned()),
            part: part.to_owned(),
            friendly: if part.is_empty() { of.to_owned() } else { format!("{of} {part}") },
            role: Role::Other,
            value: "unknown",
            attributes: Map::new(),
            disabled_by: None,
            hidden_by: None,
        }
    }
}

impl World {
    /// Adds a camera's device with its entities.
    pub(in crate::sim) fn add_camera(&mut self, camera: &SimCamera) -> Vec<Change> {
        let mut heard = Vec::new();
        let area = camera.area.as_ref().map(|name| slug(name));
        if let (Some(id), Some(name)) = (&area, &camera.area)
            && !self.areas.iter().any(|known| &known.id == id)
        {
            heard.push(self.create_area(name).1);
        }
        let device = hex_id("device", &camera.key);
        heard.push(self.add_device(&device, camera, &camera.name, area, None));
        let mut bell_device = device.clone();
        if camera.bell_on_child {
            bell_device = hex_id("device", &format!("{} bell", camera.key));
            let name = format!("{} bell", camera.name);
            heard.push(self.add_device(&bell_device, camera, &name, None, Some(device.clone())));
        }
        for draft in pictures(camera, &device, self.flavour).into_iter().chain(bell(camera, &bell_device)) {
            heard.extend(self.add_entity(draft));
        }
        heard
    }

    fn add_device(
        &mut self,
        id: &str,
        camera: &SimCamera,
        name: &str,
        area: Option<String>,
        parent: Option<String>,
    ) -> Change {
        self.devices.retain(|known| known.id != id);
        self.devices.push(Device {
            id: id.to_owned(),
            key: camera.key.clone(),
            name: name.to_owned(),
            model: camera.model.clone(),
            area,
            parent,
            created: Stamp::now(),
        });
        updated("device_registry_updated", json!({"action": "create", "device_id": id}))
    }

    fn add_entity(&mut self, draft: Draft) -> Vec<Change> {
        let now = Stamp::now();
        let mut attributes = draft.attributes;
        attributes.insert("friendly_name".into(), draft.friendly.into());
        let entity_id = draft.entity_id;
        let entity = Entity {
            id: hex_id("entity", &entity_id),
            unique_id: format!("simulated_{}", entity_id.replace('.', "_")),
            device: draft.device,
            name: None,
            original_name: (!draft.part.is_empty()).then_some(draft.part),
            device_class: attributes.get("device_class").and_then(Value::as_str).map(str::to_owned),
            disabled_by: draft.disabled_by.map(str::to_owned),
            hidden_by: draft.hidden_by.map(str::to_owned),
            created: now,
            modified: now,
            role: draft.role,
            state: None,
            tokens: VecDeque::new(),
            resting: (draft.value.to_owned(), attributes),
            entity_id: entity_id.clone(),
        };
        self.entities.insert(entity_id.clone(), entity);
        let data = json!({"action": "create", "entity_id": entity_id});
        let mut heard = vec![updated("entity_registry_updated", data)];
        heard.extend(self.revive(&entity_id));
        heard
    }

    /// Takes a camera's device with all its entities out of the home.
    pub(in crate::sim) fn remove_camera(&mut self, key: &str) -> Vec<Change> {
        let (gone, kept) = std::mem::take(&mut self.devices).into_iter().partition(|known| known.key == key);
        self.devices = kept;
        let gone = Vec::<Device>::from_iter(gone);
        let ids: Vec<String> = self
            .entities
            .values()
            .filter(|entity| gone.iter().any(|device| Some(&device.id) == entity.device.as_ref()))
            .map(|entity| entity.entity_id.clone())
            .collect();
        let mut heard = Vec::new();
        for entity_id in ids {
            let data = json!({"action": "remove", "entity_id": entity_id});
            heard.push(updated("entity_registry_updated", data));
            heard.extend(self.clear(&entity_id));
            self.entities.remove(&entity_id);
        }
        let told = gone.iter().map(|device| json!({"action": "remove", "device_id": device.id}));
        heard.extend(told.map(|data| updated("device_registry_updated", data)));
        heard
    }

    /// Adds a button that only the home's own rules press.
    pub(in crate::sim) fn add_button(&mut self, entity_id: &str) -> Vec<Change> {
        let mut draft = Draft::new(entity_id.to_owned(), "", entity_id, "");
        draft.device = None;
        self.add_entity(draft)
    }

    /// Adds a device of ten entities that have nothing to do with cameras.
    pub(in crate::sim) fn add_stranger(&mut self) -> Vec<Change> {
        self.strangers += 1;
        let nth = self.strangers;
        let name = format!("Thing {nth:05}");
        let like =
            SimCamera { key: format!("thing_{nth:05}"), model: "Thing One".into(), ..SimCamera::default() };
        let device = hex_id("device", &like.key);
        let mut heard = vec![self.add_device(&device, &like, &name, None, None)];
        let parts = [
            ("sensor", "temperature", "°C"),
            ("sensor", "humidity", "%"),
            ("sensor", "battery", "%"),
            ("sensor", "power", "W"),
            ("sensor", "energy", "kWh"),
            ("sensor", "voltage", "V"),
            ("binary_sensor", "connectivity", ""),
            ("binary_sensor", "door", ""),
            ("switch", "outlet", ""),
            ("light", "", ""),
        ];
        for (domain, class, unit) in parts {
            let key = format!("{domain}.{}_{class}", like.key);
            let mut draft = Draft::new(key.trim_end_matches('_').to_owned(), &device, &name, class);
            draft.value = if domain == "sensor" { "0" } else { "off" };
            if !class.is_empty() {
                draft.attributes.insert("device_class".into(), class.into());
            }
            if !unit.is_empty() {
                draft.attributes.insert("state_class".into(), "measurement".into());
                draft.attributes.insert("unit_of_measurement".into(), unit.into());
            }
            heard.extend(self.add_entity(draft));
        }
        heard
    }

    /// The hub is another one from its next start on.
    pub(in crate::sim) fn become_flavour(&mut self, flavour: Flavour) {
        self.flavour = flavour;
        for entity in self.entities.values_mut() {
            if let Role::Camera(camera) = &entity.role {
                let friendly = entity.resting.1.get("friendly_name").cloned().unwrap_or_default();
                entity.resting.1 = camera_attributes(camera, flavour);
                entity.resting.1.insert("friendly_name".into(), friendly);
            }
        }
    }
}

/// The camera and its further profiles.
fn pictures(camera: &SimCamera, device: &str, flavour: Flavour) -> Vec<Draft> {
    let entity_id = format!("camera.{}", camera.key);
    let draft = |entity_id: String, part: &str, camera: SimCamera| Draft {
        value: "idle",
        attributes: camera_attributes(&camera, flavour),
        role: Role::Camera(Arc::new(camera.clone())),
        ..Draft::new(entity_id, device, &camera.name, part)
    };
    let mut all = vec![draft(entity_id.clone(), "", camera.clone())];
    for profile in &camera.profiles {
        let shown = SimCamera { stream_types: profile.stream_types.clone(), ..camera.clone() };
        let integration = Some("integration");
        all.push(Draft {
            disabled_by: integration.filter(|_| profile.disabled),
            hidden_by: integration.filter(|_| profile.hidden),
            ..draft(format!("{entity_id}_{}", profile.suffix), &profile.name, shown)
        });
    }
    all
}

/// Bell, button and motion of a camera.
fn bell(camera: &SimCamera, device: &str) -> Vec<Draft> {
    let SimCamera { key, name, .. } = camera;
    let mut all = Vec::new();
    if camera.doorbell {
        let told = json!({"event_types": ["ring"], "event_type": null, "device_class": "doorbell"});
        all.push(Draft {
            attributes: object(told),
            role: Role::Bell(key.clone()),
            ..Draft::new(format!("event.{key}_ring"), device, name, "Ring")
        });
        all.push(Draft {
            role: Role::Button(key.clone()),
            ..Draft::new(format!("button.{key}_press"), device, name, "Press")
        });
    }
    if camera.motion {
        all.push(Draft {
            value: "off",
            attributes: object(json!({"device_class": "motion"})),
            role: Role::Motion(key.clone()),
            ..Draft::new(format!("binary_sensor.{key}_motion"), device, name, "Motion")
        });
    }
    all
}

fn camera_attributes(camera: &SimCamera, flavour: Flavour) -> Map<String, Value> {
    // ON_OFF and STREAM.
    let features = u8::from(camera.can_be_off) | u8::from(!camera.stream_types.is_empty()) << 1;
    let mut attributes = object(json!({"supported_features": features}));
    if !camera.model.is_empty() {
        attributes.extend(object(json!({"brand": "Doorstep", "model_name": camera.model})));
    }
    if flavour == Flavour::Older && !camera.stream_types.is_empty() {
        // An older hub named one way only.
        let way = if camera.offers("web_rtc") { "web_rtc" } else { "hls" };
        attributes.insert("frontend_stream_type".into(), way.into());
    }
    attributes
}

/// 32 hex digits that are the same at every start, as a registry's ids are.
fn hex_id(kind: &str, of: &str) -> String {
    let digest = Sha256::digest(format!("{kind} {of}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
