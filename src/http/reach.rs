//! `POST /api/v1/reach`: tries the door's public address from here, as Alexa's Lambda function would.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use reqwest::redirect;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::House;
use super::door::{INSTANCE, PATH};
use super::lines::{OneAtATime, busy, lines};
use crate::hub::trust;
use crate::road::{self, Blocked, Step};

/// For each of two requests; Alexa's Lambda function has little more.
const ASK_WITHIN: Duration = Duration::from_secs(6);

/// Which address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// Absent: `door.public_url`.
    url: Option<String>,
}

/// Why the door was not reached. Says nothing of what a stranger answered but its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// The road to it ends too early.
    #[error(transparent)]
    Road(#[from] Blocked),
    /// What answers there speaks no HTTP, or falls silent.
    #[error("{0}")]
    NoAnswer(String),
    /// It sends elsewhere, and no Lambda function follows.
    #[error("HTTP {0}")]
    Redirects(u16),
    /// Our door is there, but directives are not let through to it.
    #[error("HTTP {0}")]
    PathClosed(u16),
    /// Something answers there, and it is not this door.
    #[error("HTTP {0}")]
    Foreign(u16),
    /// There are no requests at all.
    #[error("{0}")]
    Broken(String),
}

impl ReachError {
    /// Its stable name, for the pages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Road(blocked) => blocked.code(),
            Self::NoAnswer(_) => "no_answer",
            Self::Redirects(_) => "redirects",
            Self::PathClosed(_) => "path_closed",
            Self::Foreign(_) => "foreign",
            Self::Broken(_) => "broken",
        }
    }

    /// What its name does not say, for people.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Road(blocked) => blocked.detail().map(str::to_owned),
            other => Some(other.to_string()),
        }
    }
}

/// Answers line by line: `{"progress": step}`, and at last `{"reached": {"url": ...}}` or
/// `{"trouble": code, "detail": text or null, "url": address}`. What came of the last
/// address is remembered with it: it may become the settings'.
pub(super) async fn reach(
    house: web::Data<House>,
    reaches: web::Data<OneAtATime<Wish>>,
    wish: web::Json<Wish>,
) -> HttpResponse {
    let Some(place) = reaches.place() else {
        return busy("the door is being tried; try again in a moment");
    };
    let kept = house.config.door.public_url.clone();
    let url = match wish.into_inner().url {
        Some(text) => public_address(&text),
        None => kept.ok_or("no_address"),
    };
    lines(place, async move |progress| match url {
        Ok(url) => {
            let tls = web::block(|| trust::client_config(None)).await;
            let outcome =
                match tls.map_err(|error| error.to_string()).and_then(|tls| tls.map_err(|e| e.to_string())) {
                    Ok(tls) => try_door(&url, house.instance, tls, |step| progress.tell(json!(step))).await,
                    Err(why) => Err(ReachError::Broken(why)),
                };
            house
                .state
                .check_door(url.as_str(), outcome.as_ref().map_or_else(ReachError::code, |()| "reached"));
            match outcome {
                Ok(()) => json!({ "reached": { "url": url } }),
                Err(error) => trouble(error.code(), error.detail().as_deref(), Some(&url)),
            }
        }
        Err(code) => trouble(code, None, None),
    })
}

fn trouble(code: &str, detail: Option<&str>, url: Option<&Url>) -> Value {
    json!({ "trouble": code, "detail": detail, "url": url })
}

/// An address as `door.public_url` takes it; without a scheme it is `https`.
fn public_address(text: &str) -> Result<Url, &'static str> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&text).map_err(|_| "address")?;
    if url.scheme() != "https" {
        return Err("not_https");
    }
    if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some() {
        return Err("address");
    }
    url.set_query(None);
    url.set_fragment(None);
    // People copy the whole address out of their Lambda function.
    let base = url.path().trim_end_matches('/').trim_end_matches(PATH).trim_end_matches('/').to_owned();
    url.set_path(&base);
    Ok(url)
}

/// Walks to a public address of the door and looks whether it is the door of this instance. `tls` says who is
/// trusted; `tell` is given each step before it is taken. Follows nobody elsewhere, and shows no token.
///
/// # Errors
/// When it is not reached, or is another's.
pub async fn try_door(
    url: &Url,
    instance: Uuid,
    tls: Arc<rustls::ClientConfig>,
    mut tell: impl FnMut(Step),
) -> Result<(), ReachError> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let address = road::walk(host, port, Some(tls.clone()), &mut tell).await?;
    tell(Step::Asking);
    let broken = |error: reqwest::Error| ReachError::Broken(error.without_url().to_string());
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(ASK_WITHIN)
        .tls_backend_preconfigured((*tls).clone())
        // Where the road led; the name might lead elsewhere by now.
        .resolve(host, address)
        .build()
        .map_err(broken)?;
    let base = url.as_str().trim_end_matches('/');
    // No directive, and nobody's: the door says so and nothing more.
    let directive = client.post(format!("{base}{PATH}")).json(&json!({})).send().await;
    let directive = directive.map_err(|error| unanswered(&error))?;
    if is_ours(directive.headers(), instance) {
        return Ok(());
    }
    let status = directive.status().as_u16();
    let health = client.get(format!("{base}/healthz")).send().await;
    if health.is_ok_and(|health| is_ours(health.headers(), instance)) {
        return Err(ReachError::PathClosed(status));
    }
    Err(if directive.status().is_redirection() {
        ReachError::Redirects(status)
    } else {
        ReachError::Foreign(status)
    })
}

fn is_ours(headers: &reqwest::header::HeaderMap, instance: Uuid) -> bool {
    let shown = headers.get(INSTANCE).and_then(|shown| shown.to_str().ok());
    shown.and_then(|shown| Uuid::try_parse(shown).ok()) == Some(instance)
}

fn unanswered(error: &reqwest::Error) -> ReachError {
    ReachError::NoAnswer(
        if error.is_timeout() { "no answer in time" } else { "what answers there speaks no HTTP" }.into(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_address_is_the_base_that_the_lambda_function_takes() {
        for (typed, base) in [
            ("door.example.org", "https://door.example.org/"),
            ("https://door.example.org:8443/", "https://door.example.org:8443/"),
            (" https://door.example.org/api/alexa/smart_home ", "https://door.example.org/"),
            ("https://home.example/doorstep/api/alexa/smart_home/", "https://home.example/doorstep"),
            ("https://home.example/doorstep?x=1#y", "https://home.example/doorstep"),
        ] {
            assert_eq!(public_address(typed).unwrap().as_str(), base, "{typed}");
        }
        assert_eq!(public_address("http://door.example.org"), Err("not_https"));
        for typed in ["", "https://", "https://u:p@h/", "no address"] {
            assert_eq!(public_address(typed), Err("address"), "{typed}");
        }
    }
}
