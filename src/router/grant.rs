//! AcceptGrant: the permission to send events goes to who sends them.

use std::time::Instant;

use serde_json::Value;

use super::{LAST_CALL, RESERVE, remaining};
use crate::alexa::authorization::{GrantCode, grant_accepted, grant_failed};
use crate::alexa::envelope::Envelope;
use crate::alexa::gateway::{AcceptGrant, EventGateway};
use crate::camera::Caller;
use crate::seat::Seat;

/// Of a house that cannot send events.
const NOT_CONFIGURED: &str = "Doorstep does not send events: alexa.client_id and alexa.client_secret are missing in its \
                              settings; calls work without them";

/// Accepts a grant, or says in a sentence why not.
pub(super) async fn accept(
    events: Option<&Seat<EventGateway>>,
    directive: &Envelope,
    code: GrantCode,
    caller: Caller,
    arrived: Instant,
) -> Value {
    let Some(events) = events else { return grant_failed(directive, NOT_CONFIGURED) };
    let user = match caller {
        Caller::User(id) => Some(id),
        Caller::Door | Caller::Page => None,
    };
    let deadline = Instant::now() + remaining(arrived, 2 * RESERVE);
    let accepted =
        events.ask(AcceptGrant { code: code.0, user, deadline }, remaining(arrived, LAST_CALL)).await;
    match accepted {
        Ok(Ok(())) => grant_accepted(directive),
        Ok(Err(error)) => grant_failed(directive, &error.to_string()),
        Err(error) => grant_failed(directive, &error.to_string()),
    }
}
