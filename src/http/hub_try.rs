//! `POST /api/v1/hub/try`: tries an address and a token of a hub before anything is kept of them.

use actix_web::{HttpResponse, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::House;
use super::lines::{OneAtATime, busy, lines};
use crate::config;
use crate::hub::address::base_address;
use crate::hub::bridge::{BridgeConfig, try_hub};
use crate::road::Step;
use crate::telemetry::redact::hide_for_now;

/// Longest token that a hub could have given, bytes.
const LONGEST_TOKEN: usize = 4096;

/// Which hub.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// As people write it.
    url: String,
    /// Absent: the one of the settings, which is shown to the hub of the settings alone.
    token: Option<SecretString>,
}

/// Answers line by line: `{"progress": step}`, and at last `{"found": {"url", "name", "version", "cameras"}}` or
/// `{"trouble": code, "detail": text or null, "url": address}`. Takes less than a minute. Whoever leaves ends it.
pub(super) async fn hub_try(
    house: web::Data<House>,
    trials: web::Data<OneAtATime<Wish>>,
    wish: web::Json<Wish>,
) -> HttpResponse {
    let Some(place) = trials.place() else {
        return busy("a hub is being tried; try again in a moment");
    };
    let hub = chosen(&house.config.hub, wish.into_inner());
    lines(place, async move |progress| match hub {
        Ok(hub) => tried(hub, |step| progress.tell(json!(step))).await,
        Err(code) => trouble(code, None, None),
    })
}

async fn tried(hub: BridgeConfig, tell: impl FnMut(Step)) -> Value {
    let url = hub.url.clone();
    match try_hub(hub, tell).await {
        Ok(found) => {
            let mut found = json!(found);
            found["url"] = json!(url);
            json!({ "found": found })
        }
        Err(error) => trouble(error.code(), error.detail(), Some(&url)),
    }
}

fn trouble(code: &str, detail: Option<&str>, url: Option<&Url>) -> Value {
    json!({ "trouble": code, "detail": detail, "url": url })
}

/// The hub that is meant.
///
/// # Errors
/// A code for the page: the address or the token cannot be one.
fn chosen(settings: &config::Hub, wish: Wish) -> Result<BridgeConfig, &'static str> {
    let url = base_address(&wish.url).ok_or("address")?;
    let token = match wish.token {
        Some(token) => Some(SecretString::from(token.expose_secret().trim().to_owned())),
        None => settings.token.clone().filter(|_| settings.url.as_ref().is_some_and(|own| same(own, &url))),
    };
    let token = token.filter(|token| !token.expose_secret().is_empty()).ok_or("no_token")?;
    // A hub's are all of this kind; anything else was pasted with something around it.
    let text = token.expose_secret();
    if text.len() > LONGEST_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("token_form");
    }
    hide_for_now(&token);
    Ok(BridgeConfig { url, token, ca_file: settings.ca_file.clone(), direct: None })
}

fn same(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> config::Hub {
        let (url, token) = ("https://hub.example:8123".parse().unwrap(), "kept-token".to_owned().into());
        config::Hub { url: Some(url), token: Some(token), ..config::Hub::default() }
    }

    fn wish(url: &str, token: Option<&str>) -> Wish {
        Wish { url: url.to_owned(), token: token.map(|token| token.to_owned().into()) }
    }

    #[test]
    fn the_kept_token_is_shown_to_the_kept_hub_alone() {
        let kept = chosen(&settings(), wish("https://hub.example:8123/lovelace/0", None)).unwrap();
        assert_eq!(kept.token.expose_secret(), "kept-token");
        for other in ["http://hub.example:8123", "https://hub.example", "https://hub.example:8124", "evil"] {
            assert_eq!(chosen(&settings(), wish(other, None)).err(), Some("no_token"), "{other}");
        }
    }

    #[test]
    fn a_token_that_was_pasted_badly_is_not_shown_to_anybody() {
        let typed = chosen(&settings(), wish("hub", Some("  typed-token\n"))).unwrap();
        assert_eq!(typed.token.expose_secret(), "typed-token");
        for (token, code) in
            [("", "no_token"), (" ", "no_token"), ("two words", "token_form"), ("ü", "token_form")]
        {
            assert_eq!(chosen(&settings(), wish("hub", Some(token))).err(), Some(code), "{token:?}");
        }
        assert_eq!(chosen(&settings(), wish("ftp://hub", Some("typed"))).err(), Some("address"));
    }
}
