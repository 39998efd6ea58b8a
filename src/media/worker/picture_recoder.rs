//! A camera's pictures made anew as H.264 that every Echo shows: decoded, scaled down, encoded.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;

use crate::clock::now_ms;
use crate::frame_budget::FrameBudget;
use crate::grade::Grade;
use crate::h264_encoder::{H264Encoder, H264Settings};
use crate::picture_decoder::PictureDecoder;
use crate::shared::Shared;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::TroubleKind;

/// Most pictures a second.
const FPS: u32 = 30;
/// Two pictures may be this close, percent of their usual distance: cameras are not that even.
const CLOSE: i64 = 75;
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
    grade: Grade,
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
            if self.is_due(shared) {
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
    fn is_due(&mut self, shared: &Shared) -> bool {
        use ffmpeg::Rescale;
        let Some(at) = self.decoder.picture().timestamp() else { return true };
        let at_ms = at.rescale(self.time_base, (1, 1_000));
        let is_allowed = self.budget.allows(at_ms);
        let since = self.encoded_ms.map(|last| at_ms.saturating_sub(last));
        let close_ms = CLOSE * 10 / i64::from(self.grade(shared).fps());
        let is_soon = since.is_some_and(|since| (1..close_ms).contains(&since));
        if !is_allowed || is_soon {
            return false;
        }
        self.encoded_ms = Some(at_ms);
        true
    }

    fn grade(&self, shared: &Shared) -> Grade {
        let (rate, most) = (shared.rate_kbps(), shared.encoded_kbps());
        let now = self.press.as_ref().map_or_else(|| Grade::best(most), |press| press.grade);
        now.follow(rate, most)
    }

    /// Scales the decoded picture; its size, if that is news.
    fn prepare(&mut self, shared: &Shared) -> Result<Option<(u32, u32)>, Trouble> {
        let failed = |error| {
            Trouble::lasting(TroubleKind::Format, format!("its picture cannot be encoded anew ({error})"))
        };
        let decoded = self.decoder.picture();
        let from = (decoded.format(), decoded.width(), decoded.height());
        let grade = self.grade(shared);
        let mut news = None;
        let press = match &mut self.press {
            Some(press) if press.from == from && press.grade == grade => press,
            other => {
                news = Some((from.1, from.2));
                self.wants_key = true;
                other.insert(Press::new(from, self.fps, grade, shared.rate_kbps()).map_err(failed)?)
            }
        };
        press.scaler.run(decoded, press.encoder.frame()).map_err(failed)?;
        Ok(news)
    }

    fn encode(&mut self, shared: &Shared, again: bool) -> Result<bool, Trouble> {
        use ffmpeg::Rescale;
        let failed = |error| {
            Trouble::lasting(TroubleKind::Format, format!("its picture cannot be encoded anew ({error})"))
        };
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
    fn new(from: (Pixel, u32, u32), fps: u32, grade: Grade, kbps: u32) -> Result<Self, ffmpeg::Error> {
        let (format, width, height) = from;
        let (wide, high) = grade.size(width, height);
        let fps = fps.min(grade.fps());
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
            most_kbps: kbps,
            fill: false,
        })?;
        Ok(Self { from, grade, scaler, encoder })
    }
}
