//! An area of the simulated home.

use serde_json::{Value, json};

use super::stamp::Stamp;

/// An area of the registry.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) created: Stamp,
}

impl Area {
    /// As in `config/area_registry/list`.
    pub(super) fn listed(&self) -> Value {
        json!({
            "aliases": [], "area_id": self.id, "floor_id": null, "humidity_entity_id": null,
            "icon": null, "labels": [], "name": self.name, "picture": null,
            "temperature_entity_id": null, "created_at": self.created.seconds(),
            "modified_at": self.created.seconds(),
        })
    }
}
