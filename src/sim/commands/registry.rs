//! What changes the registries.

use serde_json::{Value, json};

use super::{Failure, Later};
use crate::sim::office::Office;

pub(super) fn update(
    office: &mut Office,
    command: &Value,
    entity_id: &str,
    later: &mut Vec<Later>,
) -> Result<Value, Failure> {
    office.world.entity(entity_id).ok_or(("not_found", "Entity not found"))?;
    let mut now = entity_id;
    let mut out = json!({});
    if let Some(name) = command.get("name") {
        let heard = office.world.name(now, name.as_str());
        office.publish(heard);
    }
    if let Some(to) = command.get("new_entity_id").and_then(Value::as_str) {
        if office.world.entity(to).is_some() {
            return Err(("invalid_info", "Entity with this ID is already registered").into());
        }
        let heard = office.world.rename(now, to);
        office.publish(heard);
        now = to;
    }
    match command.get("disabled_by") {
        Some(Value::Null) => {
            let heard = office.world.enable(now);
            office.publish(heard);
            later.push(Later::Revive(now.to_owned()));
            out["reload_delay"] = 30.into();
        }
        Some(by) => {
            let heard = office.world.disable(now, by.as_str().unwrap_or_default());
            office.publish(heard);
        }
        None => {}
    }
    out["entity_entry"] =
        office.world.entity(now).map_or(Value::Null, |entity| entity.detailed(office.flavour));
    Ok(out)
}
