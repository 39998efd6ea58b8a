//! What one viewer is sent: the pictures since the last key picture at once, then the live ones.
//!
//! Runs on the media runtime, one task per call.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::fanout::{Fanout, Item};
use crate::peer::{Peer, PeerError, Picture};

/// What a far end is taken to receive that does not say, kbit/s.
const USUAL_KBPS: u32 = 2_500;
/// The ring is sent no faster than this, kbit/s.
const FASTEST_KBPS: u32 = 80_000;
/// The rate doubles this often while nothing is lost.
const STEP: Duration = Duration::from_millis(100);
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
        let mut pictures = Timeline::new(rand::random());
        let mut sound = Timeline::new(rand::random());
        loop {
            let mut joined = self.fanout.join(self.dropped.clone());
            if self.peer.has_video() {
                self.send_ring(&joined.ring, &mut pictures).await?;
            }
            loop {
                let item = tokio::select! {
                    biased;
                    () = self.replay.notified() => break,
                    item = joined.items.recv() => item,
                };
                match item {
                    None => return Ok(()),
                    Some(Item::Picture(_)) if !self.peer.has_video() => {}
                    Some(Item::Picture(picture)) => {
                        let stamp = pictures.stamp(picture.timestamp);
                        self.send_picture(&picture, stamp).await?;
                    }
                    Some(Item::Sound(packet)) => {
                        self.peer.send_sound(&packet.opus, sound.stamp(packet.timestamp)).await?;
                    }
                }
            }
        }
    }

    async fn send_ring(&mut self, ring: &[Arc<Picture>], timeline: &mut Timeline) -> Result<(), PeerError> {
        let Some(newest) = ring.last() else { return Ok(()) };
        let mut pace = Pace::new(self.bandwidth_kbps, self.peer.counters().nack, Instant::now());
        for (age, picture) in ring.iter().enumerate().map(|(at, picture)| (ring.len() - 1 - at, picture)) {
            let squeezed = newest.timestamp.saturating_sub(age as u64 * SQUEEZED);
            let stamp = timeline.stamp(squeezed);
            self.send_picture(picture, stamp).await?;
            let due = pace.sent(picture.len(), self.peer.counters().nack, Instant::now());
            // Timers are coarse; small debts are paid together.
            if due > Instant::now() + Duration::from_millis(2) {
                tokio::time::sleep_until(due).await;
            }
        }
        Ok(())
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

/// How fast the ring goes out: from twice what the far end says it can receive upwards, back to that
/// at the first loss.
struct Pace {
    slowest_kbps: u32,
    kbps: u32,
    /// NACK messages so far.
    nack: u64,
    /// When the rate last changed.
    changed: Instant,
    /// When what has been sent will have left at that rate.
    due: Instant,
}

impl Pace {
    fn new(bandwidth_kbps: Option<u32>, nack: u64, now: Instant) -> Self {
        let slowest_kbps = bandwidth_kbps.unwrap_or(USUAL_KBPS).saturating_mul(2).clamp(1_000, FASTEST_KBPS);
        Self { slowest_kbps, kbps: slowest_kbps, nack, changed: now, due: now }
    }

    /// Takes account of `bytes` that were just sent; the next ones are due at the returned time.
    fn sent(&mut self, bytes: usize, nack: u64, now: Instant) -> Instant {
        if nack > self.nack {
            (self.nack, self.kbps, self.changed) = (nack, self.slowest_kbps, now);
        } else if now.saturating_duration_since(self.changed) >= STEP {
            (self.kbps, self.changed) = (self.kbps.saturating_mul(2).min(FASTEST_KBPS), now);
        }
        self.due += Duration::from_micros(bytes as u64 * 8_000 / u64::from(self.kbps));
        self.due
    }
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
    fn the_ring_goes_out_faster_while_nothing_is_lost_and_at_its_first_rate_after_a_loss() {
        let mut now = Instant::now();
        let mut pace = Pace::new(Some(2_500), 0, now);
        let mut send = |nack| {
            let due = pace.sent(62_500, nack, now);
            let took = due - now;
            now = due;
            took.as_millis()
        };
        assert_eq!([send(0), send(0), send(0)], [100, 50, 50]);
        assert_eq!(send(0), 25);
        assert_eq!(send(1), 100, "a loss");
        assert_eq!(send(1), 50);
    }

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
