//! A camera's still picture.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::camera::SimStill;
use super::core::Core;
use super::http::{Answer, Request};
use super::program;
use super::rest::Caller;

/// Largest picture, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Answers a request for a camera's picture. Whoever is known may see it, and whoever has one of the camera's own
/// access tokens.
pub(super) async fn answer(core: &Arc<Core>, caller: &Caller, entity_id: &str, request: &Request) -> Answer {
    let still = {
        let office = core.office();
        let entity = office.world.entity(entity_id);
        let Some((camera, entity)) = office.world.camera(entity_id).zip(entity) else {
            return Answer::refusal(404);
        };
        let has_token =
            || request.query("token").is_some_and(|token| entity.tokens.iter().any(|t| t == token));
        match caller {
            Caller::Known(_) => {}
            _ if has_token() => {}
            Caller::Wrong => return Answer::refusal(401),
            Caller::Nobody => return Answer::refusal(403),
        }
        if entity.state.as_ref().is_some_and(|state| state.value == "off") {
            return Answer::refusal(503);
        }
        camera.still.clone().filter(|_| !office.faults.no_stills)
    };
    let picture = match still {
        Some(SimStill::Jpeg(picture)) => Some(picture),
        Some(SimStill::Program(arguments)) => take(&arguments, core.options.still_limit).await,
        None => None,
    };
    picture.map_or(Answer::refusal(500), |picture| Answer::ok("image/jpeg", picture))
}

/// What a program prints, if it ends in time and well.
async fn take(arguments: &[String], limit: Duration) -> Option<Vec<u8>> {
    let mut child = program::start(arguments, Stdio::null()).ok()?;
    let output = child.stdout.take()?;
    let mut picture = Vec::new();
    let printed = async {
        output.take(LARGEST).read_to_end(&mut picture).await.ok()?;
        child.wait().await.ok().filter(std::process::ExitStatus::success)
    };
    let ended = timeout(limit, printed).await.ok().flatten();
    if ended.is_none() {
        program::end(child).await;
    }
    ended.filter(|_| !picture.is_empty()).map(|_| picture)
}
