//! Services that are called.

use serde_json::{Value, json};

use super::{Failure, Later, push, success};
use crate::sim::office::Office;

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
    let target = ["/target/entity_id", "/service_data/entity_id"].iter().find_map(|at| command.pointer(at));
    let targets: Vec<&str> = match target {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    };
    if command.get("return_response") == Some(&Value::Bool(true)) {
        let text = "Validation error: An action which does not return responses can't be called with return_response=True";
        return Err(Failure::from(("service_validation_error", text)).translated(
            "service_does_not_support_response",
            json!({"return_response": "return_response=True"}),
            "homeassistant",
        ));
    }
    match service.as_str() {
        "button.press" => {
            for target in targets {
                let key = target.strip_prefix("button.").and_then(|rest| rest.strip_suffix("_press"));
                let Some(key) = key else { continue };
                let heard = office.world.press(key, Some(user));
                office.publish(heard);
                later.push(Later::MotionOff(key.to_owned()));
            }
        }
        "camera.turn_on" | "camera.turn_off" => {
            for target in targets {
                let value = if service.ends_with("on") { "idle" } else { "off" };
                let heard = office.world.set(target, value, Some(user));
                office.publish(heard);
            }
        }
        "homeassistant.restart" => {
            // No result ever arrives: the connection is closed first.
            later.push(Later::Restart);
            return Ok(());
        }
        _ => {
            let names = json!({"domain": name("domain"), "service": name("service")});
            let failure = Failure::from(("not_found", format!("Service {service} not found.")));
            return Err(failure.translated("service_not_found", names, "homeassistant"));
        }
    }
    let context = office.world.context(Some(user)).full();
    push(office, client, success(id, &json!({"context": context})));
    Ok(())
}
