//! What Alexa may know of the cameras.

use super::CameraSummary;
use super::screen_stream::{ScreenStream, ScreenStreamFacts};
use crate::alexa::discovery::{Description, MAX_ENDPOINTS};
use crate::alexa::doorbell::Cause;
use crate::alexa::endpoint::{Endpoint, EndpointState};
use crate::alexa::stream;
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
        stream: match &camera.stream {
            Some(ScreenStream::Offered(facts)) => Some(stream_description(facts)),
            Some(ScreenStream::Withheld(_)) | None => None,
        },
        sends_events: camera.events,
    }
}

/// The hub's stream as Alexa is told of it.
#[must_use]
pub fn stream_description(facts: &ScreenStreamFacts) -> stream::Description {
    stream::Description { width: facts.width, height: facts.height, sound: facts.sound }
}

/// How a camera stands, in what [`description`] declares of it.
#[must_use]
pub fn state(camera: &CameraSummary) -> EndpointState {
    EndpointState {
        reachable: camera.reachable,
        motion: camera.motion.filter(|_| camera.events),
        on: Some(camera.on),
    }
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
