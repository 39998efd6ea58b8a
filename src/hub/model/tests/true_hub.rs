//! A hub that is always right.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use time::format_description::well_known::Rfc3339;

use super::property::Happening;
use super::*;

/// An entity of the true hub. Its place in the table is its registry id.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    entity_id: String,
    device: Option<usize>,
    state: &'static str,
    name: String,
    class: Option<&'static str>,
    enabled: bool,
    /// How it streams; cameras only.
    kind: &'static str,
}

/// A hub that is always right.
#[derive(Clone)]
pub(super) struct TrueHub {
    entities: Vec<Entity>,
    areas: BTreeMap<usize, &'static str>,
    clock: i64,
    /// Told, but not yet delivered.
    pub(super) unheard: VecDeque<Value>,
    /// Sessions at cameras, by their subscription.
    pub(super) sessions: BTreeSet<u64>,
    entities_id: u64,
    registry_ids: Vec<u64>,
}

impl TrueHub {
    pub(super) fn new() -> Self {
        let entity = |id: &str, device, class| Entity {
            entity_id: id.to_owned(),
            device,
            state: "off",
            name: format!("Name of {id}"),
            class,
            enabled: true,
            kind: "hls",
        };
        Self {
            entities: vec![
                entity("camera.a", Some(0), None),
                entity("camera.b", Some(0), None),
                entity("camera.c", Some(1), None),
                entity("camera.d", None, None),
                entity("binary_sensor.m", Some(0), Some("motion")),
                entity("event.a", Some(0), Some("doorbell")),
                entity("event.b", Some(3), Some("doorbell")),
                entity("binary_sensor.n_doorbell", Some(2), None),
                entity("binary_sensor.o", Some(2), Some("occupancy")),
            ],
            areas: BTreeMap::from([(1, "porch"), (3, "porch")]),
            clock: 1_795_359_000,
            unheard: VecDeque::new(),
            sessions: BTreeSet::new(),
            entities_id: 0,
            registry_ids: Vec::new(),
        }
    }

    fn compressed(entity: &Entity) -> Value {
        let attributes = json!({"friendly_name": entity.name, "device_class": entity.class, "supported_features": 2,
            "event_types": ["ring"], "event_type": "ring", "access_token": "x"});
        json!({"s": entity.state, "a": attributes, "c": "x", "lc": 1.0})
    }

    fn tell(&mut self, event: &Value) {
        self.unheard.push_back(json!({"type": "event", "event": event, "id": self.entities_id}));
    }

    fn tell_registry(&mut self) {
        if let Some(id) = self.registry_ids.first() {
            let event = json!({"event_type": "entity_registry_updated", "data": {}});
            self.unheard.push_back(json!({"type": "event", "event": event, "id": id}));
        }
    }

    pub(super) fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::State(which, to) => {
                self.entities[which].state = ["off", "on", "unavailable", "idle"][usize::from(to % 4)];
                let Entity { entity_id, state, enabled, .. } = self.entities[which].clone();
                if enabled {
                    self.tell(&json!({"c": {entity_id: {"+": {"s": state, "lc": 2.0}}}}));
                }
            }
            Happening::Press(which) => {
                self.clock += 1;
                let stamp =
                    time::OffsetDateTime::from_unix_timestamp(self.clock).unwrap().format(&Rfc3339).unwrap();
                let Entity { entity_id, state, enabled, .. } = self.entities[which].clone();
                if enabled {
                    // A press that is over: the state goes on to be what it was.
                    for (state, changed) in [("unknown", 2), (&stamp, self.clock), (state, 3)] {
                        self.tell(&json!({"c": {&entity_id: {"+": {"s": state, "lc": changed}}}}));
                    }
                }
            }
            Happening::Name(which, to) => {
                self.entities[which].name = format!("Name {to}");
                let Entity { entity_id, name, enabled, .. } = self.entities[which].clone();
                self.tell_registry();
                if enabled {
                    self.tell(&json!({"c": {entity_id: {"+": {"a": {"friendly_name": name}, "lu": 3.0}}}}));
                }
            }
            Happening::Rename(which, to) => {
                let old = self.entities[which].entity_id.clone();
                let (domain, object) = old.split_once('.').unwrap();
                let tail = if object.ends_with("_doorbell") { "_doorbell" } else { "" };
                let new = format!("{domain}.x{which}_{}{tail}", to % 3);
                if new == old {
                    return;
                }
                self.entities[which].entity_id.clone_from(&new);
                self.tell_registry();
                if self.entities[which].enabled {
                    self.tell(&json!({"r": [old]}));
                    self.tell(&json!({"a": {new: Self::compressed(&self.entities[which])}}));
                }
            }
            Happening::Enable(which, to) => {
                if self.entities[which].enabled == to {
                    return;
                }
                self.entities[which].enabled = to;
                let entity = self.entities[which].clone();
                self.tell_registry();
                if to {
                    let added = Self::compressed(&entity);
                    self.tell(&json!({"a": {entity.entity_id: added}}));
                } else {
                    self.tell(&json!({"r": [entity.entity_id]}));
                }
            }
            Happening::Move(which, to) => {
                self.entities[which].device = to;
                self.tell_registry();
            }
            Happening::Area(which, to) => {
                self.areas.insert(which, ["porch", "yard", "hall"][usize::from(to % 3)]);
                self.tell_registry();
            }
            Happening::SetUp(which, to) => {
                let back = self.entities[which].state;
                self.entities[which].kind = ["hls", "web_rtc", "none"][usize::from(to % 3)];
                let Entity { entity_id, enabled, .. } = self.entities[which].clone();
                for state in ["unavailable", back] {
                    if enabled {
                        self.tell(&json!({"c": {&entity_id: {"+": {"s": state, "lc": 4.0}}}}));
                    }
                }
            }
            Happening::Fail(which) => {
                if let Some(id) = self.sessions.iter().nth(which) {
                    let event = json!({"type": "error", "code": "x", "message": "y"});
                    self.unheard.push_back(json!({"type": "event", "event": event, "id": id}));
                }
            }
            Happening::Deliver(_)
            | Happening::Wait(_)
            | Happening::Lose
            | Happening::OpenLine(_)
            | Happening::CloseLine(_) => {}
        }
    }

    /// The connection is another one.
    pub(super) fn forget(&mut self) {
        self.unheard.clear();
        self.registry_ids.clear();
        self.sessions.clear();
    }

    fn enabled(&self) -> impl Iterator<Item = (usize, &Entity)> {
        self.entities.iter().enumerate().filter(|(_, entity)| entity.enabled)
    }

    pub(super) fn answer(&mut self, command: &Value) {
        let id = command["id"].as_u64().unwrap();
        let kind = command["type"].as_str().unwrap();
        let result = match kind {
            "get_config" => json!({"state": "RUNNING"}),
            "config/entity_registry/list_for_display" => {
                let device = |entity: &Entity| entity.device.map(|device| format!("device{device}"));
                let entries =
                    self.enabled().map(|(_, entity)| json!({"ei": entity.entity_id, "di": device(entity)}));
                json!({"entities": entries.collect::<Vec<_>>()})
            }
            "config/entity_registry/get_entries" => {
                let entry = |id: &Value| {
                    let (index, _) = self.enabled().find(|(_, entity)| *id == *entity.entity_id)?;
                    Some(json!({"id": format!("registry{index}")}))
                };
                let ids = command["entity_ids"].as_array().unwrap();
                ids.iter()
                    .map(|id| (id.as_str().unwrap().to_owned(), entry(id).unwrap_or_default()))
                    .collect()
            }
            "config/device_registry/list" => {
                let device = |index| {
                    json!({"id": format!("device{index}"), "name": format!("Device {index}"),
                        "area_id": self.areas.get(&index)})
                };
                (0..4).map(device).collect()
            }
            "camera/capabilities" => {
                let kind = self.enabled().find(|(_, entity)| command["entity_id"] == *entity.entity_id);
                let Some(kind) = kind.map(|(_, entity)| entity.kind) else {
                    let error = json!({"code": "home_assistant_error", "message": "Camera not found"});
                    let answer = json!({"id": id, "type": "result", "success": false, "error": error});
                    return self.unheard.push_back(answer);
                };
                json!({"frontend_stream_types": [kind], "two_way_audio": false})
            }
            _ => Value::Null,
        };
        self.unheard.push_back(json!({"id": id, "type": "result", "success": true, "result": result}));
        if kind == "camera/webrtc/offer" {
            self.sessions.insert(id);
            for event in [
                json!({"type": "session", "session_id": "x"}),
                json!({"type": "answer", "answer": command["offer"]}),
            ] {
                self.unheard.push_back(json!({"type": "event", "event": event, "id": id}));
            }
        }
        if kind == "unsubscribe_events" {
            self.sessions.remove(&command["subscription"].as_u64().unwrap());
        }
        if kind == "subscribe_events" {
            self.registry_ids.push(id);
        }
        if kind == "subscribe_entities" {
            self.entities_id = id;
            let all = self.enabled().map(|(_, entity)| (entity.entity_id.clone(), Self::compressed(entity)));
            let all = json!({"a": all.collect::<Map<_, _>>()});
            self.tell(&all);
        }
    }
}
