//! What changes the registries.

use serde_json::{Value, json};

use super::{Failure, Later};
use crate::sim::office::Office;
use crate::sim::world::Update;

pub(super) fn update(
    office: &mut Office,
    command: &Value,
    entity_id: &str,
    later: &mut Vec<Later>,
) -> Result<Value, Failure> {
    office.world.entity(entity_id).ok_or(("not_found", "Entity not found"))?;
    let update = Update {
        name: command.get("name").map(Value::as_str),
        entity_id: command.get("new_entity_id").and_then(Value::as_str),
        disabled_by: command.get("disabled_by").map(Value::as_str),
    };
    if update.entity_id.is_some_and(|to| office.world.entity(to).is_some()) {
        return Err(("invalid_info", "Entity with this ID is already registered").into());
    }
    let heard = office.world.update(entity_id, &update);
    office.publish(heard);
    let now = update.entity_id.unwrap_or(entity_id);
    let mut out = json!({});
    if update.disabled_by == Some(None) {
        later.push(Later::Revive(now.to_owned()));
        out["reload_delay"] = 30.into();
    }
    out["entity_entry"] =
        office.world.entity(now).map_or(Value::Null, |entity| entity.detailed(office.flavour));
    Ok(out)
}
