use serde_json::Value;
use time::OffsetDateTime;

use crate::alexa::doorbell::{self, Cause};

/// The number of a parcel; later ones have greater ones.
pub type ParcelId = u64;

/// One event on its way to Alexa.
#[derive(Debug, Clone)]
pub struct Parcel {
    id: ParcelId,
    content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Press { endpoint_id: String, at: OffsetDateTime, cause: Cause },
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
        }
    }

    /// Of which endpoint; `None` if of several.
    #[must_use]
    pub fn endpoint_id(&self) -> Option<&str> {
        match &self.content {
            Content::Press { endpoint_id, .. } => Some(endpoint_id),
        }
    }

    /// The body to post. `token` is the one that the request itself carries: Alexa wants it in both.
    #[must_use]
    pub fn body(&self, token: &str) -> Value {
        match &self.content {
            Content::Press { endpoint_id, at, cause } => {
                doorbell::doorbell_press(endpoint_id, *at, *cause, token)
            }
        }
    }
}
