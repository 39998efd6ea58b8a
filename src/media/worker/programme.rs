//! An opened stream's picture and sound on their way out.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::media::Type;

use crate::clock::now_ms;
use crate::liveness::Liveness;
use crate::picture_path::PicturePath;
use crate::shared::Shared;
use crate::sound_path::SoundPath;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::{SoundFacts, TroubleKind};

/// A camera that sends nothing for this long has stalled.
const STALL_MS: i64 = 4_000;
/// Decoders that may be opened on a camera's bytes.
pub const DECODERS: &str = "h264,hevc,mjpeg,mpeg4,aac,aac_latm,pcm_mulaw,pcm_alaw,opus,libopus";
pub const FORMATS: &str = "rtsp,mpegts,flv,mov,mp4,matroska,webm,h264,mpjpeg";
const SOUNDS: [Id; 5] = [Id::AAC, Id::AAC_LATM, Id::PCM_MULAW, Id::PCM_ALAW, Id::OPUS];

/// A stream's picture and sound, and where they go.
pub struct Programme<'a> {
    picture: PicturePath,
    sound: Option<(StreamFacts, SoundPath)>,
    sound_errors: u32,
    /// When the last packet of the picture came.
    picture_ms: i64,
    shared: &'a Shared,
}

impl<'a> Programme<'a> {
    /// Looks at what was opened. An error means that it cannot be shown.
    pub fn new(input: &ffmpeg::format::context::Input, shared: &'a Shared) -> Result<Self, Trouble> {
        let best =
            |kind| input.streams().best(kind).map(|stream| (StreamFacts::of(&stream), stream.parameters()));
        let (facts, parameters) = best(Type::Video)
            .ok_or_else(|| Trouble::lasting(TroubleKind::NoPicture, "the camera sends no picture".into()))?;
        let sound = best(Type::Audio).filter(|(facts, _)| SOUNDS.contains(&facts.codec));
        let sound_facts = sound.as_ref().map_or_else(SoundFacts::none, |(facts, _)| SoundFacts {
            codec: facts.codec.name().to_owned(),
            rate: facts.rate,
        });
        let picture = PicturePath::new(facts, parameters, sound_facts)?;
        let sound = sound.map(|(facts, parameters)| (facts.clone(), SoundPath::new(facts, parameters)));
        shared.stage.begin();
        shared.stage.tell(picture.opened());
        Ok(Self { picture, sound, sound_errors: 0, picture_ms: now_ms(), shared })
    }

    /// When a packet is to be decoded, ms of the source's clock, if it says so.
    pub fn at_ms(&self, packet: &ffmpeg::Packet) -> Option<i64> {
        let sound = self.sound.as_ref().map(|(facts, _)| facts);
        let facts = [Some(&self.picture.facts), sound].into_iter().flatten();
        let facts = facts.into_iter().find(|facts| facts.index == packet.stream())?;
        packet.dts().or(packet.pts()).map(|at| facts.ticks(at, 1_000))
    }

    /// One packet of the stream's. True if a picture was shown; an error means that none can be.
    pub fn take(&mut self, packet: &ffmpeg::Packet) -> Result<bool, Trouble> {
        if packet.stream() == self.picture.facts.index {
            self.picture_ms = now_ms();
            return self.picture.take(packet, self.shared);
        }
        if now_ms() - self.picture_ms > STALL_MS {
            return Err(Trouble::passing(TroubleKind::NoPicture, "the camera sends sound and no picture"));
        }
        match &mut self.sound {
            Some((facts, path)) if facts.index == packet.stream() => {
                if let Err(error) = path.take(packet, self.shared) {
                    self.sound_errors += 1;
                    // Sound that cannot be decoded must not cost the picture; silence takes its place.
                    if self.sound_errors.is_power_of_two() {
                        eprintln!("{} packets of sound cannot be decoded: {error}", self.sound_errors);
                    }
                }
            }
            _ => {}
        }
        Ok(false)
    }
}

/// Reads the next packet.
pub fn read(
    input: &mut ffmpeg::format::context::Input,
    liveness: &Liveness,
) -> Result<ffmpeg::Packet, Trouble> {
    liveness.back_within(STALL_MS);
    loop {
        // A new one each time: reading forgets what the packet held before, and does not free it.
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(input) {
            // An interrupted read first gives out what the parsers still hold.
            Ok(()) if liveness.is_overdue() => return Err(Trouble::in_stream(ffmpeg::Error::Exit, liveness)),
            Ok(()) => return Ok(packet),
            // One bad packet; the next one may be good.
            Err(ffmpeg::Error::InvalidData) if !liveness.is_overdue() => {}
            Err(error) => return Err(Trouble::in_stream(error, liveness)),
        }
    }
}
