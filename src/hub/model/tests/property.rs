//! Whatever happens in the hub, in whatever chunks it is told: the model ends where the hub is.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use time::format_description::well_known::Rfc3339;

use super::*;

/// An entity of the true hub. Its place in the table is its registry id.
#[derive(Debug, Clone)]
struct Entity {
    entity_id: String,
    device: Option<usize>,
    state: &'static str,
    name: String,
    class: Option<&'static str>,
    enabled: bool,
}

/// A hub that is always right.
struct TrueHub {
    entities: Vec<Entity>,
    areas: BTreeMap<usize, &'static str>,
    clock: i64,
    /// Told, but not yet delivered.
    unheard: VecDeque<Value>,
    entities_id: u64,
    registry_ids: Vec<u64>,
}

#[derive(Debug, Clone)]
enum Happening {
    State(usize, u8),
    Press(usize),
    Name(usize, u8),
    Rename(usize, u8),
    Enable(usize, bool),
    Move(usize, Option<usize>),
    Area(usize, u8),
    Deliver(u8),
    Wait(u16),
    Lose,
}

const ENTITIES: usize = 9;

fn happening() -> impl Strategy<Value = Happening> {
    let which = 0..ENTITIES;
    prop_oneof![
        4 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::State(which, to)),
        2 => (5..7_usize).prop_map(Happening::Press),
        1 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::Name(which, to)),
        2 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::Rename(which, to)),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, to)| Happening::Enable(which, to)),
        1 => (which, prop::option::of(0..4_usize)).prop_map(|(which, to)| Happening::Move(which, to)),
        1 => (0..4_usize, any::<u8>()).prop_map(|(which, to)| Happening::Area(which, to)),
        6 => (1..6_u8).prop_map(Happening::Deliver),
        3 => (0..3000_u16).prop_map(Happening::Wait),
        1 => Just(Happening::Lose),
    ]
}

impl TrueHub {
    fn new() -> Self {
        let entity = |id: &str, device, class| Entity {
            entity_id: id.to_owned(),
            device,
            state: "off",
            name: format!("Name of {id}"),
            class,
            enabled: true,
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

    fn happen(&mut self, happening: &Happening) {
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
            Happening::Deliver(_) | Happening::Wait(_) | Happening::Lose => {}
        }
    }

    fn enabled(&self) -> impl Iterator<Item = (usize, &Entity)> {
        self.entities.iter().enumerate().filter(|(_, entity)| entity.enabled)
    }

    fn answer(&mut self, command: &Value) {
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
            _ => Value::Null,
        };
        self.unheard.push_back(json!({"id": id, "type": "result", "success": true, "result": result}));
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

/// A model and the true hub, over a wire that packs up to `chunk` messages into a frame.
struct Wire {
    hub: TrueHub,
    model: Model,
    now: Instant,
    chunk: usize,
    presses: Vec<Press>,
}

impl Wire {
    fn new(hub: TrueHub, now: Instant, chunk: usize) -> Self {
        let mut wire = Self { hub, model: Model::new(Vec::new()), now, chunk, presses: Vec::new() };
        wire.connect();
        wire
    }

    fn connect(&mut self) {
        self.hub.unheard.clear();
        self.hub.registry_ids.clear();
        self.model.on_open(self.now);
        self.model.on_message(r#"{"type":"auth_ok","ha_version":"1"}"#, self.now);
        self.send();
    }

    fn send(&mut self) {
        self.presses.extend(self.model.presses());
        for outgoing in self.model.outgoing() {
            let Outgoing::Text(text) = outgoing else { panic!("{outgoing:?}") };
            self.hub.answer(&serde_json::from_str(&text).unwrap());
        }
    }

    fn deliver(&mut self, most: usize) {
        let mut left = most;
        while left > 0 && !self.hub.unheard.is_empty() {
            let count = self.chunk.min(left).min(self.hub.unheard.len());
            let messages: Vec<_> = self.hub.unheard.drain(..count).collect();
            left -= count;
            let frame = if count == 1 { messages[0].clone() } else { Value::Array(messages) };
            self.model.on_message(&frame.to_string(), self.now);
            self.send();
        }
    }

    /// The wire delivers in ticks, whatever the model waits for.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let tick = (self.now + Duration::from_millis(50)).min(end);
            while let Some(at) = self.model.next_timeout().filter(|at| *at <= tick) {
                self.now = self.now.max(at);
                self.model.on_timeout(self.now);
                self.send();
            }
            self.now = tick;
            self.deliver(usize::MAX);
        }
    }

    fn run(&mut self, happenings: &[Happening]) {
        for happening in happenings {
            match happening {
                Happening::Deliver(most) => self.deliver(usize::from(*most)),
                Happening::Wait(ms) => self.wait(Duration::from_millis(u64::from(*ms))),
                Happening::Lose => {
                    self.model.on_lost("lost", false);
                    self.connect();
                }
                other => self.hub.happen(other),
            }
        }
        self.deliver(usize::MAX);
        self.wait(Duration::from_secs(12));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_happenings_in_any_chunks_end_in_the_hubs_true_state(
        happenings in prop::collection::vec(happening(), 0..60),
        chunk in 1..20_usize,
    ) {
        let now = Instant::now();
        let mut packed = Wire::new(TrueHub::new(), now, chunk);
        packed.run(&happenings);
        let mut single = Wire::new(TrueHub::new(), now, 1);
        single.run(&happenings);
        let mut fresh = Wire::new(packed.hub, packed.now, 1);
        fresh.run(&[]);
        prop_assert_eq!(fresh.model.snapshot().link.clone(), Link::Running);
        prop_assert_eq!(packed.model.snapshot(), fresh.model.snapshot());
        prop_assert_eq!(single.model.snapshot(), fresh.model.snapshot());
        // A loss may cut off what makes a bell known, sooner in one packing than in the other.
        if !happenings.iter().any(|happening| matches!(happening, Happening::Lose)) {
            prop_assert_eq!(packed.presses, single.presses);
        }
    }

    /// Nothing a hub may send ends in a panic or in a command without end.
    #[test]
    fn no_text_breaks_the_model(texts in prop::collection::vec(".{0,80}", 0..8), ids in prop::collection::vec(0..9_u64, 8)) {
        let now = Instant::now();
        let mut model = Model::new(Vec::new());
        model.on_open(now);
        model.on_message(r#"{"type":"auth_ok"}"#, now);
        for (text, id) in texts.iter().zip(ids) {
            model.on_message(text, now);
            for message in [json!({"type": "event", "id": id, "event": {"a": {"camera.x": {"s": text, "a": {text: text}}}}}),
                json!({"type": "event", "id": id, "event": {"c": {"camera.x": {"+": {"s": text, "lc": 1e300}}, text: {}}}}),
                json!({"type": "result", "id": id, "success": true, "result": {text: [text], "entities": [text]}})]
            {
                model.on_message(&message.to_string(), now);
            }
        }
        prop_assert!(model.outgoing().len() < 20);
    }
}
