//! What `doorstep` and its media worker say to each other over the worker's stdin and stdout.
//!
//! A frame is a length (u32, big endian, of what follows), one byte for its kind, and its body:
//! JSON for control, a small fixed header and the raw payload for samples. Every kind has its own
//! cap. Whatever breaks a rule is a [`WireError`]; `doorstep` then replaces the worker.

use std::io::{self, Read, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fetch::Form;
use super::still::MAX_STILL;
use super::talk::TalkSetup;
use super::{Destination, FeedEvent, TestPattern};

/// Both sides must speak the same one.
pub const VERSION: u16 = 8;
/// Largest access unit, bytes.
pub const MAX_PICTURE: usize = 8 * 1024 * 1024;
/// Largest control message, bytes of JSON.
pub const MAX_CONTROL: usize = 64 * 1024;
/// Largest Opus packet, bytes.
pub const MAX_OPUS: usize = 1500;
/// Largest frame without its length, bytes.
pub const MAX_FRAME: usize = MAX_PICTURE + PICTURE_HEADER;

const CONTROL: u8 = 0;
const PICTURE: u8 = 1;
const SOUND: u8 = 2;
const TALK: u8 = 3;
const PIECE: u8 = 4;
const SPEECH: u8 = 5;
const STILL: u8 = 6;

const PICTURE_HEADER: usize = 1 + 1 + 8;
const SOUND_HEADER: usize = 1 + 8;
const TALK_HEADER: usize = 1 + 4 + 2 + 4;
const PIECE_HEADER: usize = 1 + 1 + 8;

const KEY: u8 = 1;
const SLATE: u8 = 2;

/// How a frame can be wrong. Holds nothing of its content, which may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Shorter than its header.
    #[error("a frame that is too short")]
    Short,
    /// Longer than its kind may be.
    #[error("a frame of {0} bytes, more than its kind may have")]
    Long(usize),
    /// A kind that does not exist or does not travel in this direction.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    /// Control that cannot be read.
    #[error("control that cannot be read")]
    Control,
}

/// What the worker opens.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum WireSource {
    /// An address, password included, and where it is.
    Address(Destination),
    /// The test pattern.
    Test(TestPattern),
    /// Nothing: it is handed over piece by piece ([`ToWorker::Begin`], [`ToWorker::Piece`]).
    Handed,
}

/// What a piece of a handed source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PieceKind {
    /// Bytes of a container, in order; ticks are 0.
    Bytes = 0,
    /// One access unit (Annex B) or one JPEG; 90 kHz ticks.
    Picture = 1,
    /// One packet of sound; ticks of its codec's clock.
    Sound = 2,
}

// An address holds a password, so it must not be printed by accident.
impl std::fmt::Debug for WireSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(_) => f.write_str("Address(***)"),
            Self::Test(pattern) => write!(f, "Test({pattern:?})"),
            Self::Handed => f.write_str("Handed"),
        }
    }
}

/// From `doorstep` to the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum ToWorker {
    /// First word.
    Hello {
        /// [`VERSION`] of the speaker.
        version: u16,
    },
    /// Open this and keep it open; said once.
    Open {
        /// The camera's name, for the slate.
        camera: String,
        /// What to open.
        source: WireSource,
        /// Most that an encoded picture may take, kbit/s.
        max_kbps: u32,
    },
    /// A handed source begins, or begins anew: what came before is over.
    Begin {
        /// What its pieces are.
        form: Form,
        /// False if `doorstep` shows the pictures itself and hands over the sound only.
        pictures: bool,
    },
    /// The handed source has ended; the text is for the slate.
    End {
        /// For people, without secrets.
        reason: String,
    },
    /// Show the slate at once, up to the next picture, or show it no more.
    Slate {
        /// To be shown.
        shown: bool,
    },
    /// The camera's speaker; what is said comes back as [`FromWorker::Speech`]. `None`: it has none, or one that
    /// takes the talk as it is.
    Speaker {
        /// What it is and how it is used.
        setup: Option<TalkSetup>,
    },
    /// A piece of the handed source.
    Piece {
        /// What it is.
        kind: PieceKind,
        /// Its time on the source's own clock.
        ticks: i64,
        /// At most [`MAX_PICTURE`] bytes.
        data: Bytes,
    },
    /// Make a key frame soon, if the picture is made here.
    KeyFrame,
    /// From the next key picture on the picture may take no more than this; `None`: what it likes.
    Limit {
        /// kbit/s.
        kbps: Option<u32>,
    },
    /// Make a key picture soon, even if the pictures have to be encoded anew for that up to the camera's
    /// next key picture.
    Fresh,
    /// What is encoded may take no more than this, which decides its size, too; `None`: as much as was said first.
    Allow {
        /// kbit/s.
        kbps: Option<u32>,
    },
    /// What is encoded may take no more than this from now on, at the size that it has; `None`: what is allowed.
    Rate {
        /// kbit/s.
        kbps: Option<u32>,
    },
    /// Make a still picture of the last of these; answered by [`FromWorker::Still`], unless others wait.
    Still {
        /// Access units of H.264 (Annex B) that were shown, a key picture first; together at most [`MAX_PICTURE`] bytes.
        units: Vec<Bytes>,
    },
    /// End.
    Stop,
    /// A piece of what the Echo's user says.
    Talk {
        /// Names the call.
        talker: u32,
        /// The Opus packet.
        opus: Bytes,
        /// RTP sequence number.
        sequence: u16,
        /// RTP timestamp, 48 kHz.
        timestamp: u32,
    },
    /// The speaker plays what it is given, or it does not yet, or not any more: what it is given then is heard by
    /// nobody. A speaker plays until it is said that it does not.
    Audible {
        /// It plays.
        plays: bool,
    },
    /// Play a tone of a second at the speaker, if nobody talks.
    Tone,
    /// A call whose user may have talked has ended.
    Leave {
        /// Names the call.
        talker: u32,
    },
}

/// From the worker to `doorstep`.
#[derive(Debug, Clone, PartialEq)]
pub enum FromWorker {
    /// Answer to the first word.
    Hello {
        /// [`VERSION`] of the speaker.
        version: u16,
        /// The kernel keeps all files from it.
        sealed: bool,
    },
    /// Still there; once a second.
    Alive,
    /// News for the camera.
    Event(FeedEvent),
    /// One access unit.
    Picture {
        /// Annex B.
        data: Bytes,
        /// 90 kHz on the worker's clock.
        ticks: i64,
        /// An IDR.
        key: bool,
        /// Made by the worker because the camera shows nothing.
        slate: bool,
    },
    /// 20 ms of sound.
    Sound {
        /// The Opus packet.
        opus: Bytes,
        /// 48 kHz on the worker's clock.
        ticks: i64,
    },
    /// One frame for the camera's speaker, in the form that [`ToWorker::Speaker`] named, when it is to be sent.
    Speech(Bytes),
    /// A still picture as it was asked for: a JPEG of at most [`MAX_STILL`] bytes, or nothing if none can be made.
    Still(Bytes),
}

#[derive(Serialize, Deserialize)]
enum ToControl {
    Hello { version: u16 },
    Open { camera: String, source: WireSource, max_kbps: u32 },
    Begin { form: Form, pictures: bool },
    End { reason: String },
    Slate { shown: bool },
    Speaker { setup: Option<TalkSetup> },
    KeyFrame,
    Limit { kbps: Option<u32> },
    Fresh,
    Allow { kbps: Option<u32> },
    Rate { kbps: Option<u32> },
    Stop,
    Audible { plays: bool },
    Tone,
    Leave { talker: u32 },
}

#[derive(Serialize, Deserialize)]
enum FromControl {
    Hello {
        version: u16,
        #[serde(default)]
        sealed: bool,
    },
    Alive,
    Event(FeedEvent),
}

impl ToWorker {
    /// The frame without its length.
    ///
    /// # Errors
    /// When it is longer than its kind may be.
    pub fn encode(self) -> Result<Bytes, WireError> {
        match self {
            Self::Talk { talker, opus, sequence, timestamp } => {
                capped(&opus, MAX_OPUS)?;
                let mut frame = BytesMut::with_capacity(TALK_HEADER + opus.len());
                frame.put_u8(TALK);
                frame.put_u32(talker);
                frame.put_u16(sequence);
                frame.put_u32(timestamp);
                frame.put_slice(&opus);
                Ok(frame.freeze())
            }
            Self::Hello { version } => control(&ToControl::Hello { version }),
            Self::Piece { kind, ticks, data } => {
                capped(&data, MAX_PICTURE)?;
                let mut frame = BytesMut::with_capacity(PIECE_HEADER + data.len());
                frame.put_u8(PIECE);
                frame.put_u8(kind as u8);
                frame.put_i64(ticks);
                frame.put_slice(&data);
                Ok(frame.freeze())
            }
            Self::Still { units } => still_of(&units),
            Self::Open { camera, source, max_kbps } => control(&ToControl::Open { camera, source, max_kbps }),
            Self::Begin { form, pictures } => control(&ToControl::Begin { form, pictures }),
            Self::End { reason } => control(&ToControl::End { reason }),
            Self::Slate { shown } => control(&ToControl::Slate { shown }),
            Self::Speaker { setup } => control(&ToControl::Speaker { setup }),
            Self::KeyFrame => control(&ToControl::KeyFrame),
            Self::Limit { kbps } => control(&ToControl::Limit { kbps }),
            Self::Fresh => control(&ToControl::Fresh),
            Self::Allow { kbps } => control(&ToControl::Allow { kbps }),
            Self::Rate { kbps } => control(&ToControl::Rate { kbps }),
            Self::Stop => control(&ToControl::Stop),
            Self::Audible { plays } => control(&ToControl::Audible { plays }),
            Self::Tone => control(&ToControl::Tone),
            Self::Leave { talker } => control(&ToControl::Leave { talker }),
        }
    }

    /// Reads a frame without its length.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn decode(mut frame: Bytes) -> Result<Self, WireError> {
        match frame.try_get_u8().map_err(|_| WireError::Short)? {
            CONTROL => Ok(match read_control(&frame)? {
                ToControl::Hello { version } => Self::Hello { version },
                ToControl::Open { camera, source, max_kbps } => Self::Open { camera, source, max_kbps },
                ToControl::Begin { form, pictures } => Self::Begin { form, pictures },
                ToControl::End { reason } => Self::End { reason },
                ToControl::Slate { shown } => Self::Slate { shown },
                ToControl::Speaker { setup } => Self::Speaker { setup },
                ToControl::KeyFrame => Self::KeyFrame,
                ToControl::Limit { kbps } => Self::Limit { kbps },
                ToControl::Fresh => Self::Fresh,
                ToControl::Allow { kbps } => Self::Allow { kbps },
                ToControl::Rate { kbps } => Self::Rate { kbps },
                ToControl::Stop => Self::Stop,
                ToControl::Audible { plays } => Self::Audible { plays },
                ToControl::Tone => Self::Tone,
                ToControl::Leave { talker } => Self::Leave { talker },
            }),
            TALK => {
                let talker = frame.try_get_u32().map_err(|_| WireError::Short)?;
                let sequence = frame.try_get_u16().map_err(|_| WireError::Short)?;
                let timestamp = frame.try_get_u32().map_err(|_| WireError::Short)?;
                capped(&frame, MAX_OPUS)?;
                Ok(Self::Talk { talker, opus: frame, sequence, timestamp })
            }
            PIECE => {
                let kind = match frame.try_get_u8().map_err(|_| WireError::Short)? {
                    0 => PieceKind::Bytes,
                    1 => PieceKind::Picture,
                    2 => PieceKind::Sound,
                    kind => return Err(WireError::Kind(kind)),
                };
                let ticks = frame.try_get_i64().map_err(|_| WireError::Short)?;
                capped(&frame, MAX_PICTURE)?;
                Ok(Self::Piece { kind, ticks, data: frame })
            }
            STILL => Ok(Self::Still { units: read_units(frame)? }),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

impl FromWorker {
    /// Writes the frame with its length. The payload is not copied.
    ///
    /// # Errors
    /// When it is longer than its kind may be, or the pipe is gone.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (header, payload) = self.parts().map_err(io::Error::other)?;
        let length = u32::try_from(header.len() + payload.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_be_bytes())?;
        to.write_all(&header)?;
        to.write_all(payload)
    }

    fn parts(&self) -> Result<(Bytes, &[u8]), WireError> {
        match self {
            Self::Picture { data, ticks, key, slate } => {
                capped(data, MAX_PICTURE)?;
                let mut header = BytesMut::with_capacity(PICTURE_HEADER);
                header.put_u8(PICTURE);
                header.put_u8(u8::from(*key) * KEY + u8::from(*slate) * SLATE);
                header.put_i64(*ticks);
                Ok((header.freeze(), data))
            }
            Self::Sound { opus, ticks } => {
                capped(opus, MAX_OPUS)?;
                let mut header = BytesMut::with_capacity(SOUND_HEADER);
                header.put_u8(SOUND);
                header.put_i64(*ticks);
                Ok((header.freeze(), opus))
            }
            Self::Speech(frame) => {
                capped(frame, MAX_OPUS)?;
                Ok((Bytes::from_static(&[SPEECH]), frame))
            }
            Self::Still(jpeg) => {
                capped(jpeg, MAX_STILL)?;
                Ok((Bytes::from_static(&[STILL]), jpeg))
            }
            Self::Hello { version, sealed } => {
                Ok((control(&FromControl::Hello { version: *version, sealed: *sealed })?, &[]))
            }
            Self::Alive => Ok((control(&FromControl::Alive)?, &[])),
            Self::Event(event) => Ok((control(&FromControl::Event(event.clone()))?, &[])),
        }
    }

    /// Reads a frame without its length. Payloads share the frame's memory.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn decode(mut frame: Bytes) -> Result<Self, WireError> {
        match frame.try_get_u8().map_err(|_| WireError::Short)? {
            CONTROL => Ok(match read_control(&frame)? {
                FromControl::Hello { version, sealed } => Self::Hello { version, sealed },
                FromControl::Alive => Self::Alive,
                FromControl::Event(event) => Self::Event(event),
            }),
            PICTURE => {
                let flags = frame.try_get_u8().map_err(|_| WireError::Short)?;
                let ticks = frame.try_get_i64().map_err(|_| WireError::Short)?;
                capped(&frame, MAX_PICTURE)?;
                Ok(Self::Picture { data: frame, ticks, key: flags & KEY != 0, slate: flags & SLATE != 0 })
            }
            SOUND => {
                let ticks = frame.try_get_i64().map_err(|_| WireError::Short)?;
                capped(&frame, MAX_OPUS)?;
                Ok(Self::Sound { opus: frame, ticks })
            }
            SPEECH => {
                capped(&frame, MAX_OPUS)?;
                Ok(Self::Speech(frame))
            }
            STILL => {
                capped(&frame, MAX_STILL)?;
                Ok(Self::Still(frame))
            }
            kind => Err(WireError::Kind(kind)),
        }
    }
}

/// Reads one frame without its length; `None` at the end of the pipe. For the worker's side.
///
/// # Errors
/// When the pipe breaks, ends inside a frame, or announces more than any frame can have.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > MAX_FRAME {
        return Err(io::Error::other(WireError::Long(length)));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(Some(frame.into()))
}

/// Each unit behind its length.
fn still_of(units: &[Bytes]) -> Result<Bytes, WireError> {
    let mut frame = BytesMut::with_capacity(1 + units.iter().map(|unit| 4 + unit.len()).sum::<usize>());
    frame.put_u8(STILL);
    for unit in units {
        frame.put_u32(u32::try_from(unit.len()).map_err(|_| WireError::Long(unit.len()))?);
        frame.put_slice(unit);
    }
    capped(&frame, MAX_PICTURE)?;
    Ok(frame.freeze())
}

fn read_units(mut frame: Bytes) -> Result<Vec<Bytes>, WireError> {
    capped(&frame, MAX_PICTURE)?;
    let mut units = Vec::new();
    while !frame.is_empty() {
        let length = frame.try_get_u32().map_err(|_| WireError::Short)?;
        let length = usize::try_from(length).map_err(|_| WireError::Short)?;
        if length > frame.len() {
            return Err(WireError::Short);
        }
        units.push(frame.split_to(length));
    }
    Ok(units)
}

fn capped(payload: &[u8], most: usize) -> Result<(), WireError> {
    if payload.len() > most { Err(WireError::Long(payload.len())) } else { Ok(()) }
}

fn control(message: &impl Serialize) -> Result<Bytes, WireError> {
    let mut frame = vec![CONTROL];
    serde_json::to_writer(&mut frame, message).map_err(|_| WireError::Control)?;
    capped(&frame, MAX_CONTROL)?;
    Ok(frame.into())
}

fn read_control<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    capped(body, MAX_CONTROL)?;
    serde_json::from_slice(body).map_err(|_| WireError::Control)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::media::TroubleKind;
    use crate::media::flow::Flow;
    use crate::media::{SoundFacts, VideoFacts};

    fn there_and_back(message: &FromWorker) -> FromWorker {
        let mut pipe = Vec::new();
        message.write(&mut pipe).unwrap();
        let frame = Bytes::copy_from_slice(&pipe[4..]);
        assert_eq!(u32::from_be_bytes(pipe[..4].try_into().unwrap()) as usize, frame.len());
        FromWorker::decode(frame).unwrap()
    }

    #[test]
    fn control_comes_back_as_it_was_said() {
        let video = VideoFacts {
            codec: "h264".into(),
            width: 1,
            height: 2,
            copied: true,
            copyable: true,
            why: "a \"reason\"\n".into(),
            keys_on_request: true,
        };
        let sound = SoundFacts { codec: "aac".into(), rate: 16_000 };
        for message in [
            FromWorker::Hello { version: 7, sealed: true },
            FromWorker::Alive,
            FromWorker::Event(FeedEvent::FirstPicture),
            FromWorker::Event(FeedEvent::SpeakerLevel(-12.5)),
            FromWorker::Event(FeedEvent::Flow(Flow {
                pictures_per_second: 25.0,
                kbps: 800,
                key_picture_seconds: None,
                since_key_seconds: 1.5,
                seconds: 2.0,
            })),
            FromWorker::Event(FeedEvent::Opened { video, sound }),
            FromWorker::Event(FeedEvent::Failed {
                reason: "ü".into(),
                kind: TroubleKind::Login,
                last_words: Some("x".into()),
            }),
        ] {
            assert_eq!(there_and_back(&message), message);
        }
    }

    #[test]
    fn what_is_too_large_is_not_sent_and_not_taken() {
        let data = Bytes::from(vec![0; MAX_PICTURE + 1]);
        let picture = FromWorker::Picture { data: data.clone(), ticks: 0, key: false, slate: false };
        assert!(picture.write(&mut io::sink()).is_err());
        let mut frame = vec![SOUND; SOUND_HEADER];
        frame.extend_from_slice(&data[..=MAX_OPUS]);
        assert_eq!(FromWorker::decode(frame.into()), Err(WireError::Long(MAX_OPUS + 1)));
        let talk = ToWorker::Talk { talker: 0, opus: data.slice(..=MAX_OPUS), sequence: 0, timestamp: 0 };
        assert_eq!(talk.encode(), Err(WireError::Long(MAX_OPUS + 1)));
        let mut still = vec![STILL];
        still.extend_from_slice(&data[..=MAX_STILL]);
        assert_eq!(FromWorker::decode(still.into()), Err(WireError::Long(MAX_STILL + 1)));
        assert!(FromWorker::Still(data.slice(..=MAX_STILL)).write(&mut io::sink()).is_err());
        assert!(ToWorker::Still { units: vec![data.clone()] }.encode().is_err());
        let mut control = vec![CONTROL];
        control.resize(MAX_CONTROL + 2, b' ');
        assert_eq!(FromWorker::decode(control.into()), Err(WireError::Long(MAX_CONTROL + 1)));
        assert!(read_frame(&mut &u32::MAX.to_be_bytes()[..]).is_err());
    }

    #[test]
    fn the_end_of_the_pipe_is_no_error_but_half_a_frame_is() {
        assert!(read_frame(&mut &[][..]).unwrap().is_none());
        assert!(read_frame(&mut &[0, 0, 0, 9, 1][..]).is_err());
    }

    #[test]
    fn an_address_is_not_printed() {
        let destination = r#"{"address":"rtsp://u:hunter2@cam/","ip":"10.0.0.2"}"#;
        let destination = serde_json::from_str(destination).unwrap();
        let open = ToWorker::Open {
            camera: "Front door".into(),
            source: WireSource::Address(destination),
            max_kbps: 2_500,
        };
        assert!(!format!("{open:?}").contains("hunter2"));
        assert_eq!(ToWorker::decode(open.clone().encode().unwrap()), Ok(open));
    }

    proptest! {
        #[test]
        fn no_bytes_can_upset_either_side(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..8) {
            let mut frame = vec![kind];
            frame.extend(&bytes);
            for bytes in [bytes, frame] {
                FromWorker::decode(Bytes::from(bytes.clone())).ok();
                ToWorker::decode(Bytes::from(bytes.clone())).ok();
                read_frame(&mut bytes.as_slice()).ok();
            }
        }

        #[test]
        fn samples_come_back_as_they_were_sent(
            data in prop::collection::vec(any::<u8>(), 0..=MAX_OPUS), ticks: i64, key: bool, slate: bool,
            talker: u32, sequence: u16, timestamp: u32,
        ) {
            let data = Bytes::from(data);
            let picture = FromWorker::Picture { data: data.clone(), ticks, key, slate };
            prop_assert_eq!(there_and_back(&picture), picture);
            let sound = FromWorker::Sound { opus: data.clone(), ticks };
            prop_assert_eq!(there_and_back(&sound), sound);
            let speech = FromWorker::Speech(data.clone());
            prop_assert_eq!(there_and_back(&speech), speech);
            let piece = ToWorker::Piece { kind: PieceKind::Picture, ticks, data: data.clone() };
            prop_assert_eq!(ToWorker::decode(piece.clone().encode().unwrap()), Ok(piece));
            let talk = ToWorker::Talk { talker, opus: data.clone(), sequence, timestamp };
            prop_assert_eq!(ToWorker::decode(talk.clone().encode().unwrap()), Ok(talk));
            let still = FromWorker::Still(data.clone());
            prop_assert_eq!(there_and_back(&still), still);
            let still = ToWorker::Still { units: vec![data.clone(), Bytes::new(), data] };
            let frame = still.clone().encode().unwrap();
            prop_assert!(ToWorker::decode(frame.slice(..frame.len() - 1)).is_err());
            prop_assert_eq!(ToWorker::decode(frame), Ok(still));
        }
    }
}
