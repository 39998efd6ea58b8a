//! What was given up.

/// Something that Alexa will not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The event's name, such as `DoorbellPress`.
    pub what: &'static str,
    /// Of which endpoint; `None` if of several.
    pub endpoint_id: Option<String>,
    /// Why.
    pub why: Why,
}

/// Why Alexa will not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// See the text.
    #[error("the press is older than 30 seconds")]
    TooOld,
    /// The oldest goes.
    #[error("more than 100 presses waited")]
    TooMany,
    /// See the text.
    #[error("the endpoint is not one that Alexa may know")]
    Unknown,
    /// 429, 500, 503: three more tries are allowed.
    #[error("Alexa was in trouble at each of four tries")]
    TriedEnough,
    /// 400.
    #[error("Alexa takes the event for wrong")]
    Refused,
    /// 413, of what cannot be split.
    #[error("the event is too large for Alexa")]
    TooLarge,
}

impl Why {
    /// One word, for pages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooMany => "too_many",
            Self::Unknown => "unknown_endpoint",
            Self::TriedEnough => "tried_enough",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
        }
    }
}
