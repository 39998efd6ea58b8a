//! `GET /api/v1/set_up`, and the topic of that name: the checklist, as the house knows it from memory.
//! `POST /api/v1/door/token` shows the one secret that has to be typed elsewhere, unless it lies in a file.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures_util::future::join;
use secrecy::ExposeSecret;
use serde_json::json;

use super::api::{Asked, reply};
use super::cameras::{Known, known};
use super::checklist::{CallFacts, CameraFacts, Checklist, Facts, HubFacts, checklist};
use super::{House, api, refusal};
use crate::config;
use crate::hub::{HubSnapshot, Link};
use crate::state::{CallRecord, State};
use crate::telemetry::redact::redact;

/// `GET /set_up`: `{"lines": [{id, state, code, values}], "complete": bool}`.
pub(super) async fn set_up(house: web::Data<House>) -> HttpResponse {
    let (known, asked) = join(known(&house), api::asked(&house)).await;
    reply(&standing(&house, &known.unwrap_or_default(), asked))
}

/// `POST /door/token`: the door token, for whoever may change something here and has to type it elsewhere. Of one that
/// lies in a file it is told where: through `door.token_file` any file of this machine could be read otherwise.
pub(super) async fn door_token(house: web::Data<House>) -> HttpResponse {
    if let (Some(file), Some(_)) = (&house.config.door.token_file, &house.config.door.token) {
        let text = format!("the door token lies in {} (door.token_file); read it there", file.display());
        return refusal(StatusCode::CONFLICT, &text);
    }
    tracing::info!("the door token is shown in the page");
    reply(&json!({ "token": house.door_token.expose_secret() }))
}

/// How far the house has come.
pub(super) fn standing(house: &House, known: &[Known], Asked { hub, events }: Asked) -> Checklist {
    let (config, state) = (&house.config, &house.state);
    let checked = state.checked();
    let calls = Calls::of(state, known, house.demo.is_some());
    let mut cameras = cameras(state, known, &hub);
    for camera in &mut cameras {
        camera.shown = calls.shown_by_camera.get(&camera.id).cloned();
        camera.checked = checked.cameras.get(&camera.id).cloned();
    }
    checklist(&Facts {
        supervised: config.supervised,
        add_on: config.add_on.clone(),
        demo: house.demo.is_some(),
        hub: hub_facts(&config.hub, hub),
        cameras,
        door_open: house.door_address.is_some(),
        public_url: config.door.public_url.clone(),
        door_tried: checked.door,
        links: state.links().len(),
        events,
        shown: calls.shown,
        dark: calls.dark,
    })
}

fn hub_facts(settings: &config::Hub, hub: HubSnapshot) -> HubFacts {
    let link = match hub.link {
        Link::Down(reason) => Link::Down(redact(&reason)),
        Link::Refused(reason) => Link::Refused(redact(&reason)),
        link => link,
    };
    HubFacts {
        url: settings.direct.clone().or_else(|| settings.url.clone()),
        has_token: settings.token.is_some(),
        proxied: settings.direct.is_some(),
        link,
        version: hub.version,
        external_url: hub.external_url,
        cameras: hub.cameras.len(),
    }
}

fn cameras(state: &State, known: &[Known], hub: &HubSnapshot) -> Vec<CameraFacts> {
    let learned = state.learned();
    let seen = |id: &str| learned.get(id).is_some_and(|learned| !learned.codec.is_empty());
    let of_hub = |endpoint: &str| hub.cameras.iter().find(|camera| camera.endpoint_id == endpoint);
    let entity_seen = |endpoint: &str| {
        of_hub(endpoint).is_some_and(|camera| camera.entities.iter().any(|entity| seen(&entity.registry_id)))
    };
    let facts = |one: &Known| {
        let (summary, id) = (&one.summary, one.summary.endpoint_id.as_str());
        let reason = summary.reason.as_deref().map(redact).unwrap_or_default();
        CameraFacts {
            id: id.to_owned(),
            name: summary.name.clone(),
            shared: summary.alexa,
            on: summary.on,
            trouble: (!summary.reachable).then_some(reason),
            learned: seen(id) || entity_seen(id),
            ..CameraFacts::default()
        }
    };
    known.iter().map(facts).collect()
}

/// What the calls so far tell.
#[derive(Default)]
struct Calls {
    shown: Option<CallFacts>,
    dark: Option<CallFacts>,
    /// The page stands for Alexa.
    page_counts: bool,
    /// When a call last showed a camera's picture, by endpoint id.
    shown_by_camera: BTreeMap<String, String>,
}

impl Calls {
    fn of(state: &State, known: &[Known], demo: bool) -> Self {
        let mut calls = Self { page_counts: demo, ..Self::default() };
        state.with_calls(|records| records.iter().for_each(|record| calls.add(record)));
        let live = known.iter().filter_map(|one| one.live.as_ref());
        live.flat_map(|live| &live.calls).for_each(|record| calls.add(record));
        calls
    }

    /// Older ones come first.
    fn add(&mut self, record: &CallRecord) {
        let call = || CallFacts {
            id: record.id.clone(),
            camera: record.camera.clone(),
            at: record.started.clone(),
            ms: record.stages.first_video_sent,
        };
        let has_shown = record.stages.first_video_sent.is_some();
        if has_shown {
            self.shown_by_camera.insert(record.endpoint_id.clone(), record.started.clone());
        }
        // The page that plays an Echo shows that a camera is fit, not that Alexa gets through.
        if record.from_page && !self.page_counts {
            return;
        }
        if has_shown {
            (self.shown, self.dark) = (Some(call()), None);
        } else if record.ended.is_some() {
            self.dark = Some(call());
        }
    }
}
