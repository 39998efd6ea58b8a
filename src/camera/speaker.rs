//! The way of a call's talk to the camera's speaker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::media::feed::Feed;
use crate::peer::TalkPacket;

/// A speaker whose talker has been silent for this long is free for another.
const FLOOR: Duration = Duration::from_secs(2);

/// Who talks: a call's serial and when it was last heard.
pub type Floor = Arc<Mutex<Option<(u32, Instant)>>>;

/// A call's way to the camera's speaker. Of several calls one talks at a time.
pub struct Speaker {
    call: u32,
    feed: Arc<Feed>,
    floor: Floor,
}

impl Speaker {
    /// Of one call; all calls of a feed share the floor.
    #[must_use]
    pub fn new(call: u32, feed: Arc<Feed>, floor: Floor) -> Self {
        Self { call, feed, floor }
    }

    /// Hands one packet on, if nobody else talks.
    pub fn talk(&self, packet: TalkPacket) {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        if floor.is_some_and(|(call, heard)| call != self.call && heard.elapsed() < FLOOR) {
            return;
        }
        *floor = Some((self.call, Instant::now()));
        self.feed.talk(self.call, packet.opus, packet.sequence, packet.timestamp);
    }
}
