//! What one viewer is sent: the pictures since the last key picture at once, then the live ones.
//!
//! Runs on the media runtime, one task per call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::backlog::Backlog;
use super::fanout::{Fanout, Item, Joined};
use super::pace::Pace;
use crate::peer::{Peer, PeerError, Picture};

/// Timers are coarse; small debts are paid together.
const COARSE: Duration = Duration::from_millis(2);
/// A picture of now that is on its way is there by then.
const AWAITED: Duration = Duration::from_secs(2);
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
            if self.send_from(joined, &mut tracks).await?.is_none() {
                return Ok(());
            }
        }
    }

    /// What was there before and what follows, until it is to be sent again; `None` at the end of the feed.
    async fn send_from(&mut self, joined: Joined, tracks: &mut Tracks) -> Result<Option<Again>, PeerError> {
        let Joined { ring, mut items } = joined;
        let has_video = self.peer.has_video();
        let mut backlog = Backlog::new(if has_video { squeezed(ring) } else { Vec::new() });
        let steady = if std::mem::take(&mut self.fresh) { AWAITED } else { Duration::ZERO };
        let mut pace = Pace::new(self.bandwidth_kbps, self.peer.counters().nack, Instant::now(), steady);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = self.replay.notified() => return Ok(Some(Again)),
                item = items.recv() => match item {
                    None => return Ok(None),
                    Some(Item::Picture(_)) if !has_video => {}
                    Some(Item::Picture(picture)) if !backlog.is_behind() => {
                        let stamp = tracks.pictures.stamp(picture.timestamp);
                        self.send_picture(&picture, stamp).await?;
                    }
                    Some(Item::Picture(picture)) => {
                        let lost = backlog.push(picture);
                        self.dropped.fetch_add(lost, Ordering::Relaxed);
                    }
                    Some(Item::Sound(packet)) => {
                        self.peer.send_sound(&packet.opus, tracks.sound.stamp(packet.timestamp)).await?;
                    }
                },
                () = sleep_until(due), if backlog.is_due() => {
                    let Some((picture, natural)) = backlog.pop() else { continue };
                    self.send_picture(&picture, tracks.pictures.stamp(natural)).await?;
                    due = pace.sent(picture.len(), self.peer.counters().nack, Instant::now()) - COARSE;
                }
            }
        }
    }

    async fn send_picture(&mut self, picture: &Picture, stamp: u32) -> Result<(), PeerError> {
        self.peer.send_picture(picture, stamp).await?;
        if let Some(first) = self.first_picture.take() {
            // Nobody listens any more once the call has ended.
            let _gone = first.send(());
        }
        Ok(())
    }
}

/// The ring is to be sent again.
struct Again;

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
