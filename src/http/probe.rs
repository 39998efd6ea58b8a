//! `POST /api/v1/probe`: opens a camera as a call would and says what it is.

use actix::Addr;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::api::reply;
use super::asker::Asker;
use super::diagnostics::cleaned;
use super::lines::OneAtATime;
use super::ui::PATIENCE;
use super::{House, failure, guard, lines, refusal};
use crate::camera::probe::{Finding, probe_address, probe_session};
use crate::camera::registry::FindCamera;
use crate::camera::sentence::Sentence;
use crate::camera::session::CameraSession;
use crate::camera::{CameraError, CameraSummary, Locate};
use crate::config::validate::source_address;
use crate::config::{self, Config};
use crate::error::ErrorKind;
use crate::telemetry::redact::hide_for_now;

/// What is to be probed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// Endpoint id, entity or name of a camera.
    camera: Option<String>,
    /// Or an address.
    source: Option<SecretString>,
}

/// Why nothing is looked at; for people.
type Refused = (ErrorKind, String);

/// Where the camera is.
enum Target {
    /// One of the house's.
    Session(Box<CameraSummary>, Addr<CameraSession>),
    Address(String, SecretString),
}

/// Answers with the finding; or, for whoever accepts `application/x-ndjson`, with a line
/// `{"progress": text, "code", "values"}` for each thing that happens, and `{"finding": ...}` or `{"error": text}` as the
/// last one. Takes a minute at most, and 16 s more once there is a picture. Whoever leaves ends it.
pub(super) async fn probe(
    house: web::Data<House>,
    probes: web::Data<OneAtATime<Probe>>,
    request: HttpRequest,
    asker: web::ReqData<Asker>,
    wish: web::Json<Probe>,
) -> HttpResponse {
    // Any address would be opened from here.
    if asker.is_far && wish.source.is_some() {
        return refusal(StatusCode::FORBIDDEN, guard::FAR_FROM_DEMO);
    }
    let target = match target(&house, wish.into_inner()).await {
        Ok(target) => target,
        Err((kind, text)) => return failure(kind, &text),
    };
    let Some(place) = probes.place() else {
        return lines::busy("another camera is being looked at; try again in a moment");
    };
    if !lines::wanted(&request) {
        return match look(&target, &house, |_| {}).await {
            Ok(finding) => reply(&cleaned(&finding)),
            Err((kind, text)) => failure(kind, &text),
        };
    }
    lines::lines(place, async move |progress| {
        let tell = |news: &Sentence| {
            let line = json!({ "progress": news.text, "code": news.code, "values": news.values });
            progress.line(cleaned(&line));
        };
        match look(&target, &house, tell).await {
            Ok(finding) => json!({ "finding": cleaned(&finding) }),
            Err((_, text)) => json!({ "error": text }),
        }
    })
}

async fn look(target: &Target, house: &House, tell: impl FnMut(&Sentence)) -> Result<Finding, Refused> {
    let max_kbps = house.config.webrtc.max_kbps;
    match target {
        Target::Session(camera, session) => {
            let finding = probe_session(&camera.name, session, max_kbps, tell).await;
            // It was asked for a speaker meanwhile.
            let again = house.registry.ask(Locate { endpoint: camera.endpoint_id.clone() }, PATIENCE).await;
            let talk = match again {
                Ok(Ok(located)) => located.summary.talk,
                _ => camera.talk.clone(),
            };
            let finding = finding.map(|finding| {
                let finding = finding.with_talk(talk.path.is_some(), talk.reasons);
                finding.with_stream(camera.stream.as_ref())
            });
            if let Ok(finding) = &finding {
                house.state.check_camera(camera.endpoint_id.as_str(), finding.fit, cleaned(&finding.says));
            }
            finding.map_err(|error| (error.kind(), error.to_string()))
        }
        Target::Address(name, address) => {
            let finding = probe_address(name, address, house.policy.clone(), max_kbps, tell).await;
            finding.map_err(|text| (ErrorKind::Internal, text))
        }
    }
}

async fn target(house: &House, wish: Probe) -> Result<Target, Refused> {
    match (wish.camera, wish.source) {
        (Some(camera), None) => known(house, camera).await,
        (None, Some(source)) => address("the camera".to_owned(), source),
        _ => Err((ErrorKind::Malformed, "name either a camera or a source".to_owned())),
    }
}

async fn known(house: &House, name: String) -> Result<Target, Refused> {
    match house.registry.ask(FindCamera(name.clone()), PATIENCE).await {
        Ok(Ok(located)) => Ok(Target::Session(Box::new(located.summary), located.session)),
        // The hub has yet to tell of a camera that the settings give an address.
        Ok(Err(error @ CameraError::Unknown(_))) => match of_settings(&house.config_now(), &name) {
            Some((name, source)) => address(name, source),
            None => Err((error.kind(), error.to_string())),
        },
        Ok(Err(error)) => Err((error.kind(), error.to_string())),
        Err(error) => Err((error.kind(), format!("the list of cameras: {error}"))),
    }
}

fn address(name: String, source: SecretString) -> Result<Target, Refused> {
    if let Err(why) = source_address(source.expose_secret()) {
        return Err((ErrorKind::InvalidValue, format!("the source {why}")));
    }
    config::secrets_in(&source).iter().for_each(hide_for_now);
    Ok(Target::Address(name, source))
}

fn of_settings(config: &Config, name: &str) -> Option<(String, SecretString)> {
    let is = |own: &Option<String>| own.as_deref() == Some(name);
    let camera = config.cameras.iter().find(|camera| is(&camera.entity) || is(&camera.name))?;
    Some((camera.name.clone().unwrap_or_else(|| name.to_owned()), camera.source.clone()?))
}
