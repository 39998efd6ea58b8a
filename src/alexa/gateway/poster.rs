//! Posts events; says what the event gateway made of them.

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::http;
use super::outbox::Outcome;

/// Posts one event to `address`. Comes back within 8 s.
pub(super) async fn post(http: Client, address: Url, token: SecretString, body: String) -> Outcome {
    let request = http.post(address).bearer_auth(token.expose_secret());
    let request = request.header(CONTENT_TYPE, "application/json").body(body);
    let Ok(answer) = request.send().await else { return Outcome::Unreachable };
    let status = answer.status().as_u16();
    let body = http::body(answer).await.unwrap_or_default();
    read(status, &body)
}

/// The event gateway names the reason of a refusal by a code; its status alone says less.
fn read(status: u16, body: &[u8]) -> Outcome {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body.pointer("/payload/code").and_then(Value::as_str).unwrap_or_default();
    match (status, code) {
        (200..=299, _) => Outcome::Delivered,
        (401, _) | (403, "INVALID_ACCESS_TOKEN_EXCEPTION") => Outcome::TokenBad,
        (403, "SKILL_DISABLED_EXCEPTION") => Outcome::SkillDisabled,
        (403, "SKILL_NEVER_ENABLED_EXCEPTION") => Outcome::SkillNeverEnabled,
        (403, _) => Outcome::NoPermission,
        (404, "SKILL_NOT_FOUND_EXCEPTION" | "ACCOUNT_NOT_FOUND_EXCEPTION") => Outcome::NotFound,
        (413, _) => Outcome::TooLarge,
        (429, _) => Outcome::Throttled,
        // Nobody but the event gateway says for good that there is no such skill.
        (404 | 408, _) => Outcome::ServerTrouble,
        (400..=499, _) => Outcome::Refused,
        _ => Outcome::ServerTrouble,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_answer_of_the_event_gateway_has_its_meaning() {
        for (status, code, outcome) in [
            (202, "", Outcome::Delivered),
            (204, "", Outcome::Delivered),
            (400, "INVALID_REQUEST_EXCEPTION", Outcome::Refused),
            (401, "INVALID_ACCESS_TOKEN_EXCEPTION", Outcome::TokenBad),
            (403, "SKILL_DISABLED_EXCEPTION", Outcome::SkillDisabled),
            (403, "SKILL_NEVER_ENABLED_EXCEPTION", Outcome::SkillNeverEnabled),
            (403, "INSUFFICIENT_PERMISSION_EXCEPTION", Outcome::NoPermission),
            (404, "SKILL_NOT_FOUND_EXCEPTION", Outcome::NotFound),
            (404, "ACCOUNT_NOT_FOUND_EXCEPTION", Outcome::NotFound),
            (404, "", Outcome::ServerTrouble),
            (413, "REQUEST_ENTITY_TOO_LARGE_EXCEPTION", Outcome::TooLarge),
            (429, "THROTTLING_EXCEPTION", Outcome::Throttled),
            (500, "INTERNAL_SERVICE_EXCEPTION", Outcome::ServerTrouble),
            (503, "SERVICE_UNAVAILABLE_EXCEPTION", Outcome::ServerTrouble),
            (302, "", Outcome::ServerTrouble),
            (418, "", Outcome::Refused),
        ] {
            let body = serde_json::json!({ "header": {}, "payload": { "code": code, "description": "x" } });
            assert_eq!(read(status, body.to_string().as_bytes()), outcome, "{status} {code}");
        }
        assert_eq!(read(403, b"<html>"), Outcome::NoPermission);
    }
}
