//! What each command of the simulated hub's WebSocket does.

use serde_json::{Map, Value, json};

use super::office::{End, Filter, Office, Rule, Subscription};

/// Something that happens by itself some time after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Later {
    /// The motion of a camera's press is over.
    MotionOff(String),
    /// An entity that was enabled becomes real.
    Revive(String),
    /// The hub restarts.
    Restart,
}

/// A command's failure: code and text.
type Failure = (&'static str, String);

/// Takes one frame of a client: a command, or an array of them. All that it causes, at this client and
/// at others, is in their queues when this returns.
pub(super) fn take_frame(office: &mut Office, client: u64, text: &str) -> Vec<Later> {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        if let Some(desk) = office.desk(client) {
            desk.end(End::Close);
        }
        return Vec::new();
    };
    let mut later = Vec::new();
    match frame {
        Value::Array(commands) => {
            for command in &commands {
                take_command(office, client, command, &mut later);
            }
        }
        command => take_command(office, client, &command, &mut later),
    }
    later
}

fn take_command(office: &mut Office, client: u64, command: &Value, later: &mut Vec<Later>) {
    let Some(last_id) = office.desk(client).map(|desk| desk.last_id) else { return };
    let raw_id = command.get("id").cloned().unwrap_or_default();
    let id = raw_id.as_u64().filter(|id| *id > 0);
    let (Some(id), Some(kind)) = (id, command.get("type").and_then(Value::as_str)) else {
        return fail(office, client, &raw_id, ("invalid_format", "Message incorrectly formatted.".into()));
    };
    if id <= last_id {
        let text = "Identifier values have to increase.";
        return fail(office, client, &raw_id, ("id_reuse", text.into()));
    }
    let Some((required, optional)) = keys(kind) else {
        // Not counted as used: the same id may come again.
        return fail(office, client, &raw_id, ("unknown_command", "Unknown command.".into()));
    };
    *office.commands.entry(kind.to_owned()).or_default() += 1;
    if let Some(desk) = office.desk(client) {
        desk.last_id = id;
    }
    if let Err(failure) = check(command, required, optional) {
        return fail(office, client, &raw_id, failure);
    }
    if let Err(failure) = run(office, client, id, kind, command, later) {
        fail(office, client, &raw_id, failure);
    }
}

/// The keys that a command must and may have, beside `id` and `type`.
fn keys(kind: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match kind {
        "ping"
        | "get_config"
        | "get_states"
        | "get_services"
        | "auth/current_user"
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
        "camera/capabilities" | "camera/webrtc/get_client_config" => (&["entity_id"], &[]),
        "camera/stream" => (&["entity_id"], &["format"]),
        "camera/webrtc/offer" => (&["entity_id", "offer"], &[]),
        "call_service" => (&["domain", "service"], &["target", "service_data", "return_response"]),
        _ => return None,
    })
}

fn check(command: &Value, required: &[&str], optional: &[&str]) -> Result<(), Failure> {
    let invalid = |text: String| Err(("invalid_format", text));
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
            "entity_id" | "event_type" | "domain" | "service" | "offer" | "new_entity_id" | "area_id" => {
                value.is_string()
            }
            "subscription" => value.is_u64(),
            "entity_ids" => value.is_array(),
            "features" | "include" | "exclude" => value.is_object(),
            "name" | "disabled_by" => value.is_string() || value.is_null(),
            _ => true,
        };
        if !fits {
            return invalid(format!("not a valid value for dictionary value @ data['{key}']. Got {value}"));
        }
    }
    Ok(())
}

fn run(
    office: &mut Office,
    client: u64,
    id: u64,
    kind: &str,
    command: &Value,
    later: &mut Vec<Later>,
) -> Result<(), Failure> {
    let text = |key: &str| command.get(key).and_then(Value::as_str).unwrap_or_default();
    let entity_id = text("entity_id");
    let Some(user) = office.desk(client).map(|desk| desk.user.clone()) else { return Ok(()) };
    if matches!(
        kind,
        "config/entity_registry/update" | "config/area_registry/create" | "config/area_registry/delete"
    ) && !user.admin
    {
        return Err(("unauthorized", "Unauthorized".into()));
    }
    let world = &mut office.world;
    let result = match kind {
        "ping" => {
            push(office, client, format!(r#"{{"id":{id},"type":"pong"}}"#));
            return Ok(());
        }
        "supported_features" => {
            let coalesce = command.pointer("/features/coalesce_messages").is_some();
            // The reply itself goes out as before; only what follows comes in arrays.
            push(office, client, success(id, &Value::Null));
            if let Some(desk) = office.desk(client) {
                desk.coalesce = coalesce;
            }
            return Ok(());
        }
        "get_config" => config(world.phase.word()),
        "get_states" => world
            .entities
            .iter()
            .filter_map(|entity| Some(entity.state.as_ref()?.full(&entity.entity_id)))
            .collect(),
        "get_services" => json!({
            "button": {"press": {"fields": {}, "target": {"entity": [{"domain": ["button"]}]}}},
            "homeassistant": {"restart": {"fields": {}}},
        }),
        "auth/current_user" => json!({
            "id": user.id, "name": user.name, "is_owner": user.admin, "is_admin": user.admin,
            "credentials": [{"auth_provider_type": "homeassistant", "auth_provider_id": null}],
            "mfa_modules": [{"id": "totp", "name": "Authenticator app", "enabled": false}],
        }),
        "config/entity_registry/list" => world.entities.iter().map(|e| e.listed()).collect(),
        "config/entity_registry/list_for_display" => json!({
            "entity_categories": {"0": "config", "1": "diagnostic"},
            "entities": world.entities.iter().filter(|e| e.disabled_by.is_none()).map(|e| e.displayed()).collect::<Value>(),
        }),
        "config/device_registry/list" => world.devices(),
        "config/area_registry/list" => world.areas(),
        "config/floor_registry/list" | "config/label_registry/list" => json!([]),
        "web_rtc/ice_servers" => json!([]),
        "config/entity_registry/get" => {
            world.entity(entity_id).ok_or(("not_found", "Entity not found".to_owned()))?.detailed()
        }
        "config/entity_registry/get_entries" => {
            let wanted = command["entity_ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let found = wanted.map(|wanted| {
                (wanted.to_owned(), world.entity(wanted).map_or(Value::Null, |entity| entity.detailed()))
            });
            Value::Object(found.collect())
        }
        "config/entity_registry/update" => update_entity(office, command, entity_id, later)?,
        "config/area_registry/create" => {
            let (listed, change) = world.create_area(text("name"));
            office.publish([change]);
            listed
        }
        "config/area_registry/delete" => {
            let gone = world.delete_area(text("area_id"));
            let gone = gone.ok_or(("invalid_info", "Area ID doesn't exist".to_owned()))?;
            office.publish([gone]);
            "success".into()
        }
        "camera/capabilities" => {
            let types = stream_types(office, entity_id)?;
            json!({"frontend_stream_types": types, "two_way_audio": false})
        }
        "camera/webrtc/get_client_config" => {
            webrtc_needed(office, entity_id, "webrtc_get_client_config_failed")?;
            json!({"configuration": {"iceServers": []}})
        }
        "camera/webrtc/offer" => {
            webrtc_needed(office, entity_id, "webrtc_offer_failed")?;
            return Err(("webrtc_offer_failed", "This camera has no stream source".into()));
        }
        "camera/stream" => {
            let known = stream_types(office, entity_id);
            let text = known
                .map_or_else(|(_, text)| text, |_| format!("Camera {entity_id} does not support streaming"));
            return Err(("start_stream_failed", text));
        }
        "subscribe_events" => return subscribe_events(office, client, id, command, user.admin),
        "subscribe_entities" => {
            subscribe_entities(office, client, id, command);
            return Ok(());
        }
        "unsubscribe_events" => {
            let subscription = command["subscription"].as_u64().unwrap_or_default();
            let gone = office.desk(client).and_then(|desk| desk.subscriptions.remove(&subscription));
            gone.ok_or(("not_found", "Subscription not found.".to_owned()))?;
            Value::Null
        }
        "call_service" => return call_service(office, client, id, command, &user.id, later),
        _ => return Err(("unknown_error", "Unknown error".into())),
    };
    push(office, client, success(id, &result));
    Ok(())
}

fn update_entity(
    office: &mut Office,
    command: &Value,
    entity_id: &str,
    later: &mut Vec<Later>,
) -> Result<Value, Failure> {
    office.world.entity(entity_id).ok_or(("not_found", "Entity not found".to_owned()))?;
    let mut now = entity_id;
    let mut out = json!({});
    if let Some(name) = command.get("name") {
        let heard = office.world.name(now, name.as_str());
        office.publish(heard);
    }
    if let Some(to) = command.get("new_entity_id").and_then(Value::as_str) {
        if office.world.entity(to).is_some() {
            return Err(("invalid_info", "Entity with this ID is already registered".into()));
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
    out["entity_entry"] = office.world.entity(now).map_or(Value::Null, |entity| entity.detailed());
    Ok(out)
}

fn subscribe_events(
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
        return Err(("unauthorized", "Unauthorized".into()));
    }
    if let Some(desk) = office.desk(client) {
        desk.subscriptions.insert(id, Subscription::Events(kind.map(str::to_owned)));
        desk.push(success(id, &Value::Null));
    }
    Ok(())
}

fn subscribe_entities(office: &mut Office, client: u64, id: u64, command: &Value) {
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
        .iter()
        .filter(|entity| filter.wants(&entity.entity_id))
        .filter_map(|entity| Some((entity.entity_id.clone(), entity.state.as_ref()?.compressed())))
        .collect();
    if let Some(desk) = office.desk(client) {
        desk.subscriptions.insert(id, Subscription::Entities(filter));
        desk.push(success(id, &Value::Null));
        // The first event is always sent, also an empty one, and has its id in front.
        let event = json!({"a": present});
        desk.push(format!(r#"{{"id":{id},"type":"event","event":{event}}}"#));
    }
}

fn call_service(
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
        return Err(("service_validation_error", text.into()));
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
        _ => return Err(("not_found", format!("Service {service} not found."))),
    }
    let context = office.world.context(Some(user)).full();
    push(office, client, success(id, &json!({"context": context})));
    Ok(())
}

fn stream_types(office: &Office, entity_id: &str) -> Result<Vec<String>, Failure> {
    let types = office.world.stream_types(entity_id);
    let types = types.ok_or(("home_assistant_error", "Camera not found".to_owned()))?;
    let off = office.world.entity(entity_id).and_then(|e| e.state.as_ref()).is_some_and(|s| s.value == "off");
    if off { Err(("home_assistant_error", "Camera is off".into())) } else { Ok(types.to_vec()) }
}

fn webrtc_needed(office: &Office, entity_id: &str, code: &'static str) -> Result<(), Failure> {
    let types = stream_types(office, entity_id)?;
    if types.iter().any(|kind| kind == "web_rtc") {
        return Ok(());
    }
    Err((code, format!("Camera does not support WebRTC, frontend_stream_types={types:?}")))
}

fn config(state: &str) -> Value {
    json!({
        "allowlist_external_dirs": ["/config/www"], "allowlist_external_urls": [],
        "components": ["api", "auth", "camera", "config", "event", "http", "simulated", "websocket_api"],
        "config_dir": "/config", "config_source": "yaml", "country": null, "currency": "EUR",
        "debug": false, "elevation": 0, "external_url": null, "internal_url": null, "language": "en",
        "latitude": 50.0, "location_name": "Simulated home", "logging": {"log_file_disabled_reason": null}, "longitude": 8.0, "radius": 100,
        "recovery_mode": false, "safe_mode": false, "state": state, "time_zone": "UTC",
        "unit_system": {
            "length": "km", "accumulated_precipitation": "mm", "area": "m²", "mass": "g",
            "pressure": "Pa", "temperature": "°C", "volume": "L", "wind_speed": "m/s",
        },
        "version": super::hub::VERSION, "whitelist_external_dirs": ["/config/www"],
    })
}

fn success(id: u64, result: &Value) -> String {
    format!(r#"{{"id":{id},"type":"result","success":true,"result":{result}}}"#)
}

fn push(office: &mut Office, client: u64, text: String) {
    if let Some(desk) = office.desk(client) {
        desk.push(text);
    }
}

/// Answers with an error; `id` is echoed as it came, `null` when there was none.
fn fail(office: &mut Office, client: u64, id: &Value, (code, message): Failure) {
    let error = json!({"code": code, "message": message});
    push(office, client, format!(r#"{{"id":{id},"type":"result","success":false,"error":{error}}}"#));
}
