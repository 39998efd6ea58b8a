//! Between FFmpeg's audio frames and plain mono samples.
//!
//! Frames that come from a decoder are only read here; frames that go into an encoder or resampler
//! are made here, so their layout, size and format always agree.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;

use crate::opus::OpusError;

/// The format of every frame that is made here: packed 32-bit floats.
pub const FORMAT: Sample = Sample::F32(Type::Packed);

/// More samples than this in a frame are a lie.
const LONGEST: usize = 65_536;

/// Makes a mono frame.
pub fn frame(samples: &[f32], rate: u32) -> Result<ffmpeg::frame::Audio, ffmpeg::Error> {
    let mut frame = empty(samples.len(), rate)?;
    frame.plane_mut::<f32>(0).copy_from_slice(samples);
    Ok(frame)
}

/// Makes a mono frame with room for so many samples, at least one.
pub fn empty(samples: usize, rate: u32) -> Result<ffmpeg::frame::Audio, ffmpeg::Error> {
    if samples == 0 || samples > LONGEST * 8 {
        return Err(ffmpeg::Error::InvalidData);
    }
    let mut frame = ffmpeg::frame::Audio::new(FORMAT, samples, ffmpeg::ChannelLayout::MONO);
    if frame.planes() != 1 || frame.samples() != samples || frame.channels() != 1 {
        // The binding does not look whether its allocation worked.
        return Err(ffmpeg::Error::Other { errno: libc::ENOMEM });
    }
    frame.set_rate(rate);
    Ok(frame)
}

/// Makes a frame of mono samples for an encoder that takes 16-bit integers of one channel, or planes of floats.
pub fn of(
    samples: &[f32],
    format: Sample,
    layout: ffmpeg::ChannelLayout,
    rate: u32,
) -> Result<ffmpeg::frame::Audio, ffmpeg::Error> {
    let mut frame = ffmpeg::frame::Audio::new(format, samples.len(), layout);
    if frame.planes() == 0 || frame.samples() != samples.len() {
        return Err(ffmpeg::Error::Other { errno: libc::ENOMEM });
    }
    frame.set_rate(rate);
    match format {
        Sample::I16(Type::Packed) => {
            for (to, from) in frame.plane_mut::<i16>(0).iter_mut().zip(samples) {
                *to = (from * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            }
        }
        Sample::F32(Type::Planar) => {
            (0..frame.planes()).for_each(|plane| frame.plane_mut::<f32>(plane).copy_from_slice(samples));
        }
        _ => return Err(ffmpeg::Error::PatchWelcome),
    }
    Ok(frame)
}

/// Appends a decoded frame's samples, all channels mixed into one.
pub fn mono(frame: &ffmpeg::frame::Audio, to: &mut Vec<f32>) -> Result<(), ffmpeg::Error> {
    let (samples, channels) = (frame.samples(), usize::from(frame.channels()));
    if samples > LONGEST || !(1..=8).contains(&channels) || frame.planes() == 0 {
        return Err(ffmpeg::Error::InvalidData);
    }
    let start = to.len();
    to.resize(start + samples, 0.0);
    let out = to.get_mut(start..).unwrap_or_default();
    match frame.format() {
        Sample::F32(Type::Packed) => mix_packed(bytes(frame, 0, 4), channels, out, f32::from_ne_bytes),
        Sample::I16(Type::Packed) => mix_packed(bytes(frame, 0, 2), channels, out, from_i16),
        Sample::I32(Type::Packed) => mix_packed(bytes(frame, 0, 4), channels, out, from_i32),
        Sample::U8(Type::Packed) => mix_packed(bytes(frame, 0, 1), channels, out, from_u8),
        Sample::F32(Type::Planar) => mix_planes(frame, channels, out, f32::from_ne_bytes),
        Sample::I16(Type::Planar) => mix_planes(frame, channels, out, from_i16),
        Sample::I32(Type::Planar) => mix_planes(frame, channels, out, from_i32),
        Sample::U8(Type::Planar) => mix_planes(frame, channels, out, from_u8),
        _ => return Err(ffmpeg::Error::PatchWelcome),
    }
    Ok(())
}

fn from_i16(bytes: [u8; 2]) -> f32 {
    f32::from(i16::from_ne_bytes(bytes)) / 32_768.0
}

#[allow(clippy::cast_precision_loss)]
fn from_i32(bytes: [u8; 4]) -> f32 {
    i32::from_ne_bytes(bytes) as f32 / 2_147_483_648.0
}

fn from_u8(bytes: [u8; 1]) -> f32 {
    f32::from(bytes[0]) / 128.0 - 1.0
}

/// The bytes of a plane, cut to what the sample count promises; `data` has the whole line.
fn bytes(frame: &ffmpeg::frame::Audio, plane: usize, width: usize) -> &[u8] {
    let channels = if frame.is_packed() { usize::from(frame.channels()) } else { 1 };
    let data = if plane == 0 || frame.is_planar() { frame.data(plane) } else { &[] };
    data.get(..frame.samples() * channels * width).unwrap_or_default()
}

fn mix_packed<const N: usize>(bytes: &[u8], channels: usize, out: &mut [f32], read: fn([u8; N]) -> f32) {
    for (to, from) in out.iter_mut().zip(bytes.chunks_exact(N * channels)) {
        *to = from.as_chunks::<N>().0.iter().map(|sample| read(*sample)).sum::<f32>() / channels as f32;
    }
}

fn mix_planes<const N: usize>(
    frame: &ffmpeg::frame::Audio,
    channels: usize,
    out: &mut [f32],
    read: fn([u8; N]) -> f32,
) {
    for plane in 0..channels {
        for (to, from) in out.iter_mut().zip(bytes(frame, plane, N).as_chunks::<N>().0) {
            *to += read(*from) / channels as f32;
        }
    }
}

/// For FFmpeg libopus is a library like any other that it may be linked to.
impl From<OpusError> for ffmpeg::Error {
    fn from(_: OpusError) -> Self {
        Self::External
    }
}
