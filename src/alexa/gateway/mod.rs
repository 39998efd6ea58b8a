//! Events to Alexa: presses, changes, and which endpoints there are. The only part of Alexa's wire that
//! sends something by itself.
//!
//! | part | what it holds |
//! |---|---|
//! | [`EventGateway`] | the actor: whatever is to be done, it starts, and waits for nobody |
//! | [`outbox`] | what waits, in which order, and what an answer means (pure) |
//! | `token_keeper`, `region_finder` | when tokens and region are asked for (pure) |
//! | `accept_grant`, `token_client`, `region`, `poster`, `http` | the requests |
//! | `events_status` | how it stands, for people |

mod accept_grant;
mod event_gateway;
mod events_status;
mod http;
pub mod outbox;
mod pause;
mod poster;
mod region;
mod region_finder;
mod token_client;
mod token_keeper;

pub use accept_grant::{AcceptGrant, GrantError};
pub use event_gateway::{EventGateway, HowItStands, Report};
pub use events_status::{EventsStatus, Linked, Rejected, Sent};
pub use http::client;
pub use outbox::Press;
pub use token_client::TokenError;

#[cfg(test)]
mod tests;
