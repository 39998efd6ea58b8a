//! Opus: reading packet headers, encoding, decoding.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::pcm;

pub use doorstep::media::sound_line::{PACKET, SILENCE};

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
    Some(frame * frames).filter(|samples| (1..=5760).contains(samples))
}

/// 48 kHz mono in, packets of 20 ms out.
pub struct OpusEncoder {
    encoder: ffmpeg::encoder::Audio,
    packet: ffmpeg::Packet,
    next: i64,
}

impl OpusEncoder {
    /// Needs an FFmpeg with libopus.
    pub fn new() -> Result<Self, ffmpeg::Error> {
        let codec = ffmpeg::encoder::find_by_name("libopus").ok_or(ffmpeg::Error::EncoderNotFound)?;
        let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().audio()?;
        encoder.set_rate(48_000);
        encoder.set_format(pcm::FORMAT);
        encoder.set_channel_layout(ffmpeg::ChannelLayout::MONO);
        encoder.set_time_base((1, 48_000));
        encoder.set_bit_rate(32_000);
        let mut options = ffmpeg::Dictionary::new();
        options.set("frame_duration", "20");
        options.set("application", "lowdelay");
        let encoder = encoder.open_as_with(codec, options)?;
        Ok(Self { encoder, packet: ffmpeg::Packet::empty(), next: 0 })
    }

    /// Takes exactly [`PACKET`] samples; gives a packet, or none while the encoder fills up.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Option<Bytes>, ffmpeg::Error> {
        if samples.len() != PACKET {
            return Err(ffmpeg::Error::InvalidData);
        }
        let mut frame = pcm::frame(samples, 48_000)?;
        frame.set_pts(Some(self.next));
        self.next += PACKET as i64;
        self.encoder.send_frame(&frame)?;
        match self.encoder.receive_packet(&mut self.packet) {
            Ok(()) => Ok(self.packet.data().map(Bytes::copy_from_slice)),
            Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Packets in, mono samples out, at the rate that FFmpeg's decoder gives (48 kHz).
pub struct OpusDecoder {
    decoder: ffmpeg::decoder::Audio,
    frame: ffmpeg::frame::Audio,
}

impl OpusDecoder {
    /// libopus if FFmpeg has it, else FFmpeg's own.
    pub fn new() -> Result<Self, ffmpeg::Error> {
        let codec = ffmpeg::decoder::find_by_name("libopus")
            .or_else(|| ffmpeg::decoder::find(ffmpeg::codec::Id::OPUS))
            .ok_or(ffmpeg::Error::DecoderNotFound)?;
        let decoder = ffmpeg::codec::Context::new_with_codec(codec).decoder().audio()?;
        Ok(Self { decoder, frame: ffmpeg::frame::Audio::empty() })
    }

    /// Appends the packet's samples.
    pub fn decode(&mut self, packet: &[u8], to: &mut Vec<f32>) -> Result<(), ffmpeg::Error> {
        if samples(packet).is_none() {
            return Err(ffmpeg::Error::InvalidData);
        }
        self.decoder.send_packet(&ffmpeg::Packet::borrow(packet))?;
        while self.decoder.receive_frame(&mut self.frame).is_ok() {
            pcm::mono(&self.frame, to)?;
        }
        Ok(())
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
            if let Some(packet) = encoder.encode(piece).unwrap() {
                assert_eq!(samples(&packet), Some(PACKET));
                decoder.decode(&packet, &mut heard).unwrap();
            }
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
