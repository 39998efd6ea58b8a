//! What the Echo's user says, in the form that a camera's speaker takes.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::ChannelLayout;
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::software::resampling;

use crate::pcm;
use doorstep::media::talk::SpeakerFormat;

/// Hz of G.711.
const RATE: u32 = 8_000;
/// Samples in 20 ms, which are as many bytes.
const FRAME: usize = 160;

/// 48 kHz mono in, G.711 frames of 20 ms out.
pub struct SpeechEncoder {
    resampler: resampling::Context,
    encoder: ffmpeg::encoder::Audio,
    packet: ffmpeg::Packet,
    waiting: Vec<u8>,
}

impl SpeechEncoder {
    /// `None` for a codec that needs no encoding.
    pub fn new(format: SpeakerFormat) -> Result<Option<Self>, ffmpeg::Error> {
        let name = match format {
            SpeakerFormat::Opus | SpeakerFormat::Aac { .. } => return Ok(None),
            SpeakerFormat::Pcmu => "pcm_mulaw",
            SpeakerFormat::Pcma => "pcm_alaw",
        };
        let codec = ffmpeg::encoder::find_by_name(name).ok_or(ffmpeg::Error::EncoderNotFound)?;
        let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().audio()?;
        let format = Sample::I16(Type::Packed);
        encoder.set_rate(i32::try_from(RATE).unwrap_or_default());
        encoder.set_format(format);
        encoder.set_channel_layout(ChannelLayout::MONO);
        encoder.set_time_base((1, 8_000));
        let encoder = encoder.open_as(codec)?;
        let mono = ChannelLayout::MONO;
        let resampler = resampling::Context::get(pcm::FORMAT, mono, 48_000, format, mono, RATE)?;
        Ok(Some(Self { resampler, encoder, packet: ffmpeg::Packet::empty(), waiting: Vec::new() }))
    }

    /// Takes samples, gives whole frames.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<Bytes>, ffmpeg::Error> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let input = pcm::frame(samples, 48_000)?;
        let mut output = ffmpeg::frame::Audio::empty();
        self.resampler.run(&input, &mut output)?;
        if output.samples() > 0 {
            self.encoder.send_frame(&output)?;
            while self.encoder.receive_packet(&mut self.packet).is_ok() {
                self.waiting.extend_from_slice(self.packet.data().unwrap_or_default());
            }
        }
        let whole = self.waiting.len() / FRAME * FRAME;
        let ready: Vec<u8> = self.waiting.drain(..whole).collect();
        Ok(ready.chunks_exact(FRAME).map(Bytes::copy_from_slice).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// G.711 µ-law, ITU-T G.711 table 2a: the segment and step of a byte.
    fn level(frames: &[Bytes]) -> f32 {
        let linear = |byte: u8| {
            let (sign, rest) = (!byte & 0x80, !byte & 0x7F);
            let size = (((i32::from(rest & 15) << 3) + 132) << (rest >> 4)) - 132;
            if sign == 0 { size } else { -size }
        };
        let samples: Vec<f32> = frames.iter().flatten().map(|byte| linear(*byte) as f32 / 32_768.0).collect();
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_comes_out_as_frames_of_twenty_milliseconds_at_its_level() {
        let mut speech = SpeechEncoder::new(SpeakerFormat::Pcmu).unwrap().unwrap();
        let tone = |n: usize| 0.25 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
        let mut frames = Vec::new();
        for packet in 0..50 {
            let samples: Vec<f32> = (packet * 960..(packet + 1) * 960).map(tone).collect();
            frames.extend(speech.encode(&samples).unwrap());
        }
        assert!((48..=50).contains(&frames.len()), "{} frames", frames.len());
        assert!(frames.iter().all(|frame| frame.len() == FRAME));
        let level = level(&frames[10..]);
        assert!((level - 0.177).abs() < 0.02, "{level}");
    }

    #[test]
    fn a_speaker_that_takes_opus_needs_no_encoding() {
        assert!(SpeechEncoder::new(SpeakerFormat::Opus).unwrap().is_none());
    }
}
