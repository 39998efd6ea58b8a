//! `/api/v1`: what the pages show and what their buttons do.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use futures_util::future::{join, join_all};
use serde::Serialize;
use serde_json::{Value, json};

use super::asker::Asker;
use super::cameras::known;
use super::ui::PATIENCE;
use super::veil::veil;
use super::{House, calls, cameras, failure, set_up};
use crate::alexa::gateway::{EventsStatus, HowItStands};
use crate::camera::registry::ListCameras;
use crate::camera::{Caller, Revoked};
use crate::config;
use crate::error::ErrorKind;
use crate::hub::bridge::Snapshot;
use crate::hub::{HubSnapshot, Link};
use crate::seat::{AskError, ask};
use crate::telemetry::redact::redact;

/// Longest wait for a call to end.
pub(super) const END_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn reply(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}

pub(super) fn unanswered(error: AskError) -> HttpResponse {
    failure(error.kind(), &format!("the list of cameras: {error}"))
}

/// What pages are told when it changes, by name. For admins: others are told what [`veil`] leaves of it.
pub(super) async fn topics(house: &House) -> Vec<(&'static str, Value)> {
    let (asked, known) = join(asked(house), known(house)).await;
    let status = house_status(house, &asked);
    let activity = json!(house.state.happenings(calls::TOLD_HAPPENINGS));
    let mut topics = vec![("status", status), ("activity", activity)];
    // While the list of cameras is built anew, the last one is still good.
    let Ok(known) = known else { return topics };
    topics.push(("cameras", cameras::views(house, &known)));
    topics.push(("set_up", json!(set_up::standing(house, &known, asked))));
    topics.push(("calls", json!(calls::records(house, known, calls::TOLD))));
    topics
}

/// `GET /status`.
pub(super) async fn status(house: web::Data<House>, asker: web::ReqData<Asker>) -> HttpResponse {
    let mut status = house_status(&house, &asked(&house).await);
    if !asker.me(&house).await.may_change() {
        veil(&mut status);
    }
    reply(&status)
}

/// What the house's actors answer. Asked once for all that is made of it.
pub(super) struct Asked {
    pub(super) hub: HubSnapshot,
    pub(super) events: EventsStatus,
}

/// Asks them all at the same time.
pub(super) async fn asked(house: &House) -> Asked {
    let (hub, events) = join(snapshot(house), events(house)).await;
    Asked { hub, events }
}

async fn snapshot(house: &House) -> HubSnapshot {
    let Some(bridge) = &house.bridge else { return HubSnapshot::without_cameras(Link::None) };
    let snapshot = bridge.ask(Snapshot, PATIENCE).await;
    snapshot.unwrap_or_else(|error| HubSnapshot::without_cameras(Link::Down(error.to_string())))
}

pub(super) fn house_status(house: &House, asked: &Asked) -> Value {
    let state = &house.state;
    let (hub, events) = (&asked.hub.link, &asked.events);
    let mut status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "demo": house.demo,
        "settings": house.settings.as_ref().map(|settings| settings.saves()),
        "hub": hub,
        "door": { "listening": house.door_address, "public_url": house.config.door.public_url },
        "ui": { "listening": house.ui_address, "login": house.config.ui.token.is_some() },
        "events": events,
        "links": state.links(),
        "linking": {
            "open": state.linking_open(),
            "seconds_left": state.linking_left().map(|left| left.as_secs()),
        },
        "port": (house.port_counters)(),
        "paths": (house.paths)(),
        "problems": problems(house, hub, events),
    });
    if let Some(advice) = advice(hub, &house.config.hub) {
        status["hub"]["advice"] = redact(&advice).into();
    }
    status
}

/// How sending events stands; all empty where it is not configured or cannot say.
async fn events(house: &House) -> EventsStatus {
    let Some(events) = &house.events else { return EventsStatus::default() };
    events.ask(HowItStands, PATIENCE).await.unwrap_or_else(|error| EventsStatus {
        configured: true,
        trouble: Some(error.to_string()),
        ..EventsStatus::default()
    })
}

/// What people should know, without secrets: what was wrong at start, and what is wrong now.
fn problems(house: &House, hub: &Link, events: &EventsStatus) -> Vec<String> {
    let certificate = house.certificate.as_ref().and_then(|certificate| certificate.problem());
    let now =
        certificate.map(|problem| problem.to_string()).into_iter().chain(advice(hub, &house.config.hub));
    let network = super::paths::advice(&(house.paths)(), &house.config);
    let unsent = events.link_again.iter().chain(&events.trouble);
    let unsent = unsent.map(|why| format!("no events reach Alexa: {why}"));
    let forward = house.forward.as_ref().and_then(|forward| forward.trouble());
    let settings = house.settings.iter().flat_map(|settings| settings.problems());
    let all = settings.chain(house.state.problems()).chain(now).chain(network).chain(unsent).chain(forward);
    all.map(|text| redact(&text)).collect()
}

/// Why there is no link to the hub, and what to do about it.
fn advice(link: &Link, hub: &config::Hub) -> Option<String> {
    let proxied = hub.direct.is_some();
    match link {
        Link::Refused(reason) if proxied => {
            // The supervisor makes a token at each start, and tells nobody else.
            Some(format!("{reason}; start the add-on anew, so that its supervisor gives it another token"))
        }
        Link::Refused(reason) => Some(format!(
            "{reason}; make a long-lived access token on your profile page at the hub, put it into hub.token and start \
             Doorstep anew; if the hub has banned this address, take it out of the hub's ip_bans.yaml before"
        )),
        Link::Down(reason) if proxied => Some(format!(
            "the hub is not reached through its supervisor, perhaps because it starts: {reason}"
        )),
        Link::Down(reason) => Some(format!("the hub is not reached: {reason}")),
        Link::None | Link::Starting | Link::Running => None,
    }
}

/// `POST /links/open`: the next user of the hub who speaks at the door within 10 minutes is linked.
pub(super) async fn open_linking(house: web::Data<House>) -> HttpResponse {
    house.state.open_linking();
    tracing::info!("linking is open");
    reply(&json!({ "seconds_left": house.state.linking_left().map(|left| left.as_secs()) }))
}

/// `DELETE /links/{user_id}`: the user is heard no more, and the calls of the user end.
pub(super) async fn revoke_link(house: web::Data<House>, user: web::Path<String>) -> HttpResponse {
    if house.state.revoke(&user) {
        tracing::info!("a link was revoked");
        end_calls_of(&house, Caller::User(user.into_inner())).await;
        reply(&json!({ "revoked": true }))
    } else {
        failure(ErrorKind::NotFound, "nobody of that id is linked")
    }
}

/// Ends all calls of somebody who may not speak any more.
pub(super) async fn end_calls_of(house: &House, caller: Caller) {
    let sessions = match house.registry.ask(ListCameras, PATIENCE).await {
        Ok(cameras) => cameras.into_iter().filter_map(|(_, session)| session),
        Err(error) => {
            tracing::warn!(%error, "the calls of a revoked link could not be ended");
            return;
        }
    };
    let ends = sessions.map(async |session| ask(&session, Revoked(caller.clone()), END_PATIENCE).await);
    for error in join_all(ends).await.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "calls of a revoked link could not be ended");
    }
}
