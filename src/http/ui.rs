//! The pages' listener: pages, their API, health, metrics, and the door for directives that come
//! through the hub's ingress. Every address in a reply is relative: behind the ingress everything
//! lives under a prefix.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::error::{InternalError, JsonPayloadError, PayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, ServiceConfig};
use serde_json::json;

use super::{
    House, MAX_BODY, api, assets, calls, cameras, changes, diagnostics, door, echo, guard, hub_try, lines,
    login, me, probe, reach, refusal, set_up, settings, stills,
};
use crate::hub::Link;
use crate::hub::bridge::Snapshot;
use crate::telemetry;

/// Longest wait for an actor that answers from memory.
pub(super) const PATIENCE: Duration = Duration::from_millis(1_500);

/// The routes of the pages' listener.
pub fn configure(routes: &mut ServiceConfig) {
    let v1 = web::scope("/api/v1")
        .route("/me", web::get().to(me::me))
        .route("/status", web::get().to(api::status))
        .route("/changes", web::get().to(changes::changes))
        .route("/cameras", web::get().to(cameras::cameras))
        .route("/cameras/{id}/still", web::get().to(stills::still))
        .route("/cameras/{id}/power", web::post().to(cameras::power))
        .route("/cameras/{id}/speaker", web::post().to(cameras::test_speaker))
        .route("/hub/entities", web::get().to(cameras::entities))
        .route("/calls", web::get().to(calls::calls))
        .route("/calls/{id}", web::get().to(calls::call))
        .route("/calls/{id}/end", web::post().to(calls::end_call))
        .route("/activity", web::get().to(calls::activity))
        .route("/diagnostics", web::get().to(diagnostics::diagnostics))
        .route("/versions", web::get().to(diagnostics::versions))
        .route("/logs", web::get().to(diagnostics::logs))
        .route("/links/open", web::post().to(api::open_linking))
        .route("/links/{user_id}", web::delete().to(api::revoke_link))
        .route("/set_up", web::get().to(set_up::set_up))
        .route("/hub/try", web::post().to(hub_try::hub_try))
        .route("/reach", web::post().to(reach::reach))
        .route("/door/token", web::post().to(set_up::door_token))
        .route("/probe", web::post().to(probe::probe))
        .route("/echo", web::post().to(echo::echo))
        .route("/demo/ring", web::post().to(echo::ring))
        .route("/settings", web::get().to(settings::settings))
        .route("/settings", web::put().to(settings::change))
        .route("/restart", web::post().to(settings::restart))
        .route("/login", web::post().to(login::login))
        .route("/logout", web::post().to(login::logout))
        .default_service(web::to(async || {
            refusal(StatusCode::NOT_FOUND, "there is nothing of that name here")
        }));
    routes
        .app_data(web::JsonConfig::default().limit(MAX_BODY).error_handler(|e, _| bad_json(&e)))
        .app_data(web::FormConfig::default().limit(MAX_BODY).error_handler(|_, _| {
            let text = "the form is not complete";
            InternalError::from_response(text, refusal(StatusCode::BAD_REQUEST, text)).into()
        }))
        .app_data(web::Data::new(login::WrongTokens::default()))
        .app_data(web::Data::new(lines::OneAtATime::<probe::Probe>::default()))
        .app_data(web::Data::new(lines::OneAtATime::<hub_try::Wish>::default()))
        .app_data(web::Data::new(lines::OneAtATime::<reach::Wish>::default()))
        .app_data(web::Data::new(changes::Listeners::default()))
        .service(
            web::scope("")
                .wrap(Compress::default())
                .wrap(from_fn(guard::guard))
                .service(v1)
                .route("/healthz", web::get().to(door::healthz))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics))
                .service(web::resource(door::PATH).route(web::post().to(door::smart_home)))
                .default_service(web::to(assets::serve)),
        );
}

/// The parser's words without the value: it may be a secret.
fn bad_json(error: &JsonPayloadError) -> actix_web::Error {
    let (status, text) = match error {
        JsonPayloadError::Overflow { .. }
        | JsonPayloadError::OverflowKnownLength { .. }
        | JsonPayloadError::Payload(PayloadError::Overflow) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 64 KiB".to_owned())
        }
        JsonPayloadError::Payload(PayloadError::Io(e)) if e.kind() == std::io::ErrorKind::TimedOut => {
            (StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned())
        }
        JsonPayloadError::Deserialize(e) => {
            let text =
                format!("the body is not what is asked for (line {}, column {})", e.line(), e.column());
            (StatusCode::BAD_REQUEST, text)
        }
        _ => (StatusCode::BAD_REQUEST, "the body is no JSON".to_owned()),
    };
    let reply = refusal(status, &text);
    InternalError::from_response(text, reply).into()
}

/// `GET /readyz`: the hub is connected, or none is configured.
async fn readyz(house: web::Data<House>) -> HttpResponse {
    match hub_link(&house).await {
        Link::None | Link::Running => {
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "ready" }))
        }
        Link::Starting => refusal(StatusCode::SERVICE_UNAVAILABLE, "the hub is still starting"),
        Link::Down(_) | Link::Refused(_) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "the hub is not connected")
        }
    }
}

/// Where the link to the hub stands.
pub(super) async fn hub_link(house: &House) -> Link {
    let Some(bridge) = &house.bridge else { return Link::None };
    match bridge.ask(Snapshot, PATIENCE).await {
        Ok(snapshot) => snapshot.link,
        Err(error) => Link::Down(error.to_string()),
    }
}

/// `GET /metrics`, in Prometheus' text format.
async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(telemetry::metrics().render())
}
