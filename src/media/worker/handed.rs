//! A source that `doorstep` reads itself and hands over piece by piece.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;

use crate::container;
use crate::liveness::Liveness;
use crate::picture_path::PicturePath;
use crate::shared::Shared;
use crate::sound_path::SoundPath;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::fetch::{Form, PictureCodec, SoundCodec};
use doorstep::media::wire::PieceKind;
use doorstep::media::{FeedEvent, SoundFacts, TroubleKind};

/// Waiting for pieces is no standstill, making something of them may be.
const WORK_MS: i64 = 5_000;
/// A still picture is shown again after this.
pub const AGAIN: Duration = Duration::from_millis(200);
const STILLS_FPS: u32 = 5;

/// What `doorstep` says about the source.
pub enum Order {
    /// It begins; without pictures only its sound comes here.
    Begin {
        form: Form,
        pictures: bool,
    },
    Piece {
        kind: PieceKind,
        ticks: i64,
        data: Bytes,
    },
    End {
        reason: String,
    },
}

/// The orders in their turn.
pub struct Inbox {
    orders: Receiver<Order>,
    /// Looked at and not yet taken.
    pub held: Option<Order>,
    liveness: Arc<Liveness>,
}

pub enum Next {
    Order(Order),
    /// None came in time.
    Nothing,
    Over,
}

impl Inbox {
    pub fn next(&mut self, patience: Duration) -> Next {
        self.liveness.back_within(WORK_MS);
        if let Some(order) = self.held.take() {
            return Next::Order(order);
        }
        let next = match self.orders.recv_timeout(patience) {
            Ok(order) => Next::Order(order),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Over,
        };
        self.liveness.back_within(WORK_MS);
        next
    }
}

/// Until `doorstep` says no more.
pub fn run(orders: Receiver<Order>, shared: &Shared) {
    let inbox = Inbox { orders, held: None, liveness: Arc::clone(&shared.liveness) };
    let inbox = Arc::new(Mutex::new(inbox));
    // A source that showed pictures is waited for before the slate comes.
    let mut showed = false;
    loop {
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).next(AGAIN);
        let failed = match next {
            Next::Order(Order::Begin { form, pictures }) => {
                showed = pictures;
                shared.stage.expect_pictures(pictures);
                match form {
                    Form::Mp4 => container::show(&inbox, shared),
                    Form::Packets { picture, sound } => {
                        packets(&inbox, pictures.then_some(picture), sound, shared)
                    }
                }
            }
            Next::Order(Order::End { reason }) => {
                shared.explain(Some(Trouble::passing(TroubleKind::Other, &reason)));
                if !showed {
                    shared.stage.show_slate(true);
                }
                continue;
            }
            // Of a source that cannot be shown.
            Next::Order(Order::Piece { .. }) | Next::Nothing => continue,
            Next::Over => return,
        };
        if let Err(trouble) = failed {
            let (reason, kind) = (trouble.reason.clone(), trouble.kind);
            shared.stage.tell(FeedEvent::Failed { reason, kind, last_words: None });
            shared.explain(Some(trouble));
        }
    }
}

/// Shows single pictures and packets of sound until they end.
fn packets(
    inbox: &Arc<Mutex<Inbox>>,
    picture: Option<PictureCodec>,
    sound: Option<SoundCodec>,
    shared: &Shared,
) -> Result<(), Trouble> {
    let mut path = picture.map(|codec| picture_path(codec, sound)).transpose()?;
    let repeats = picture == Some(PictureCodec::Jpeg);
    let mut sound = sound.map(sound_path);
    shared.stage.begin();
    if let Some(path) = &path {
        shared.stage.tell(path.opened());
    }
    loop {
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        match (inbox.next(AGAIN), &mut path, &mut sound) {
            (Next::Order(Order::Piece { kind: PieceKind::Picture, ticks, data }), Some(path), _) => {
                let mut packet = packet(&data, ticks);
                if picture.is_some_and(|codec| codec.is_key(&data)) {
                    packet.set_flags(ffmpeg::packet::Flags::KEY);
                }
                path.take(&packet, shared)?;
            }
            (Next::Order(Order::Piece { kind: PieceKind::Sound, ticks, data }), _, Some(sound)) => {
                // Sound that cannot be decoded must not cost the picture.
                sound.take(&packet(&data, ticks), shared).ok();
            }
            (Next::Order(Order::Piece { .. }), _, _) => {}
            (Next::Order(order), _, _) => {
                inbox.held = Some(order);
                return Ok(());
            }
            (Next::Nothing, Some(path), _) if repeats => path.repeat(shared)?,
            (Next::Nothing, _, _) => {}
            (Next::Over, _, _) => return Ok(()),
        }
    }
}

fn packet(data: &[u8], ticks: i64) -> ffmpeg::Packet {
    let mut packet = ffmpeg::Packet::copy(data);
    packet.set_pts(Some(ticks));
    packet.set_dts(Some(ticks));
    packet
}

fn picture_path(codec: PictureCodec, sound: Option<SoundCodec>) -> Result<PicturePath, Trouble> {
    let (id, fps) = match codec {
        PictureCodec::H264 => (Id::H264, None),
        PictureCodec::H265 => (Id::HEVC, None),
        PictureCodec::Jpeg => (Id::MJPEG, Some(STILLS_FPS)),
    };
    let mut facts = StreamFacts::bare(id, 90_000);
    facts.fps = fps.unwrap_or(facts.fps);
    let parameters = facts.parameters();
    PicturePath::new(facts, parameters, sound.map_or_else(SoundFacts::none, SoundFacts::of))
}

fn sound_path(codec: SoundCodec) -> SoundPath {
    let (id, rate) = match codec {
        SoundCodec::Opus => (Id::OPUS, 48_000),
        SoundCodec::Pcmu => (Id::PCM_MULAW, 8_000),
        SoundCodec::Pcma => (Id::PCM_ALAW, 8_000),
    };
    let facts = StreamFacts::bare(id, rate);
    let parameters = facts.parameters();
    SoundPath::new(facts, parameters)
}
