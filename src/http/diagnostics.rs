//! `GET /api/v1/diagnostics`: one file with all that helps to find a fault, to be shown to others. `GET
//! /api/v1/versions` and `GET /api/v1/logs`: the parts of it that the page shows.
//!
//! Three nets lie one behind the other: secrets are not put in; every text is redacted; and what tells where in the
//! internet this home is, is masked.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{asked, house_status, reply};
use super::cameras::known;
use super::{House, calls, cameras, failure};
use crate::camera::exchanges::Exchanges;
use crate::error::ErrorKind;
use crate::state::CallRecord;
use crate::telemetry::public::mask_public;
use crate::telemetry::redact::redact;
use crate::telemetry::{self, ring};

mod settings;
mod versions;

/// Calls in the file.
const CALLS: usize = 100;
/// Longest wait for the worker to say its version.
const WORKER_PATIENCE: Duration = Duration::from_secs(3);
/// What stands in the place of a name by which this home is found.
const OWN_NAME: &str = "[own name]";

/// Gives the file.
pub(super) async fn diagnostics(house: web::Data<House>) -> HttpResponse {
    let known = known(&house).await.unwrap_or_default();
    let mut all = json!({
        "made": crate::state::now(),
        "versions": versions::versions(&house).await,
        "settings": settings(&house).await,
        "status": house_status(&house, &asked(&house).await),
        "cameras": cameras::views(&house, &known),
    });
    // A user of the hub is nobody's business but the house's.
    all["status"]["links"] = house.state.links().len().into();
    if let Some(linked) = all["status"]["events"]["linked"].as_object_mut() {
        linked.remove("by");
    }
    all["calls"] =
        calls::records(&house, known, CALLS).iter().map(|call| whole(call, &house.exchanges)).collect();
    all["metrics"] = telemetry::metrics().render().lines().collect();
    let names = settings::own_names(&house.config);
    // It takes long enough to be felt by whoever else asks meanwhile.
    let text = match web::block(move || written(all, &names)).await {
        Ok(text) => text,
        Err(error) => return failure(ErrorKind::Internal, &error.to_string()),
    };
    let name = format!("attachment; filename=\"doorstep-diagnostics-{}.json\"", today());
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, name))
        .content_type("application/json")
        .body(text)
}

/// The file, with the log's lines at its end.
fn written(mut all: Value, names: &[String]) -> String {
    let masked = |text: &str| {
        let text = mask_public(text);
        names.iter().fold(text, |text, name| text.replace(name.as_str(), OWN_NAME))
    };
    each_text(&mut all, &|text| masked(&redact(text)));
    // They were redacted when they were kept.
    let lines = ring::lines_after(0);
    let line = |line: &ring::LogLine| masked(&format!("{} {:5} {}", line.at, line.level, line.text));
    all["log"] = lines.iter().map(line).collect();
    format!("{all:#}\n")
}

/// The settings; nothing of a house that has none.
async fn settings(house: &House) -> Option<Value> {
    let settings = house.settings.clone()?;
    let view = web::block(move || settings.look()).await.ok()?;
    Some(settings::shown(&view))
}

/// A call with what both ends said.
fn whole(call: &CallRecord, exchanges: &Exchanges) -> Value {
    let mut value = json!(call);
    if let Some(exchange) = exchanges.of(&call.id) {
        value["offer"] = lines(&exchange.offer);
        value["answer"] = exchange.answer.as_deref().map(lines).into();
    }
    value
}

fn lines(sdp: &str) -> Value {
    sdp.lines().map(Value::from).collect()
}

fn today() -> String {
    crate::state::now().chars().take(10).collect()
}

/// `GET /versions`: of what this is made, by name.
pub(super) async fn versions(house: web::Data<House>) -> HttpResponse {
    reply(&versions::versions(&house).await)
}

/// From where on.
#[derive(Deserialize)]
pub(super) struct Since {
    #[serde(default)]
    after: u64,
}

/// `GET /logs?after=n`: `{"lines": [{n, at, level, text}, ...]}`, those after line `n` that are kept, oldest first.
pub(super) async fn logs(since: web::Query<Since>) -> HttpResponse {
    reply(&json!({ "lines": ring::lines_after(since.after) }))
}

/// The value with every text in it redacted.
pub(super) fn cleaned(value: &impl Serialize) -> Value {
    let mut value = json!(value);
    each_text(&mut value, &redact);
    value
}

fn each_text(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(all) => all.iter_mut().for_each(|one| each_text(one, change)),
        Value::Object(all) => all.values_mut().for_each(|one| each_text(one, change)),
        _ => {}
    }
}
