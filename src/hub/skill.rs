//! The hub's own skill: where it takes directives itself. What they and its answers say is not read here.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{HubError, protocol};
use crate::error::ErrorKind;

const PATH: &str = "/api/alexa/smart_home";
/// Largest answer, bytes: some hundred endpoints of a discovery.
const LARGEST: usize = 4 * 1024 * 1024;

/// Why the hub's own skill gave no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    /// Too slow.
    #[error("the hub did not answer in time")]
    Late,
    /// No connection, or it broke.
    #[error("the hub is not reached")]
    Unreachable,
    /// The token in the directive is not a good one there.
    #[error("the hub refused the token in the directive")]
    Refused,
    /// It has no such address.
    #[error(
        "the hub has no skill of its own: `alexa:` with `smart_home:` is missing in its configuration.yaml; \
         add it, or turn door.forward_to_hub off"
    )]
    Missing,
    /// It answered with another HTTP status.
    #[error("the hub answered HTTP {0}")]
    Status(u16),
    /// More than 4 MiB.
    #[error("the hub's answer is larger than 4 MiB")]
    Large,
    /// Not a JSON object with an `event`, or nested deeper than 128.
    #[error("the hub's answer is no event")]
    NoEvent,
}

impl SkillError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Late | Self::Unreachable | Self::Missing | Self::Status(_) => ErrorKind::BridgeDown,
            Self::Refused => ErrorKind::Unauthorized,
            Self::Large | Self::NoEvent => ErrorKind::Internal,
        }
    }
}

impl From<reqwest::Error> for SkillError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::Late } else { Self::Unreachable }
    }
}

/// The hub's own skill. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Skill {
    http: reqwest::Client,
    address: Url,
}

impl Skill {
    /// The skill of the hub at this base address. `http` must follow nobody elsewhere: it carries tokens.
    ///
    /// # Errors
    /// When the base is no address of a hub.
    pub fn new(http: reqwest::Client, hub: &Url) -> Result<Self, HubError> {
        Ok(Self { http, address: protocol::http_address(hub, PATH)? })
    }

    /// Hands it a directive, unread and as it is, with the token of the user for whom it speaks.
    ///
    /// # Errors
    /// When no event comes `within` the time.
    pub async fn ask(
        &self,
        directive: Vec<u8>,
        token: &SecretString,
        within: Duration,
    ) -> Result<Value, SkillError> {
        let answer = tokio::time::timeout(within, self.exchange(directive, token)).await;
        let bytes = answer.map_err(|_| SkillError::Late)??;
        // The parser goes 128 levels deep and no deeper.
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| SkillError::NoEvent)?;
        if answer.get("event").is_some_and(Value::is_object) { Ok(answer) } else { Err(SkillError::NoEvent) }
    }

    async fn exchange(&self, directive: Vec<u8>, token: &SecretString) -> Result<Vec<u8>, SkillError> {
        let request = self.http.post(self.address.clone()).bearer_auth(token.expose_secret());
        let mut response = request.header(CONTENT_TYPE, "application/json").body(directive).send().await?;
        match response.status().as_u16() {
            200 => {}
            401 => return Err(SkillError::Refused),
            404 => return Err(SkillError::Missing),
            status => return Err(SkillError::Status(status)),
        }
        let told =
            response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|length: usize| length > LARGEST) {
            return Err(SkillError::Large);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(SkillError::Large);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
