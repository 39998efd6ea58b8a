//! `/api/v1/settings`: what a user may change, and `POST /api/v1/restart`, which makes all of it hold.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::reply;
use super::{House, failure, refusal};
use crate::config;
use crate::config::change::Change;
use crate::config::key::{Key, KeyKind, TURN};
use crate::config::save::SaveError;
use crate::error::ErrorKind;
use crate::telemetry::redact::{hide, hide_for_now};

/// What is to be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    changes: Vec<Change>,
}

/// `GET /settings`: a [`config::settings::View`].
pub(super) async fn settings(house: web::Data<House>) -> HttpResponse {
    let Some(settings) = house.settings.clone() else { return without_file() };
    match web::block(move || settings.look()).await {
        Ok(view) => reply(&view),
        Err(error) => failure(ErrorKind::Internal, &error.to_string()),
    }
}

/// `PUT /settings` with `{"changes": [...]}`: all of them are saved, or none. What waits for a restart is named;
/// `note` says why nothing of it holds yet, where the file has another mistake.
pub(super) async fn change(house: web::Data<House>, wish: web::Json<Wish>) -> HttpResponse {
    let Some(settings) = house.settings.clone() else { return without_file() };
    let changes = wish.into_inner().changes;
    // Before anything can go wrong that somebody would tell of.
    let secrets: Vec<SecretString> = changes.iter().flat_map(secrets_of).collect();
    secrets.iter().for_each(hide_for_now);
    let names: Vec<String> = changes.iter().map(Change::name).collect();
    let saver = settings.clone();
    match web::block(move || saver.change(&changes)).await {
        Ok(Ok(restart)) => {
            // They stay secret for as long as the file holds them.
            secrets.iter().chain(&settings.used().borrow().secrets()).for_each(hide);
            tracing::info!(keys = names.join(", "), "settings were saved");
            let mut saved = json!({ "saved": true, "restart": restart });
            if let Some(instead) = settings.instead() {
                saved["note"] = format!("it is saved, but does not hold yet: {instead}").into();
            }
            reply(&saved)
        }
        Ok(Err(error)) => not_saved(&error),
        Err(error) => failure(ErrorKind::Internal, &error.to_string()),
    }
}

/// `POST /restart`: calls end, and the house is built anew with the settings of the file.
pub(super) async fn restart(house: web::Data<House>) -> HttpResponse {
    tracing::info!("a restart is wanted");
    house.restart.notify_one();
    HttpResponse::Accepted().json(json!({ "restarting": true }))
}

fn without_file() -> HttpResponse {
    failure(ErrorKind::NotFound, "this house has no settings file")
}

fn not_saved(error: &SaveError) -> HttpResponse {
    let text = error.to_string();
    match error {
        SaveError::Refused(problems) => HttpResponse::build(StatusCode::UNPROCESSABLE_ENTITY)
            .json(json!({ "error": text, "problems": problems })),
        SaveError::Fixed { key, origin } => {
            HttpResponse::Conflict().json(json!({ "error": text, "key": key, "origin": origin }))
        }
        SaveError::Damaged | SaveError::Newer(_) => refusal(StatusCode::CONFLICT, &text),
        SaveError::Storage(reason) => {
            use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
            tracing::warn!(%reason, "settings could not be saved");
            let status = match reason.kind() {
                StorageFull | QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
                ReadOnlyFilesystem | PermissionDenied => StatusCode::CONFLICT,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refusal(status, &text)
        }
    }
}

/// What of a change must never be shown.
fn secrets_of(change: &Change) -> Vec<SecretString> {
    let secret = |text: &str| SecretString::from(text.to_owned());
    match (&change.camera, change.key.as_deref(), &change.value) {
        (Some(_), Some("source"), Value::String(address)) => config::secrets_in(&secret(address)),
        (None, Some(TURN), Value::Array(servers)) => {
            let passwords = servers.iter().filter_map(|server| server["password"].as_str());
            passwords.map(secret).collect()
        }
        (None, Some(key), Value::String(text))
            if Key::of(key).is_some_and(|key| key.kind == KeyKind::Secret) =>
        {
            vec![secret(text)]
        }
        _ => Vec::new(),
    }
}
