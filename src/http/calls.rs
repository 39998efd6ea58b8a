//! Calls: those that go on, those that ended, and what the house heard of its cameras.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::api::{END_PATIENCE, reply, unanswered};
use super::cameras::{Known, known};
use super::{House, failure};
use crate::camera::{Disconnect, SessionId};
use crate::error::ErrorKind;
use crate::seat::ask;
use crate::state::CallRecord;

/// Calls that are listed when nobody says how many.
const CALLS: usize = 50;
/// Most calls that are listed at once.
const MOST: usize = 100;
/// Calls that pages are told of by themselves.
pub(super) const TOLD: usize = 20;
/// What was heard, as far as pages are told of it.
pub(super) const TOLD_HAPPENINGS: usize = 50;

/// Which calls are wanted.
#[derive(Deserialize)]
pub(super) struct Paging {
    limit: Option<usize>,
    /// Id of a call that has ended: only those that ended before it.
    before: Option<String>,
    /// The same: only those that ended after it.
    after: Option<String>,
}

/// `GET /calls?limit=&before=&after=`: `{"calls": [record, ...]}`, those that go on first, then those that ended, the last
/// one first. Those that ended come without their plot.
pub(super) async fn calls(house: web::Data<House>, paging: web::Query<Paging>) -> HttpResponse {
    let limit = paging.limit.unwrap_or(CALLS).min(MOST);
    let calls = match (&paging.before, &paging.after) {
        (Some(id), _) => house.state.calls_before(id, limit).into_iter().map(listed).collect(),
        (None, Some(id)) => house.state.calls_after(id, limit).into_iter().map(listed).collect(),
        // While the list of cameras is built anew, the calls that ended are there all the same.
        (None, None) => records(&house, known(&house).await.unwrap_or_default(), limit),
    };
    reply(&json!({ "calls": calls }))
}

/// Calls as they are listed.
pub(super) fn records(house: &House, known: Vec<Known>, limit: usize) -> Vec<CallRecord> {
    let mut records: Vec<CallRecord> =
        known.into_iter().filter_map(|one| one.live).flat_map(|live| live.calls).collect();
    // RFC 3339 in UTC sorts as text.
    records.sort_by(|a, b| b.started.cmp(&a.started));
    for ended in house.state.calls(limit) {
        if !records.iter().any(|record| record.id == ended.id) {
            records.push(listed(ended));
        }
    }
    records.truncate(limit);
    records
}

/// A plot says something on the page of its own call only.
fn listed(record: CallRecord) -> CallRecord {
    CallRecord { plot: None, ..record }
}

/// `GET /calls/{id}`: the record, with its plot.
pub(super) async fn call(house: web::Data<House>, id: web::Path<String>) -> HttpResponse {
    let ongoing = known(&house).await.unwrap_or_default();
    let mut ongoing = ongoing.into_iter().filter_map(|one| one.live).flat_map(|live| live.calls);
    match ongoing.find(|call| call.id == *id).or_else(|| house.state.call(&id)) {
        Some(record) => reply(&record),
        None => failure(ErrorKind::NotFound, "there is no call of that id"),
    }
}

/// `POST /calls/{id}/end`: hangs up. Succeeds for a call that has ended.
pub(super) async fn end_call(house: web::Data<House>, id: web::Path<String>) -> HttpResponse {
    let known = match known(&house).await {
        Ok(known) => known,
        Err(error) => return unanswered(error),
    };
    for one in known {
        let calls = one.live.map(|live| live.calls).unwrap_or_default();
        let Some(call) = calls.into_iter().find(|call| call.id == *id) else { continue };
        let (Some(camera), Some(session)) = (one.session, SessionId::parse(&call.session_id)) else {
            continue;
        };
        tracing::info!(call = %id, "ended from the page");
        return match ask(&camera, Disconnect { session, caller: None }, END_PATIENCE).await {
            Ok(Ok(())) => reply(&json!({ "ended": true })),
            Ok(Err(error)) => failure(error.kind(), &error.to_string()),
            Err(error) => failure(error.kind(), &error.to_string()),
        };
    }
    match house.state.call(&id) {
        Some(_) => reply(&json!({ "ended": true })),
        None => failure(ErrorKind::NotFound, "there is no call of that id"),
    }
}

/// `GET /activity`: `{"activity": [{at, what, endpoint_id, camera}, ...]}`, the last thing first.
pub(super) async fn activity(house: web::Data<House>) -> HttpResponse {
    reply(&json!({ "activity": house.state.happenings(usize::MAX) }))
}
