//! An entity's state, in the three forms in which the hub tells it.

use serde_json::{Map, Value, json};

use super::stamp::Stamp;

/// Who or what caused a change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Context {
    pub(super) id: String,
    pub(super) user: Option<String>,
}

impl Context {
    pub(super) fn full(&self) -> Value {
        json!({"id": self.id, "parent_id": null, "user_id": self.user})
    }

    fn compressed(&self) -> Value {
        if self.user.is_none() { Value::from(self.id.as_str()) } else { self.full() }
    }
}

/// An entity's state at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) value: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) changed: Stamp,
    pub(super) updated: Stamp,
    pub(super) reported: Stamp,
    pub(super) context: Context,
}

impl State {
    /// As in `get_states` and `state_changed`.
    pub(super) fn full(&self, entity_id: &str) -> Value {
        json!({
            "entity_id": entity_id,
            "state": self.value,
            "attributes": self.attributes,
            "last_changed": self.changed.micros(),
            "last_reported": self.reported.micros(),
            "last_updated": self.updated.micros(),
            "context": self.context.full(),
        })
    }

    /// As under `a` of `subscribe_entities`.
    pub(super) fn compressed(&self) -> Value {
        let mut out = json!({
            "s": self.value,
            "a": self.attributes,
            "c": self.context.compressed(),
            "lc": self.changed.seconds(),
        });
        if self.updated != self.changed {
            out["lu"] = self.updated.seconds().into();
        }
        out
    }

    /// As under `c` of `subscribe_entities`: only what is different now.
    pub(super) fn difference(&self, now: &Self) -> Value {
        let mut more = Map::new();
        if self.value != now.value {
            more.insert("s".into(), now.value.as_str().into());
        }
        if self.changed != now.changed {
            more.insert("lc".into(), now.changed.seconds().into());
        } else if self.updated != now.updated {
            more.insert("lu".into(), now.updated.seconds().into());
        }
        if self.context.user != now.context.user {
            more.insert("c".into(), json!({"user_id": now.context.user, "id": now.context.id}));
        } else if self.context.id != now.context.id {
            more.insert("c".into(), now.context.id.as_str().into());
        }
        let attributes: Map<String, Value> = now
            .attributes
            .iter()
            .filter(|(name, value)| self.attributes.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !attributes.is_empty() {
            more.insert("a".into(), attributes.into());
        }
        let gone: Vec<&String> =
            self.attributes.keys().filter(|name| !now.attributes.contains_key(*name)).collect();
        let mut out = Map::new();
        if !more.is_empty() {
            out.insert("+".into(), more.into());
        }
        if !gone.is_empty() {
            out.insert("-".into(), json!({"a": gone}));
        }
        out.into()
    }
}
