//! What Alexa may know of the cameras.

use super::CameraSummary;
use crate::alexa::discovery::{Description, MAX_ENDPOINTS};
use crate::alexa::doorbell::Cause;
use crate::alexa::endpoint::{Endpoint, EndpointState};
use crate::hub;

/// How a camera is described to Alexa.
#[must_use]
pub fn description(camera: &CameraSummary) -> Description {
    Description {
        endpoint_id: camera.endpoint_id.to_string(),
        name: camera.name.clone(),
        doorbell: camera.doorbell,
        motion: camera.motion.is_some(),
        manufacturer: camera.manufacturer.clone(),
        model: camera.model.clone(),
        version: camera.version.clone(),
        full_duplex: camera.full_duplex,
        sends_events: camera.events,
    }
}

/// How it stands.
#[must_use]
pub fn state(camera: &CameraSummary) -> EndpointState {
    EndpointState { reachable: camera.reachable, motion: camera.motion, on: None }
}

/// The cameras that Alexa may know, as they are now.
#[must_use]
pub fn endpoints(cameras: impl Iterator<Item = CameraSummary>) -> Vec<Endpoint> {
    let shared = cameras.filter(|camera| camera.alexa).take(MAX_ENDPOINTS);
    shared.map(|camera| Endpoint { description: description(&camera), state: state(&camera) }).collect()
}

/// What led to a press, in Alexa's words.
#[must_use]
pub fn cause(cause: hub::Cause) -> Cause {
    match cause {
        hub::Cause::Bell => Cause::Physical,
        hub::Cause::Rule => Cause::Rule,
    }
}
