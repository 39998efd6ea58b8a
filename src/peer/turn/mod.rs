//! TURN (RFC 8656): a relayed address at a server, without any network in it.
//!
//! The `rtc` stack's own client keeps an allocation for one call, looks names up while it blocks, and
//! believes unsigned responses; ours is held for all calls. Messages and attributes are the stack's.

mod ask;
mod auth;
mod client;
mod frames;
mod pending;
mod permits;
mod turn_error;

#[cfg(test)]
mod tests;

pub use client::{Received, TurnClient};
pub use frames::Frames;
pub(in crate::peer) use pending::WAITS;
pub use turn_error::TurnError;
