//! Services that are called.

use serde_json::{Value, json};

use super::{Failure, Later, push, success};
use crate::sim::entity::Role;
use crate::sim::office::Office;
use crate::sim::stamp::Stamp;

/// Calls a service for a client of the WebSocket.
pub(super) fn call(
    office: &mut Office,
    client: u64,
    id: u64,
    command: &Value,
    user: &str,
    later: &mut Vec<Later>,
) -> Result<(), Failure> {
    let name = |key: &str| command.get(key).and_then(Value::as_str).unwrap_or_default();
    let service = format!("{}.{}", name("domain"), name("service"));
    let empty = json!({});
    let data = command.get("service_data").unwrap_or(&empty);
    let mut wanted = targets(command.get("target").unwrap_or(&empty));
    wanted.extend(targets(data));
    if let Some(key) = data.as_object().and_then(|data| data.keys().find(|key| *key != "entity_id")) {
        return Err(("invalid_format", format!("not a valid option at '{key}'")).into());
    }
    if command.get("return_response") == Some(&Value::Bool(true)) {
        let text = "Validation error: An action which does not return responses can't be called with return_response=True";
        return Err(Failure::from(("service_validation_error", text)).translated(
            "service_does_not_support_response",
            json!({"return_response": "return_response=True"}),
            "homeassistant",
        ));
    }
    serve(office, &service, &wanted, user, later)?;
    // No result of a restart ever arrives: the connection is closed first.
    if service != "homeassistant.restart" {
        let context = office.world.context(Some(user)).full();
        push(office, client, success(id, &json!({"context": context})));
    }
    Ok(())
}

/// The entities that `entity_id` names: one, or a list of them.
pub(in crate::sim) fn targets(data: &Value) -> Vec<String> {
    match data.get("entity_id") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(one) => one.as_str().into_iter().map(str::to_owned).collect(),
        None => Vec::new(),
    }
}

/// Does what a service does; `user` is who called it.
pub(in crate::sim) fn serve(
    office: &mut Office,
    service: &str,
    targets: &[String],
    user: &str,
    later: &mut Vec<Later>,
) -> Result<(), Failure> {
    office.services.push((service.to_owned(), targets.to_vec()));
    match service {
        "button.press" => {
            for target in targets {
                let role = office.world.entity(target).map(|entity| entity.role.clone());
                let Some(Role::Button(key)) = role else { continue };
                let heard = office.world.press(&key, Some(user));
                office.publish(heard);
                later.push(Later::MotionOff(key));
            }
        }
        "input_button.press" => {
            for target in targets.iter().filter(|target| target.starts_with("input_button.")) {
                let heard = office.world.set(target, &Stamp::now().micros(), Some(user));
                office.publish(heard);
            }
        }
        "camera.turn_on" | "camera.turn_off" => switch(office, service, targets, user)?,
        "homeassistant.restart" => later.push(Later::Restart),
        _ => {
            let (domain, name) = service.split_once('.').unwrap_or((service, ""));
            let names = json!({"domain": domain, "service": name});
            let failure = Failure::from(("not_found", format!("Service {service} not found.")));
            return Err(failure.translated("service_not_found", names, "homeassistant"));
        }
    }
    Ok(())
}

/// Switches cameras. One that cannot be switched spoils the whole call, one that is unavailable is passed over.
fn switch(office: &mut Office, service: &str, targets: &[String], user: &str) -> Result<(), Failure> {
    if office.faults.cameras_cannot_switch {
        return Err(("home_assistant_error", "The camera does not answer").into());
    }
    let cannot = |target: &&String| office.world.camera(target).is_some_and(|camera| !camera.can_be_off);
    if let Some(target) = targets.iter().find(cannot) {
        let text = format!("Entity {target} does not support action {service}");
        let names = json!({"entity_id": target, "action": service});
        let failure = Failure::from(("service_validation_error", text));
        return Err(failure.translated("service_not_supported", names, "homeassistant"));
    }
    let value = if service == "camera.turn_on" { "idle" } else { "off" };
    for target in targets {
        let state = office.world.entity(target).and_then(|entity| entity.state.as_ref());
        if state.is_some_and(|state| state.value != "unavailable") {
            let heard = office.world.set(target, value, Some(user));
            office.publish(heard);
        }
    }
    Ok(())
}
