//! Who is served by the pages' listener, and which requests a web page of somebody else could not
//! have made.
//!
//! Every user of the hub can open the hub's ingress. Whoever comes through it may look; to change
//! something, or to open a camera, takes an admin of the hub.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, FORWARDED, HOST, HeaderName, ORIGIN, VARY,
    WWW_AUTHENTICATE,
};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::BoxFuture;

use super::ui::PATIENCE;
use super::{House, door, login, refusal, stills};
use crate::config::validate::listen_address;
use crate::hub::bridge::{FindUser, HubBridge};
use crate::hub::{HubError, HubUser};
use crate::seat::Seat;

/// From where the hub's ingress comes; trusted only when the hub's supervisor started us.
pub const INGRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 30, 32, 2));

/// What scripts, styles and pictures the pages may use: their own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'self'";

/// Gives the hub's user of an id; `None` if the hub knows nobody of that id.
pub type UserOf = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Option<HubUser>, HubError>> + Send + Sync>;

/// Asks through the bridge.
#[must_use]
pub fn hub_users(bridge: Seat<HubBridge>) -> UserOf {
    Arc::new(move |id| {
        let bridge = bridge.clone();
        Box::pin(async move {
            let reply = bridge.ask(FindUser { id }, PATIENCE).await;
            reply.unwrap_or_else(|error| Err(HubError::Down(error.to_string())))
        })
    })
}

/// Looks at every request to the pages' listener before anybody else does.
pub(super) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let looked = match look(request.request()) {
        Ok(Some(user)) => admin(request.request(), user).await,
        other => other.map(|_anybody| ()),
    };
    let refused = match looked {
        Ok(()) => None,
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
    headers.insert(CONTENT_SECURITY_POLICY, actix_web::http::header::HeaderValue::from_static(POLICY));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        actix_web::http::header::HeaderValue::from_static("camera=(), geolocation=(), microphone=(self)"),
    );
    Ok(response)
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The house cannot be asked.
    Broken,
    /// Only the hub's ingress is served.
    IngressOnly,
    /// The ingress does not say who it is.
    Nameless,
    /// Changes take an admin of the hub.
    NotAdmin,
    /// The hub cannot be asked who it is.
    HubDown,
    /// Nobody but this machine is served without a token.
    TokenNeeded,
    /// A name that is not ours: DNS rebinding looks like this.
    ForeignName,
    /// Directives come in here only through the hub's ingress.
    NotTheDoor,
    /// No token, no cookie.
    LoginNeeded,
    /// A token that is not the right one.
    WrongToken,
    /// Another site's page made it.
    ForeignPage,
    /// A form's content type: another site's page can send those unasked.
    NoJson,
}

/// Whether a request is served; `Some` is the hub's user who must be an admin for that.
fn look(request: &HttpRequest) -> Result<Option<String>, Refused> {
    let house = request.app_data::<web::Data<House>>().ok_or(Refused::Broken)?;
    let config = &house.config;
    let path = request.path();
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    let local = peer.is_some_and(|ip| ip.is_loopback());
    let ingress = config.supervised && peer == Some(INGRESS);
    // Watchdogs have no token; these say one word.
    let health = ["/healthz", "/readyz"].contains(&path);
    if !ingress {
        match &config.ui.token {
            None if config.supervised && !(health && local) => return Err(Refused::IngressOnly),
            _ if path == door::PATH => return Err(Refused::NotTheDoor),
            _ if health => {}
            // The demo holds nothing that is anybody's: whoever opened its page to other machines meant to.
            None if house.demo.is_some() && !local => {}
            None => {
                // A proxy on this machine brings others in with a local address.
                let proxied = ["x-forwarded-for", "x-real-ip", "x-ingress-path", "x-remote-user-id"];
                let headers = request.headers();
                if !local
                    || headers.contains_key(FORWARDED)
                    || proxied.iter().any(|h| headers.contains_key(*h))
                {
                    return Err(Refused::TokenNeeded);
                }
                if !is_ours(request, &config.ui.listen) {
                    return Err(Refused::ForeignName);
                }
            }
            Some(token) => match login::proof(request, token) {
                Some(true) => {}
                Some(false) => return Err(Refused::WrongToken),
                None if is_open(path) => {}
                None => return Err(Refused::LoginNeeded),
            },
        }
    }
    // Directives carry tokens of their own, which no web page has; the supervisor's watchdog carries nothing.
    if path == door::PATH || health {
        return Ok(None);
    }
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method())
        || stills::opens_a_camera(request);
    if changes && !same_site(request, ingress) {
        return Err(Refused::ForeignPage);
    }
    if request.method() == Method::POST && path != login::PATH && !is_json(request) {
        return Err(Refused::NoJson);
    }
    match ingress {
        true => Ok(Some(remote_user(request)?).filter(|_| changes)),
        false => Ok(None),
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

async fn admin(request: &HttpRequest, user: String) -> Result<(), Refused> {
    let house = request.app_data::<web::Data<House>>().ok_or(Refused::Broken)?;
    let users = house.users.as_ref().ok_or(Refused::HubDown)?;
    match users(user).await {
        Ok(Some(user)) if user.is_admin => Ok(()),
        Ok(_) => Err(Refused::NotAdmin),
        Err(error) => {
            tracing::warn!(%error, "the hub could not be asked who wants to change something");
            Err(Refused::HubDown)
        }
    }
}

/// What a page needs before somebody has logged in: its own files, but not its entry.
fn is_open(path: &str) -> bool {
    path == login::PATH
        || !(path == "/" || path == "/index.html" || path == "/metrics" || path.starts_with("/api/"))
}

fn texts<'a>(request: &'a HttpRequest, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
    // What is no text is nobody's name.
    request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?"))
}

fn is_ours(request: &HttpRequest, listen: &str) -> bool {
    let listen = listen_address(listen).map(|address| address.ip());
    let ours = |authority: &str| {
        let host = authority.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        let Some(host) = host.filter(|_| !authority.contains('@')) else { return false };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || Some(ip) == listen,
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    };
    let mut names =
        request.uri().authority().map(|a| a.as_str()).into_iter().chain(texts(request, &HOST)).peekable();
    names.peek().is_some() && names.all(ours)
}

/// False if another site's page made the request. Programs that are no browser send neither header.
fn same_site(request: &HttpRequest, ingress: bool) -> bool {
    let fetch_site = HeaderName::from_static("sec-fetch-site");
    let mut sites = texts(request, &fetch_site).peekable();
    let told = sites.peek().is_some();
    if sites.any(|site| !["same-origin", "none"].contains(&site)) {
        return false;
    }
    let forwarded = HeaderName::from_static("x-forwarded-host");
    let origin_is_ours = |origin: &str| {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let named = |host: &str| host.eq_ignore_ascii_case(authority);
        // A browser that told the site itself has compared the origin, whatever a proxy made of the host.
        told || texts(request, &HOST).any(named)
            || (ingress && texts(request, &forwarded).any(named))
            || request.uri().authority().is_some_and(|a| named(a.as_str()))
    };
    texts(request, &ORIGIN).all(origin_is_ours)
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = texts(request, &CONTENT_TYPE).next().unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl Refused {
    fn reply(self, request: &HttpRequest) -> HttpResponse {
        let (status, text) = match self {
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the house cannot be asked"),
            Self::IngressOnly => (
                StatusCode::FORBIDDEN,
                "Doorstep is served through the hub only: open it there. To use this address, set ui.token.",
            ),
            Self::Nameless => (
                StatusCode::FORBIDDEN,
                "The hub did not say who you are: leave this page, open it anew, and log in at the hub before.",
            ),
            Self::NotAdmin => (StatusCode::FORBIDDEN, "only an administrator of the hub may change this"),
            Self::HubDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "only an administrator of the hub may change this, and the hub cannot be asked now who you are",
            ),
            Self::TokenNeeded => (
                StatusCode::FORBIDDEN,
                "Without a token Doorstep serves this machine only. Set ui.token in its settings, start it anew, \
                 and log in here.",
            ),
            Self::ForeignName => (
                StatusCode::MISDIRECTED_REQUEST,
                "Doorstep is not known by this name. Use http://localhost or its address, or set ui.token.",
            ),
            Self::NotTheDoor => {
                (StatusCode::FORBIDDEN, "directives come in at the door, or through the hub's ingress")
            }
            Self::LoginNeeded => (StatusCode::UNAUTHORIZED, "log in first"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "the token is not the one of ui.token"),
            Self::ForeignPage => (StatusCode::FORBIDDEN, "another site's page must not do this"),
            Self::NoJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"),
        };
        let page = request.method() == Method::GET
            && texts(request, &ACCEPT).any(|kinds| kinds.contains("text/html"))
            && !request.path().starts_with("/api/");
        let mut reply = match (page, self) {
            (true, Self::LoginNeeded) => html(status, LOGIN_FORM),
            (true, _) => html(status, &format!("<p>{text}</p>")),
            _ => refusal(status, text),
        };
        if self == Self::LoginNeeded {
            let scheme = actix_web::http::header::HeaderValue::from_static("Bearer");
            reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        reply
    }
}

/// Works without scripts. Addresses are relative, like everywhere.
const LOGIN_FORM: &str = "<form method=\"post\" action=\"api/v1/login\"><p><label>Token of ui.token \
    <input type=\"password\" name=\"token\" autocomplete=\"current-password\" required autofocus></label> \
    <button>Log in</button></p></form>";

fn html(status: StatusCode, content: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((VARY, "Accept")).content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Doorstep</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"app.css\"></head>\
         <body><main><h1>Doorstep</h1>{content}</main></body></html>\n"
    ))
}

#[cfg(test)]
mod tests;
