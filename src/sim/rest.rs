//! The simulated hub's plain HTTP interface.

use std::sync::Arc;

use serde_json::{Value, json};

use super::commands::{self, Later};
use super::core::Core;
use super::hls;
use super::http::{Answer, Request};
use super::office::{Office, SimUser};
use super::{skill, still};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// Somebody whose token is good.
    Known(SimUser),
    /// Somebody with a token that is not.
    Wrong,
    /// Somebody without a token.
    Nobody,
}

impl Caller {
    /// Who asks the hub itself.
    pub(super) fn of(office: &Office, request: &Request) -> Self {
        match request.bearer().map(|token| office.user_of(token)) {
            Some(Some(user)) => Self::Known(user),
            Some(None) => Self::Wrong,
            None => Self::Nobody,
        }
    }
}

/// Answers a request that is no WebSocket.
pub(super) async fn answer(core: &Arc<Core>, caller: Caller, request: &Request) -> Answer {
    let path = request.path.as_str();
    let answer = if let Some(path) = path.strip_prefix("/api/hls/") {
        hls::answer(core, path, request).await
    } else if let Some(entity_id) = path.strip_prefix("/api/camera_proxy/") {
        still::answer(core, &caller, entity_id, request).await
    } else if path == skill::PATH {
        skill::answer(core, &caller, request).await
    } else {
        match (path.strip_prefix("/api/"), caller) {
            (None, _) => Answer::refusal(404),
            (Some(path), Caller::Known(user)) => known(core, &user, path, request),
            (Some(_), _) => Answer::refusal(401),
        }
    };
    match answer.status {
        401 => {
            core.office().failed_logins += 1;
            answer.with("WWW-Authenticate", "Bearer")
        }
        _ => answer,
    }
    .with("Referrer-Policy", "no-referrer")
    .with("Server", "")
    .with("X-Frame-Options", "SAMEORIGIN")
}

/// Answers somebody who may ask everything.
fn known(core: &Arc<Core>, user: &SimUser, path: &str, request: &Request) -> Answer {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match (request.method.as_str(), first) {
        ("GET", "") => Answer::json(200, &json!({"message": "API running."})),
        ("GET", "config") => Answer::json(200, &commands::config(&core.office())),
        ("GET", "states") => state(&core.office(), rest),
        ("POST", "services") => {
            let (answer, later) = service(&mut core.office(), user, rest, &request.body);
            core.follow_up(later);
            answer
        }
        (_, "" | "config" | "states" | "services") => Answer::refusal(405),
        _ => Answer::refusal(404),
    }
}

fn state(office: &Office, entity_id: &str) -> Answer {
    match office.world.entity(entity_id).and_then(|entity| entity.state.as_ref()) {
        Some(state) => Answer::json(200, &state.full(entity_id)),
        None => Answer::json(404, &json!({"message": "Entity not found."})),
    }
}

/// Calls a service; the answer holds what it was called for as it is now.
fn service(office: &mut Office, user: &SimUser, path: &str, body: &[u8]) -> (Answer, Vec<Later>) {
    let Some((domain, service)) = path.split_once('/') else { return (Answer::refusal(404), Vec::new()) };
    let data = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice::<Value>(body) };
    let Ok(data) = data else { return (Answer::refusal(400), Vec::new()) };
    let mut later = Vec::new();
    let targets = commands::targets(&data);
    if commands::serve(office, &format!("{domain}.{service}"), &targets, &user.id, &mut later).is_err() {
        return (Answer::refusal(400), later);
    }
    let states = targets.iter().filter_map(|entity_id| {
        let state = office.world.entity(entity_id)?.state.as_ref()?;
        Some(state.full(entity_id))
    });
    (Answer::json(200, &states.collect()), later)
}
