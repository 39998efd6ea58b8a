//! What a client asked to hear, and what it hears of a change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::relay::Relay;
use super::stamp::Stamp;
use super::state::State;
use super::world::Change;

/// Which entities a subscriber wants.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) ids: Option<BTreeSet<String>>,
    pub(super) include: Option<Rule>,
    pub(super) exclude: Option<Rule>,
}

/// One half of a filter.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) domains: Vec<String>,
    pub(super) entities: Vec<String>,
    pub(super) globs: Vec<String>,
}

impl Rule {
    fn matches(&self, entity_id: &str) -> bool {
        let domain = entity_id.split('.').next().unwrap_or_default();
        self.domains.iter().any(|wanted| wanted == domain)
            || self.entities.iter().any(|wanted| wanted == entity_id)
            || self.globs.iter().any(|glob| fits(glob, entity_id))
    }
}

impl Filter {
    pub(super) fn wants(&self, entity_id: &str) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(entity_id))
            && self.include.as_ref().is_none_or(|rule| rule.matches(entity_id))
            && !self.exclude.as_ref().is_some_and(|rule| rule.matches(entity_id))
    }
}

/// Whether a text is as a glob says; `*` stands for anything.
pub(super) fn fits(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(tail, &rest[at..]))
        }),
    }
}

/// What a client asked to hear.
#[derive(Debug)]
pub(super) enum Subscription {
    /// Events of one type, or all of them.
    Events(Option<String>),
    /// States, in the short form.
    Entities(Filter),
    /// What a WebRTC session says.
    Relay(Relay),
}

/// What a subscriber hears of a change, if it wants it.
pub(super) fn heard(wanted: &Subscription, change: &Change, context: &Value) -> Option<Value> {
    let envelope = |kind: &str, data: Value| {
        json!({
            "event_type": kind, "data": data, "origin": "LOCAL",
            "time_fired": Stamp::now().micros(), "context": context,
        })
    };
    match (wanted, change) {
        (Subscription::Events(kind), Change::State { entity_id, old, new }) => {
            kind.as_ref().is_none_or(|kind| kind == "state_changed").then(|| {
                let full = |state: &Option<Box<State>>| state.as_deref().map(|state| state.full(entity_id));
                let data = json!({"entity_id": entity_id, "old_state": full(old), "new_state": full(new)});
                envelope("state_changed", data)
            })
        }
        (Subscription::Events(kind), Change::Event { event_type, data }) => {
            kind.as_ref().is_none_or(|kind| kind == event_type).then(|| envelope(event_type, data.clone()))
        }
        (Subscription::Entities(filter), Change::State { entity_id, old, new }) => {
            filter.wants(entity_id).then(|| match (old, new) {
                (Some(old), Some(new)) => json!({"c": {entity_id: old.difference(new)}}),
                (None, Some(new)) => json!({"a": {entity_id: new.compressed()}}),
                _ => json!({"r": [entity_id]}),
            })
        }
        (Subscription::Entities(_), Change::Event { .. }) | (Subscription::Relay(_), _) => None,
    }
}

/// An event as text; its id comes last, as from the hub.
pub(super) fn event(id: u64, event: &Value) -> String {
    format!(r#"{{"type":"event","event":{event},"id":{id}}}"#)
}

/// An event as text with its id first, as the hub writes those of WebRTC sessions and the first one of
/// `subscribe_entities`.
pub(super) fn numbered_event(id: u64, event: &Value) -> String {
    format!(r#"{{"id":{id},"type":"event","event":{event}}}"#)
}
