//! x264 through FFmpeg, for pictures that the worker makes itself.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::canvas::Canvas;

/// Constrained Baseline without B frames, no picture held back, SPS and PPS in front of each IDR.
pub struct H264Encoder {
    encoder: ffmpeg::encoder::Video,
    frame: ffmpeg::frame::Video,
    packet: ffmpeg::Packet,
    next: i64,
    most_kbps: u32,
}

/// A rate that differs by less than one part in so many is the same.
const NOTABLE: u32 = 10;

/// How to encode.
pub struct H264Settings {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Pictures between two key frames.
    pub gop: u32,
    /// kbit/s that may not be exceeded for long.
    pub most_kbps: u32,
    /// Aim at that rate instead of a quality.
    pub fill: bool,
}

impl H264Encoder {
    /// Needs an FFmpeg with libx264.
    pub fn new(settings: &H264Settings) -> Result<Self, ffmpeg::Error> {
        let codec = ffmpeg::encoder::find_by_name("libx264").ok_or(ffmpeg::Error::EncoderNotFound)?;
        let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().video()?;
        encoder.set_width(settings.width);
        encoder.set_height(settings.height);
        encoder.set_format(ffmpeg::format::Pixel::YUV420P);
        let fps = i32::try_from(settings.fps).unwrap_or(25);
        encoder.set_time_base((1, fps));
        encoder.set_frame_rate(Some((fps, 1)));
        encoder.set_gop(settings.gop);
        encoder.set_max_b_frames(0);
        let bits = usize::try_from(settings.most_kbps).unwrap_or(2000) * 1000;
        encoder.set_max_bit_rate(bits);
        let mut options = ffmpeg::Dictionary::new();
        if settings.fill {
            encoder.set_bit_rate(bits);
        } else {
            options.set("crf", "24");
        }
        options.set("preset", "ultrafast");
        options.set("tune", "zerolatency");
        options.set("profile", "baseline");
        options.set("forced-idr", "1");
        options.set("sc_threshold", "0");
        options.set("bufsize", &(bits / 2).to_string());
        options.set("threads", "1");
        let encoder = encoder.open_as_with(codec, options)?;
        let frame =
            ffmpeg::frame::Video::new(ffmpeg::format::Pixel::YUV420P, settings.width, settings.height);
        if frame.planes() != 3 {
            // The binding does not look whether its allocation worked.
            return Err(ffmpeg::Error::Other { errno: libc::ENOMEM });
        }
        Ok(Self { encoder, frame, packet: ffmpeg::Packet::empty(), next: 0, most_kbps: settings.most_kbps })
    }

    /// From the next picture on no more than this may be exceeded for long, kbit/s. A change that is hardly
    /// one is left out: each makes the encoder plan anew.
    #[allow(unsafe_code)]
    pub fn hold_to(&mut self, most_kbps: u32) {
        if most_kbps.abs_diff(self.most_kbps) * NOTABLE < self.most_kbps {
            return;
        }
        self.most_kbps = most_kbps;
        let bits = i64::from(most_kbps) * 1_000;
        // SAFETY: the encoder's context is open and nobody else has it. The wrapper of x264 compares these
        // two fields with what it was opened with in front of each picture.
        unsafe {
            let raw = &mut *self.encoder.as_mut_ptr();
            raw.rc_max_rate = bits;
            raw.rc_buffer_size = i32::try_from(bits / 2).unwrap_or(i32::MAX);
        }
    }

    /// One picture in, one access unit out, with true if it is an IDR. The canvas must have the
    /// size of the settings.
    pub fn encode(&mut self, canvas: &Canvas, key: bool) -> Result<(Bytes, bool), ffmpeg::Error> {
        for plane in 0..3 {
            let stride = self.frame.stride(plane);
            let rows = self.frame.data_mut(plane).chunks_exact_mut(stride);
            for (to, from) in rows.zip(canvas.rows(plane)) {
                to.get_mut(..from.len()).ok_or(ffmpeg::Error::InvalidData)?.copy_from_slice(from);
            }
        }
        self.encode_frame(key)
    }

    /// The picture that is encoded next; whoever draws on it leaves its size and format alone.
    pub fn frame(&mut self) -> &mut ffmpeg::frame::Video {
        &mut self.frame
    }

    /// Encodes what [`H264Encoder::frame`] shows.
    pub fn encode_frame(&mut self, key: bool) -> Result<(Bytes, bool), ffmpeg::Error> {
        self.frame.set_pts(Some(self.next));
        self.frame.set_kind(if key { ffmpeg::picture::Type::I } else { ffmpeg::picture::Type::None });
        self.next += 1;
        self.encoder.send_frame(&self.frame)?;
        self.encoder.receive_packet(&mut self.packet)?;
        let data = self.packet.data().ok_or(ffmpeg::Error::InvalidData)?;
        Ok((Bytes::copy_from_slice(data), self.packet.is_key()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use doorstep::media::annex_b;
    use doorstep::media::sps::Sps;

    use super::*;

    #[test]
    fn the_size_of_what_an_encoder_makes_is_read_back_even_where_it_is_cropped() {
        for (width, height) in [(1280, 720), (640, 360), (1920, 1080), (322, 242)] {
            let settings = H264Settings { width, height, fps: 25, gop: 10, most_kbps: 1000, fill: false };
            let mut encoder = H264Encoder::new(&settings).unwrap();
            let (data, _) = encoder.encode(&Canvas::new(width as usize, height as usize), true).unwrap();
            let sps = Sps::parse(annex_b::look(&data).sps.unwrap()).unwrap();
            assert_eq!((sps.profile, sps.width, sps.height, sps.reordered), (66, width, height, false));
            assert!(sps.level <= 41, "{} for {width}x{height}", sps.level);
        }
    }

    /// Bytes of a second of noise.
    fn second(encoder: &mut H264Encoder, seed: &mut u32) -> usize {
        let pictures = (0..25).map(|_| {
            for plane in 0..3 {
                for value in encoder.frame().data_mut(plane) {
                    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *value = (*seed >> 24) as u8;
                }
            }
            encoder.encode_frame(false).unwrap().0.len()
        });
        pictures.sum()
    }

    #[test]
    fn an_encoder_follows_the_rate_that_its_viewers_lines_carry_down_and_up() {
        let settings =
            H264Settings { width: 640, height: 360, fps: 25, gop: 250, most_kbps: 2_000, fill: false };
        let (mut encoder, mut seed) = (H264Encoder::new(&settings).unwrap(), 1);
        let mut kbps = |encoder: &mut H264Encoder| {
            second(encoder, &mut seed);
            (second(encoder, &mut seed) + second(encoder, &mut seed)) * 8 / 2_000
        };
        let before = kbps(&mut encoder);
        encoder.hold_to(500);
        let held = kbps(&mut encoder);
        encoder.hold_to(2_000);
        let after = kbps(&mut encoder);
        assert!(held < 700 && before > 1_500 && after > 1_500, "{before}, {held}, {after} kbit/s");
    }
}
