//! What one viewer is sent: the pictures since the last key picture at once, then the live ones.
//!
//! Runs on the media runtime, one task per call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::backlog::Backlog;
use super::fanout::{Fanout, Item, Joined};
use super::pace::{Feedback, Pace};
use crate::peer::{Peer, PeerError, Picture};

/// Timers are coarse; small debts are paid together.
const COARSE: Duration = Duration::from_millis(2);
/// A picture of now that is on its way is there by then.
const AWAITED: Duration = Duration::from_secs(5);
/// A group that spans less, 90 kHz ticks, is sent in no time.
const NEW: u64 = 90_000;
/// So many packets of a picture are sent at once, about 19 kB.
const TOGETHER: usize = 16;
/// Pictures of the ring are stamped this far apart (1 ms in 90 kHz ticks), so that the far end
/// plays them at once and is level with the camera when they end.
const SQUEEZED: u64 = 90;

/// One viewer.
pub struct Viewer {
    /// Where its packets go.
    pub peer: Arc<dyn Peer>,
    /// Where its pictures come from.
    pub fanout: Fanout,
    /// What the offer's `b=AS` allows, kbit/s.
    pub bandwidth_kbps: Option<u32>,
    /// Its call rings this when the far end needs a key picture that the camera cannot make.
    pub replay: Arc<Notify>,
    /// A picture of now is on its way: the ring need not be through soon.
    pub fresh: bool,
    /// Told when the first picture has been sent.
    pub first_picture: Option<oneshot::Sender<()>>,
    /// Counts the pictures that it missed because it is slow.
    pub dropped: Arc<AtomicU64>,
}

impl Viewer {
    /// Sends until the peer or the feed ends. The peer is connected already.
    pub async fn run(mut self) {
        // The only way out is the end of the peer, and that is told by its own events.
        let _ended = self.send().await;
    }

    async fn send(&mut self) -> Result<(), PeerError> {
        let mut tracks =
            Tracks { pictures: Timeline::new(rand::random()), sound: Timeline::new(rand::random()) };
        loop {
            let joined = self.fanout.join(self.dropped.clone());
            if !self.send_from(joined, &mut tracks).await? {
                return Ok(());
            }
        }
    }

    /// What was there before and what follows. True once it is to be sent again, false at the end of the feed.
    async fn send_from(&mut self, joined: Joined, tracks: &mut Tracks) -> Result<bool, PeerError> {
        let Joined { ring, mut items } = joined;
        let has_video = self.peer.has_video();
        // The picture of now may have come before the far end was there.
        let awaits = std::mem::take(&mut self.fresh) && !is_new(&ring);
        let steady = if awaits { AWAITED } else { Duration::ZERO };
        let mut backlog = Backlog::new(if has_video { squeezed(ring) } else { Vec::new() });
        let mut pace = Pace::new(self.bandwidth_kbps, self.feedback(), Instant::now(), steady);
        let mut sending: Option<Sending> = None;
        loop {
            tokio::select! {
                biased;
                // A picture is never left in the middle.
                () = self.replay.notified(), if sending.is_none() => return Ok(true),
                item = items.recv() => match item {
                    None => return Ok(false),
                    Some(Item::Picture(_)) if !has_video => {}
                    Some(Item::Picture(picture)) => {
                        pace.came(picture.len(), picture.key, Instant::now());
                        self.dropped.fetch_add(backlog.push(picture), Ordering::Relaxed);
                    }
                    Some(Item::Sound(packet)) => {
                        self.peer.send_sound(&packet.opus, tracks.sound.stamp(packet.timestamp)).await?;
                    }
                },
                () = sleep_until(pace.due()), if sending.is_some() || backlog.is_due() => {}
            }
            // Timers are coarse; small debts are paid together.
            while pace.due() <= Instant::now() + COARSE {
                let next = sending.take().or_else(|| {
                    let (picture, time) = backlog.pop()?;
                    Some(Sending { picture, stamp: tracks.pictures.stamp(time), sent: 0 })
                });
                let Some(mut part) = next else { break };
                let bytes = part.send(self.peer.as_ref()).await?;
                if part.is_whole() {
                    self.tell_first();
                } else {
                    sending = Some(part);
                }
                let waits = sending.is_some() || backlog.is_due();
                pace.sent(bytes, waits, self.feedback(), Instant::now());
            }
        }
    }

    fn feedback(&self) -> Feedback {
        let counted = self.peer.counters();
        Feedback { nack: counted.nack, retransmitted: counted.retransmitted }
    }

    fn tell_first(&mut self) {
        if let Some(first) = self.first_picture.take() {
            // Nobody listens any more once the call has ended.
            let _gone = first.send(());
        }
    }
}

/// A picture of which some packets have been sent.
struct Sending {
    picture: Arc<Picture>,
    stamp: u32,
    sent: usize,
}

impl Sending {
    /// Sends some more packets; how many bytes.
    async fn send(&mut self, peer: &dyn Peer) -> Result<usize, PeerError> {
        let packets = self.sent..self.picture.payloads.len().min(self.sent + TOGETHER);
        peer.send_packets(&self.picture, packets.clone(), self.stamp).await?;
        self.sent = packets.end;
        Ok(self.picture.payloads[packets].iter().map(Bytes::len).sum())
    }

    fn is_whole(&self) -> bool {
        self.sent >= self.picture.payloads.len()
    }
}

/// True if its key picture is hardly older than its last picture.
fn is_new(ring: &[Arc<Picture>]) -> bool {
    let ends = ring.first().zip(ring.last());
    ends.is_none_or(|(first, last)| last.timestamp.saturating_sub(first.timestamp) < NEW)
}

/// The ring with times close together.
fn squeezed(ring: Vec<Arc<Picture>>) -> Vec<(Arc<Picture>, u64)> {
    let newest = ring.last().map_or(0, |picture| picture.timestamp);
    let ages = (0..ring.len() as u64).rev();
    ring.into_iter().zip(ages.map(|age| newest.saturating_sub(age * SQUEEZED))).collect()
}

/// The two tracks of a viewer.
struct Tracks {
    pictures: Timeline,
    sound: Timeline,
}

/// RTP timestamps of one track at one viewer: the camera's own, but never going back.
struct Timeline {
    offset: u32,
    last: Option<u64>,
}

impl Timeline {
    fn new(offset: u32) -> Self {
        Self { offset, last: None }
    }

    #[allow(clippy::cast_possible_truncation, reason = "RTP timestamps wrap (RFC 3550 5.1)")]
    fn stamp(&mut self, natural: u64) -> u32 {
        let stamp = self.last.map_or(natural, |last| natural.max(last + SQUEEZED));
        self.last = Some(stamp);
        self.offset.wrapping_add(stamp as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_sent_again_never_goes_back_in_time_and_the_live_pictures_catch_up() {
        let mut timeline = Timeline::new(u32::MAX);
        let live: Vec<u32> = [90_000, 93_600].iter().map(|&at| timeline.stamp(at)).collect();
        let again: Vec<u32> = [93_420, 93_510, 93_600].iter().map(|&at| timeline.stamp(at)).collect();
        let then = timeline.stamp(97_200);
        assert_eq!(live, [89_999, 93_599]);
        assert_eq!(again, [93_689, 93_779, 93_869]);
        assert_eq!(then, 97_199);
    }
}
