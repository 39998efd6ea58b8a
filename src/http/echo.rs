//! `POST /api/v1/echo`: the page plays an Echo. What it asks for goes the way of a directive that the door
//! has let in. `POST /api/v1/demo/ring`: it plays the visitor, too.

use std::time::Instant;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::reply;
use super::{House, door, failure};
use crate::alexa::message::Directive;
use crate::camera::Caller;
use crate::error::ErrorKind;

/// A directive without its token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// Which camera; not for `Discover`.
    #[serde(default)]
    endpoint_id: Option<String>,
    /// `InitiateSessionWithOffer`, `SessionConnected`, `SessionDisconnected`, `ReportState`, `Discover`.
    name: String,
    #[serde(default)]
    payload: Map<String, Value>,
}

/// Takes a directive as the door would from Alexa, and gives the event.
pub(super) async fn echo(house: web::Data<House>, wish: web::Json<Wish>) -> HttpResponse {
    let arrived = Instant::now();
    let body = directive(wish.into_inner()).to_string();
    match Directive::parse(body.as_bytes()) {
        Ok(directive) => reply(&door::obey(&house, &directive, body.as_bytes(), Caller::Page, arrived).await),
        Err(error) => failure(error.kind(), &error.to_string()),
    }
}

/// `POST /demo/ring`: somebody presses the demo's bell.
pub(super) async fn ring(house: web::Data<House>) -> HttpResponse {
    match &house.demo {
        Some(demo) => {
            (demo.bell.0)();
            reply(&json!({ "rung": true }))
        }
        None => failure(ErrorKind::NotFound, "only the demo's bell can be pressed here"),
    }
}

fn directive(wish: Wish) -> Value {
    let id = || uuid::Uuid::new_v4().to_string();
    // Whose login this is was looked at before; the page has no token.
    let scope = json!({ "type": "BearerToken", "token": "none" });
    let (namespace, version) = match wish.name.as_str() {
        "Discover" => ("Alexa.Discovery", "3"),
        "ReportState" => ("Alexa", "3"),
        _ => ("Alexa.RTCSessionController", "3"),
    };
    let mut directive = json!({
        "header": {
            "namespace": namespace,
            "name": wish.name,
            "messageId": id(),
            "payloadVersion": version,
        },
        "payload": wish.payload,
    });
    match wish.endpoint_id {
        Some(endpoint) => {
            directive["header"]["correlationToken"] = id().into();
            directive["endpoint"] = json!({ "scope": scope, "endpointId": endpoint, "cookie": {} });
        }
        None => directive["payload"]["scope"] = scope,
    }
    json!({ "directive": directive })
}
