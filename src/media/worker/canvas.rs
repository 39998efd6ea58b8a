//! A picture in memory that can be drawn on: YUV 4:2:0, limited range.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// A colour as luma and the two chromas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

pub const BLACK: Colour = Colour(16, 128, 128);
pub const DARK: Colour = Colour(40, 132, 124);
pub const GREY: Colour = Colour(126, 128, 128);
pub const WHITE: Colour = Colour(235, 128, 128);
pub const GREEN: Colour = Colour(145, 54, 34);
pub const AMBER: Colour = Colour(170, 60, 160);

/// Size in pixels; both even.
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    planes: [Vec<u8>; 3],
}

impl Canvas {
    /// All black.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width & !1, height & !1);
        let chroma = width / 2 * (height / 2);
        let planes = [vec![BLACK.0; width * height], vec![BLACK.1; chroma], vec![BLACK.2; chroma]];
        Self { width, height, planes }
    }

    /// Rows of one plane, from top to bottom.
    pub fn rows(&self, plane: usize) -> impl Iterator<Item = &[u8]> {
        let width = if plane == 0 { self.width } else { self.width / 2 };
        self.planes.get(plane).map_or(&[][..], Vec::as_slice).chunks_exact(width.max(1))
    }

    /// Fills a box; what lies outside the picture is left out. Edges are rounded down to even.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        let (right, bottom) = ((x + width).min(self.width) & !1, (y + height).min(self.height) & !1);
        let (x, y) = (x & !1, y & !1);
        if right <= x || bottom <= y {
            return;
        }
        let full = self.width;
        let [luma, blue, red] = &mut self.planes;
        paint(luma, full, (x, y, right, bottom), colour.0);
        paint(blue, full / 2, (x / 2, y / 2, right / 2, bottom / 2), colour.1);
        paint(red, full / 2, (x / 2, y / 2, right / 2, bottom / 2), colour.2);
    }

    /// Fills a box with luma noise, different for each `seed`.
    pub fn noise(&mut self, y: usize, height: usize, seed: u32) {
        let (from, to) = (y.min(self.height) * self.width, (y + height).min(self.height) * self.width);
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        for pixel in self.planes[0].get_mut(from..to).unwrap_or_default() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *pixel = 64 + (state >> 25) as u8;
        }
    }

    /// Writes text in white on what is there, `scale` times 32 pixels high. Characters that the
    /// font lacks become question marks.
    pub fn text(&mut self, x: usize, y: usize, text: &str, scale: usize) {
        let advance = text_width(1, scale);
        for (n, c) in text.chars().enumerate() {
            self.glyph(x + n * advance, y, c, scale);
        }
    }

    /// Like [`Canvas::text`], in the middle of the line.
    pub fn centred(&mut self, y: usize, text: &str, scale: usize) {
        let width = text_width(text.chars().count(), scale);
        self.text(self.width.saturating_sub(width) / 2, y, text, scale);
    }

    fn glyph(&mut self, x: usize, y: usize, c: char, scale: usize) {
        let raster = |c| get_raster(c, FontWeight::Bold, RasterHeight::Size32);
        let Some(glyph) = raster(c).or_else(|| raster('?')) else { return };
        for (row, pixels) in glyph.rows().enumerate() {
            for line in y + row * scale..y + (row + 1) * scale {
                if line >= self.height {
                    return;
                }
                for (column, &ink) in pixels.iter().enumerate() {
                    let from = x + column * scale;
                    let to = (from + scale).min(self.width);
                    for pixel in self.planes[0]
                        .get_mut(line * self.width + from..line * self.width + to)
                        .unwrap_or_default()
                    {
                        *pixel = blend(*pixel, ink);
                    }
                }
            }
        }
    }
}

/// Pixels that so many characters take.
pub fn text_width(characters: usize, scale: usize) -> usize {
    characters * get_raster_width(FontWeight::Bold, RasterHeight::Size32) * scale
}

fn blend(under: u8, ink: u8) -> u8 {
    let (under, ink) = (u32::from(under), u32::from(ink));
    u8::try_from((under * (255 - ink) + u32::from(WHITE.0) * ink) / 255).unwrap_or(WHITE.0)
}

fn paint(plane: &mut [u8], full: usize, (left, top, right, bottom): (usize, usize, usize, usize), value: u8) {
    for row in plane.chunks_exact_mut(full.max(1)).take(bottom).skip(top) {
        row.get_mut(left..right).unwrap_or_default().fill(value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_box_is_filled_in_all_planes_and_nowhere_else() {
        let mut canvas = Canvas::new(8, 4);
        canvas.fill(2, 0, 4, 2, WHITE);
        let luma: Vec<_> = canvas.rows(0).map(<[u8]>::to_vec).collect();
        assert_eq!(luma[1], [16, 16, 235, 235, 235, 235, 16, 16]);
        assert_eq!(luma[2], [16; 8]);
        canvas.fill(0, 2, 2, 2, GREEN);
        assert_eq!(canvas.rows(1).nth(1).unwrap(), [54, 128, 128, 128]);
    }

    proptest! {
        #[test]
        fn drawing_outside_the_picture_does_nothing_bad(
            x in 0_usize..200, y in 0_usize..200, w in 0_usize..200, h in 0_usize..200, text in ".{0,12}",
        ) {
            let mut canvas = Canvas::new(64, 48);
            canvas.fill(x, y, w, h, AMBER);
            canvas.text(x, y, &text, 2);
            canvas.centred(y, &text, 1);
            canvas.noise(y, h, 7);
            prop_assert_eq!(canvas.rows(0).count(), 48);
        }
    }
}
