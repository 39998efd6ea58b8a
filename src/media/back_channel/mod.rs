//! Talks through a camera's speaker: the back channel of ONVIF's RTSP (Streaming Specification, section 5.3; RTSP
//! 1.0, RFC 2326).

mod back_channel_error;
mod channel;
mod unreached;

pub use back_channel_error::BackChannelError;
pub use channel::{BackChannel, look};
pub use unreached::Unreached;
