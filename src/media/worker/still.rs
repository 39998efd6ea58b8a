//! A still picture of what was shown last, on a thread of its own: it takes a moment, and nothing waits for it.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling;

use crate::clock::now_ms;
use crate::picture_decoder::PictureDecoder;
use crate::shared::Shared;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::TroubleKind;
use doorstep::media::still::MAX_STILL;
use doorstep::media::wire::FromWorker;

/// Pixels; what is larger is made smaller, in its own shape.
const WIDEST: u32 = 640;
const HIGHEST: u32 = 1_280;
/// So long it is decoded towards the newest picture; on a slow machine the still is a little older.
const DECODE_MS: i64 = 1_000;
/// Quantizers of the JPEG; smaller is better.
const QUANTIZERS: (i32, i32) = (2, 6);

/// Makes one at a time; one may wait.
pub fn start(shared: Arc<Shared>) -> std::io::Result<SyncSender<Vec<Bytes>>> {
    let (to, asked) = sync_channel::<Vec<Bytes>>(1);
    std::thread::Builder::new().name("still".into()).spawn(move || {
        for units in asked {
            let jpeg = newest(&units).and_then(|picture| jpeg(&picture).map_err(|error| failed(&error)));
            let jpeg = jpeg.unwrap_or_else(|trouble| {
                eprintln!("{}", trouble.reason);
                Bytes::new()
            });
            shared.stage.say(&FromWorker::Still(jpeg));
        }
    })?;
    Ok(to)
}

fn failed(error: &ffmpeg::Error) -> Trouble {
    Trouble::passing(TroubleKind::Format, &format!("no still picture can be made ({error})"))
}

/// Decodes H.264 from a key picture on.
fn newest(units: &[Bytes]) -> Result<Video, Trouble> {
    let facts = StreamFacts::bare(Id::H264, 90_000);
    let mut decoder = PictureDecoder::new(&facts, facts.parameters())?;
    let until_ms = now_ms() + DECODE_MS;
    let mut newest = None;
    for (place, unit) in units.iter().enumerate() {
        let mut packet = ffmpeg::Packet::copy(unit);
        if place == 0 {
            packet.set_flags(ffmpeg::packet::Flags::KEY);
        }
        decoder.take(&packet)?;
        while decoder.next() {
            newest = Some(decoder.take_picture());
        }
        if now_ms() >= until_ms {
            break;
        }
    }
    // A decoder may hold its last picture back in case that another one is to be shown before it.
    decoder.finish();
    while decoder.next() {
        newest = Some(decoder.take_picture());
    }
    newest.ok_or_else(|| {
        Trouble::passing(TroubleKind::Format, "no still picture can be made: nothing can be decoded")
    })
}

/// Scales down and encodes.
fn jpeg(picture: &Video) -> Result<Bytes, ffmpeg::Error> {
    let (width, height) = size(picture.width(), picture.height());
    let mut scaled = Video::new(Pixel::YUVJ420P, width, height);
    if scaled.planes() != 3 {
        // The binding does not look whether its allocation worked.
        return Err(ffmpeg::Error::Other { errno: libc::ENOMEM });
    }
    let from = (picture.format(), picture.width(), picture.height());
    scaling::Context::get(from.0, from.1, from.2, Pixel::YUVJ420P, width, height, scaling::Flags::BILINEAR)?
        .run(picture, &mut scaled)?;
    let codec = ffmpeg::encoder::find(Id::MJPEG).ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().video()?;
    encoder.set_width(width);
    encoder.set_height(height);
    encoder.set_format(Pixel::YUVJ420P);
    encoder.set_time_base((1, 1));
    encoder.set_qmin(QUANTIZERS.0);
    encoder.set_qmax(QUANTIZERS.1);
    let mut encoder = encoder.open_as(codec)?;
    let mut packet = ffmpeg::Packet::empty();
    scaled.set_pts(Some(0));
    encoder.send_frame(&scaled)?;
    encoder.receive_packet(&mut packet)?;
    let data = packet.data().filter(|data| data.len() <= MAX_STILL).ok_or(ffmpeg::Error::InvalidData)?;
    Ok(Bytes::copy_from_slice(data))
}

/// The same shape, small enough, and even.
fn size(width: u32, height: u32) -> (u32, u32) {
    let (width, height) = (width.max(2), height.max(2));
    let wide = width.min(WIDEST).min((u64::from(HIGHEST) * u64::from(width) / u64::from(height)) as u32);
    let high = (u64::from(wide) * u64::from(height) / u64::from(width)) as u32;
    (wide.max(2) & !1, high.max(2) & !1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::canvas::{Canvas, WHITE};
    use crate::h264_encoder::{H264Encoder, H264Settings};
    use doorstep::media::still::is_jpeg;

    #[test]
    fn a_still_has_the_shape_of_its_picture_and_is_no_larger_than_it_may_be() {
        assert_eq!(size(1920, 1080), (640, 360));
        assert_eq!(size(320, 240), (320, 240), "never made larger");
        assert_eq!(size(1536, 2048), (640, 852));
        assert_eq!(size(100, 4000), (32, 1280));
        assert_eq!(size(4096, 1), (640, 2));
    }

    /// Mean luma of a JPEG.
    fn luma(jpeg: &[u8]) -> f64 {
        let facts = StreamFacts::bare(Id::MJPEG, 90_000);
        let mut decoder = PictureDecoder::new(&facts, facts.parameters()).ok().unwrap();
        let mut packet = ffmpeg::Packet::copy(jpeg);
        packet.set_flags(ffmpeg::packet::Flags::KEY);
        decoder.take(&packet).ok().unwrap();
        assert!(decoder.next());
        let picture = decoder.picture();
        let rows = picture.data(0).chunks_exact(picture.stride(0));
        let width = picture.width() as usize;
        let sum: u64 = rows.flat_map(|row| &row[..width]).map(|luma| u64::from(*luma)).sum();
        sum as f64 / f64::from(picture.width() * picture.height())
    }

    #[test]
    fn the_still_is_of_the_newest_picture() {
        let settings =
            H264Settings { width: 960, height: 540, fps: 25, gop: 50, most_kbps: 2_000, fill: false };
        let mut encoder = H264Encoder::new(&settings).unwrap();
        let mut canvas = Canvas::new(960, 540);
        let mut units = vec![encoder.encode(&canvas, true).unwrap().0];
        let first = jpeg(&newest(&units).ok().unwrap()).unwrap();
        canvas.fill(0, 0, 960, 540, WHITE);
        units.extend((0..5).map(|_| encoder.encode(&canvas, false).unwrap().0));
        let last = jpeg(&newest(&units).ok().unwrap()).unwrap();
        assert!(is_jpeg(&first) && is_jpeg(&last));
        let (first, last) = (luma(&first), luma(&last));
        assert!(first < 30.0 && last > 220.0, "{first}, {last}");
    }

    #[test]
    fn of_garbage_no_still_is_made() {
        for units in [vec![], vec![Bytes::new()], vec![Bytes::from_static(&[0, 0, 0, 1, 0x65, 1, 2, 3])]] {
            assert!(newest(&units).is_err());
        }
    }
}
