//! What the far end of a call of ours sends: packets in order, whole pictures out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::sleep_until;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::call::Signalling;
use super::stack::format_of;
use super::webrtc_peer::Shared;
use crate::peer::calling::{Answer, Kind};
use crate::peer::depacketizer::Depacketizer;
use crate::peer::reorder::{Next, Reorder};
use crate::peer::{Agreed, PictureFormat, Received};

/// A far end that sends nothing is looked at this often.
const IDLE: Duration = Duration::from_secs(1);
/// A key picture is asked for at most this often.
const KEY_FRAMES: Duration = Duration::from_millis(500);
/// Bytes of pictures that may wait for whoever called; in units of 1 KiB.
const WAITING_KIB: usize = 16 * 1024;

/// Reads every track of a call.
pub(super) struct Tracks {
    pub(super) tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    pub(super) media: mpsc::Sender<Received>,
    /// Somebody wants a key picture.
    pub(super) key_wanted: Arc<Notify>,
    pub(super) shared: Arc<Shared>,
    pub(super) signalling: Arc<Mutex<Signalling>>,
}

impl Tracks {
    /// Until the call has ended.
    pub(super) async fn run(mut self) {
        let ended = self.shared.ended.clone();
        let mut readers = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                track = self.tracks.recv() => match track {
                    Some(track) => {
                        let reader = Reader::new(track, &self);
                        readers.spawn(reader.run());
                    }
                    None => return,
                },
            }
        }
    }
}

/// Reads one track.
struct Reader {
    track: Arc<dyn TrackRemote>,
    media: mpsc::Sender<Received>,
    key_wanted: Arc<Notify>,
    signalling: Arc<Mutex<Signalling>>,
    /// What both ends agreed on, once that is looked up.
    agreed: Option<Agreed>,
    /// What is left of the bytes that may wait.
    waiting: Arc<Semaphore>,
    reorder: Reorder<rtp::Packet>,
    pictures: Option<(PictureFormat, Depacketizer)>,
    clock: Unwrapped,
    keys: KeyFrames,
    /// Pictures are of no use before the next key picture.
    needs_key: bool,
    ssrc: u32,
}

impl Reader {
    fn new(track: Arc<dyn TrackRemote>, of: &Tracks) -> Self {
        Self {
            track,
            media: of.media.clone(),
            key_wanted: Arc::clone(&of.key_wanted),
            signalling: Arc::clone(&of.signalling),
            agreed: None,
            waiting: Arc::new(Semaphore::new(WAITING_KIB)),
            reorder: Reorder::default(),
            pictures: None,
            clock: Unwrapped::default(),
            keys: KeyFrames::new(),
            needs_key: true,
            ssrc: 0,
        }
    }

    async fn run(mut self) {
        let key_wanted = Arc::clone(&self.key_wanted);
        loop {
            let until = self.reorder.until().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                event = self.track.poll() => match event {
                    Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                        self.ssrc = packet.header.ssrc;
                        self.reorder.put(packet.header.sequence_number, packet, Instant::now());
                    }
                    Some(TrackRemoteEvent::OnEnded) | None => return,
                    Some(_) => {}
                },
                () = sleep_until(until.into()) => {}
                () = key_wanted.notified(), if self.pictures.is_some() => self.ask_for_key().await,
            }
            let mut wants_key = false;
            while let Some(next) = self.reorder.pop(Instant::now()) {
                wants_key |= match next {
                    Next::Packet(packet) => self.take(&packet),
                    Next::Gap(packets) => {
                        if let Some((_, pictures)) = &mut self.pictures {
                            pictures.lost(packets);
                        }
                        false
                    }
                };
            }
            if wants_key {
                self.ask_for_key().await;
            }
            if self.media.is_closed() {
                return;
            }
        }
    }

    async fn ask_for_key(&mut self) {
        if let Some(request) = self.keys.request(self.ssrc) {
            // The end of the call is seen elsewhere.
            self.track.write_rtcp(vec![Box::new(request)]).await.ok();
        }
    }

    fn is_agreed(&mut self, kind: Kind) -> bool {
        if self.agreed.is_none() {
            let signalling = self.signalling.lock().unwrap_or_else(PoisonError::into_inner);
            self.agreed = signalling.answer.as_ref().map(Answer::agreed);
        }
        self.agreed.is_some_and(|agreed| match kind {
            Kind::Picture(format) => format == agreed.picture,
            Kind::Sound(format) => Some(format) == agreed.sound,
        })
    }

    /// False if there is no room for the picture.
    fn hand_on(&self, data: Bytes, timestamp: u64, key: bool) -> bool {
        let share = u32::try_from(data.len() / 1024 + 1).unwrap_or(u32::MAX);
        let Ok(held) = Arc::clone(&self.waiting).try_acquire_many_owned(share) else { return false };
        self.media.try_send(Received::Picture { data, timestamp, key, held: Arc::new(held) }).is_ok()
    }

    /// True if a key picture is needed.
    fn take(&mut self, packet: &rtp::Packet) -> bool {
        let header = &packet.header;
        if packet.payload.is_empty() {
            return false;
        }
        // What was not agreed on nobody expects.
        match format_of(header.payload_type).filter(|kind| self.is_agreed(*kind)) {
            Some(Kind::Picture(format)) => {
                self.take_picture(format, &packet.payload, header.timestamp, header.marker)
            }
            Some(Kind::Sound(_)) => {
                let timestamp = self.clock.at(header.timestamp);
                let payload = packet.payload.clone();
                // Sound that nobody takes in time is too late.
                self.media.try_send(Received::Sound { payload, timestamp }).ok();
                false
            }
            None => false,
        }
    }

    fn take_picture(&mut self, format: PictureFormat, payload: &Bytes, timestamp: u32, marker: bool) -> bool {
        if self.pictures.as_ref().is_none_or(|(known, _)| *known != format) {
            self.pictures = Some((format, Depacketizer::new(format)));
        }
        let Some((_, pictures)) = &mut self.pictures else { return false };
        let mut wants_key = false;
        for unit in pictures.take(payload, timestamp, marker) {
            let Ok(unit) = unit else {
                self.needs_key = true;
                wants_key = true;
                continue;
            };
            let timestamp = self.clock.at(unit.timestamp);
            if self.needs_key && !unit.key {
                wants_key = true;
                continue;
            }
            self.needs_key = !self.hand_on(unit.data, timestamp, unit.key);
            wants_key |= self.needs_key;
        }
        wants_key
    }
}

/// RTP timestamps without their wrap.
#[derive(Debug, Default)]
struct Unwrapped {
    last: Option<u64>,
}

impl Unwrapped {
    fn at(&mut self, timestamp: u32) -> u64 {
        let now = match self.last {
            // One lap ahead, so that what is a little earlier than the first has a place.
            None => (1 << 32) + u64::from(timestamp),
            Some(last) => {
                let low = u32::try_from(last & u64::from(u32::MAX)).unwrap_or_default();
                last.saturating_add_signed(i64::from(timestamp.wrapping_sub(low).cast_signed()))
            }
        };
        self.last = Some(now);
        now
    }
}

/// Asks for key pictures, at most twice a second.
struct KeyFrames {
    asked: Option<Instant>,
}

impl KeyFrames {
    fn new() -> Self {
        Self { asked: None }
    }

    /// The request to send now, if it is not too soon after the last one.
    fn request(&mut self, media_ssrc: u32) -> Option<PictureLossIndication> {
        if self.asked.is_some_and(|at| at.elapsed() < KEY_FRAMES) {
            return None;
        }
        self.asked = Some(Instant::now());
        Some(PictureLossIndication { sender_ssrc: 0, media_ssrc })
    }
}
