//! The door: `POST /api/alexa/smart_home`, a directive in and an event out, and `/healthz`.
//!
//! Every directive gets HTTP 200 with an event. Only what is no directive, or comes from somebody
//! who may not speak here, gets a 4xx.

use std::io;
use std::num::NonZeroU32;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures_util::StreamExt;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::Value;

use super::api::end_calls_of;
use super::asker::Asker;
use super::caller::Bearer;
use super::{House, refusal};
use crate::alexa::authorization;
use crate::alexa::message::Directive;
use crate::camera::Caller;
use crate::error::ErrorKind;
use crate::hub::skill::SkillError;
use crate::router::refuse;

#[cfg(test)]
mod tests;

/// Where directives come in; the hub's own Alexa endpoint has the same path.
pub const PATH: &str = "/api/alexa/smart_home";
/// Header of the door's replies: a number that this process made of itself at its start.
pub const INSTANCE: &str = "doorstep-instance";
/// Directives a second.
const RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Directives at once after a pause.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(39);

/// How many directives a second the door takes.
pub type Pace = DefaultDirectRateLimiter;

/// 20 directives a second, 40 at once after a pause.
#[must_use]
pub fn pace() -> Pace {
    RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST))
}

/// The routes of the door's listener. Nothing else is there.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(
        web::scope("")
            .wrap(from_fn(sign))
            .service(web::resource(PATH).route(web::post().to(smart_home)))
            .service(web::resource("/healthz").route(web::get().to(healthz)).route(web::head().to(healthz))),
    );
}

/// Shows whose door this is, so that it is known again from outside.
async fn sign<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let instance = request.app_data::<web::Data<House>>().map(|house| house.instance);
    let mut response = next.call(request).await?;
    let shown = instance.and_then(|instance| HeaderValue::from_str(&instance.to_string()).ok());
    if let Some(shown) = shown {
        response.headers_mut().insert(HeaderName::from_static(INSTANCE), shown);
    }
    Ok(response)
}

/// Process and actors answer.
pub async fn healthz(house: web::Data<House>) -> HttpResponse {
    if house.router.alive().await {
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(serde_json::json!({ "status": "ok" }))
    } else {
        refusal(StatusCode::SERVICE_UNAVAILABLE, "the list of cameras does not answer")
    }
}

/// A directive in, an event out. Also served by the pages' listener, for directives that come
/// through the hub's ingress.
pub async fn smart_home(
    request: HttpRequest,
    payload: web::Payload,
    house: web::Data<House>,
) -> Result<HttpResponse, Unheard> {
    let body = body(&request, payload).await?;
    // The budget starts when the directive is there: what came before was the sender's time.
    let arrived = Instant::now();
    let directive = Directive::parse(&body).map_err(|e| Unheard::NoDirective(e.to_string()))?;
    let shown = house.callers.bearer(bearer(&request), directive.envelope.token.as_ref());
    let bearer = shown.ok_or(Unheard::Stranger)?;
    let opened_by = request.extensions().get::<Asker>().and_then(|asker| asker.user.clone());
    let speaks = (bearer, opened_by.as_deref());
    let event = answer(&house, &directive, &body, speaks, arrived).await;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(event))
}

async fn answer(
    house: &House,
    directive: &Directive,
    body: &[u8],
    (bearer, opened_by): (Bearer, Option<&str>),
    arrived: Instant,
) -> Value {
    // What is wrong with the directive itself needs no question about its token.
    if let Err(fault) = &directive.request
        && (house.forward.is_none() || fault.spoils_envelope())
    {
        return refuse(directive, fault.kind(), &fault.to_string());
    }
    let caller = match house.callers.for_whom(directive.envelope.token.as_ref(), bearer, opened_by).await {
        Ok(caller) => caller,
        Err(error) => return refuse(directive, error.kind(), &error.to_string()),
    };
    obey(house, directive, body, caller, arrived).await
}

/// Answers a directive of somebody who may speak.
pub(super) async fn obey(
    house: &House,
    directive: &Directive,
    body: &[u8],
    caller: Caller,
    arrived: Instant,
) -> Value {
    // After the token: strangers must not be able to use up the pace of the people who live here.
    if house.pace.check().is_err() {
        return refuse(directive, ErrorKind::Throttled, "more than 20 directives a second");
    }
    let event = handle(house, directive, body, caller.clone(), arrived).await;
    if house.callers.still_speaks(&caller) {
        return event;
    }
    // The link was taken away meanwhile, perhaps before the call was there to be ended.
    end_calls_of(house, caller).await;
    refuse(directive, ErrorKind::Unauthorized, "the link was revoked")
}

/// Has the router answer, or the hub for what is not ours.
async fn handle(
    house: &House,
    directive: &Directive,
    body: &[u8],
    caller: Caller,
    arrived: Instant,
) -> Value {
    // Only a user's token is one of the hub's.
    let Some(forward) = house.forward.as_ref().filter(|_| matches!(caller, Caller::User(_))) else {
        return house.router.handle(directive, caller, arrived).await;
    };
    match forward.handle(directive, body, caller, arrived).await {
        Ok(event) => event,
        Err(error) => {
            if error == SkillError::Refused
                && let Some(token) = &directive.envelope.token
            {
                house.callers.taken_back(token);
            }
            if directive.envelope.is_grant() {
                return authorization::grant_failed(&directive.envelope, &error.to_string());
            }
            refuse(directive, error.kind(), &error.to_string())
        }
    }
}

/// Why something that came to the door got no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// It is no directive.
    #[error("{0}")]
    NoDirective(String),
    /// Neither the door token nor the directive's own in the header.
    #[error("the bearer token is missing or not a good one")]
    Stranger,
    /// Compressed, or in a character set that JSON does not have.
    #[error("{0}")]
    Form(&'static str),
    /// Larger than [`super::MAX_BODY`].
    #[error("the body is larger than 64 KiB")]
    Large,
    /// The body did not come in time.
    #[error("the body did not come in time")]
    Slow,
}

impl ResponseError for Unheard {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoDirective(_) => super::status(ErrorKind::Malformed),
            Self::Stranger => super::status(ErrorKind::Unauthorized),
            Self::Form(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Large => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    fn error_response(&self) -> HttpResponse {
        refusal(self.status_code(), &self.to_string())
    }
}

async fn body(request: &HttpRequest, mut payload: web::Payload) -> Result<web::BytesMut, Unheard> {
    check_form(request)?;
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        body.extend_from_slice(&chunk.map_err(|error| match error {
            PayloadError::Overflow => Unheard::Large,
            PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Unheard::Slow,
            error => Unheard::NoDirective(format!("the body ended early: {error}")),
        })?);
    }
    Ok(body)
}

/// Takes JSON by whatever name it comes, but nothing that is surely something else.
fn check_form(request: &HttpRequest) -> Result<(), Unheard> {
    let text = |name| request.headers().get(&name).map(|v| v.to_str().unwrap_or("?").to_ascii_lowercase());
    if text(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Unheard::Form("the body must not be compressed"));
    }
    let Some(content) = text(CONTENT_TYPE) else { return Ok(()) };
    let mut parts = content.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let json =
        matches!(kind, "" | "application/json" | "text/json" | "text/plain" | "application/octet-stream")
            || kind.ends_with("+json");
    if !json {
        return Err(Unheard::Form("the body must be JSON"));
    }
    let charset = parts.find_map(|p| p.strip_prefix("charset=")).map(|c| c.trim_matches('"'));
    if charset.is_some_and(|c| !matches!(c, "utf-8" | "utf8" | "us-ascii")) {
        return Err(Unheard::Form("the body must be UTF-8"));
    }
    Ok(())
}

/// The token of an `Authorization: Bearer` header; none if there are several.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut all = request.headers().get_all(AUTHORIZATION);
    let only = all.next()?;
    if all.next().is_some() {
        return None;
    }
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}
