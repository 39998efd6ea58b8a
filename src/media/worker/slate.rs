//! The picture that stands in for a camera that shows nothing.

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::canvas::{AMBER, Canvas, DARK, text_width};
use crate::h264_encoder::{H264Encoder, H264Settings};
use crate::trouble::Trouble;

/// Pictures a second.
pub const FPS: u32 = 5;
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

/// Draws and encodes it; made anew each time the slate comes, so that it begins with a key picture.
pub struct Slate {
    canvas: Canvas,
    encoder: H264Encoder,
    shown: u32,
    trouble: Option<Trouble>,
}

impl Slate {
    /// `camera`: the camera's name.
    pub fn new(camera: &str) -> Result<Self, ffmpeg::Error> {
        let encoder = H264Encoder::new(&H264Settings {
            width: WIDTH,
            height: HEIGHT,
            fps: FPS,
            gop: FPS * 2,
            most_kbps: 800,
            fill: false,
        })?;
        let mut canvas = Canvas::new(WIDTH as usize, HEIGHT as usize);
        canvas.fill(0, 0, WIDTH as usize, HEIGHT as usize, DARK);
        let fits = WIDTH as usize / text_width(1, 2) - 2;
        canvas.centred(230, &camera.chars().take(fits).collect::<String>(), 2);
        let mut slate = Self { canvas, encoder, shown: 0, trouble: None };
        slate.write();
        Ok(slate)
    }

    /// The next picture, with true if it is a key picture.
    pub fn next(&mut self, trouble: Option<&Trouble>) -> Result<(Bytes, bool), ffmpeg::Error> {
        if trouble != self.trouble.as_ref() {
            self.trouble = trouble.cloned();
            self.write();
        }
        // Something has to move, or nobody can tell a slate from a frozen picture.
        let step = WIDTH as usize / 3 / 10;
        let at = (self.shown as usize % 10) * step;
        self.canvas.fill(WIDTH as usize / 3, 560, WIDTH as usize / 3, 8, DARK);
        self.canvas.fill(WIDTH as usize / 3 + at, 560, step, 8, AMBER);
        self.shown = self.shown.wrapping_add(1);
        self.encoder.encode(&self.canvas, false)
    }
}

impl Slate {
    fn write(&mut self) {
        let lasting = self.trouble.as_ref().is_some_and(|trouble| trouble.lasting);
        let headline = if lasting { "shows no picture" } else { "does not answer, trying again" };
        self.canvas.fill(0, 320, WIDTH as usize, 180, DARK);
        self.canvas.centred(320, headline, 2);
        let fits = WIDTH as usize / text_width(1, 1) - 2;
        let reason = self.trouble.as_ref().map(|trouble| trouble.reason.as_str()).unwrap_or_default();
        for (line, y) in wrapped(reason, fits).iter().zip([420, 460]) {
            self.canvas.centred(y, line, 1);
        }
    }
}

fn wrapped(text: &str, fits: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let count = lines.len();
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= fits || count == 2 {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines.into_iter().map(|line| line.chars().take(fits).collect()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use doorstep::media::TroubleKind;
    use doorstep::media::annex_b;

    #[test]
    fn it_begins_with_a_key_picture_and_has_one_every_two_seconds() {
        let mut slate = Slate::new("Haustür 玄関").unwrap();
        let keys: Vec<_> = (0..25)
            .map(|_| {
                let (data, key) = slate
                    .next(Some(&Trouble::passing(TroubleKind::Refused, "the camera refused the connection")))
                    .unwrap();
                let found = annex_b::look(&data);
                assert_eq!(found.idr, key);
                assert!(!key || (found.sps.is_some() && found.pps.is_some()));
                key
            })
            .collect();
        let at: Vec<_> = keys.iter().enumerate().filter_map(|(n, key)| key.then_some(n)).collect();
        assert_eq!(at, [0, 10, 20]);
    }

    #[test]
    fn a_long_reason_takes_two_lines_at_most() {
        assert_eq!(wrapped("one two three four five", 9), ["one two", "three fou"]);
        assert_eq!(wrapped("", 9), [""]);
    }
}
