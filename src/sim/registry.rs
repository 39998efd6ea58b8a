//! What the registries of the simulated hub hold: entities, devices, areas.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::camera::SimCamera;
use super::stamp::Stamp;
use super::state::State;

const PLATFORM: &str = "simulated";
const ENTRY: &str = "01D00000000000000000000000";

/// An entity of the registry, with its state while it has one.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) entity_id: String,
    pub(super) id: String,
    pub(super) unique_id: String,
    pub(super) device: String,
    pub(super) name: Option<String>,
    pub(super) original_name: Option<String>,
    pub(super) translation_key: Option<String>,
    pub(super) device_class: Option<String>,
    pub(super) disabled_by: Option<String>,
    pub(super) created: Stamp,
    pub(super) modified: Stamp,
    /// The camera that it is, if it is one.
    pub(super) camera: Option<Arc<SimCamera>>,
    pub(super) state: Option<State>,
    /// What it comes back with after a restart.
    pub(super) resting: (String, Map<String, Value>),
}

impl Entity {
    pub(super) fn domain(&self) -> &str {
        self.entity_id.split('.').next().unwrap_or_default()
    }

    /// As in `config/entity_registry/list`.
    pub(super) fn listed(&self) -> Value {
        json!({
            "area_id": null, "categories": {}, "config_entry_id": ENTRY, "config_subentry_id": null,
            "created_at": self.created.seconds(), "device_id": self.device,
            "disabled_by": self.disabled_by, "entity_category": null, "entity_id": self.entity_id,
            "hidden_by": null, "icon": null, "id": self.id, "labels": [],
            "modified_at": self.modified.seconds(), "name": self.name, "next_name_part": "device",
            "options": {"conversation": {"should_expose": false}},
            "original_name": self.original_name, "platform": PLATFORM,
            "translation_key": self.translation_key, "unique_id": self.unique_id,
        })
    }

    /// As in `config/entity_registry/get`.
    pub(super) fn detailed(&self) -> Value {
        let mut out = self.listed();
        out["aliases"] = json!([null]);
        out["capabilities"] = Value::Null;
        out["device_class"] = Value::Null;
        out["original_device_class"] = json!(self.device_class);
        out["original_icon"] = Value::Null;
        out
    }

    /// As in `config/entity_registry/list_for_display`: keys without a value are left out.
    pub(super) fn displayed(&self) -> Value {
        let mut out = json!({
            "ei": self.entity_id, "pl": PLATFORM, "lb": [], "di": self.device, "np": "device",
        });
        if let Some(key) = &self.translation_key {
            out["tk"] = key.as_str().into();
        }
        if let Some(name) = self.name.as_ref().or(self.original_name.as_ref()) {
            out["en"] = name.as_str().into();
        }
        out
    }
}

#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) model: String,
    pub(super) area: Option<String>,
    pub(super) created: Stamp,
}

#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) created: Stamp,
}

impl Device {
    pub(super) fn listed(&self) -> Value {
        json!({
            "area_id": self.area, "configuration_url": null, "config_entries": [ENTRY],
            "config_entries_subentries": {ENTRY: [null]}, "config_entry_id": ENTRY,
            "config_subentry_id": null, "connections": [], "created_at": self.created.seconds(),
            "disabled_by": null, "entry_type": null, "hw_version": null, "id": self.id,
            "identifiers": [[PLATFORM, self.key]], "labels": [], "manufacturer": "Doorstep",
            "model": self.model, "model_id": null, "modified_at": self.created.seconds(),
            "name_by_user": null, "name": self.name, "next_name_part": "area",
            "parent_device_id": null, "primary_config_entry": ENTRY, "serial_number": null,
            "sw_version": "1.0", "via_device_id": null,
        })
    }
}

impl Area {
    pub(super) fn listed(&self) -> Value {
        json!({
            "aliases": [], "area_id": self.id, "floor_id": null, "humidity_entity_id": null,
            "icon": null, "labels": [], "name": self.name, "picture": null,
            "temperature_entity_id": null, "created_at": self.created.seconds(),
            "modified_at": self.created.seconds(),
        })
    }
}
