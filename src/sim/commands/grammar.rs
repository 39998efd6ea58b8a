//! Which commands there are, and what a command must and may hold.

use serde_json::{Map, Value};

use super::Failure;
use crate::sim::flavour::Flavour;

/// The keys that a command must and may have, beside `id` and `type`.
pub(super) fn keys(
    kind: &str,
    flavour: Flavour,
) -> Option<(&'static [&'static str], &'static [&'static str])> {
    let new =
        matches!(kind, "camera/capabilities" | "web_rtc/ice_servers") || kind.starts_with("camera/webrtc/");
    if new && flavour == Flavour::Older {
        return None;
    }
    Some(match kind {
        "ping"
        | "get_config"
        | "get_states"
        | "get_services"
        | "auth/current_user"
        | "config/auth/list"
        | "config/entity_registry/list"
        | "config/entity_registry/list_for_display"
        | "config/device_registry/list"
        | "config/area_registry/list"
        | "config/floor_registry/list"
        | "config/label_registry/list"
        | "web_rtc/ice_servers" => (&[], &[]),
        "supported_features" => (&["features"], &[]),
        "subscribe_events" => (&[], &["event_type"]),
        "unsubscribe_events" => (&["subscription"], &[]),
        "subscribe_entities" => (&[], &["entity_ids", "include", "exclude"]),
        "config/entity_registry/get" => (&["entity_id"], &[]),
        "config/entity_registry/get_entries" => (&["entity_ids"], &[]),
        "config/entity_registry/update" => (&["entity_id"], &["name", "new_entity_id", "disabled_by"]),
        "config/area_registry/create" => (&["name"], &[]),
        "config/area_registry/delete" => (&["area_id"], &[]),
        "camera/capabilities" | "camera/get_prefs" | "camera/webrtc/get_client_config" => {
            (&["entity_id"], &[])
        }
        "camera/stream" => (&["entity_id"], &["format"]),
        "camera/webrtc/offer" => (&["entity_id", "offer"], &[]),
        "camera/webrtc/candidate" => (&["entity_id", "session_id", "candidate"], &[]),
        "supervisor/api" => (&["endpoint", "method"], &["data", "params", "timeout"]),
        "call_service" => (&["domain", "service"], &["target", "service_data", "return_response"]),
        _ => return None,
    })
}

pub(super) fn check(command: &Value, required: &[&str], optional: &[&str]) -> Result<(), Failure> {
    let invalid = |text: String| Err(("invalid_format", text).into());
    for key in required {
        if command.get(key).is_none() {
            return invalid(format!("required key not provided at '{key}'. Got None"));
        }
    }
    let known =
        |key: &str| key == "id" || key == "type" || required.contains(&key) || optional.contains(&key);
    let empty = Map::new();
    for (key, value) in command.as_object().unwrap_or(&empty) {
        if !known(key) {
            return invalid(format!("extra keys not allowed. Got {command}"));
        }
        let fits = match key.as_str() {
            "entity_id" | "event_type" | "domain" | "service" | "offer" | "new_entity_id" | "area_id"
            | "session_id" | "endpoint" | "method" => value.is_string(),
            "subscription" => value.is_u64(),
            "entity_ids" => value.is_array(),
            "features" | "include" | "exclude" | "candidate" | "data" | "params" => value.is_object(),
            "name" | "disabled_by" => value.is_string() || value.is_null(),
            _ => true,
        };
        if !fits {
            return invalid(format!("not a valid value for dictionary value @ data['{key}']. Got {value}"));
        }
    }
    Ok(())
}
