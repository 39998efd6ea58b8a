//! The closed list of ways in which anything in the house can fail.
//!
//! Every module has an error type of its own, with its own context. At the edges only the kind
//! counts: one table in [`crate::alexa`] turns it into an Alexa error type, one in [`crate::http`]
//! into an HTTP status. Nobody else writes either.

/// What a failure means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No endpoint, call or file of that name.
    NotFound,
    /// The camera cannot be reached or shows nothing.
    Unreachable,
    /// The hub is needed and the link to it is down.
    BridgeDown,
    /// The message itself makes no sense: an unknown directive, a missing field.
    Malformed,
    /// The message is a known one, but a value in it cannot be used.
    InvalidValue,
    /// The user keeps this camera away from Alexa.
    Disabled,
    /// The camera is switched off.
    SwitchedOff,
    /// The caller's token is not a good one.
    Unauthorized,
    /// The caller's token was a good one and has run out.
    Expired,
    /// All places are taken.
    Busy,
    /// Too many requests.
    Throttled,
    /// The time budget ran out before there was an answer.
    Timeout,
    /// Reading or writing our own files failed.
    Storage,
    /// A mistake of ours.
    Internal,
}
