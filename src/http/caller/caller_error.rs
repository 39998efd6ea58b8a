//! Why nobody speaks at the door.

use crate::error::ErrorKind;

/// Why nobody speaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// There is no token, it has not the form of one, or it is nobody's.
    #[error("the token in the directive is not a good one")]
    Refused,
    /// The token has run out.
    #[error("the token in the directive has run out")]
    Expired,
    /// A good token of a user who is not linked.
    #[error(
        "{0} is not linked; press \"Let another person link\" in Doorstep's page, then try again within 10 minutes"
    )]
    NotLinked(String),
    /// A good token, but not of the user who opened the hub's ingress.
    #[error("the hub's ingress was opened by another user than the one whose token is in the directive")]
    OpenedByAnother,
    /// Too many tokens were refused lately.
    #[error(
        "too many tokens were refused lately, and this one is of a login that is not known; press \"Let another \
         person link\" in Doorstep's page, then try again"
    )]
    Throttled,
    /// Only the hub could tell, and it cannot be asked.
    #[error("the hub is not reached, so the token cannot be looked at")]
    HubDown,
}

impl CallerError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused | Self::NotLinked(_) | Self::OpenedByAnother => ErrorKind::Unauthorized,
            Self::Expired => ErrorKind::Expired,
            Self::Throttled => ErrorKind::Throttled,
            Self::HubDown => ErrorKind::BridgeDown,
        }
    }
}
