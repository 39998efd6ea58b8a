//! Compares what the simulated hub says with what a real one said: keys, types, and the values that never differ.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keys whose values are the same at every hub.
const CONSTANT: [&str; 20] = [
    "type",
    "success",
    "code",
    "translation_key",
    "translation_domain",
    "action",
    "event_type",
    "event_types",
    "device_class",
    "entity_id",
    "old_entity_id",
    "reload_delay",
    "restored",
    "disabled_by",
    "origin",
    "is_admin",
    "sdpMid",
    "sdpMLineIndex",
    "two_way_audio",
    "supported_features",
];

/// Collects the differences.
pub(super) struct Shape {
    name: String,
    /// The entities of the recorded home that the simulated one has, too.
    known: BTreeSet<String>,
    pub(super) differences: Vec<String>,
}

impl Shape {
    pub(super) fn new(name: &str, known: BTreeSet<String>) -> Self {
        Self { name: name.to_owned(), known, differences: Vec::new() }
    }

    /// A recorded message without what it says of entities that are not simulated; nothing if it says nothing else.
    pub(super) fn simulated(&self, message: &Value) -> Option<Value> {
        let known = |entity_id: &str| self.known.contains(entity_id);
        let mut message = message.clone();
        if message.pointer("/event/data/entity_id").and_then(Value::as_str).is_some_and(|id| !known(id)) {
            return None;
        }
        for key in ["a", "c"] {
            if let Some(Value::Object(entities)) = message.pointer_mut(&format!("/event/{key}")) {
                let was_empty = entities.is_empty();
                entities.retain(|entity_id, _| known(entity_id));
                if entities.is_empty() && !was_empty {
                    return None;
                }
            }
        }
        Some(message)
    }

    /// Compares two messages; a recorded one that was cut says only that its keys are there.
    pub(super) fn compare_message(&mut self, real: &Value, simulated: &Value) {
        let cut = real.get("_cut").is_some();
        let at = format!("{} ({})", simulated["id"], simulated["type"]);
        if real["id"] != simulated["id"] {
            self.differ(&at, &format!("answers {} instead of {}: {simulated}", simulated["id"], real["id"]));
        } else if cut {
            let (real, simulated) = (&real["result"], &simulated["result"]);
            let mut rest = simulated.clone();
            if let (Some(named), Some(rest)) = (real.as_object(), rest.as_object_mut()) {
                rest.retain(|key, _| named.contains_key(key));
            }
            if real.get("state").is_some_and(|state| *state != rest["state"]) {
                self.differ(&at, &format!("is {} instead of {}", rest["state"], real["state"]));
            }
            self.compare(&at, real, &rest);
        } else {
            self.compare(&at, real, simulated);
        }
    }

    /// The same keys and the same types at every depth; `null` fits any type.
    pub(super) fn compare(&mut self, at: &str, real: &Value, simulated: &Value) {
        match (real, simulated) {
            (Value::Object(real), Value::Object(simulated)) => {
                if let ([(one, real)], [(other, simulated)]) =
                    (&*Vec::from_iter(real), &*Vec::from_iter(simulated))
                    && is_entry_id(one)
                    && is_entry_id(other)
                {
                    return self.compare(&format!("{at}/*"), real, simulated);
                }
                let by_entity = !real.is_empty() && real.keys().all(|key| is_entity_id(key));
                let missing: Vec<&String> = real
                    .keys()
                    .filter(|key| !simulated.contains_key(*key) && (!by_entity || self.known.contains(*key)))
                    .collect();
                let further: Vec<&String> =
                    simulated.keys().filter(|key| !real.contains_key(*key) && !by_entity).collect();
                if !missing.is_empty() || !further.is_empty() {
                    self.differ(at, &format!("lacks {missing:?} and has {further:?}"));
                }
                for (key, real) in real {
                    if let Some(simulated) = simulated.get(key) {
                        self.compare_value(&format!("{at}/{key}"), key, real, simulated);
                    }
                }
            }
            (Value::Array(real), Value::Array(simulated)) => self.compare_lists(at, real, simulated),
            (Value::Null, _) | (_, Value::Null) => {}
            _ if std::mem::discriminant(real) != std::mem::discriminant(simulated) => {
                self.differ(at, &format!("is {simulated} instead of {real}"));
            }
            _ => {}
        }
    }

    fn compare_value(&mut self, at: &str, key: &str, real: &Value, simulated: &Value) {
        let same = match (key, real.as_str(), simulated.as_str()) {
            // What follows names keys and addresses.
            ("message", Some(real), Some(simulated)) => fixed(real) == fixed(simulated),
            ("frontend_stream_types", ..) => set(real) == set(simulated),
            _ => !CONSTANT.contains(&key) || real.is_null() || real == simulated,
        };
        if !same {
            self.differ(at, &format!("is {simulated} instead of {real}"));
        }
        self.compare(at, real, simulated);
    }

    /// Lists of entities by entity; each item of any other list must be as the recorded first one.
    fn compare_lists(&mut self, at: &str, real: &[Value], simulated: &[Value]) {
        let name = |item: &Value| {
            let id = item.get("entity_id").or_else(|| item.get("ei"))?;
            id.as_str().map(str::to_owned)
        };
        if real.iter().all(|item| name(item).is_some()) {
            for item in real {
                let id = name(item).filter(|id| self.known.contains(id));
                match (&id, simulated.iter().find(|other| name(other) == id)) {
                    (Some(id), Some(other)) => self.compare(&format!("{at}[{id}]"), item, other),
                    (Some(id), None) => self.differ(at, &format!("lacks {id}")),
                    (None, _) => {}
                }
            }
        } else if let Some(first) = real.first() {
            simulated.iter().for_each(|item| self.compare(&format!("{at}[]"), first, item));
        }
    }

    fn differ(&mut self, at: &str, how: &str) {
        self.differences.push(format!("{}: {at} {how}", self.name));
    }
}

/// A domain and a name.
fn is_entity_id(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.split_once('.').is_some_and(|(domain, name)| is_word(domain) && is_word(name))
}

/// The id of a configuration entry.
fn is_entry_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The part of a message's text that does not speak of what was sent.
fn fixed(text: &str) -> &str {
    let end = [": ", " Got"].iter().filter_map(|mark| text.find(mark)).min();
    &text[..end.unwrap_or(text.len())]
}

fn set(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(ToString::to_string).collect()
}
