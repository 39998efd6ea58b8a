//! What the hub says of its cameras, and how it opens their streams.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Failure, Later, success};
use crate::sim::camera::SimCamera;
use crate::sim::flavour::Flavour;
use crate::sim::office::Office;
use crate::sim::relay;
use crate::sim::subscription::{Subscription, numbered_event};

fn camera(office: &Office, entity_id: &str) -> Result<Arc<SimCamera>, Failure> {
    let camera = office.world.camera(entity_id).ok_or(("home_assistant_error", "Camera not found"))?;
    let off = office.world.entity(entity_id).and_then(|e| e.state.as_ref()).is_some_and(|s| s.value == "off");
    if off { Err(("home_assistant_error", "Camera is off").into()) } else { Ok(camera.clone()) }
}

fn webrtc_camera(office: &Office, entity_id: &str, code: &'static str) -> Result<Arc<SimCamera>, Failure> {
    let camera = camera(office, entity_id)?;
    if camera.offers("web_rtc") {
        return Ok(camera);
    }
    let types = if camera.stream_types.is_empty() {
        "set()".to_owned()
    } else {
        format!("{{<StreamType.{}>}}", camera.stream_types.join(">, <StreamType.").to_uppercase())
    };
    Err((code, format!("Camera does not support WebRTC, frontend_stream_types={types}")).into())
}

pub(super) fn capabilities(office: &Office, entity_id: &str) -> Result<Value, Failure> {
    let camera = camera(office, entity_id)?;
    let mut types = camera.stream_types.clone();
    if office.flavour == Flavour::Newer {
        types.push("not_known_yet".into());
    }
    let mut told = json!({"frontend_stream_types": types});
    if let Some(two_way) = camera.two_way_audio {
        told["two_way_audio"] = two_way.into();
    }
    Ok(told)
}

pub(super) fn client_config(office: &Office, entity_id: &str) -> Result<Value, Failure> {
    let camera = webrtc_camera(office, entity_id, "webrtc_get_client_config_failed")?;
    let mut told = json!({"configuration": {"iceServers": office.ice_servers}});
    if let Some(label) = &camera.data_channel {
        told["dataChannel"] = label.as_str().into();
    }
    Ok(told)
}

/// Success and the session's id at once; whatever fails is told by an event.
pub(super) fn offer(
    office: &mut Office,
    (client, id): (u64, u64),
    entity_id: &str,
    offer: &str,
    later: &mut Vec<Later>,
) -> Result<(), Failure> {
    webrtc_camera(office, entity_id, "webrtc_offer_failed")?;
    let (relay, session) = relay::open(office, (client, id), entity_id, offer);
    let begun = json!({"session_id": relay.session_id, "type": "session"});
    if let Some(desk) = office.desk(client) {
        desk.subscriptions.insert(id, Subscription::Relay(relay));
        desk.push(success(id, &Value::Null));
        desk.push(numbered_event(id, &begun));
    }
    later.push(Later::Relay(session));
    Ok(())
}

/// A candidate for a session that nobody knows is taken, too.
pub(super) fn candidate(office: &Office, entity_id: &str, command: &Value) -> Result<Value, Failure> {
    let Some(candidate) = command.pointer("/candidate/candidate").and_then(Value::as_str) else {
        let text =
            "Field \"candidate\" of type str is missing in RTCIceCandidateInit instance at 'candidate'. Got";
        return Err(("invalid_format", format!("{text} {}", command["candidate"])).into());
    };
    webrtc_camera(office, entity_id, "webrtc_candidate_failed")?;
    if let Some(relay) = command["session_id"].as_str().and_then(|session| office.relay(session)) {
        relay.candidate(candidate);
    }
    Ok(Value::Null)
}

/// The address of the stream, which is made from now on.
pub(super) fn stream(office: &mut Office, entity_id: &str, later: &mut Vec<Later>) -> Result<Value, Failure> {
    const FAILED: &str = "start_stream_failed";
    let camera = camera(office, entity_id).map_err(|failure| Failure { code: FAILED, ..failure })?;
    let Some(program) = camera.hls.clone().filter(|_| camera.offers("hls")) else {
        let text = format!("Camera {entity_id} does not support streaming");
        let names = json!({"entity_id": entity_id});
        return Err(Failure::from((FAILED, text)).translated("stream_not_supported", names, "camera"));
    };
    if office.faults.no_streams {
        return Err((FAILED, format!("Timeout getting stream source of {entity_id}")).into());
    }
    let (stream, is_new) = office.streams.open(entity_id, program);
    let url = format!("/api/hls/{}/master_playlist.m3u8", stream.token);
    if is_new {
        later.push(Later::Stream(stream));
    }
    Ok(json!({"url": url}))
}
