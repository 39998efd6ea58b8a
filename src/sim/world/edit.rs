//! What the user changes in the registries.

use serde_json::{Map, Value, json};

use super::{Change, World, object, slug, updated};
use crate::sim::area::Area;
use crate::sim::device::Device;
use crate::sim::entity::Entity;
use crate::sim::stamp::Stamp;

/// What is to be changed of a registry entry; nothing that is `None`.
#[derive(Debug, Default)]
pub(in crate::sim) struct Update<'a> {
    /// The name of its own, or none any more.
    pub(in crate::sim) name: Option<Option<&'a str>>,
    /// Its new entity id.
    pub(in crate::sim) entity_id: Option<&'a str>,
    /// Who disables it, or that nobody does.
    pub(in crate::sim) disabled_by: Option<Option<&'a str>>,
}

impl World {
    /// Changes a registry entry. The registry speaks first; then an old state goes, and a new one comes. An entity
    /// that is enabled is there at once as `unavailable` and `restored`, and real only after [`World::revive`].
    pub(in crate::sim) fn update(&mut self, entity_id: &str, update: &Update<'_>) -> Vec<Change> {
        let Some(mut entity) = self.entities.remove(entity_id) else { return Vec::new() };
        let mut changes = Map::new();
        if let Some(name) = update.name {
            changes.insert("name".into(), json!(entity.name));
            entity.name = name.map(str::to_owned);
            let friendly = self.friendly(&entity);
            entity.resting.1.insert("friendly_name".into(), friendly.into());
        }
        if let Some(to) = update.entity_id {
            changes.insert("entity_id".into(), entity_id.into());
            entity.entity_id = to.to_owned();
        }
        if let Some(by) = update.disabled_by {
            changes.insert("disabled_by".into(), json!(entity.disabled_by));
            entity.disabled_by = by.map(str::to_owned);
        }
        entity.modified = Stamp::now();
        let mut told = json!({"action": "update", "entity_id": entity.entity_id, "changes": changes});
        if update.entity_id.is_some() {
            told["old_entity_id"] = entity_id.into();
        }
        let mut heard = vec![updated("entity_registry_updated", told)];
        heard.extend(self.follow(entity_id, entity, update));
        heard
    }

    /// What happens to the state of an entity whose registry entry was changed.
    fn follow(&mut self, before: &str, mut entity: Entity, update: &Update<'_>) -> Vec<Change> {
        let mut heard = Vec::new();
        let state = entity.state.clone();
        let leaves = update.entity_id.is_some() || entity.disabled_by.is_some();
        if let Some(old) = entity.state.take_if(|_| leaves) {
            heard.push(Change::State { entity_id: before.to_owned(), old: Some(Box::new(old)), new: None });
        }
        let friendly = entity.resting.1.get("friendly_name").cloned().unwrap_or_default();
        let (entity_id, is_enabled) = (entity.entity_id.clone(), entity.disabled_by.is_none());
        self.entities.insert(entity_id.clone(), entity);
        if is_enabled && update.disabled_by.is_some() {
            let restored = json!({"restored": true, "friendly_name": friendly, "supported_features": 0});
            heard.extend(self.write(&entity_id, "unavailable", object(restored), None));
        } else if let Some(state) = state {
            let mut attributes = state.attributes;
            attributes.insert("friendly_name".into(), friendly);
            if leaves && attributes.contains_key("access_token") {
                attributes.extend(self.access(&entity_id));
            }
            heard.extend(self.write(&entity_id, &state.value, attributes, None));
        }
        heard
    }

    /// The device's name and the entity's own.
    fn friendly(&self, entity: &Entity) -> String {
        let is_its = |known: &&Device| Some(&known.id) == entity.device.as_ref();
        let device = self.devices.iter().find(is_its).map_or("", |known| &known.name);
        match entity.name.as_ref().or(entity.original_name.as_ref()) {
            Some(part) => format!("{device} {part}"),
            None => device.to_owned(),
        }
    }

    pub(in crate::sim) fn create_area(&mut self, name: &str) -> (Value, Change) {
        let area = Area { id: slug(name), name: name.to_owned(), created: Stamp::now() };
        let change = updated("area_registry_updated", json!({"action": "create", "area_id": area.id}));
        let listed = area.listed();
        self.areas.push(area);
        (listed, change)
    }

    pub(in crate::sim) fn delete_area(&mut self, id: &str) -> Option<Change> {
        let at = self.areas.iter().position(|area| area.id == id)?;
        self.areas.remove(at);
        Some(updated("area_registry_updated", json!({"action": "remove", "area_id": id})))
    }
}
