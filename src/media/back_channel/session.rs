//! A speaker that is open: speech, keepalive, end.

use std::time::{Duration, Instant, SystemTime};

use bytes::Buf;

use super::BackChannelError;
use super::dialogue::{Dialogue, Heard};
use super::request::Request;
use super::rtp_stream::RtpStream;

/// Bytes that may wait for a camera that is slow to take them, about half a second of G.711. More speech is dropped:
/// late words are worth less than the next ones.
const WAITING: usize = 5_000;
/// A camera that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two sender reports (RFC 3550, section 6.2).
const REPORTS: Duration = Duration::from_secs(5);

/// An open speaker. Bytes in, bytes out; no network in it. Whoever owns it sends what is [unsent](Self::unsent),
/// calls [`tick`](Self::tick) at [`deadline`](Self::deadline), and gives it a frame when it [may](Self::speaks_at).
#[derive(Debug)]
pub struct Session {
    dialogue: Dialogue,
    stream: RtpStream,
    whole: String,
    takes_parameters: bool,
    keep_every: Duration,
    keep_at: Instant,
    report_at: Instant,
    speaks_at: Instant,
    /// When bytes began to wait, or were last taken.
    waits_since: Option<Instant>,
    dropped: u64,
}

impl Session {
    pub(super) fn new(
        dialogue: Dialogue,
        stream: RtpStream,
        whole: String,
        takes_parameters: bool,
        keep_every: Duration,
        now: Instant,
    ) -> Self {
        Self {
            dialogue,
            stream,
            whole,
            takes_parameters,
            keep_every,
            keep_at: now + keep_every,
            report_at: now,
            speaks_at: now,
            waits_since: None,
            dropped: 0,
        }
    }

    /// How long one frame lasts.
    #[must_use]
    pub fn frame(&self) -> Duration {
        self.stream.frame()
    }

    /// When the next frame may be given. Frames that waited go at most at double speed: cameras hold little.
    #[must_use]
    pub fn speaks_at(&self) -> Instant {
        self.speaks_at
    }

    /// When to call [`tick`](Self::tick).
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let patience = self.waits_since.map(|since| since + PATIENCE);
        patience.into_iter().fold(self.keep_at.min(self.report_at), Instant::min)
    }

    /// Frames that the camera was too slow for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What is to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.dialogue.unsent()
    }

    /// So many bytes of it were sent.
    pub fn sent(&mut self, bytes: usize, now: Instant) {
        let out = self.dialogue.out();
        out.advance(bytes.min(out.len()));
        self.waits_since = (!out.is_empty()).then_some(now);
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When the camera takes nothing any more.
    pub fn tick(&mut self, now: Instant, wall: SystemTime) -> Result<(), BackChannelError> {
        if self.waits_since.is_some_and(|since| now >= since + PATIENCE) {
            return Err(BackChannelError::Silent);
        }
        // What waits for a camera that takes nothing is enough.
        let has_room = self.has_room();
        if now >= self.report_at {
            self.report_at = now + REPORTS;
            if has_room {
                self.stream.report(now, wall, self.dialogue.out());
            }
        }
        if now >= self.keep_at {
            self.keep_at = now + self.keep_every;
            if has_room {
                let method = if self.takes_parameters { "GET_PARAMETER" } else { "OPTIONS" };
                self.dialogue.ask(Request::new(method, &*self.whole));
            }
        }
        self.note_waiting(now);
        Ok(())
    }

    /// Sends a frame, or drops it if the camera is too slow.
    pub fn speak(&mut self, frame: &[u8], now: Instant) {
        if !self.has_room() || !self.stream.write(frame, now, self.dialogue.out()) {
            self.dropped += 1;
            return;
        }
        self.speaks_at = now + self.frame() / 2;
        self.note_waiting(now);
    }

    /// Counts frames that were not even given.
    pub fn skip(&mut self, frames: u64) {
        self.dropped += frames;
    }

    /// Takes what was read.
    ///
    /// # Errors
    /// When the camera has ended the session, or makes no sense.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), BackChannelError> {
        self.dialogue.push(bytes);
        while let Some(heard) = self.dialogue.next_heard().map_err(in_session)? {
            match heard {
                Heard::Ended | Heard::Answer(454, _) => return Err(BackChannelError::Closed),
                // Others than these keep a session by any request.
                Heard::Answer(405 | 501 | 551, _) => self.takes_parameters = false,
                Heard::Answer(..) => {}
            }
        }
        self.note_waiting(now);
        Ok(())
    }

    /// Ends it. Nothing is to be given any more.
    pub fn end(&mut self) {
        self.dialogue.ask(Request::new("TEARDOWN", &*self.whole));
    }

    /// True once the camera has answered all that it was asked, as to end.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.dialogue.is_answered()
    }

    fn has_room(&self) -> bool {
        self.unsent().len() < WAITING
    }

    fn note_waiting(&mut self, now: Instant) {
        if !self.unsent().is_empty() {
            self.waits_since.get_or_insert(now);
        }
    }
}

/// It did speak RTSP.
fn in_session(why: BackChannelError) -> BackChannelError {
    match why {
        BackChannelError::NotRtsp => BackChannelError::Protocol("what makes no sense"),
        why => why,
    }
}

#[cfg(test)]
mod tests;
