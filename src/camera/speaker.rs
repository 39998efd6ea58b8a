//! The way of a call's talk to the camera's speaker.

use std::sync::Arc;

use crate::media::feed::Feed;
use crate::peer::TalkPacket;

/// What a call is named by towards its feed.
#[must_use]
pub fn talker(call: u64) -> u32 {
    u32::try_from(call & u64::from(u32::MAX)).unwrap_or_default()
}

/// A call's way to the camera's speaker. Which of several calls is heard is decided where their sound is decoded.
/// Dropping it says that nothing follows.
pub struct Speaker {
    talker: u32,
    feed: Arc<Feed>,
}

impl Speaker {
    /// Of one call.
    #[must_use]
    pub fn new(call: u64, feed: Arc<Feed>) -> Self {
        Self { talker: talker(call), feed }
    }

    /// Hands one packet on.
    pub fn talk(&self, packet: TalkPacket) {
        self.feed.talk(self.talker, packet.opus, packet.sequence, packet.timestamp);
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.feed.leave(self.talker);
    }
}
