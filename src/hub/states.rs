//! The hub's entity states, merged from its diffs and kept to what cameras, bells and motion need.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::protocol::{some_text, text};

/// Kinds of entities that are followed; everything else is left with the hub.
pub const DOMAINS: [&str; 4] = ["camera", "event", "binary_sensor", "input_button"];

const CAMERA: &str = "camera.";

/// Longest text kept of anything that the hub says, in characters.
pub(super) const TEXT: usize = 256;

/// One entity, as far as it matters here. Tokens and pictures of cameras are never kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntityState {
    /// `idle`, `on`, `unavailable`, a time stamp …
    pub state: String,
    /// When the state changed last, Unix seconds by the hub's clock.
    pub changed: f64,
    /// What it is: `doorbell`, `motion` …
    pub class: Option<String>,
    /// The name that the hub composed.
    pub name: Option<String>,
    /// Events only: the kind of the last one.
    pub event: Option<String>,
    /// Events only: the kinds there are.
    pub events: Vec<String>,
    /// Bits of what the entity can do.
    pub features: u64,
    /// Cameras of hubs before 2025 only: `hls` or `web_rtc`.
    pub stream_type: Option<String>,
}

impl EntityState {
    /// False when the hub says `unavailable`.
    #[must_use]
    pub fn available(&self) -> bool {
        self.state != "unavailable"
    }

    /// True when the hub says `off`.
    #[must_use]
    pub fn off(&self) -> bool {
        self.state == "off"
    }

    /// It can be asked about again: it was away, or off, and is no longer.
    fn is_back(&self, before: &Self) -> bool {
        self.available() && (!before.available() || (before.off() && !self.off()))
    }

    fn set(&mut self, attributes: &Map<String, Value>) {
        for (key, value) in attributes {
            match key.as_str() {
                "device_class" => self.class = some_text(attributes, key, TEXT),
                "friendly_name" => self.name = some_text(attributes, key, TEXT),
                "frontend_stream_type" => self.stream_type = some_text(attributes, key, TEXT),
                "event_type" => self.event = some_text(attributes, key, TEXT),
                "event_types" => {
                    let kinds = value.as_array().map(Vec::as_slice).unwrap_or_default();
                    self.events = kinds
                        .iter()
                        .filter_map(Value::as_str)
                        .take(64)
                        .map(|kind| kind.chars().take(TEXT).collect())
                        .collect();
                }
                "supported_features" => self.features = value.as_u64().unwrap_or_default(),
                _ => {}
            }
        }
    }

    fn unset(&mut self, name: &str) {
        match name {
            "device_class" => self.class = None,
            "friendly_name" => self.name = None,
            "frontend_stream_type" => self.stream_type = None,
            "event_type" => self.event = None,
            "event_types" => self.events.clear(),
            "supported_features" => self.features = 0,
            _ => {}
        }
    }

    fn stamp(&mut self, from: &Map<String, Value>) {
        if let Some(changed) = seconds(from, "lc") {
            self.changed = changed;
        }
    }
}

fn seconds(from: &Map<String, Value>, key: &str) -> Option<f64> {
    from.get(key).and_then(Value::as_f64).filter(|seconds| seconds.is_finite())
}

/// An entity that was changed by a diff, in its state or in what else is kept. Additions are never
/// reported as changes: after a restart the hub adds every entity anew, bells with the stamp of
/// their last ring.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// Which entity.
    pub entity_id: String,
    /// How it was.
    pub before: EntityState,
    /// How it is.
    pub after: EntityState,
    /// When it changed, Unix seconds by the hub's clock.
    pub at: f64,
}

/// What one event of the subscription did.
#[derive(Debug, Default, PartialEq)]
pub struct Applied {
    /// Entities that changed, in the order of the event.
    pub changes: Vec<Change>,
    /// Entities have come or gone.
    pub others: bool,
    /// When the hub wrote the newest of its changes, Unix seconds by its clock; whatever changed.
    pub stamped: Option<f64>,
    /// Cameras that came, or are no longer unavailable or off: they may have been set up anew.
    pub fresh: Vec<String>,
    /// Entries that made no sense; they were left out.
    pub faults: usize,
}

/// The merged states, by entity id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct States(BTreeMap<String, EntityState>);

impl States {
    /// The entities of one domain, in order of entity id.
    pub fn of(&self, domain: &'static str) -> impl Iterator<Item = (&str, &EntityState)> {
        let start = format!("{domain}.");
        let end = format!("{domain}/");
        self.0.range(start..end).map(|(id, state)| (id.as_str(), state))
    }

    /// One entity.
    #[must_use]
    pub fn get(&self, entity_id: &str) -> Option<&EntityState> {
        self.0.get(entity_id)
    }

    /// Applies one event of `subscribe_entities`: `a` adds, `c` changes, `r` removes.
    pub fn apply(&mut self, event: &Value) -> Applied {
        let mut applied = Applied::default();
        for (id, entity) in entries(event, "a", &mut applied.faults) {
            self.add(id, entity, &mut applied);
        }
        match event.get("r").map(Value::as_array) {
            Some(Some(gone)) => {
                for id in gone.iter().filter_map(Value::as_str) {
                    applied.others |= self.0.remove(id).is_some();
                }
            }
            Some(None) => applied.faults += 1,
            None => {}
        }
        for (id, diff) in entries(event, "c", &mut applied.faults) {
            self.change(id, diff, &mut applied);
        }
        applied
    }

    fn add(&mut self, id: &str, entity: &Value, applied: &mut Applied) {
        let Some(entity) = entity.as_object().filter(|entity| entity.get("s").is_some_and(Value::is_string))
        else {
            applied.faults += 1;
            return;
        };
        let mut state = EntityState { state: text(entity, "s", TEXT), ..EntityState::default() };
        state.stamp(entity);
        if let Some(attributes) = entity.get("a").and_then(Value::as_object) {
            state.set(attributes);
        }
        if id.starts_with(CAMERA) && state.available() {
            applied.fresh.push(id.to_owned());
        }
        let before = self.0.insert(id.to_owned(), state);
        applied.others |= before.as_ref() != self.0.get(id);
    }

    fn change(&mut self, id: &str, diff: &Value, applied: &mut Applied) {
        let (Some(state), Some(diff)) = (self.0.get_mut(id), diff.as_object()) else {
            applied.faults += 1;
            return;
        };
        let (before, mut at) = (state.clone(), None);
        // Removals first: a name in both is one that has a new value.
        let removed = diff.get("-").and_then(|minus| minus.get("a")).and_then(Value::as_array);
        for name in removed.into_iter().flatten().filter_map(Value::as_str) {
            state.unset(name);
        }
        if let Some(plus) = diff.get("+").and_then(Value::as_object) {
            if plus.get("s").is_some_and(Value::is_string) {
                state.state = text(plus, "s", TEXT);
            }
            state.stamp(plus);
            at = seconds(plus, "lc").or_else(|| seconds(plus, "lu"));
            if let Some(at) = at {
                applied.stamped = Some(applied.stamped.map_or(at, |newest| newest.max(at)));
            }
            if let Some(attributes) = plus.get("a").and_then(Value::as_object) {
                state.set(attributes);
            }
        }
        // A camera's tokens change every few minutes; nothing that is kept differs then.
        if *state != before {
            if id.starts_with(CAMERA) && state.is_back(&before) {
                applied.fresh.push(id.to_owned());
            }
            let (at, after) = (at.unwrap_or(state.changed), state.clone());
            applied.changes.push(Change { entity_id: id.to_owned(), before, after, at });
        }
    }
}

fn entries<'a>(
    event: &'a Value,
    key: &str,
    faults: &mut usize,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let entities = event.get(key).map(Value::as_object);
    *faults += usize::from(entities == Some(None));
    entities.flatten().into_iter().flatten().filter(|(id, _)| followed(id))
}

fn followed(entity_id: &str) -> bool {
    entity_id.len() <= TEXT
        && entity_id
            .split_once('.')
            .is_some_and(|(domain, object)| DOMAINS.contains(&domain) && !object.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn with_bell() -> States {
        let mut states = States::default();
        states.apply(&json!({"a": {"event.door": {"s": "unknown", "lc": 5.0,
            "a": {"device_class": "doorbell", "event_types": ["ring"], "event_type": null}}}}));
        states
    }

    #[test]
    fn a_diff_changes_only_what_it_names() {
        let mut states = with_bell();
        states.apply(
            &json!({"c": {"event.door": {"+": {"s": "later", "lc": 9.5, "a": {"event_type": "ring"}}}}}),
        );
        let applied = states.apply(&json!({"c": {"event.door": {"+": {"s": "latest", "lc": 10.5}}}}));
        let bell = states.get("event.door").unwrap();
        assert_eq!(
            (bell.state.as_str(), bell.event.as_deref(), bell.changed),
            ("latest", Some("ring"), 10.5)
        );
        assert_eq!(bell.class.as_deref(), Some("doorbell"));
        assert_eq!(applied.changes[0].before.state, "later");
    }

    #[test]
    fn removed_attributes_are_gone() {
        let mut states = with_bell();
        states.apply(&json!({"c": {"event.door": {"-": {"a": ["device_class", "unheard_of"]}}}}));
        assert_eq!(states.get("event.door").unwrap().class, None);
    }

    #[test]
    fn a_new_token_of_a_camera_is_no_change() {
        let mut states = States::default();
        states.apply(&json!({"a": {"camera.door": {"s": "idle", "a": {"access_token": "x"}, "lc": 1.0}}}));
        let applied = states.apply(
            &json!({"c": {"camera.door": {"+": {"a": {"access_token": "y"}, "lu": 300.0, "c": "z"}}}}),
        );
        assert_eq!(applied, Applied { stamped: Some(300.0), ..Applied::default() });
    }

    #[test]
    fn a_camera_is_fresh_when_it_comes_back_and_when_it_is_switched_on() {
        let mut states = States::default();
        states.apply(&json!({"a": {"camera.door": {"s": "off", "lc": 1.0}}}));
        let mut goes = |state: &str| {
            let change = json!({"c": {"camera.door": {"+": {"s": state}}}});
            states.apply(&change).fresh.len()
        };
        assert_eq!((goes("idle"), goes("streaming")), (1, 0));
        assert_eq!((goes("off"), goes("unavailable"), goes("off"), goes("recording")), (0, 0, 1, 1));
    }

    #[test]
    fn an_addition_is_never_a_change_even_of_a_known_entity() {
        let mut states = with_bell();
        let applied =
            states.apply(&json!({"a": {"event.door": {"s": "2026-11-22T14:50:44.577+00:00", "lc": 99.0}}}));
        assert!(applied.others);
        assert!(applied.changes.is_empty());
    }

    #[test]
    fn entries_that_make_no_sense_are_counted_and_left_out() {
        let mut states = with_bell();
        let applied = states.apply(&json!({
            "a": {"camera.a": 7, "camera.b": {"s": 3}, "light.x": {"s": "on"}, "camera": {"s": "on"}},
            "c": {"event.door": "no", "event.nobody": {"+": {"s": "x"}}}, "r": "event.door"}));
        assert_eq!((applied.faults, applied.others), (5, false));
        assert_eq!(states.0.len(), 1);
    }

    #[test]
    fn only_the_domain_asked_for_is_listed() {
        let mut states = with_bell();
        states.apply(&json!({"a": {"camera.z": {"s": "idle"}, "camera.a": {"s": "idle"}, "binary_sensor.m": {"s": "on"}}}));
        assert_eq!(states.of("camera").map(|(id, _)| id).collect::<Vec<_>>(), ["camera.a", "camera.z"]);
    }
}
