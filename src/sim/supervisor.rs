//! The Supervisor before a supervised hub: it passes on what add-ons say to the hub, and takes no token but its own.
//!
//! As the real one it passes on few fields, answers only with whole bodies, and acts as a user of its own.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use super::core::Core;
use super::http::{Answer, Request};
use super::office::SimUser;
use super::rest::{self, Caller};

/// What is known of the Supervisor.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// What an add-on finds as `SUPERVISOR_TOKEN`.
    pub(super) token: String,
    /// Where it listens, once it does.
    pub(super) addr: OnceLock<SocketAddr>,
}

impl Supervisor {
    pub(super) fn new() -> Self {
        Self {
            token: format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()),
            addr: OnceLock::new(),
        }
    }

    /// As whom the Supervisor speaks to the hub.
    pub(super) fn user() -> SimUser {
        SimUser { id: "00000000000000000000000000005e1f".into(), name: "Supervisor".into(), admin: true }
    }
}

/// Answers a request that is no WebSocket.
pub(super) async fn answer(core: &Arc<Core>, request: Request) -> Answer {
    let Some(path) = request.path.strip_prefix("/core/api").map(str::to_owned) else {
        return Answer::refusal(404);
    };
    if request.bearer() != Some(core.supervisor.token.as_str()) {
        return Answer::refusal(401);
    }
    if path.starts_with("/hassio") {
        return Answer::refusal(403);
    }
    if !core.listens() {
        return Answer::refusal(502);
    }
    let request = request.passed_on(format!("/api{path}"));
    rest::answer(core, Caller::Known(Supervisor::user()), &request).await.passed_back()
}
