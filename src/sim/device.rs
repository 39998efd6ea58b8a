//! A device of the simulated home.

use serde_json::{Value, json};

use super::entity::{ENTRY, PLATFORM};
use super::flavour::Flavour;
use super::stamp::Stamp;

/// A device of the registry.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) model: String,
    pub(super) area: Option<String>,
    /// The device that it is a part of.
    pub(super) parent: Option<String>,
    pub(super) created: Stamp,
}

impl Device {
    /// As in `config/device_registry/list`.
    pub(super) fn listed(&self, flavour: Flavour) -> Value {
        if let Some(parent) = self.parent.as_ref().filter(|_| flavour != Flavour::Older) {
            // A child has few keys, and none is promised but its id.
            return json!({"id": self.id, "name": self.name, "parent_device_id": parent});
        }
        let mut out = json!({
            "area_id": self.area, "configuration_url": null, "connections": [],
            "created_at": self.created.seconds(), "disabled_by": null, "entry_type": null,
            "hw_version": null, "id": self.id, "identifiers": [[PLATFORM, self.key]], "labels": [],
            "manufacturer": "Doorstep", "model": self.model, "model_id": null,
            "modified_at": self.created.seconds(), "name_by_user": null, "name": self.name,
            "serial_number": null, "sw_version": "1.0", "via_device_id": self.parent,
        });
        if flavour != Flavour::Older {
            out["config_entry_id"] = ENTRY.into();
            out["config_subentry_id"] = Value::Null;
            out["next_name_part"] = "area".into();
            out["parent_device_id"] = Value::Null;
        }
        if flavour != Flavour::Newer {
            out["config_entries"] = json!([ENTRY]);
            out["primary_config_entry"] = ENTRY.into();
        }
        if matches!(flavour, Flavour::Now | Flavour::Supervised) {
            out["config_entries_subentries"] = json!({ENTRY: [null]});
        }
        out
    }
}
