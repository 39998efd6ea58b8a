//! Who is served by the pages' listener, and which requests a web page of somebody else could not
//! have made.
//!
//! Every user of the hub can open the hub's ingress. Whoever comes through it may look at what is on
//! `SEEN`; anything else, and to open a camera, takes an admin of the hub.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, FORWARDED, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use super::asker::{Asker, Via};
use super::{House, assets, door, login};
pub(super) use refused::FAR_FROM_DEMO;
use refused::Refused;
use site::{is_json, is_ours, same_site, texts};

mod refused;
mod site;

/// From where the hub's ingress comes; trusted only when the hub's supervisor started us.
pub const INGRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 30, 32, 2));

/// What scripts, styles and pictures the pages may use: their own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// What every user of the hub may look at beside the pages' own files, below `/api/v1`. Nothing here opens
/// a camera from here or tells where one is; of one that is closed, the hub may be asked for its own still.
const SEEN: [&[&str]; 8] = [
    &["me"],
    &["status"],
    &["changes"],
    &["cameras"],
    &["cameras", "*", "still"],
    &["calls"],
    &["calls", "*"],
    &["activity"],
];

/// What a demo's visitor at another machine may not do, below `/api/v1`: it would change the demo, tell a secret, or
/// reach into the network. A probe of an address is refused where its body is read.
const OWN: [(Method, &str); 5] = [
    (Method::PUT, "settings"),
    (Method::POST, "restart"),
    (Method::POST, "hub/try"),
    (Method::POST, "reach"),
    (Method::POST, "door/token"),
];

/// Looks at every request to the pages' listener before anybody else does.
pub(super) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let refused = match served(request.request()).await {
        Ok(asker) => {
            if let Some(asker) = asker {
                request.extensions_mut().insert(asker);
            }
            None
        }
        Err(Refused::WrongToken) => match request.app_data::<web::Data<login::WrongTokens>>().cloned() {
            Some(wrong) => Some(login::refuse(request.request(), &wrong).await),
            None => Some(Refused::LoginNeeded.reply(request.request())),
        },
        Err(refused) => Some(refused.reply(request.request())),
    };
    let mut response = match refused {
        Some(refused) => request.into_response(refused).map_into_right_body(),
        None => next.call(request).await?.map_into_left_body(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(self)"),
    );
    Ok(response)
}

/// Who asks; `None` for watchdogs.
async fn served(request: &HttpRequest) -> Result<Option<Asker>, Refused> {
    let house = request.app_data::<web::Data<House>>().ok_or(Refused::Broken)?;
    let Some(asker) = look(request, house)? else { return Ok(None) };
    // What a directive may do is decided by the token that it carries.
    if path(request) == door::PATH {
        return Ok(Some(asker));
    }
    if asker.is_far && is_own(request) {
        return Err(Refused::FarFromDemo);
    }
    if asker.user.is_some() && !may_be_seen(request) {
        match asker.me(house).await.admin {
            Some(true) => {}
            Some(false) => return Err(Refused::NotAdmin),
            None => return Err(Refused::HubDown),
        }
    }
    Ok(Some(asker))
}

fn look(request: &HttpRequest, house: &House) -> Result<Option<Asker>, Refused> {
    let config = &house.config;
    let path = path(request);
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    let local = peer.is_some_and(|ip| ip.is_loopback());
    let ingress = config.supervised && peer == Some(INGRESS);
    // Watchdogs have no token; these say one word.
    let health = ["/healthz", "/readyz"].contains(&path);
    let mut asker = Asker::new(if ingress { Via::Ingress } else { Via::Local });
    if !ingress {
        match &config.ui.token {
            None if config.supervised && !(health && local) => return Err(Refused::IngressOnly),
            _ if path == door::PATH => return Err(Refused::NotTheDoor),
            _ if health => {}
            None => asker = without_token(request, house, local)?,
            Some(token) => match login::proof(request, token) {
                Some(login::Proof::Token) => asker.via = Via::Token,
                Some(login::Proof::Cookie { until }) => {
                    asker = Asker { until: Some(until), ..Asker::new(Via::Token) };
                }
                Some(login::Proof::Wrong) => return Err(Refused::WrongToken),
                None if is_open(path) => {}
                None => return Err(Refused::LoginNeeded),
            },
        }
    }
    // The supervisor's watchdog names nobody.
    if health {
        return Ok(None);
    }
    // Directives carry tokens of their own, which no web page has.
    if path != door::PATH {
        refuse_foreign_pages(request, path, ingress)?;
    }
    if ingress {
        asker.user = Some(remote_user(request)?);
    }
    Ok(Some(asker))
}

/// What another site's page could have made is not served.
fn refuse_foreign_pages(request: &HttpRequest, path: &str, ingress: bool) -> Result<(), Refused> {
    // Each listener takes a place from the others, whether it can read what it is told or not.
    if (acts(request) || path == "/api/v1/changes") && !same_site(request, ingress) {
        return Err(Refused::ForeignPage);
    }
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
    if has_body && path != login::PATH && !is_json(request) {
        return Err(Refused::NoJson);
    }
    Ok(())
}

/// The path as routes are found by it: `/%61pi` is `/api`.
fn path(request: &HttpRequest) -> &str {
    request.match_info().as_str()
}

/// True for what is more than a look: a change, and a still that is to be fresh, which opens the camera.
fn acts(request: &HttpRequest) -> bool {
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let wants_fresh =
        || url::form_urlencoded::parse(request.query_string().as_bytes()).any(|(key, _)| key == "fresh");
    changes || (path(request).ends_with("/still") && wants_fresh())
}

/// This machine, or whoever comes to a demo.
fn without_token(request: &HttpRequest, house: &House, local: bool) -> Result<Asker, Refused> {
    let via = if house.demo.is_some() { Via::Demo } else { Via::Local };
    // The demo holds nothing that is anybody's: whoever opened its page to other machines meant to. They may
    // not do all: see [`OWN`].
    if via == Via::Demo && !local {
        return Ok(Asker { is_far: true, ..Asker::new(via) });
    }
    // A proxy on this machine brings others in with a local address.
    let proxied = ["x-forwarded-for", "x-real-ip", "x-ingress-path", "x-remote-user-id"];
    let headers = request.headers();
    if !local || headers.contains_key(FORWARDED) || proxied.iter().any(|h| headers.contains_key(*h)) {
        return Err(Refused::TokenNeeded);
    }
    match is_ours(request, &house.config.ui.listen) {
        true => Ok(Asker::new(via)),
        false => Err(Refused::ForeignName),
    }
}

/// Who opened the ingress, as the supervisor says; what others wrote into the header it has taken out.
fn remote_user(request: &HttpRequest) -> Result<String, Refused> {
    let name = HeaderName::from_static("x-remote-user-id");
    let mut users = texts(request, &name);
    match (users.next(), users.next()) {
        (Some(user), None) if (1..=128).contains(&user.len()) => Ok(user.to_owned()),
        _ => Err(Refused::Nameless),
    }
}

/// True for what of a demo is for its own machine alone.
fn is_own(request: &HttpRequest) -> bool {
    let Some(path) = path(request).strip_prefix("/api/v1/") else { return false };
    OWN.iter().any(|(method, own)| request.method() == method && path == *own)
}

/// True for a topic of `/changes` that every user of the hub may look at: what `GET` of that name shows.
pub(super) fn is_for_all(topic: &str) -> bool {
    SEEN.contains(&[topic].as_slice())
}

/// True for what every user of the hub may look at.
fn may_be_seen(request: &HttpRequest) -> bool {
    if acts(request) {
        return false;
    }
    let Some(path) = path(request).strip_prefix("/api/v1/") else { return assets::has(path(request)) };
    let steps: Vec<&str> = path.split('/').collect();
    let is = |seen: &[&str]| {
        seen.len() == steps.len() && seen.iter().zip(&steps).all(|(seen, step)| *seen == "*" || seen == step)
    };
    SEEN.iter().any(|seen| is(seen))
}

/// What a page needs before somebody has logged in: its own files, but not its entry.
fn is_open(path: &str) -> bool {
    path == login::PATH || (assets::has(path) && path != "/" && path != "/index.html")
}

#[cfg(test)]
mod tests;
