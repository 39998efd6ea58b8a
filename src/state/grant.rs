//! A user's permission to send events to Alexa.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A user's permission to send events to Alexa, with what came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// Gets new access tokens.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: SecretString,
    /// What events carry, while it lasts.
    pub access: Option<AccessToken>,
    /// Base address of the event gateway of the user's region, once Alexa has said it.
    pub host: Option<String>,
    /// The hub's id of the user who gave it; `None`: the door token did.
    pub user: Option<String>,
    /// When it was given, RFC 3339, UTC.
    pub since: String,
    /// Why it is worth nothing until the user links the skill again.
    pub link_again: Option<LinkAgain>,
}

/// A token that events carry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token itself.
    #[serde(serialize_with = "exposed")]
    pub token: SecretString,
    /// From then on a new one is fetched; seconds since 1970.
    pub refresh_at: i64,
    /// From then on it is refused; seconds since 1970.
    pub expires_at: i64,
}

/// Why a grant is worth nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkAgain {
    /// The token server takes the refresh token no more.
    GrantRefused,
    /// The token server knows the client no more.
    ClientRefused,
}

impl Grant {
    /// True if both came of the same permission: whoever waited for an answer meanwhile may be late.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.since == other.since && self.refresh_token.expose_secret() == other.refresh_token.expose_secret()
    }
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
