//! A camera's pictures made anew as H.264 that every Echo shows: decoded, scaled down, encoded.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;

use crate::clock::now_ms;
use crate::frame_budget::FrameBudget;
use crate::h264_encoder::{H264Encoder, H264Settings};
use crate::picture_decoder::PictureDecoder;
use crate::shared::Shared;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;

/// Most pictures a second.
const FPS: u32 = 30;
/// Two pictures may be this much closer than [`FPS`] says: cameras are not that even.
const CLOSE_MS: i64 = 25;
/// Seconds between two key pictures.
const GOP_S: u32 = 2;
/// A key picture on request no more often than this.
const KEY_EVERY_MS: i64 = 500;

/// Decoder, scaler and encoder of one stream; all on the source's thread.
pub struct PictureRecoder {
    decoder: PictureDecoder,
    time_base: ffmpeg::Rational,
    fps: u32,
    press: Option<Press>,
    budget: FrameBudget,
    encoded_ms: Option<i64>,
    key_at_ms: i64,
    wants_key: bool,
}

/// What brings pictures of one size and format into their last form.
struct Press {
    from: (Pixel, u32, u32),
    kbps: u32,
    scaler: scaling::Context,
    encoder: H264Encoder,
}

/// What became of a packet.
pub struct Made {
    /// Its picture was shown.
    pub shown: bool,
    /// Pixels of the camera's pictures, if they are not what they were before.
    pub size: Option<(u32, u32)>,
}

impl PictureRecoder {
    /// Goes on where the decoder is: at the stream's beginning or in the middle of it.
    pub fn new(facts: &StreamFacts, decoder: PictureDecoder) -> Self {
        let fps = facts.fps.clamp(1, FPS);
        Self {
            decoder,
            time_base: facts.time_base,
            fps,
            press: None,
            budget: FrameBudget::new(fps),
            encoded_ms: None,
            key_at_ms: 0,
            wants_key: true,
        }
    }

    /// One packet of the camera's.
    pub fn take(&mut self, packet: &ffmpeg::Packet, shared: &Shared) -> Result<Made, Trouble> {
        let began = now_ms();
        let mut made = Made { shown: false, size: None };
        self.decoder.take(packet)?;
        while self.decoder.next() {
            if self.is_due() {
                made.size = self.prepare(shared)?.or(made.size);
                made.shown |= self.encode(shared, false)?;
            }
        }
        self.budget.spend(now_ms() - began);
        Ok(made)
    }

    /// The last picture once more, for a camera that shows one only now and then.
    pub fn repeat(&mut self, shared: &Shared) -> Result<(), Trouble> {
        if self.press.is_some() {
            self.encode(shared, true)?;
        }
        Ok(())
    }

    /// False if the picture comes too soon after the last one, or there is no time for it.
    fn is_due(&mut self) -> bool {
        use ffmpeg::Rescale;
        let Some(at) = self.decoder.picture().timestamp() else { return true };
        let at_ms = at.rescale(self.time_base, (1, 1_000));
        let is_allowed = self.budget.allows(at_ms);
        let since = self.encoded_ms.map(|last| at_ms.saturating_sub(last));
        let is_soon = since.is_some_and(|since| (1..CLOSE_MS).contains(&since));
        if !is_allowed || is_soon {
            return false;
        }
        self.encoded_ms = Some(at_ms);
        true
    }

    /// Scales the decoded picture; its size, if that is news.
    fn prepare(&mut self, shared: &Shared) -> Result<Option<(u32, u32)>, Trouble> {
        let failed = |error| Trouble::lasting(format!("its picture cannot be encoded anew ({error})"));
        let decoded = self.decoder.picture();
        let from = (decoded.format(), decoded.width(), decoded.height());
        let kbps = shared.encoded_kbps();
        let mut news = None;
        let press = match &mut self.press {
            Some(press) if press.from == from && press.kbps == kbps => press,
            other => {
                news = Some((from.1, from.2));
                self.wants_key = true;
                other.insert(Press::new(from, self.fps, kbps).map_err(failed)?)
            }
        };
        press.scaler.run(decoded, press.encoder.frame()).map_err(failed)?;
        Ok(news)
    }

    fn encode(&mut self, shared: &Shared, again: bool) -> Result<bool, Trouble> {
        use ffmpeg::Rescale;
        let failed = |error| Trouble::lasting(format!("its picture cannot be encoded anew ({error})"));
        let now = now_ms();
        let asked = now >= self.key_at_ms && shared.key_wanted.swap(false, Ordering::Relaxed);
        if asked {
            self.key_at_ms = now + KEY_EVERY_MS;
        }
        let Some(press) = &mut self.press else { return Ok(false) };
        press.encoder.hold_to(shared.rate_kbps());
        let (data, key): (Bytes, bool) =
            press.encoder.encode_frame(asked || self.wants_key).map_err(failed)?;
        let at = self.decoder.picture().timestamp().map(|at| at.rescale(self.time_base, (1, 90_000)));
        let shown = shared.stage.picture(data, at.filter(|_| !again), key);
        // The slate came in between: what follows needs a key picture.
        self.wants_key = !shown;
        Ok(shown)
    }
}

impl Press {
    fn new(from: (Pixel, u32, u32), fps: u32, max_kbps: u32) -> Result<Self, ffmpeg::Error> {
        let (format, width, height) = from;
        let (wide, high) = fitted(width, height, max_kbps);
        let scaler = scaling::Context::get(
            format,
            width,
            height,
            Pixel::YUV420P,
            wide,
            high,
            scaling::Flags::FAST_BILINEAR,
        )?;
        let encoder = H264Encoder::new(&H264Settings {
            width: wide,
            height: high,
            fps,
            gop: fps * GOP_S,
            most_kbps: max_kbps,
            fill: false,
        })?;
        Ok(Self { from, kbps: max_kbps, scaler, encoder })
    }
}

/// The size for so many kbit/s, never larger than the camera's and of the same shape; even.
fn fitted(width: u32, height: u32, max_kbps: u32) -> (u32, u32) {
    let (most_wide, most_high) = match max_kbps {
        0..1_000 => (640, 360),
        1_000..3_500 => (1280, 720),
        _ => (1920, 1080),
    };
    // Doorbells stand upright.
    let (most_wide, most_high) = if height > width { (most_high, most_wide) } else { (most_wide, most_high) };
    let (mut wide, mut high) = (width.max(2), height.max(2));
    if wide > most_wide {
        (wide, high) = (most_wide, (high * most_wide / wide).max(2));
    }
    if high > most_high {
        (wide, high) = ((wide * most_high / high).max(2), most_high);
    }
    (wide & !1, high & !1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_and_never_grows() {
        assert_eq!(fitted(3840, 2160, 2_500), (1280, 720));
        assert_eq!(fitted(3840, 2160, 8_000), (1920, 1080));
        assert_eq!(fitted(640, 480, 2_500), (640, 480));
        assert_eq!(fitted(2560, 1920, 2_500), (960, 720));
        assert_eq!(fitted(1536, 2048, 2_500), (720, 960));
        assert_eq!(fitted(321, 241, 800), (320, 240));
        assert_eq!(fitted(1, 4096, 800), (2, 640));
    }
}
