//! `POST /api/v1/echo`: the page plays the Echo. The token is added here, and the directive goes
//! over HTTP through the real door. `POST /api/v1/demo/ring`: it plays the visitor, too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::reply;
use super::{House, door, failure};
use crate::error::ErrorKind;

/// A moment longer than the door takes at most.
const PATIENCE: Duration = Duration::from_secs(6);
/// Largest event that is read, bytes.
const MAX_EVENT: usize = 1 << 20;

/// The way to the door. Made at the first use.
#[derive(Default)]
pub(super) struct Echo(std::sync::OnceLock<Option<reqwest::Client>>);

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

/// Sends a directive as Alexa would and gives the event that came back.
pub(super) async fn echo(
    house: web::Data<House>,
    echo: web::Data<Echo>,
    wish: web::Json<Wish>,
) -> HttpResponse {
    let Some(door) = door(&house) else {
        return failure(ErrorKind::NotFound, "the door is closed; set door.listen to open it");
    };
    let client = echo.0.get_or_init(|| {
        let build = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        // Our own door, on this machine: its certificate names the public address.
        build.tls_danger_accept_invalid_certs(true).build().ok()
    });
    let Some(client) = client else {
        return failure(ErrorKind::Internal, "requests to the door cannot be made");
    };
    let token = house.door_token.expose_secret();
    let directive = directive(wish.into_inner(), token);
    let sent = client.post(door).bearer_auth(token).json(&directive).send().await;
    let body = match sent {
        Ok(response) if response.status().is_success() => body(response).await,
        Ok(response) => {
            Err((ErrorKind::Internal, format!("the door refused: HTTP {}", response.status().as_u16())))
        }
        Err(e) if e.is_timeout() => Err((ErrorKind::Timeout, "the door did not answer in time".into())),
        Err(_) => Err((ErrorKind::Unreachable, "the door cannot be reached".into())),
    };
    match body {
        Ok(event) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(event),
        Err((kind, text)) => failure(kind, &text),
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

async fn body(mut response: reqwest::Response) -> Result<Value, (ErrorKind, String)> {
    let broken = || (ErrorKind::Internal, "the door's answer broke off".to_owned());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| broken())? {
        if bytes.len() + chunk.len() > MAX_EVENT {
            return Err(broken());
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| broken())
}

/// The door as this machine reaches it.
fn door(house: &House) -> Option<String> {
    let address = house.door_address?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if house.config.door.tls_cert.is_some() { "https" } else { "http" };
    Some(format!("{scheme}://{}{}", SocketAddr::new(ip, address.port()), door::PATH))
}

fn directive(wish: Wish, token: &str) -> Value {
    let id = || uuid::Uuid::new_v4().to_string();
    let scope = json!({ "type": "BearerToken", "token": token });
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
