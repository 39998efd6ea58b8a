//! What Alexa may know of the cameras.

use super::CameraSummary;
use crate::alexa::discovery::Description;
use crate::alexa::endpoint::{Endpoint, EndpointState};

/// How a camera is described to Alexa. `sends_events`: presses and motion really go there.
#[must_use]
pub fn description(camera: &CameraSummary, sends_events: bool) -> Description {
    Description {
        endpoint_id: camera.endpoint_id.to_string(),
        name: camera.name.clone(),
        doorbell: camera.doorbell,
        motion: camera.motion.is_some(),
        manufacturer: camera.manufacturer.clone(),
        model: camera.model.clone(),
        version: camera.version.clone(),
        full_duplex: camera.full_duplex,
        sends_events,
    }
}

/// The cameras that Alexa may know, as they are now.
#[must_use]
pub fn endpoints(cameras: impl Iterator<Item = CameraSummary>, sends_events: bool) -> Vec<Endpoint> {
    let shared = cameras.filter(|camera| camera.alexa);
    shared
        .map(|camera| Endpoint {
            description: description(&camera, sends_events),
            state: EndpointState { reachable: camera.reachable, motion: camera.motion, on: None },
        })
        .collect()
}
