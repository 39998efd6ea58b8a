//! What each command of the simulated hub's WebSocket does.

mod camera;
mod grammar;
mod registry;
mod service;
mod subscribe;
mod supervisor;

use std::sync::Arc;

use serde_json::{Value, json};

use super::desk::{End, Way};
use super::hls::Stream;
use super::office::Office;
use super::relay::Session;
use grammar::{check, keys};
pub(super) use service::{serve, targets};

/// Something that happens by itself some time after a command.
#[derive(Debug)]
pub(super) enum Later {
    /// The motion of a camera's press is over.
    MotionOff(String),
    /// An entity that was enabled becomes real.
    Revive(String),
    /// The hub restarts.
    Restart,
    /// A WebRTC session is played.
    Relay(Session),
    /// A camera's stream is made.
    Stream(Arc<Stream>),
}

/// A command's failure.
pub(super) struct Failure {
    code: &'static str,
    message: String,
    /// Boxed, so that a result stays small.
    translation: Option<Box<Translation>>,
}

/// How a client finds a failure's text in the user's language.
struct Translation {
    key: &'static str,
    placeholders: Value,
    domain: &'static str,
}

impl<T: Into<String>> From<(&'static str, T)> for Failure {
    fn from((code, message): (&'static str, T)) -> Self {
        Self { code, message: message.into(), translation: None }
    }
}

impl Failure {
    fn translated(mut self, key: &'static str, placeholders: Value, domain: &'static str) -> Self {
        self.translation = Some(Box::new(Translation { key, placeholders, domain }));
        self
    }
}

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
        return fail(office, client, &raw_id, ("invalid_format", "Message incorrectly formatted.").into());
    };
    if id <= last_id {
        let text = "Identifier values have to increase.";
        return fail(office, client, &raw_id, ("id_reuse", text).into());
    }
    if is_refused_by_proxy(office, client, kind) {
        return fail(office, client, &raw_id, ("unauthorized", "Unauthorized").into());
    }
    let is_missing = office.faults.unknown_commands.contains(kind)
        || (kind == "supervisor/api" && office.ingress.is_none());
    let known = keys(kind, office.flavour).filter(|_| !is_missing);
    let Some((required, optional)) = known else {
        // Not counted as used: the same id may come again.
        return fail(office, client, &raw_id, ("unknown_command", "Unknown command.").into());
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

/// The Supervisor passes on nothing that is meant for itself.
fn is_refused_by_proxy(office: &mut Office, client: u64, kind: &str) -> bool {
    let is_for_supervisor = kind.starts_with("supervisor/") || kind.starts_with("hassio/");
    is_for_supervisor && office.desk(client).is_some_and(|desk| desk.way == Way::Proxy)
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
        "config/auth/list"
            | "config/entity_registry/update"
            | "config/area_registry/create"
            | "config/area_registry/delete"
    ) && !user.admin
    {
        return Err(("unauthorized", "Unauthorized").into());
    }
    if kind == "supervisor/api" {
        let result = supervisor::api(office, &user, command)?;
        push(office, client, success(id, &result));
        return Ok(());
    }
    let flavour = office.flavour;
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
        "get_config" => config(office),
        "get_states" => world
            .entities
            .values()
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
        "config/auth/list" => office.people(),
        "config/entity_registry/list" => world.entities.values().map(|e| e.listed(flavour)).collect(),
        "config/entity_registry/list_for_display" => json!({
            "entity_categories": {"0": "config", "1": "diagnostic"},
            "entities": world.entities.values().filter(|e| e.disabled_by.is_none()).map(|e| e.displayed(flavour)).collect::<Value>(),
        }),
        "config/device_registry/list" => world.devices(),
        "config/area_registry/list" => world.areas(),
        "config/floor_registry/list" | "config/label_registry/list" => json!([]),
        "web_rtc/ice_servers" => office.ice_servers.clone(),
        "config/entity_registry/get" => {
            world.entity(entity_id).ok_or(("not_found", "Entity not found"))?.detailed(flavour)
        }
        "config/entity_registry/get_entries" => {
            let wanted = command["entity_ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let found = wanted.map(|wanted| {
                (
                    wanted.to_owned(),
                    world.entity(wanted).map_or(Value::Null, |entity| entity.detailed(flavour)),
                )
            });
            Value::Object(found.collect())
        }
        "config/entity_registry/update" => registry::update(office, command, entity_id, later)?,
        "config/area_registry/create" => {
            let (listed, change) = world.create_area(text("name"));
            office.publish([change]);
            listed
        }
        "config/area_registry/delete" => {
            let gone = world.delete_area(text("area_id"));
            let gone = gone.ok_or(("invalid_info", "Area ID doesn't exist"))?;
            office.publish([gone]);
            "success".into()
        }
        "camera/capabilities" => camera::capabilities(office, entity_id)?,
        "camera/get_prefs" => json!({"preload_stream": false, "orientation": 1}),
        "camera/webrtc/get_client_config" => camera::client_config(office, entity_id)?,
        "camera/webrtc/offer" => {
            return camera::offer(office, (client, id), entity_id, text("offer"), later);
        }
        "camera/webrtc/candidate" => camera::candidate(office, entity_id, command)?,
        "camera/stream" => camera::stream(office, entity_id, later)?,
        "subscribe_events" => return subscribe::events(office, client, id, command, user.admin),
        "subscribe_entities" => {
            subscribe::entities(office, client, id, command);
            return Ok(());
        }
        "unsubscribe_events" => {
            let subscription = command["subscription"].as_u64().unwrap_or_default();
            let gone = office.desk(client).and_then(|desk| desk.subscriptions.remove(&subscription));
            gone.ok_or(("not_found", "Subscription not found."))?;
            Value::Null
        }
        "call_service" => return service::call(office, client, id, command, &user.id, later),
        _ => return Err(("unknown_error", "Unknown error").into()),
    };
    push(office, client, success(id, &result));
    Ok(())
}

/// As of `get_config` and `/api/config`.
pub(super) fn config(office: &Office) -> Value {
    let (state, version) = (office.world.phase.word(), office.flavour.version());
    json!({
        "allowlist_external_dirs": ["/config/www"], "allowlist_external_urls": [],
        "components": ["api", "auth", "camera", "config", "event", "http", "simulated", "websocket_api"],
        "config_dir": "/config", "config_source": "yaml", "country": null, "currency": "EUR",
        "debug": false, "elevation": 0, "external_url": office.external_url, "internal_url": null, "language": "en",
        "latitude": 50.0, "location_name": "Simulated home", "logging": {"log_file_disabled_reason": null}, "longitude": 8.0, "radius": 100,
        "recovery_mode": false, "safe_mode": false, "state": state, "time_zone": "UTC",
        "unit_system": {
            "length": "km", "accumulated_precipitation": "mm", "area": "m²", "mass": "g",
            "pressure": "Pa", "temperature": "°C", "volume": "L", "wind_speed": "m/s",
        },
        "version": version, "whitelist_external_dirs": ["/config/www"],
    })
}

fn success(id: u64, result: &Value) -> String {
    format!(r#"{{"id":{id},"type":"result","success":true,"result":{result}}}"#)
}

fn push(office: &mut Office, client: u64, text: String) {
    let doubled = office.faults.doubled_results;
    if let Some(desk) = office.desk(client) {
        if doubled {
            desk.push(text.clone());
        }
        desk.push(text);
    }
}

/// Answers with an error; `id` is echoed as it came, `null` when there was none.
fn fail(office: &mut Office, client: u64, id: &Value, failure: Failure) {
    let token = office.desk(client).map(|desk| desk.token.clone());
    let shown = token.filter(|_| office.faults.tokens_in_errors).unwrap_or_default();
    let mut error = json!({"code": failure.code, "message": failure.message + &shown});
    if let Some(translation) = failure.translation {
        error["translation_key"] = translation.key.into();
        error["translation_placeholders"] = translation.placeholders;
        error["translation_domain"] = translation.domain.into();
    }
    push(office, client, format!(r#"{{"id":{id},"type":"result","success":false,"error":{error}}}"#));
}
