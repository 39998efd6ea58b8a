//! Login with Amazon: a code or a refresh token in, an access token out.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::http;
use crate::state::LinkAgain;

/// Lifetime of a token of which none is said.
const USUAL: u64 = 3600;
/// Lifetimes that are believed, seconds.
const BELIEVED: std::ops::RangeInclusive<u64> = 10..=86_400;

/// The token server, and who we are there.
pub(super) struct TokenClient {
    pub(super) http: Client,
    pub(super) url: Url,
    pub(super) id: String,
    pub(super) secret: SecretString,
}

/// What the token server gives.
pub(super) struct Tokens {
    pub(super) access: SecretString,
    /// In the place of the one before, if there is one.
    pub(super) refresh: Option<SecretString>,
    pub(super) lasts: Duration,
}

/// Why there are no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// For good: trying again changes nothing.
    #[error("{}", refused(*.0))]
    Refused(LinkAgain),
    /// The token server answers with a failure of its own.
    #[error("Amazon's token server answers with status {0}")]
    Trouble(u16),
    /// There is no answer.
    #[error("Amazon's token server is not reached")]
    Unreachable,
    /// The answer makes no sense.
    #[error("Amazon's token server answers something that makes no sense")]
    Senseless,
}

fn refused(why: LinkAgain) -> &'static str {
    match why {
        LinkAgain::GrantRefused => {
            "Amazon takes the permission to send events no more: disable and enable the skill in the Alexa app"
        }
        LinkAgain::ClientRefused => {
            "Amazon does not know alexa.client_id and alexa.client_secret together: compare them with the skill's \
             permissions page, then disable and enable the skill in the Alexa app"
        }
    }
}

impl TokenClient {
    /// Exchanges the code of an AcceptGrant, which is good once.
    pub(super) async fn exchange(&self, code: &SecretString) -> Result<Tokens, TokenError> {
        let tokens = self.ask("authorization_code", "code", code).await?;
        if tokens.refresh.is_none() { Err(TokenError::Senseless) } else { Ok(tokens) }
    }

    /// Gets a new access token.
    pub(super) async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, TokenError> {
        self.ask("refresh_token", "refresh_token", refresh_token).await
    }

    async fn ask(&self, kind: &str, name: &str, value: &SecretString) -> Result<Tokens, TokenError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", kind)
            .append_pair(name, value.expose_secret())
            .append_pair("client_id", &self.id)
            .append_pair("client_secret", self.secret.expose_secret())
            .finish();
        let request = self.http.post(self.url.clone()).body(form);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8");
        let answer = request.send().await.map_err(|_| TokenError::Unreachable)?;
        let status = answer.status().as_u16();
        let body = http::body(answer).await;
        read(status, body.as_deref().unwrap_or_default())
    }
}

/// An answer of the token server. No `Debug`: there are tokens in it.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

fn read(status: u16, body: &[u8]) -> Result<Tokens, TokenError> {
    match status {
        200 => {
            let granted: Granted = serde_json::from_slice(body).map_err(|_| TokenError::Senseless)?;
            let fits = |token: &SecretString| {
                let token = token.expose_secret();
                !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
            };
            let all = std::iter::once(&granted.access_token).chain(&granted.refresh_token);
            if !all.into_iter().all(fits) {
                return Err(TokenError::Senseless);
            }
            let seconds = granted.expires_in.unwrap_or(USUAL).clamp(*BELIEVED.start(), *BELIEVED.end());
            let lasts = Duration::from_secs(seconds);
            Ok(Tokens { access: granted.access_token, refresh: granted.refresh_token, lasts })
        }
        400..=403 => {
            let denied = serde_json::from_slice::<Denied>(body).map(|denied| denied.error);
            Err(match denied.as_deref() {
                Ok("invalid_grant") => TokenError::Refused(LinkAgain::GrantRefused),
                Ok("invalid_client" | "unauthorized_client") => TokenError::Refused(LinkAgain::ClientRefused),
                _ => TokenError::Trouble(status),
            })
        }
        _ => Err(TokenError::Trouble(status)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_the_three_refusals_of_the_token_server_are_for_good() {
        let refusal = |status, error: &str| {
            read(status, format!("{{\"error\": \"{error}\"}}").as_bytes()).err().unwrap()
        };
        assert_eq!(refusal(400, "invalid_grant"), TokenError::Refused(LinkAgain::GrantRefused));
        assert_eq!(refusal(401, "invalid_client"), TokenError::Refused(LinkAgain::ClientRefused));
        assert_eq!(refusal(400, "unauthorized_client"), TokenError::Refused(LinkAgain::ClientRefused));
        for (status, error) in
            [(500, "invalid_grant"), (503, "x"), (400, "invalid_request"), (429, "invalid_grant"), (302, "")]
        {
            assert_eq!(refusal(status, error), TokenError::Trouble(status));
        }
        assert_eq!(read(400, b"<html>").err(), Some(TokenError::Trouble(400)));
    }

    #[test]
    fn an_answer_without_a_token_that_can_be_sent_makes_no_sense() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"access_token": 5}"#,
            r#"{"access_token": "a b"}"#,
            r#"{"access_token": ""}"#,
        ] {
            assert_eq!(read(200, body.as_bytes()).err(), Some(TokenError::Senseless), "{body}");
        }
        let lasts = |expires: &str| {
            let body = format!("{{\"access_token\": \"a\"{expires}}}");
            read(200, body.as_bytes()).ok().unwrap().lasts.as_secs()
        };
        assert_eq!(lasts(""), 3600);
        assert_eq!(lasts(r#", "expires_in": 0"#), 10);
        assert_eq!(lasts(r#", "expires_in": 18446744073709551615"#), 86_400);
    }
}
