//! Offers: answered by the camera's session, and remembered when it never comes to that.

use std::time::Instant;

use serde_json::Value;

use super::{Calls, LAST_CALL, RESERVE, RouteError, Router, remaining, session, shared};
use crate::alexa::message::Directive;
use crate::alexa::rtc;
use crate::camera::unanswered::unanswered;
use crate::camera::{Caller, CameraError, CameraSummary, Offer, REPLY_BUDGET, SessionId};
use crate::seat::AskError;

impl Router {
    pub(super) async fn offer(
        &self,
        directive: &Directive,
        session_id: &str,
        sdp: &str,
        caller: Caller,
        arrived: Instant,
    ) -> Result<Value, RouteError> {
        let session = session(session_id)?;
        let found = self.locate(directive).await;
        let (camera, calls) =
            found.inspect_err(|error| self.leave_record(directive, None, &session, error))?;
        let answer = self.answer(&camera, calls, session.clone(), sdp, caller, arrived).await;
        let answer =
            answer.inspect_err(|error| self.leave_record(directive, Some(&camera), &session, error))?;
        Ok(rtc::answer_generated(&directive.envelope, &answer))
    }

    async fn answer(
        &self,
        camera: &CameraSummary,
        calls: Box<dyn Calls>,
        session: SessionId,
        sdp: &str,
        caller: Caller,
        arrived: Instant,
    ) -> Result<String, RouteError> {
        shared(camera)?;
        let deadline = arrived + (REPLY_BUDGET - RESERVE);
        let offer = Offer { session, caller, sdp: sdp.to_owned(), arrived, deadline };
        // A little longer than the camera's own deadline: it knows better what was late.
        calls.offer(offer, remaining(arrived, (RESERVE + LAST_CALL) / 2)).await
    }

    /// What a session refuses it remembers itself; here is what never came to it.
    fn leave_record(
        &self,
        directive: &Directive,
        camera: Option<&CameraSummary>,
        session: &SessionId,
        error: &RouteError,
    ) {
        let Some(state) = &self.state else { return };
        let endpoint = directive.envelope.endpoint_id.as_deref().unwrap_or_default();
        let name = camera.map_or(endpoint, |camera| &camera.name);
        let error = match (error, camera) {
            // Its session knew the camera as shared and has answered.
            (RouteError::Camera(error), Some(camera)) if camera.alexa => {
                tracing::debug!(%error, "the session remembers the offer");
                return;
            }
            (RouteError::Camera(error), _) => error.clone(),
            (RouteError::HubDown, _) => CameraError::HubAway(name.to_owned()),
            (RouteError::Session(AskError::Late), _) => CameraError::Late(name.to_owned()),
            (RouteError::Session(_) | RouteError::Registry(_), _) => CameraError::Internal(error.to_string()),
            (RouteError::Value(_), _) => return,
        };
        // A camera that cannot be had says its own name.
        let name = match &error {
            CameraError::Unreachable { camera, .. } => camera,
            _ => name,
        };
        if let Some(record) = unanswered(name, endpoint, session, &error) {
            state.record_unanswered(record);
        }
    }
}
