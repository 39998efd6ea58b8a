//! A source that `doorstep` reads itself and hands over piece by piece.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::StreamIo;

use crate::liveness::Liveness;
use crate::pace::Pace;
use crate::picture_path::PicturePath;
use crate::programme::{DECODERS, FORMATS, Programme};
use crate::shared::Shared;
use crate::sound_path::SoundPath;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::fetch::{Form, PictureCodec, SoundCodec};
use doorstep::media::wire::PieceKind;
use doorstep::media::{FeedEvent, SoundFacts};

/// Waiting for pieces is no standstill, making something of them may be.
const WORK_MS: i64 = 5_000;
const OPEN_MS: i64 = 20_000;
/// A still picture is shown again after this.
const AGAIN: Duration = Duration::from_millis(200);
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

/// The orders in their turn. Only the source's thread takes them.
struct Inbox {
    orders: Receiver<Order>,
    /// Looked at and not yet taken.
    held: Option<Order>,
    liveness: Arc<Liveness>,
}

enum Next {
    Order(Order),
    /// None came in time.
    Nothing,
    Over,
}

impl Inbox {
    fn next(&mut self, patience: Duration) -> Next {
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

/// The bytes of a container: they end where the source ends or begins anew.
struct Container {
    inbox: Arc<Mutex<Inbox>>,
    rest: Bytes,
    ended: bool,
}

impl Read for Container {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            match inbox.next(AGAIN) {
                Next::Order(Order::Piece { kind: PieceKind::Bytes, data, .. }) => self.rest = data,
                Next::Order(Order::Piece { .. }) | Next::Nothing => {}
                Next::Order(order) => {
                    inbox.held = Some(order);
                    self.ended = true;
                }
                Next::Over => self.ended = true,
            }
        }
        let length = self.rest.len().min(to.len());
        if let Some(to) = to.get_mut(..length) {
            self.rest.copy_to_slice(to);
        }
        Ok(length)
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
                    Form::Mp4 => container(&inbox, shared),
                    Form::Packets { picture, sound } => {
                        packets(&inbox, pictures.then_some(picture), sound, shared)
                    }
                }
            }
            Next::Order(Order::End { reason }) => {
                shared.explain(Some(Trouble::passing(&reason)));
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
            let (reason, unauthorized) = (trouble.reason.clone(), trouble.unauthorized);
            shared.stage.tell(FeedEvent::Failed { reason, unauthorized });
            shared.explain(Some(trouble));
        }
    }
}

/// Shows a container's streams until they end.
fn container(inbox: &Arc<Mutex<Inbox>>, shared: &Shared) -> Result<(), Trouble> {
    let bytes = Container { inbox: Arc::clone(inbox), rest: Bytes::new(), ended: false };
    let opened = open(bytes, &shared.liveness);
    let is_over = || inbox.lock().unwrap_or_else(PoisonError::into_inner).held.is_some();
    let programme = opened.and_then(|input| Programme::new(input, Some(Pace::default()), shared));
    match programme.and_then(|programme| programme.run(&mut false)) {
        Ok(never) => match never {},
        // It ended as it was told to.
        Err(_) if is_over() => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

fn open(bytes: Container, liveness: &Arc<Liveness>) -> Result<ffmpeg::format::context::Input, Trouble> {
    let mut options = ffmpeg::Dictionary::new();
    options.set("format_whitelist", FORMATS);
    options.set("codec_whitelist", DECODERS);
    options.set("analyzeduration", "100000");
    options.set("fpsprobesize", "0");
    liveness.back_within(OPEN_MS);
    let watch = Arc::clone(liveness);
    StreamIo::from_read(bytes)
        .and_then(|io| {
            ffmpeg::format::input_from_stream_with_interrupt(io, None, Some(options), move || {
                watch.is_overdue()
            })
        })
        .map_err(|error| Trouble::at_open(error, liveness))
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
                path.take(&packet(&data, ticks), shared)?;
            }
            (Next::Order(Order::Piece { kind: PieceKind::Sound, ticks, data }), _, Some(sound)) => {
                // Sound that cannot be decoded must not cost the picture.
                sound.take(&packet(&data, ticks), &shared.stage).ok();
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
