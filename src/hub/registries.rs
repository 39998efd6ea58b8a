//! The hub's registries, kept to what ties cameras, bells and motion together.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::HubError;
use super::protocol::{some_text, text};
use super::states::{DOMAINS, TEXT};

/// What the registry says of an entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityEntry {
    /// Stays when the entity is renamed. Known of cameras only.
    pub registry_id: Option<String>,
    /// Its device.
    pub device: Option<String>,
    /// Its own area; else it stands where its device does.
    pub area: Option<String>,
    /// What the integration calls this kind of entity.
    pub translation_key: Option<String>,
    /// Hidden by the user or the integration.
    pub hidden: bool,
}

/// What the registry says of a device. Child devices may lack everything but their id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// The user's name for it, else the integration's.
    pub name: Option<String>,
    /// Maker, or empty.
    pub manufacturer: String,
    /// Model, or empty.
    pub model: String,
    /// Software version, or empty.
    pub version: String,
    /// Its own area; else it stands where its parent does.
    pub area: Option<String>,
    /// The device that this one is a part of.
    pub parent: Option<String>,
    /// The device through which this one is reached.
    pub via: Option<String>,
}

/// Entities by entity id, devices by device id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registries {
    /// Enabled entities of the kinds that are followed.
    pub entities: HashMap<String, EntityEntry>,
    /// Every device.
    pub devices: HashMap<String, Device>,
}

impl Registries {
    /// Reads `config/entity_registry/list_for_display`. Registry ids are not in it.
    ///
    /// # Errors
    /// When it holds no list.
    pub fn read_display(list: &Value) -> Result<HashMap<String, EntityEntry>, HubError> {
        let list = list.get("entities").unwrap_or(&Value::Null);
        Ok(objects(list, "an entity list that is no list")?
            .filter_map(|entry| {
                let id = entity_id(entry, "ei")?;
                let parsed = EntityEntry {
                    registry_id: None,
                    device: some_text(entry, "di", TEXT),
                    area: some_text(entry, "ai", TEXT),
                    translation_key: some_text(entry, "tk", TEXT),
                    hidden: entry.get("hb").and_then(Value::as_bool).unwrap_or_default(),
                };
                Some((id, parsed))
            })
            .collect())
    }

    /// Reads `config/entity_registry/list`, the only one that older hubs know.
    ///
    /// # Errors
    /// When it is no list.
    pub fn read_full(list: &Value) -> Result<HashMap<String, EntityEntry>, HubError> {
        Ok(objects(list, "an entity list that is no list")?
            .filter(|entry| entry.get("disabled_by").is_none_or(Value::is_null))
            .filter_map(|entry| {
                let id = entity_id(entry, "entity_id")?;
                let parsed = EntityEntry {
                    registry_id: some_text(entry, "id", TEXT),
                    device: some_text(entry, "device_id", TEXT),
                    area: some_text(entry, "area_id", TEXT),
                    translation_key: some_text(entry, "translation_key", TEXT),
                    hidden: entry.get("hidden_by").is_some_and(|by| !by.is_null()),
                };
                Some((id, parsed))
            })
            .collect())
    }

    /// Adds the registry ids out of `config/entity_registry/get_entries`.
    pub fn add_ids(entities: &mut HashMap<String, EntityEntry>, entries: &Value) {
        for (entity_id, entry) in entries.as_object().into_iter().flatten() {
            if let (Some(known), Some(entry)) = (entities.get_mut(entity_id), entry.as_object()) {
                known.registry_id = some_text(entry, "id", TEXT);
            }
        }
    }

    /// Reads `config/device_registry/list`.
    ///
    /// # Errors
    /// When it is no list.
    pub fn read_devices(list: &Value) -> Result<HashMap<String, Device>, HubError> {
        Ok(objects(list, "a device list that is no list")?
            .filter_map(|entry| {
                let device = Device {
                    name: some_text(entry, "name_by_user", TEXT).or_else(|| some_text(entry, "name", TEXT)),
                    manufacturer: text(entry, "manufacturer", TEXT),
                    model: text(entry, "model", TEXT),
                    version: text(entry, "sw_version", TEXT),
                    area: some_text(entry, "area_id", TEXT),
                    parent: some_text(entry, "parent_device_id", TEXT),
                    via: some_text(entry, "via_device_id", TEXT),
                };
                Some((some_text(entry, "id", TEXT)?, device))
            })
            .collect())
    }

    /// The device of an entity.
    #[must_use]
    pub fn device_of(&self, entity_id: &str) -> Option<&str> {
        self.entities.get(entity_id)?.device.as_deref()
    }

    /// Where an entity stands: its own area, its device's, or that of the device it is a part of.
    #[must_use]
    pub fn area_of(&self, entity_id: &str) -> Option<&str> {
        let entity = self.entities.get(entity_id)?;
        if let Some(area) = &entity.area {
            return Some(area);
        }
        let mut device = self.devices.get(entity.device.as_deref()?)?;
        for _ in 0..MOST_GENERATIONS {
            if let Some(area) = &device.area {
                return Some(area);
            }
            device = self.devices.get(device.parent.as_deref()?)?;
        }
        None
    }

    /// The head of a device's family: up through what it is a part of and, with `via`, through
    /// what it is reached by.
    #[must_use]
    pub fn head_of<'a>(&'a self, device: &'a str, via: bool) -> &'a str {
        let mut head = device;
        for _ in 0..MOST_GENERATIONS {
            let above = self.devices.get(head).and_then(|device| match (&device.parent, &device.via) {
                (Some(parent), _) => Some(parent),
                (None, through) => through.as_ref().filter(|_| via),
            });
            match above {
                Some(above) => head = above,
                None => return head,
            }
        }
        head
    }
}

/// Steps up a family tree; more of them is a ring.
const MOST_GENERATIONS: usize = 8;

fn objects<'a>(
    list: &'a Value,
    fault: &'static str,
) -> Result<impl Iterator<Item = &'a Map<String, Value>>, HubError> {
    let list = list.as_array().ok_or_else(|| HubError::Protocol(fault.into()))?;
    Ok(list.iter().filter_map(Value::as_object))
}

fn entity_id(entry: &Map<String, Value>, key: &str) -> Option<String> {
    let id = some_text(entry, key, TEXT)?;
    let (domain, _) = id.split_once('.')?;
    DOMAINS.contains(&domain).then_some(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ring_of_devices_ends_the_search() {
        let devices = Registries::read_devices(&json!([
            {"id": "a", "parent_device_id": "b"}, {"id": "b", "parent_device_id": "a"}]));
        let entities = Registries::read_display(&json!({"entities": [{"ei": "camera.a", "di": "a"}]}));
        let registries = Registries { entities: entities.unwrap(), devices: devices.unwrap() };
        assert_eq!(registries.area_of("camera.a"), None);
        assert!(["a", "b"].contains(&registries.head_of("a", true)));
    }

    #[test]
    fn a_child_without_area_stands_where_its_parent_does() {
        let registries = Registries {
            entities: Registries::read_display(&json!({"entities": [{"ei": "camera.a", "di": "child"}]}))
                .unwrap(),
            devices: Registries::read_devices(&json!([
                {"id": "child", "parent_device_id": "parent"}, {"id": "parent", "area_id": "porch"}]))
            .unwrap(),
        };
        assert_eq!(registries.area_of("camera.a"), Some("porch"));
    }

    #[test]
    fn lists_of_another_shape_are_errors_and_odd_entries_are_left_out() {
        assert!(Registries::read_display(&json!([])).is_err());
        assert!(Registries::read_devices(&json!({"id": 1})).is_err());
        let full = Registries::read_full(
            &json!([7, {"entity_id": 3}, {"entity_id": "camera.off", "disabled_by": "user"},
            {"entity_id": "light.x"}, {"entity_id": "camera.on", "id": "r1", "hidden_by": "user"}]),
        )
        .unwrap();
        assert_eq!(full.len(), 1);
        assert!(full["camera.on"].hidden);
    }
}
