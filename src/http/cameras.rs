//! The cameras' pages: what is known of each camera, its switch, its speaker, and what it may be tied to.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::Addr;
use actix_web::{HttpResponse, web};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::api::{reply, unanswered};
use super::ui::PATIENCE;
use super::{House, failure};
use crate::camera::details::{Details, Named, Seen};
use crate::camera::registry::{DescribeCameras, Described, SwitchPower};
use crate::camera::session::CameraSession;
use crate::camera::{CameraError, CameraStatus, CameraSummary, EndpointId, Locate, Status, speaker_test};
use crate::error::ErrorKind;
use crate::hub::HubTieable;
use crate::hub::bridge::Snapshot;
use crate::media::{VideoFacts, why};
use crate::seat::{AskError, ask};
use crate::state::{CallRecord, Outcome};
use crate::telemetry::redact::redact;

/// Longest wait for one camera's session; what it knows is left out then.
const SESSION_PATIENCE: Duration = Duration::from_millis(500);
/// Longest wait for the hub to switch a camera.
const POWER_PATIENCE: Duration = Duration::from_secs(8);

/// One camera with what its session knows.
pub(super) struct Known {
    pub(super) summary: CameraSummary,
    pub(super) details: Details,
    pub(super) still: bool,
    pub(super) session: Option<Addr<CameraSession>>,
    pub(super) live: Option<CameraStatus>,
}

/// Every camera, from memory.
pub(super) async fn known(house: &House) -> Result<Vec<Known>, AskError> {
    let cameras = house.registry.ask(DescribeCameras, PATIENCE).await?;
    let looks = cameras.into_iter().map(async |Described { summary, details, still, session }| {
        let live = match &session {
            // A session that is busy or gone shows nothing this time.
            Some(session) => ask(session, Status, SESSION_PATIENCE).await.ok(),
            None => None,
        };
        Known { summary, details, still, session, live }
    });
    Ok(join_all(looks).await)
}

#[derive(Serialize)]
struct CameraView<'a> {
    #[serde(flatten)]
    summary: &'a CameraSummary,
    details: &'a Details,
    /// There is likely to be a still picture.
    still: bool,
    /// What its picture is now, or was when it was seen last.
    picture: Option<Seen>,
    last_call: Option<LastCall>,
    live: Option<&'a CameraStatus>,
}

/// The last call that ended.
#[derive(Serialize)]
struct LastCall {
    id: String,
    started: String,
    ended: Option<String>,
    end_reason: Option<String>,
    /// What became of it, and what its sentence leaves open.
    outcome: Option<Outcome>,
    outcome_values: Map<String, Value>,
}

impl LastCall {
    fn of(record: CallRecord) -> Self {
        Self {
            outcome: record.outcome,
            outcome_values: record.outcome_values,
            id: record.id,
            started: record.started,
            ended: record.ended,
            end_reason: record.end_reason,
        }
    }
}

fn seen(video: &VideoFacts) -> Seen {
    Seen {
        codec: video.codec.clone(),
        width: video.width,
        height: video.height,
        copied: video.copied,
        why: why::code(&video.why),
        detail: video.why.clone(),
    }
}

/// What pages show of cameras.
pub(super) fn views(house: &House, known: &[Known]) -> Value {
    let mut last: BTreeMap<String, CallRecord> = house.state.last_calls();
    let view = |one: &Known| {
        let live = one.live.as_ref();
        let now = live.and_then(|live| live.video.as_ref()).map(seen);
        json!(CameraView {
            summary: &one.summary,
            details: &one.details,
            still: one.still,
            picture: now.or_else(|| one.details.seen.clone()),
            last_call: last.remove(one.summary.endpoint_id.as_str()).map(LastCall::of),
            live,
        })
    };
    known.iter().map(view).collect()
}

/// `GET /cameras`: `{"cameras": [{endpoint_id, name, ..., details, picture, last_call, live: {...} or null}]}`.
pub(super) async fn cameras(house: web::Data<House>) -> HttpResponse {
    match known(&house).await {
        Ok(known) => reply(&json!({ "cameras": views(&house, &known) })),
        Err(error) => unanswered(error),
    }
}

/// Where a privacy switch is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Power {
    on: bool,
}

/// `POST /cameras/{id}/power` with `{"on": bool}`: switches the camera, at the hub if that can. Answers with
/// the camera as it is then.
pub(super) async fn power(
    house: web::Data<House>,
    id: web::Path<String>,
    power: web::Json<Power>,
) -> HttpResponse {
    let unknown = || failure(ErrorKind::NotFound, "there is no camera of that id");
    let Some(endpoint) = EndpointId::parse(&id) else { return unknown() };
    let switch = SwitchPower { endpoint, on: power.on, within: POWER_PATIENCE };
    match house.registry.ask(switch, POWER_PATIENCE + PATIENCE).await {
        Ok(Ok(camera)) => reply(&camera),
        Ok(Err(CameraError::Unknown(_))) => unknown(),
        Ok(Err(error)) => failure(error.kind(), &error.to_string()),
        Err(error) => unanswered(error),
    }
}

/// `POST /cameras/{id}/speaker`: plays a tone there, and says what became of it. Takes half a minute at most.
pub(super) async fn test_speaker(house: web::Data<House>, id: web::Path<String>) -> HttpResponse {
    let unknown = || failure(ErrorKind::NotFound, "there is no camera of that id");
    let Some(endpoint) = EndpointId::parse(&id) else { return unknown() };
    let located = match house.registry.ask(Locate { endpoint }, PATIENCE).await {
        Ok(Ok(located)) => located,
        Ok(Err(CameraError::Unknown(_))) => return unknown(),
        Ok(Err(error)) => return failure(error.kind(), &error.to_string()),
        Err(error) => return unanswered(error),
    };
    match speaker_test::test_speaker(&located.summary, &located.session).await {
        Ok(finding) => reply(&finding),
        Err(error) => failure(error.kind(), &redact(&error.to_string())),
    }
}

/// An entity that a camera may be tied to.
#[derive(Serialize)]
struct Choice<'a> {
    entity: &'a str,
    name: &'a str,
    /// The hub says that it is one.
    likely: bool,
}

/// `GET /hub/entities`: what may be chosen for a camera's `entity`, `bell` and `motion`:
/// `{"cameras": [{entity, name}], "bells": [{entity, name, likely}], "motions": [...]}`, likely ones first, then
/// by name. Empty without a hub; while it is away, as it was last.
pub(super) async fn entities(house: web::Data<House>) -> HttpResponse {
    let Some(bridge) = &house.bridge else {
        return reply(&json!({ "cameras": [], "bells": [], "motions": [] }));
    };
    let hub = match bridge.ask(Snapshot, PATIENCE).await {
        Ok(hub) => hub,
        Err(error) => return failure(error.kind(), &format!("the hub: {error}")),
    };
    let named = |entity: &crate::hub::HubCameraEntity| Named {
        entity: entity.entity_id.clone(),
        name: entity.name.clone(),
    };
    let mut cameras: Vec<Named> = hub.cameras.iter().flat_map(|camera| &camera.entities).map(named).collect();
    cameras.sort_by(|a, b| (&a.name, &a.entity).cmp(&(&b.name, &b.entity)));
    let motions = choices(hub.tieable.iter().filter(|one| one.may_see()), |one| one.sees);
    reply(&json!({
        "cameras": cameras,
        "bells": choices(hub.tieable.iter(), |one| one.rings),
        "motions": motions,
    }))
}

fn choices<'a>(
    all: impl Iterator<Item = &'a HubTieable>,
    is_likely: fn(&HubTieable) -> bool,
) -> Vec<Choice<'a>> {
    let choice =
        |one: &'a HubTieable| Choice { entity: &one.entity_id, name: &one.name, likely: is_likely(one) };
    let mut choices: Vec<_> = all.map(choice).collect();
    choices.sort_by_key(|one| (!one.likely, one.name, one.entity));
    choices
}
