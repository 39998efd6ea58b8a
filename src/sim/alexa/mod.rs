//! Alexa's side of events: a token server and an event gateway that do as they are told.
//!
//! They judge what comes with eyes of their own and share no type with [`crate::alexa`].
//!
//! | file | what |
//! |---|---|
//! | `double` | the handle: start, scripts, what came |
//! | `script` | how a call is answered |
//! | `token_server` | codes, refresh tokens, access tokens |
//! | `event_gateway` | events in, statuses out |
//! | `judge` | what an event must look like |

mod desk;
mod double;
mod event_gateway;
mod judge;
mod script;
mod token_server;

pub use double::{AlexaDouble, Arrival};
pub use script::{Call, Step};

#[cfg(test)]
mod tests;
