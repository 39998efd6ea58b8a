//! What is kept of an offer that got no answer. Pure but for the clock.

use super::outcome::refused;
use super::{CameraError, SessionId};
use crate::state::{self, CallRecord};

/// The record of an offer that was refused; `None` if it was no call that failed.
#[must_use]
pub fn unanswered(
    camera: &str,
    endpoint: &str,
    session: &SessionId,
    error: &CameraError,
) -> Option<CallRecord> {
    let verdict = refused(error)?;
    let now = state::now();
    Some(CallRecord {
        id: uuid::Uuid::new_v4().to_string(),
        camera: camera.to_owned(),
        endpoint_id: endpoint.to_owned(),
        session_id: session.as_str().to_owned(),
        started: now.clone(),
        ended: Some(now),
        end_reason: Some(error.to_string()),
        outcome: Some(verdict.outcome),
        outcome_values: verdict.values,
        ..CallRecord::default()
    })
}
