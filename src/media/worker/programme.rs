//! An opened stream, passed on until it ends.

use std::convert::Infallible;
use std::time::Duration;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::media::Type;

use crate::clock::now_ms;
use crate::pace::Pace;
use crate::picture_path::PicturePath;
use crate::shared::Shared;
use crate::sound_path::SoundPath;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::SoundFacts;

const STALL_MS: i64 = 5_000;
/// Decoders that may be opened on a camera's bytes.
pub const DECODERS: &str = "h264,hevc,mjpeg,mpeg4,aac,aac_latm,pcm_mulaw,pcm_alaw,opus,libopus";
pub const FORMATS: &str = "rtsp,mpegts,flv,mov,mp4,matroska,webm,h264,mpjpeg";
const SOUNDS: [Id; 5] = [Id::AAC, Id::AAC_LATM, Id::PCM_MULAW, Id::PCM_ALAW, Id::OPUS];

/// A stream's picture and sound, and where they go.
pub struct Programme<'a> {
    input: ffmpeg::format::context::Input,
    picture: PicturePath,
    sound: Option<(usize, ffmpeg::Rational, SoundPath)>,
    /// For streams that come in bursts.
    pace: Option<Pace>,
    sound_errors: u32,
    shared: &'a Shared,
}

impl<'a> Programme<'a> {
    /// Looks at what was opened. An error means that it cannot be shown.
    pub fn new(
        input: ffmpeg::format::context::Input,
        pace: Option<Pace>,
        shared: &'a Shared,
    ) -> Result<Self, Trouble> {
        let picture =
            input.streams().best(Type::Video).map(|stream| (StreamFacts::of(&stream), stream.parameters()));
        let (facts, parameters) =
            picture.ok_or_else(|| Trouble::lasting("the camera sends no picture".into()))?;
        let sound = input
            .streams()
            .best(Type::Audio)
            .map(|stream| (StreamFacts::of(&stream), stream.parameters()))
            .filter(|(facts, _)| SOUNDS.contains(&facts.codec));
        let sound_facts = sound.as_ref().map_or_else(SoundFacts::none, |(facts, _)| SoundFacts {
            codec: facts.codec.name().to_owned(),
            rate: facts.rate,
        });
        let picture = PicturePath::new(facts, parameters, sound_facts)?;
        let sound = sound
            .map(|(facts, parameters)| (facts.index, facts.time_base, SoundPath::new(facts, parameters)));
        Ok(Self { input, picture, sound, pace, sound_errors: 0, shared })
    }

    /// Until the stream ends. `shown` says whether its picture was ever shown.
    pub fn run(mut self, shown: &mut bool) -> Result<Infallible, Trouble> {
        let Shared { stage, liveness, .. } = self.shared;
        stage.begin();
        stage.tell(self.picture.opened());
        let mut packet = ffmpeg::Packet::empty();
        loop {
            liveness.back_within(STALL_MS);
            match packet.read(&mut self.input) {
                // An interrupted read first gives out what the parsers still hold.
                Ok(()) if liveness.is_overdue() => {
                    return Err(Trouble::in_stream(ffmpeg::Error::Exit, liveness));
                }
                Ok(()) => {}
                // One bad packet; the next one may be good.
                Err(ffmpeg::Error::InvalidData) if !liveness.is_overdue() => continue,
                Err(error) => return Err(Trouble::in_stream(error, liveness)),
            }
            if packet.stream() == self.picture.facts.index {
                self.hold(&packet, self.picture.facts.time_base);
                if self.picture.take(&packet, self.shared)? && !*shown {
                    *shown = true;
                    self.shared.explain(None);
                }
            } else {
                self.hear(&packet);
            }
        }
    }

    fn hear(&mut self, packet: &ffmpeg::Packet) {
        let Some((index, time_base, _)) = self.sound else { return };
        if packet.stream() != index {
            return;
        }
        self.hold(packet, time_base);
        let Some((_, _, path)) = &mut self.sound else { return };
        if let Err(error) = path.take(packet, &self.shared.stage) {
            self.sound_errors += 1;
            // Sound that cannot be decoded must not cost the picture; silence takes its place.
            if self.sound_errors.is_power_of_two() {
                eprintln!("{} packets of sound cannot be decoded: {error}", self.sound_errors);
            }
        }
    }

    /// Waits until the packet is due.
    fn hold(&mut self, packet: &ffmpeg::Packet, time_base: ffmpeg::Rational) {
        use ffmpeg::Rescale;
        let (Some(pace), Some(at)) = (&mut self.pace, packet.dts().or(packet.pts())) else { return };
        let wait = pace.wait(at.rescale(time_base, (1, 1_000)), now_ms());
        self.shared.liveness.back_within(wait.saturating_add(STALL_MS));
        std::thread::sleep(Duration::from_millis(wait.unsigned_abs()));
    }
}
