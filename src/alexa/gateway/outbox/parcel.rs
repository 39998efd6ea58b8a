//! One event on its way.

use serde_json::Value;
use time::OffsetDateTime;

use super::list::Values;
use crate::alexa::change_report::change_report;
use crate::alexa::doorbell::{Cause, doorbell_press};
use crate::alexa::reports::{add_or_update_report, delete_report};

/// The number of a parcel; later ones have greater ones.
pub type ParcelId = u64;

/// One event on its way to Alexa.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub(super) id: ParcelId,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Press { endpoint_id: String, at: OffsetDateTime, cause: Cause },
    Change { endpoint_id: String, changed: Values, unchanged: Values, sampled: OffsetDateTime },
    Add { endpoints: Vec<Value> },
    Delete { ids: Vec<String> },
}

impl Parcel {
    /// Its number, for [`settle`](super::Outbox::settle).
    #[must_use]
    pub fn id(&self) -> ParcelId {
        self.id
    }

    /// The event's name, such as `DoorbellPress`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self.content {
            Content::Press { .. } => "DoorbellPress",
            Content::Change { .. } => "ChangeReport",
            Content::Add { .. } => "AddOrUpdateReport",
            Content::Delete { .. } => "DeleteReport",
        }
    }

    /// Of which endpoint; `None` if of several.
    #[must_use]
    pub fn endpoint_id(&self) -> Option<&str> {
        match &self.content {
            Content::Press { endpoint_id, .. } | Content::Change { endpoint_id, .. } => Some(endpoint_id),
            Content::Add { endpoints } => match endpoints.as_slice() {
                [one] => one["endpointId"].as_str(),
                _ => None,
            },
            Content::Delete { ids } => match ids.as_slice() {
                [one] => Some(one),
                _ => None,
            },
        }
    }

    /// The body to post, with a fresh message id. `token` is the one that the request itself carries:
    /// Alexa wants it in both places.
    #[must_use]
    pub fn body(&self, token: &str) -> Value {
        match &self.content {
            Content::Press { endpoint_id, at, cause } => doorbell_press(endpoint_id, *at, *cause, token),
            Content::Change { endpoint_id, changed, unchanged, sampled } => {
                change_report(endpoint_id, changed, unchanged, *sampled, token)
            }
            Content::Add { endpoints } => add_or_update_report(endpoints, token),
            Content::Delete { ids } => delete_report(ids, token),
        }
    }
}
