//! An entity of the simulated home.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::camera::SimCamera;
use super::flavour::Flavour;
use super::stamp::Stamp;
use super::state::State;

/// The integration that all entities and devices belong to.
pub(super) const PLATFORM: &str = "simulated";
/// Its configuration entry.
pub(super) const ENTRY: &str = "01D00000000000000000000000";

/// What an entity is to its camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The camera itself, or another picture of it.
    Camera(Arc<SimCamera>),
    /// The bell of the camera of this key.
    Bell(String),
    /// The button that rings the bell of the camera of this key.
    Button(String),
    /// The motion sensor of the camera of this key.
    Motion(String),
    /// Nothing.
    Other,
}

/// An entity of the registry, with its state while it has one.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) entity_id: String,
    pub(super) id: String,
    pub(super) unique_id: String,
    /// Helpers have none.
    pub(super) device: Option<String>,
    pub(super) name: Option<String>,
    pub(super) original_name: Option<String>,
    pub(super) device_class: Option<String>,
    pub(super) disabled_by: Option<String>,
    pub(super) hidden_by: Option<String>,
    pub(super) created: Stamp,
    pub(super) modified: Stamp,
    pub(super) role: Role,
    pub(super) state: Option<State>,
    /// The access tokens of a camera that open its pictures, the newest last.
    pub(super) tokens: VecDeque<String>,
    /// What it comes back with after a restart.
    pub(super) resting: (String, Map<String, Value>),
}

impl Entity {
    pub(super) fn domain(&self) -> &str {
        self.entity_id.split('.').next().unwrap_or_default()
    }

    /// The camera that it shows.
    pub(super) fn camera(&self) -> Option<&Arc<SimCamera>> {
        match &self.role {
            Role::Camera(camera) => Some(camera),
            _ => None,
        }
    }

    /// As in `config/entity_registry/list`.
    pub(super) fn listed(&self, flavour: Flavour) -> Value {
        let mut out = json!({
            "area_id": null, "categories": {}, "config_entry_id": ENTRY,
            "created_at": self.created.seconds(), "device_id": self.device,
            "disabled_by": self.disabled_by, "entity_category": null, "entity_id": self.entity_id,
            "hidden_by": self.hidden_by, "icon": null, "id": self.id, "labels": [],
            "modified_at": self.modified.seconds(), "name": self.name,
            "options": {"conversation": {"should_expose": false}},
            "original_name": self.original_name, "platform": PLATFORM,
            "translation_key": null, "unique_id": self.unique_id,
        });
        if flavour != Flavour::Older {
            out["config_subentry_id"] = Value::Null;
            out["next_name_part"] = "device".into();
        }
        if flavour == Flavour::Newer {
            out["not_known_yet"] = json!({"of": ["2027.9"]});
        }
        out
    }

    /// As in `config/entity_registry/get`.
    pub(super) fn detailed(&self, flavour: Flavour) -> Value {
        let mut out = self.listed(flavour);
        out["aliases"] = json!([null]);
        out["capabilities"] = Value::Null;
        out["device_class"] = Value::Null;
        out["original_device_class"] = json!(self.device_class);
        out["original_icon"] = Value::Null;
        out
    }

    /// As in `config/entity_registry/list_for_display`: keys without a value are left out.
    pub(super) fn displayed(&self, flavour: Flavour) -> Value {
        let mut out = json!({"ei": self.entity_id, "pl": PLATFORM, "lb": []});
        if let Some(device) = &self.device {
            out["di"] = device.as_str().into();
        }
        if flavour != Flavour::Older {
            out["np"] = "device".into();
        }
        if self.hidden_by.is_some() {
            out["hb"] = true.into();
        }
        if let Some(name) = self.name.as_ref().or(self.original_name.as_ref()) {
            out["en"] = name.as_str().into();
        }
        out
    }
}
