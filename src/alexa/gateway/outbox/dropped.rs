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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The press is older than 30 seconds.
    TooOld,
    /// More than 100 presses waited; the oldest went.
    TooMany,
    /// The endpoint is not one that Alexa may know.
    Unknown,
    /// The event gateway said four times that it is in trouble.
    TriedEnough,
    /// The event gateway takes the event for wrong (400).
    Refused,
    /// The event is too large (413) and cannot be split.
    TooLarge,
}
