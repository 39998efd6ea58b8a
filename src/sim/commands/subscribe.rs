//! Subscriptions to events and to states.

use serde_json::{Map, Value, json};

use super::{Failure, success};
use crate::sim::office::Office;
use crate::sim::subscription::{Filter, Rule, Subscription, numbered_event};

pub(super) fn events(
    office: &mut Office,
    client: u64,
    id: u64,
    command: &Value,
    admin: bool,
) -> Result<(), Failure> {
    let kind = command.get("event_type").and_then(Value::as_str);
    let open_to_all = [
        "state_changed",
        "entity_registry_updated",
        "device_registry_updated",
        "area_registry_updated",
        "core_config_updated",
        "component_loaded",
        "themes_updated",
    ];
    if !admin && !kind.is_some_and(|kind| open_to_all.contains(&kind)) {
        return Err(("unauthorized", "Unauthorized").into());
    }
    if let Some(desk) = office.desk(client) {
        desk.subscriptions.insert(id, Subscription::Events(kind.map(str::to_owned)));
        desk.push(success(id, &Value::Null));
    }
    Ok(())
}

pub(super) fn entities(office: &mut Office, client: u64, id: u64, command: &Value) {
    let list = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rule = |key: &str| {
        command.get(key).map(|value| Rule {
            domains: list(value.get("domains")),
            entities: list(value.get("entities")),
            globs: list(value.get("entity_globs")),
        })
    };
    let filter = Filter {
        ids: command.get("entity_ids").map(|ids| list(Some(ids)).into_iter().collect()),
        include: rule("include"),
        exclude: rule("exclude"),
    };
    let present: Map<String, Value> = office
        .world
        .entities
        .values()
        .filter(|entity| filter.wants(&entity.entity_id))
        .filter_map(|entity| Some((entity.entity_id.clone(), entity.state.as_ref()?.compressed())))
        .collect();
    if let Some(desk) = office.desk(client) {
        desk.subscriptions.insert(id, Subscription::Entities(filter));
        desk.push(success(id, &Value::Null));
        // The first event is always sent, also an empty one, and has its id in front.
        desk.push(numbered_event(id, &json!({"a": present})));
    }
}
