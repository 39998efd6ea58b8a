//! G.711 and AAC for a camera's speaker, there and back.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{Context, Flags, Parameters};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::{ChannelLayout, decoder, encoder, frame};

use crate::pcm;
use crate::resampler::Resampler;
use crate::speech::SpeechFrame;

/// Hz of what comes in and of what is played.
const RATE: u32 = 48_000;
/// What AAC may take, bit/s for each channel.
const AAC_BITS: usize = 32_000;

/// One of FFmpeg's encoders, and the decoder that a speaker has.
pub struct SpeechCodec {
    encoder: encoder::Audio,
    decoder: decoder::Audio,
    to: Resampler,
    back: Resampler,
    layout: ChannelLayout,
    /// Samples of a frame.
    frame: usize,
    /// Of the speaker's rate, not a whole frame yet.
    waiting: Vec<f32>,
    /// Samples that the encoder has had; `None` before the first.
    taken: Option<i64>,
    packet: ffmpeg::Packet,
    decoded: frame::Audio,
}

impl SpeechCodec {
    /// `name`: of FFmpeg's encoder. `rate`: Hz. `frame`: samples of a frame.
    pub fn new(name: &str, rate: u32, channels: u8, frame: usize) -> Result<Self, ffmpeg::Error> {
        let layout = if channels == 2 { ChannelLayout::STEREO } else { ChannelLayout::MONO };
        let encoder = open(name, rate, layout, channels)?;
        let decoder = Context::from_parameters(Parameters::from(&encoder))?.decoder().audio()?;
        Ok(Self {
            encoder,
            decoder,
            to: Resampler::new(RATE, rate)?,
            back: Resampler::new(rate, RATE)?,
            layout,
            frame,
            waiting: Vec::new(),
            taken: None,
            packet: ffmpeg::Packet::empty(),
            decoded: frame::Audio::empty(),
        })
    }

    /// Takes samples of 48 kHz, gives the frames that are whole by now.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<SpeechFrame>, ffmpeg::Error> {
        self.to.run(samples, &mut self.waiting)?;
        if self.taken.is_none() {
            self.taken = Some(0);
            // The resampler keeps a few; without them each frame would wait for the next piece.
            let whole = samples.len() * self.encoder.rate() as usize / RATE as usize;
            self.waiting.splice(..0, std::iter::repeat_n(0.0, whole.saturating_sub(self.waiting.len())));
        }
        let mut frames = Vec::new();
        while self.waiting.len() >= self.frame {
            let input = self.next_input()?;
            self.encoder.send_frame(&input)?;
            while self.encoder.receive_packet(&mut self.packet).is_ok() {
                let data = Bytes::copy_from_slice(self.packet.data().unwrap_or_default());
                let played = self.play()?;
                frames.push(SpeechFrame { data, played });
            }
        }
        Ok(frames)
    }

    fn next_input(&mut self) -> Result<frame::Audio, ffmpeg::Error> {
        let samples: Vec<f32> = self.waiting.drain(..self.frame).collect();
        let mut input = pcm::of(&samples, self.encoder.format(), self.layout, self.encoder.rate())?;
        input.set_pts(self.taken);
        self.taken = self.taken.map(|taken| taken + samples.len() as i64);
        Ok(input)
    }

    /// What the speaker makes of the packet.
    fn play(&mut self) -> Result<Vec<f32>, ffmpeg::Error> {
        let (mut decoded, mut played) = (Vec::new(), Vec::new());
        self.decoder.send_packet(&self.packet)?;
        while self.decoder.receive_frame(&mut self.decoded).is_ok() {
            pcm::mono(&self.decoded, &mut decoded)?;
        }
        self.back.run(&decoded, &mut played)?;
        Ok(played)
    }
}

fn open(name: &str, rate: u32, layout: ChannelLayout, channels: u8) -> Result<encoder::Audio, ffmpeg::Error> {
    let codec = encoder::find_by_name(name).ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut encoder = Context::new_with_codec(codec).encoder().audio()?;
    let rate = i32::try_from(rate).unwrap_or_default();
    let aac = codec.id() == ffmpeg::codec::Id::AAC;
    encoder.set_rate(rate);
    encoder.set_format(if aac { Sample::F32(Type::Planar) } else { Sample::I16(Type::Packed) });
    encoder.set_channel_layout(layout);
    encoder.set_time_base((1, rate));
    if aac {
        encoder.set_bit_rate(AAC_BITS * usize::from(channels));
        // Raw access units: how to read them is said once, outside.
        encoder.set_flags(Flags::GLOBAL_HEADER);
    }
    encoder.open_as(codec)
}
