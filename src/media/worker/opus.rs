//! Opus: reading packet headers, encoding, decoding.
//!
//! By libopus itself: FFmpeg's decoders neither conceal what was lost nor read the copy of it that the next packet
//! may hold.

use bytes::Bytes;
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, ErrorCode, SampleRate};

pub use doorstep::media::sound_line::{PACKET, SILENCE};
use doorstep::media::wire::MAX_OPUS;

/// Longest packet (RFC 6716, 3.2.5), samples.
pub const LONGEST: usize = 5_760;

/// libopus refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Opus: {}", .0.message())]
pub struct OpusError(ErrorCode);

/// How long a packet is, in 48 kHz samples; `None` if it is none.
pub fn samples(packet: &[u8]) -> Option<usize> {
    let (&toc, rest) = packet.split_first()?;
    let frame = match toc >> 3 {
        mode @ 0..=11 => [480, 960, 1920, 2880][usize::from(mode & 3)],
        mode @ 12..=15 => [480, 960][usize::from(mode & 1)],
        mode => [120, 240, 480, 960][usize::from(mode & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(rest.first()? & 0x3F),
    };
    Some(frame * frames).filter(|samples| (1..=LONGEST).contains(samples))
}

/// 48 kHz mono in, packets of 20 ms out.
pub struct OpusEncoder(Encoder);

impl OpusEncoder {
    /// 32 kbit/s, with the least delay that Opus knows.
    pub fn new() -> Result<Self, OpusError> {
        let mut encoder =
            Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::LowDelay).map_err(OpusError)?;
        encoder.set_bitrate(Bitrate::Value(32_000)).map_err(OpusError)?;
        Ok(Self(encoder))
    }

    /// Takes exactly [`PACKET`] samples.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Bytes, OpusError> {
        if samples.len() != PACKET {
            return Err(OpusError(ErrorCode::BadArg));
        }
        let mut packet = [0; MAX_OPUS];
        let length = self.0.encode_float_to_slice(samples, &mut packet).map_err(OpusError)?;
        Ok(Bytes::copy_from_slice(packet.get(..length).unwrap_or_default()))
    }
}

/// Packets in, 48 kHz mono samples out.
pub struct OpusDecoder(Decoder);

impl OpusDecoder {
    /// For one stream.
    pub fn new() -> Result<Self, OpusError> {
        Decoder::new(Channels::Mono, SampleRate::Hz48000).map(Self).map_err(OpusError)
    }

    /// Appends the packet's samples.
    pub fn decode(&mut self, packet: &[u8], to: &mut Vec<f32>) -> Result<(), OpusError> {
        let samples = samples(packet).ok_or(OpusError(ErrorCode::InvalidPacket))?;
        self.run(packet, samples, false, to)
    }

    /// Appends so many samples, a multiple of 120, in place of what was lost. `after`: the packet that follows.
    pub fn conceal(
        &mut self,
        samples: usize,
        after: Option<&[u8]>,
        to: &mut Vec<f32>,
    ) -> Result<(), OpusError> {
        self.run(after.unwrap_or_default(), samples.min(LONGEST), after.is_some(), to)
    }

    fn run(&mut self, packet: &[u8], samples: usize, copy: bool, to: &mut Vec<f32>) -> Result<(), OpusError> {
        let start = to.len();
        to.resize(start + samples, 0.0);
        let room = to.get_mut(start..).unwrap_or_default();
        let made = self.0.decode_float_to_slice(packet, room, copy).map_err(OpusError);
        // A decoder that was given nonsense may say nonsense.
        room.iter_mut().filter(|sample| !sample.is_finite()).for_each(|sample| *sample = 0.0);
        to.truncate(start + made.unwrap_or(0).min(samples));
        made.map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn tone(packets: usize) -> Vec<f32> {
        (0..packets * PACKET)
            .map(|n| 0.25 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin())
            .collect()
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
    }

    #[test]
    fn a_tone_survives_encoding_and_decoding() {
        let (mut encoder, mut decoder) = (OpusEncoder::new().unwrap(), OpusDecoder::new().unwrap());
        let mut heard = Vec::new();
        for piece in tone(50).chunks(PACKET) {
            let packet = encoder.encode(piece).unwrap();
            assert_eq!(samples(&packet), Some(PACKET));
            decoder.decode(&packet, &mut heard).unwrap();
        }
        assert!(heard.len() >= 48 * PACKET, "{}", heard.len());
        let level = level(&heard[heard.len() / 2..]);
        assert!((0.12..0.24).contains(&level), "{level}");
    }

    #[test]
    fn the_silent_packet_is_twenty_milliseconds_of_silence() {
        assert_eq!(samples(&SILENCE), Some(PACKET));
        let mut heard = Vec::new();
        OpusDecoder::new().unwrap().decode(&SILENCE, &mut heard).unwrap();
        assert_eq!((heard.len(), level(&heard)), (PACKET, 0.0));
    }

    #[test]
    fn a_lost_packet_of_a_tone_is_concealed_at_its_level() {
        let (mut encoder, mut decoder) = (OpusEncoder::new().unwrap(), OpusDecoder::new().unwrap());
        let mut heard = Vec::new();
        for piece in tone(20).chunks(PACKET) {
            decoder.decode(&encoder.encode(piece).unwrap(), &mut heard).unwrap();
        }
        let before = heard.len();
        decoder.conceal(PACKET, None, &mut heard).unwrap();
        assert_eq!(heard.len(), before + PACKET);
        let level = level(&heard[before..]);
        assert!((0.09..0.24).contains(&level), "{level}");
    }

    proptest! {
        #[test]
        fn garbage_is_no_packet_or_decodes_to_something(packet in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut heard = Vec::new();
            if OpusDecoder::new().unwrap().decode(&packet, &mut heard).is_ok() {
                prop_assert!(heard.len() <= 5760);
            }
        }
    }
}
