//! The simulated hub driven from outside, over plain HTTP on this machine: by programs that measure.
//!
//! `GET /` says how the hub is. `POST /` with a deed as JSON does it: `{"do": "restart", "down_ms": 2000}`.
//! The answer is JSON: what the deed gives, or `{"error": "..."}` with status 400.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http::{Answer, Request};
use super::hub::{Faults, Flavour, SimCamera, SimHub};

/// What can be done to a simulated hub.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Deed {
    /// These faults from now on, and no others.
    Faults(Faults),
    /// Connections closed with 1000, port refused for a while; perhaps another hub comes up. Entities and
    /// `RUNNING` follow by themselves.
    Restart { down_ms: u64, flavour: Option<Flavour> },
    /// What a start takes from now on: from the open port to the entities, and from there to `RUNNING`.
    StartTakes { entities_ms: u64, running_ms: u64 },
    /// Connections closed with 1000, port refused.
    GoDown,
    /// The port is open again.
    ComeUp,
    /// Every connection is cut without a word.
    DropLinks,
    /// Every connection is closed with 1000.
    CloseLinks,
    /// A new token for a user, by id or name.
    Issue { user: String, lifetime_s: u64 },
    /// A token is taken back.
    Revoke { token: String },
    /// Somebody presses the bell of a camera.
    Press { camera: String },
    /// An entity's state is another one, and its attributes too if they are given.
    State { entity_id: String, state: String, attributes: Option<Map<String, Value>> },
    /// A camera comes into the home.
    AddCamera { camera: SimCamera },
    /// A camera goes from the home.
    RemoveCamera { camera: String },
    /// An entity gets another id.
    Rename { entity_id: String, to: String },
    /// An entity gets a name of its own, or loses it.
    Name { entity_id: String, name: Option<String> },
    /// An entity is disabled, or enabled.
    Disable { entity_id: String, disabled: bool },
    /// Further entities that have nothing to do with cameras.
    Strangers { entities: usize },
    /// States change, those of entities that fit one of the globs.
    Flood { globs: Vec<String>, per_second: u32, seconds: u64 },
    /// Every camera gets a new access token.
    RotateTokens,
    /// Every WebRTC session at a camera fails after all.
    FailRelays { entity_id: String, code: String, message: String },
    /// What the programs behind a camera's WebRTC sessions reported.
    RelayReports { entity_id: String },
    /// A camera's stream ends.
    EndStream { entity_id: String },
    /// A Supervisor before the hub.
    Supervise,
}

/// Serves whoever drives the hub.
pub(super) async fn serve(hub: Arc<SimHub>, listener: TcpListener) {
    let mut drivers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                drivers.spawn(answer(hub.clone(), stream));
            },
            Some(_) = drivers.join_next() => {}
        }
    }
}

async fn answer(hub: Arc<SimHub>, mut stream: TcpStream) {
    let Ok(own) = stream.local_addr().map(|addr| addr.to_string()) else { return };
    let mut bytes = Vec::new();
    while let Some(request) = Request::read(&mut stream, &mut bytes).await {
        // A page in a browser of this machine must not drive programs here, whatever name led it to us.
        let is_page = request.field("origin").is_some() || request.field("host") != Some(own.as_str());
        let outcome = match request.method.as_str() {
            _ if is_page => Err("pages may not drive the hub".to_owned()),
            "GET" => Ok(status(&hub)),
            _ => match serde_json::from_slice(&request.body) {
                Ok(deed) => act(&hub, deed).await,
                Err(error) => Err(error.to_string()),
            },
        };
        let answer = match outcome {
            Ok(told) => Answer::json(200, &told),
            Err(error) => Answer::json(400, &json!({"error": error})),
        };
        if answer.write(&mut stream).await.is_err() || request.is_last() {
            return;
        }
    }
}

fn status(hub: &SimHub) -> Value {
    let since: Vec<u128> = hub.connects().iter().map(|at| at.elapsed().as_millis()).collect();
    json!({
        "url": hub.url, "token": hub.token, "flavour": hub.flavour(), "state": hub.phase(),
        "clients": hub.clients(), "connects_ms_ago": since, "commands": hub.all_commands(),
        "failed_logins": hub.failed_logins(), "streams": hub.streams(), "faults": hub.faults(),
    })
}

async fn act(hub: &SimHub, deed: Deed) -> Result<Value, String> {
    match deed {
        Deed::Faults(faults) => hub.set_faults(faults),
        Deed::Restart { down_ms, flavour } => {
            hub.become_flavour(flavour.unwrap_or(hub.flavour()));
            hub.restart(Duration::from_millis(down_ms)).await;
        }
        Deed::StartTakes { entities_ms, running_ms } => {
            hub.start_takes(Duration::from_millis(entities_ms), Duration::from_millis(running_ms));
        }
        Deed::GoDown => hub.go_down().await,
        Deed::ComeUp => hub.come_up().await,
        Deed::DropLinks => hub.drop_links(),
        Deed::CloseLinks => hub.close_links(),
        Deed::Issue { user, lifetime_s } => {
            let token = hub.issue(&user, Duration::from_secs(lifetime_s));
            return token.map(|token| json!({"token": token})).ok_or_else(|| format!("no user {user}"));
        }
        Deed::Revoke { token } => return found(hub.revoke(&token), "token"),
        Deed::Press { camera } => hub.press(&camera),
        Deed::State { entity_id, state, attributes: None } => {
            return found(hub.set_state(&entity_id, &state), "state");
        }
        Deed::State { entity_id, state, attributes: Some(attributes) } => {
            hub.write_state(&entity_id, &state, attributes);
        }
        Deed::AddCamera { camera } => hub.add_camera(&camera),
        Deed::RemoveCamera { camera } => hub.remove_camera(&camera),
        Deed::Rename { entity_id, to } => hub.rename(&entity_id, &to),
        Deed::Name { entity_id, name } => hub.name(&entity_id, name.as_deref()),
        Deed::Disable { entity_id, disabled } => hub.disable(&entity_id, disabled),
        Deed::Strangers { entities } => hub.add_strangers(entities).await,
        Deed::Flood { globs, per_second, seconds } => {
            hub.flood(globs, per_second, Duration::from_secs(seconds));
        }
        Deed::RotateTokens => hub.rotate_tokens(),
        Deed::FailRelays { entity_id, code, message } => {
            return found(hub.fail_relays(&entity_id, &code, &message), "session");
        }
        Deed::RelayReports { entity_id } => return Ok(json!({"reports": hub.relay_reports(&entity_id)})),
        Deed::EndStream { entity_id } => return found(hub.end_stream(&entity_id), "stream"),
        Deed::Supervise => {
            let (url, token) = hub.supervisor().await.map_err(|error| error.to_string())?;
            return Ok(json!({"url": url, "token": token}));
        }
    }
    Ok(json!({}))
}

fn found(found: bool, what: &str) -> Result<Value, String> {
    if found { Ok(json!({})) } else { Err(format!("no such {what}")) }
}
