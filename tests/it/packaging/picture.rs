//! What a PNG file says of itself.

use std::path::Path;

/// Size, and whether its corner can be seen through.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub is_clear_where_nothing_is: bool,
}

impl Picture {
    /// Reads its header and, by FFmpeg, its first pixel.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && &bytes[12..16] == b"IHDR", "{}", path.display());
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let pixels = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
            .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"])
            .output()
            .unwrap()
            .stdout;
        let (width, height) = (number(16), number(20));
        assert_eq!(pixels.len() as u32, width * height * 4, "{}", path.display());
        Self { width, height, is_clear_where_nothing_is: pixels[3] == 0 }
    }
}
