//! Why a request is not served, and what is said then.

use actix_web::http::header::{ACCEPT, HeaderValue, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use super::site::texts;
use crate::http::words::Words;
use crate::http::{login_page, refusal};

/// What a demo's visitor at another machine is told.
pub(in crate::http) const FAR_FROM_DEMO: &str = "from another machine the demo's settings cannot be changed";

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The house cannot be asked.
    Broken,
    /// A demo's visitor at another machine wants more than to look and to call.
    FarFromDemo,
    /// Only the hub's ingress is served.
    IngressOnly,
    /// The ingress does not say who it is.
    Nameless,
    /// This takes an admin of the hub.
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

impl Refused {
    /// Status, key of the words for people, and words for programs.
    fn said(self) -> (StatusCode, &'static str, &'static str) {
        let refused = StatusCode::FORBIDDEN;
        match self {
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "login.broken", "the house cannot be asked"),
            // No page is ever made of it: only the API's paths are refused so.
            Self::FarFromDemo => (refused, "login.not_admin", FAR_FROM_DEMO),
            Self::IngressOnly => (
                refused,
                "login.ingress_only",
                "Doorstep is served through the hub only: open it there. To use this address, set ui.token.",
            ),
            Self::Nameless => (
                refused,
                "login.nameless",
                "The hub did not say who you are: leave this page, open it anew, and log in at the hub before.",
            ),
            Self::NotAdmin => (refused, "login.not_admin", "only an administrator of the hub may do this"),
            Self::HubDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "login.hub_down",
                "only an administrator of the hub may do this, and the hub cannot be asked now who you are",
            ),
            Self::TokenNeeded => (
                refused,
                "login.token_needed",
                "Without a token Doorstep serves this machine only. Set ui.token in its settings, start it anew, \
                 and log in here.",
            ),
            Self::ForeignName => (
                StatusCode::MISDIRECTED_REQUEST,
                "login.foreign_name",
                "Doorstep is not known by this name. Use http://localhost or its address, or set ui.token.",
            ),
            Self::NotTheDoor => (
                refused,
                "login.not_the_door",
                "directives come in at the door, or through the hub's ingress",
            ),
            Self::LoginNeeded => (StatusCode::UNAUTHORIZED, "login.hint", "log in first"),
            Self::WrongToken => {
                (StatusCode::UNAUTHORIZED, "login.wrong", "the token is not the one of ui.token")
            }
            Self::ForeignPage => (refused, "login.foreign_page", "another site's page must not do this"),
            Self::NoJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "login.no_json", "the body must be application/json")
            }
        }
    }

    /// A page for people, JSON for programs.
    pub(super) fn reply(self, request: &HttpRequest) -> HttpResponse {
        let (status, key, text) = self.said();
        let is_page = request.method() == Method::GET
            && texts(request, &ACCEPT).any(|kinds| kinds.contains("text/html"))
            && !request.path().starts_with("/api/");
        let mut reply = match (is_page, self) {
            (true, Self::LoginNeeded) => login_page::form(request, status, None, ""),
            (true, _) => login_page::notice(status, &Words::of(request), key),
            _ => refusal(status, text),
        };
        if self == Self::LoginNeeded {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply
    }
}
