//! Login with `ui.token`, for pages that are not behind the hub's ingress.
//!
//! The cookie is no stored session: it holds its own end and a seal made with the token, so that it
//! outlives a restart and dies with the token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{House, failure, login_page, refusal};
use crate::error::ErrorKind;

/// The cookie's name.
const NAME: &str = "doorstep_login";
/// A login lasts this long.
const LASTS: Duration = Duration::from_secs(30 * 24 * 3600);
/// Wrong tokens a minute and address that are answered at once.
const TRIES: u32 = 5;
/// What each further one waits.
const PENALTY: Duration = Duration::from_secs(1);
/// Addresses that are remembered.
const ADDRESSES: usize = 1024;

/// Where people log in, relative to the page.
pub(super) const PATH: &str = "/api/v1/login";

/// Counts wrong tokens. Right ones are never refused, however many wrong ones came before.
#[derive(Default)]
pub(super) struct WrongTokens(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl WrongTokens {
    /// Counts one; true if there were too many within a minute.
    fn count(&self, from: Option<IpAddr>) -> bool {
        let Some(from) = from else { return false };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |(since, _): &(Instant, u32)| since.elapsed() < Duration::from_secs(60);
        if all.len() >= ADDRESSES {
            all.retain(|_, tries| fresh(tries));
        }
        if all.len() >= ADDRESSES {
            return true;
        }
        let tries = all.entry(from).or_insert((Instant::now(), 0));
        if !fresh(tries) {
            *tries = (Instant::now(), 0);
        }
        tries.1 += 1;
        tries.1 > TRIES
    }

    /// Counts one, and waits if there were too many; true if so.
    async fn count_slowly(&self, request: &HttpRequest) -> bool {
        let many = self.count(request.peer_addr().map(|address| address.ip()));
        if many {
            tokio::time::sleep(PENALTY).await;
        }
        many
    }
}

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The token.
    Token,
    /// A good cookie.
    Cookie {
        /// When it runs out, seconds since 1970.
        until: u64,
    },
    /// Another token.
    Wrong,
}

/// What a request shows; `None` for nothing.
pub(super) fn proof(request: &HttpRequest, token: &SecretString) -> Option<Proof> {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let given = header.to_str().unwrap_or_default();
        let given = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let right = given.is_some_and(|(_, given)| same(given.trim(), token));
        return Some(if right { Proof::Token } else { Proof::Wrong });
    }
    let cookies = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
    let mut ours = cookies
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == NAME);
    // A cookie that has run out is no wrong token.
    ours.find_map(|(_, value)| sealed_until(value, token).filter(|end| *end > now()))
        .map(|until| Proof::Cookie { until })
}

/// Compares in constant time, whatever the lengths.
fn same(given: &str, token: &SecretString) -> bool {
    let (given, token) = (Sha256::digest(given), Sha256::digest(token.expose_secret()));
    given.as_slice().ct_eq(token.as_slice()).into()
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn seal(end: u64, token: &SecretString) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes()).ok()?;
    mac.update(format!("doorstep login until {end}").as_bytes());
    Some(format!("{end}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

fn sealed_until(cookie: &str, token: &SecretString) -> Option<u64> {
    let end: u64 = cookie.split_once('.')?.0.parse().ok()?;
    let right = seal(end, token)?;
    bool::from(right.as_bytes().ct_eq(cookie.as_bytes())).then_some(end)
}

fn set_cookie(value: &str, lasts: Duration) -> String {
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", lasts.as_secs())
}

/// What people send to log in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    token: SecretString,
}

/// `POST /api/v1/login`, `{"token": "..."}` or the login page's form: sets the cookie.
pub(super) async fn login(
    request: HttpRequest,
    house: web::Data<House>,
    wrong: web::Data<WrongTokens>,
    credentials: web::Either<web::Json<Credentials>, web::Form<Credentials>>,
) -> HttpResponse {
    let form = matches!(credentials, web::Either::Right(_));
    let given = match credentials {
        web::Either::Left(json) => json.into_inner().token,
        web::Either::Right(form) => form.into_inner().token,
    };
    let Some(token) = &house.config.ui.token else {
        return failure(ErrorKind::NotFound, "no login is needed here");
    };
    let end = now() + LASTS.as_secs();
    let Some(value) = same(given.expose_secret().trim(), token).then(|| seal(end, token)).flatten() else {
        let many = wrong.count_slowly(&request).await;
        return match (form, many) {
            (false, many) => refused(many),
            (true, false) => {
                login_page::form(&request, StatusCode::UNAUTHORIZED, Some("login.wrong"), "../../")
            }
            (true, true) => {
                login_page::form(&request, StatusCode::TOO_MANY_REQUESTS, Some("login.too_many"), "../../")
            }
        };
    };
    let cookie = set_cookie(&value, LASTS);
    if form {
        // Relative, like every address here.
        HttpResponse::SeeOther()
            .insert_header((LOCATION, "../../"))
            .insert_header((SET_COOKIE, cookie))
            .finish()
    } else {
        HttpResponse::Ok().insert_header((SET_COOKIE, cookie)).json(serde_json::json!({ "ok": true }))
    }
}

/// `POST /api/v1/logout`: takes the cookie away.
pub(super) async fn logout() -> HttpResponse {
    let cookie = set_cookie("", Duration::ZERO);
    HttpResponse::Ok().insert_header((SET_COOKIE, cookie)).json(serde_json::json!({ "ok": true }))
}

/// The answer to a wrong token; late if there were many.
pub(super) async fn refuse(request: &HttpRequest, wrong: &WrongTokens) -> HttpResponse {
    refused(wrong.count_slowly(request).await)
}

fn refused(many: bool) -> HttpResponse {
    match many {
        true => refusal(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; wait a minute"),
        false => failure(ErrorKind::Unauthorized, "the token is not the one of ui.token"),
    }
}

/// A cookie as a browser sends it.
#[cfg(test)]
pub(super) fn cookie(end: u64, token: &SecretString) -> Option<String> {
    Some(format!("{NAME}={}", seal(end, token)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_token_only_and_cannot_be_made_longer() {
        let (token, other): (SecretString, SecretString) =
            ("right-token".to_owned().into(), "other".to_owned().into());
        let cookie = seal(2_000_000_000, &token).unwrap();
        assert_eq!(sealed_until(&cookie, &token), Some(2_000_000_000));
        assert_eq!(sealed_until(&cookie, &other), None);
        assert_eq!(sealed_until(&cookie.replacen('2', "3", 1), &token), None);
        for bad in ["", ".", "1", "x.y", "18446744073709551616.a"] {
            assert_eq!(sealed_until(bad, &token), None);
        }
        assert!(!cookie.contains("right-token"));
    }

    #[test]
    fn the_sixth_wrong_token_of_one_address_waits_and_memory_is_bounded() {
        let wrong = WrongTokens::default();
        let from = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        assert!((0..5).all(|_| !wrong.count(from(1))));
        assert!(wrong.count(from(1)) && !wrong.count(from(2)));
        for n in 3..5_000 {
            wrong.count(from(n));
        }
        assert!(wrong.0.lock().unwrap().len() <= ADDRESSES);
    }
}
