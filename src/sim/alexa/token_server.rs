//! `POST /auth/o2/token`: a code is good once, a refresh token until it is used.

use std::time::Instant;

use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use super::super::http::{Answer, Request};
use super::desk::{Book, CLIENT_ID, CLIENT_SECRET};

pub(super) fn answer(book: &mut Book, request: &Request) -> Answer {
    if request.method != "POST" {
        return refusal(405, "invalid_request");
    }
    let form = request
        .field("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let fields: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    let field = |name: &str| {
        let mut all = fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        all.next().filter(|_| all.next().is_none()).unwrap_or_default()
    };
    if !form {
        return refusal(400, "invalid_request");
    }
    if field("client_id") != CLIENT_ID || field("client_secret") != CLIENT_SECRET {
        return refusal(401, "invalid_client");
    }
    let used = match field("grant_type") {
        "authorization_code" => book.codes.remove(field("code")),
        "refresh_token" => book.refresh_tokens.remove(field("refresh_token")),
        _ => return refusal(400, "unsupported_grant_type"),
    };
    if used { tokens(book) } else { refusal(400, "invalid_grant") }
}

/// New ones of both kinds.
fn tokens(book: &mut Book) -> Answer {
    let access = format!("Atza|{}", Uuid::new_v4().simple());
    let refresh = format!("Atzr|{}", Uuid::new_v4().simple());
    book.access_tokens.insert(access.clone(), Instant::now() + book.expires_in);
    book.refresh_tokens.insert(refresh.clone());
    let body = json!({
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "bearer",
        "expires_in": book.expires_in.as_secs(),
    });
    Answer::json(200, &body).with("Cache-Control", "no-store")
}

/// As the token server words it; the description quotes nothing.
pub(super) fn refusal(status: u16, error: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": "The request is not good" }))
}
