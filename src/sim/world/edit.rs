//! What the user changes in the registries.

use serde_json::{Value, json};

use super::{Change, World, object, slug, updated};
use crate::sim::area::Area;
use crate::sim::stamp::Stamp;

impl World {
    /// Gives an entity another id: the registry speaks first, then the old state goes, then the new one comes.
    pub(in crate::sim) fn rename(&mut self, entity_id: &str, to: &str) -> Vec<Change> {
        let Some(mut entity) = self.entities.remove(entity_id) else { return Vec::new() };
        entity.entity_id = to.to_owned();
        entity.modified = Stamp::now();
        let old = entity.state.take();
        self.entities.insert(to.to_owned(), entity);
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
                attributes.extend(self.access(to));
            }
            heard.extend(self.write(to, &value, attributes, None));
        }
        heard
    }

    /// Gives an entity a name of its own, or takes it away.
    pub(in crate::sim) fn name(&mut self, entity_id: &str, name: Option<&str>) -> Vec<Change> {
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
    pub(in crate::sim) fn disable(&mut self, entity_id: &str, by: &str) -> Vec<Change> {
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
    pub(in crate::sim) fn enable(&mut self, entity_id: &str) -> Vec<Change> {
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
