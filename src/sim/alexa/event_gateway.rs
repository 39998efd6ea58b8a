//! `POST /v3/events` and `GET /v1/alexaApiEndpoint`.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::http::{Answer, Request};
use super::desk::Book;
use super::double::Arrival;
use super::judge;

/// Largest event, bytes.
const LARGEST: usize = 256 * 1024;

/// Looks at an event, answers it, and keeps both. `scripted` is what it is answered with whatever it is.
pub(super) fn event(
    book: &mut Book,
    request: &Request,
    at: Instant,
    scripted: Option<(u16, String)>,
) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut faults = judge::event(&body);
    if request.field("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
        faults.push("the content type is not application/json".into());
    }
    let id = body.pointer("/event/header/messageId").and_then(Value::as_str).unwrap_or_default();
    if !book.message_ids.insert(id.to_owned()) {
        faults.push("the message id was used before".into());
    }
    let bearer = request.bearer().unwrap_or_default().to_owned();
    let (status, code) = match scripted {
        Some(scripted) => scripted,
        None if !book.is_good(&bearer) || judge::token_in(&body) != Some(&bearer) => {
            (401, "INVALID_ACCESS_TOKEN_EXCEPTION".to_owned())
        }
        None if request.body.len() > LARGEST => (413, "REQUEST_ENTITY_TOO_LARGE_EXCEPTION".to_owned()),
        None if !faults.is_empty() => (400, "INVALID_REQUEST_EXCEPTION".to_owned()),
        None => (202, String::new()),
    };
    book.arrivals.push(Arrival { at, status, body, faults });
    if code.is_empty() { Answer::empty(status) } else { refusal(status, &code) }
}

/// Where the customer's events go.
pub(super) fn endpoint(book: &Book, request: &Request) -> Answer {
    if request.method != "GET" {
        return Answer::refusal(405);
    }
    if !request.bearer().is_some_and(|bearer| book.is_good(bearer)) {
        return refusal(401, "INVALID_ACCESS_TOKEN_EXCEPTION");
    }
    Answer::json(200, &json!({ "endpoints": [book.region] }))
}

/// As the event gateway words it.
pub(super) fn refusal(status: u16, code: &str) -> Answer {
    let header = json!({
        "namespace": "System",
        "name": "Exception",
        "messageId": uuid::Uuid::new_v4().to_string(),
    });
    Answer::json(
        status,
        &json!({ "header": header, "payload": { "code": code, "description": "It is refused." } }),
    )
}
