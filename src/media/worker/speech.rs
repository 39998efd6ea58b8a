//! What the Echo's user says, in the form that a camera's speaker takes, and as the speaker will play it.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::opus::{OpusDecoder, OpusEncoder, OpusError};
use crate::speech_codec::SpeechCodec;
use doorstep::media::talk::SpeakerFormat;

/// Why there is no speech for a speaker.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// FFmpeg refused.
    #[error(transparent)]
    Codec(#[from] ffmpeg::Error),
    /// libopus refused.
    #[error(transparent)]
    Opus(#[from] OpusError),
    /// No speaker has such a rate or so many channels.
    #[error("a speaker with {rate} Hz and {channels} channels")]
    Format {
        /// Hz.
        rate: u32,
        /// Should be 1 or 2.
        channels: u8,
    },
}

/// One frame for the speaker.
pub struct SpeechFrame {
    /// As it is sent.
    pub data: Bytes,
    /// As the speaker will play it: 48 kHz, mono.
    pub played: Vec<f32>,
}

/// 48 kHz mono in, frames for the speaker out.
pub enum SpeechEncoder {
    /// 20 ms in, 20 ms out.
    Opus(OpusEncoder, OpusDecoder),
    /// All others.
    Other(Box<SpeechCodec>),
}

impl SpeechEncoder {
    /// For a speaker that takes this.
    pub fn new(format: SpeakerFormat) -> Result<Self, SpeechError> {
        Ok(match format {
            SpeakerFormat::Opus => Self::Opus(OpusEncoder::new()?, OpusDecoder::new()?),
            SpeakerFormat::Pcmu => Self::Other(Box::new(SpeechCodec::new("pcm_mulaw", 8_000, 1, 160)?)),
            SpeakerFormat::Pcma => Self::Other(Box::new(SpeechCodec::new("pcm_alaw", 8_000, 1, 160)?)),
            // Shorter frames than 20 ms would go out in bursts.
            SpeakerFormat::Aac { rate: rate @ 8_000..=48_000, channels: channels @ 1..=2 } => {
                Self::Other(Box::new(SpeechCodec::new("aac", rate, channels, 1_024)?))
            }
            SpeakerFormat::Aac { rate, channels } => return Err(SpeechError::Format { rate, channels }),
        })
    }

    /// Takes 20 ms, gives the frames that are whole by now.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Vec<SpeechFrame>, SpeechError> {
        match self {
            Self::Opus(encoder, decoder) => {
                let data = encoder.encode(samples)?;
                let mut played = Vec::new();
                decoder.decode(&data, &mut played)?;
                Ok(vec![SpeechFrame { data, played }])
            }
            Self::Other(codec) => Ok(codec.encode(samples)?),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::opus::PACKET;

    fn tone(frames: usize) -> Vec<f32> {
        let at = |n: usize| 0.25 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
        (0..frames * PACKET).map(at).collect()
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    const FORMATS: [SpeakerFormat; 8] = [
        SpeakerFormat::Opus,
        SpeakerFormat::Pcmu,
        SpeakerFormat::Pcma,
        SpeakerFormat::Aac { rate: 8_000, channels: 1 },
        SpeakerFormat::Aac { rate: 16_000, channels: 1 },
        SpeakerFormat::Aac { rate: 32_000, channels: 1 },
        SpeakerFormat::Aac { rate: 44_100, channels: 2 },
        SpeakerFormat::Aac { rate: 48_000, channels: 2 },
    ];

    #[test]
    fn a_tone_of_four_seconds_makes_frames_for_four_seconds_that_play_it_at_its_level() {
        for format in FORMATS {
            let mut speech = SpeechEncoder::new(format).unwrap();
            let (mut frames, mut played, mut most) = (0, Vec::new(), 0);
            for samples in tone(200).chunks(PACKET) {
                let some = speech.encode(samples).unwrap();
                most = most.max(some.len());
                for frame in some {
                    assert!(!frame.data.is_empty() && frame.data.len() <= 1_500, "{format:?}");
                    frames += 1;
                    played.extend(frame.played);
                }
            }
            let expected = 4 * format.clock_rate() / format.frame_ticks();
            assert!((expected - 1..=expected + 1).contains(&frames), "{format:?}: {frames} frames");
            assert_eq!(most, 1, "{format:?} goes out in bursts");
            assert!(played.len() > 180_000, "{format:?}: {} samples", played.len());
            let level = level(&played[96_000..]);
            assert!((level - 0.177).abs() < 0.02, "{format:?} plays {level}");
        }
    }

    #[test]
    fn a_frame_of_g711_goes_out_with_each_frame_that_comes_in_and_the_tone_is_in_it_within_three_milliseconds()
     {
        let mut speech = SpeechEncoder::new(SpeakerFormat::Pcmu).unwrap();
        let first = speech.encode(&tone(1)).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].data.len(), 160);
        let silent = first[0].data.iter().take_while(|byte| **byte >= 0xFE || **byte == 0x7F).count();
        assert!(silent <= 24, "{silent} samples");
    }

    #[test]
    fn silence_is_what_every_speaker_knows_as_silence() {
        for (format, byte) in [(SpeakerFormat::Pcmu, 0xFF), (SpeakerFormat::Pcma, 0xD5)] {
            let mut speech = SpeechEncoder::new(format).unwrap();
            speech.encode(&tone(1)).unwrap();
            let frames: Vec<_> = (0..5).flat_map(|_| speech.encode(&[0.0; PACKET]).unwrap()).collect();
            assert!(
                frames.last().unwrap().data.iter().all(|sample| *sample == byte),
                "{frames:?}",
                frames = frames.last().unwrap().data
            );
        }
    }

    #[test]
    fn a_rate_that_no_speaker_has_is_refused() {
        for (rate, channels) in [(7_999, 1), (96_000, 1), (16_000, 0), (16_000, 3)] {
            assert!(SpeechEncoder::new(SpeakerFormat::Aac { rate, channels }).is_err());
        }
    }
}
