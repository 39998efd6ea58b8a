//! Talks through a camera's speaker: the back channel of ONVIF's RTSP (Streaming Specification, section 5.3; RTSP
//! 1.0, RFC 2326).
//!
//! [`Opening`] and [`Session`] speak the protocol without any network in them; [`BackChannel`] carries their bytes
//! over TCP, and TLS for `rtsps` addresses. What a camera says is taken for hostile: messages are short, addresses
//! lead to no other host, and everything comes within a deadline.

mod aac;
mod any_certificate;
mod back_channel_error;
mod channel;
mod control;
mod description;
mod dialogue;
mod line;
mod login;
mod message;
mod opening;
mod reader;
mod request;
mod rtp_stream;
mod session;
mod speaker;
mod stream_url;
mod unreached;

pub use back_channel_error::BackChannelError;
pub use channel::{BackChannel, look};
pub use opening::{Extent, Opening};
pub use session::Session;
pub use stream_url::StreamUrl;
pub use unreached::Unreached;
