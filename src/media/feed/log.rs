//! The worker's stderr, which is mostly FFmpeg's log.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::media::scrub::Scrub;

const LONGEST: usize = 400;
const WINDOW: Duration = Duration::from_secs(10);
const LINES: u32 = 10;

/// Forwards lines until the pipe ends: scrubbed, cut, and no more than ten in ten seconds.
pub async fn forward(mut pipe: impl AsyncRead + Unpin, camera: &str, scrub: &Scrub) {
    let mut line = Vec::new();
    let mut chunk = [0; 1024];
    let mut since = Instant::now();
    let (mut lines, mut left_out) = (0, 0_u32);
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        for &byte in chunk.get(..length).unwrap_or_default() {
            if byte != b'\n' {
                if line.len() < LONGEST * 4 {
                    line.push(byte);
                }
                continue;
            }
            if since.elapsed() > WINDOW {
                if left_out > 0 {
                    tracing::warn!(camera, left_out, "the media worker said more than fits the log");
                }
                (since, lines, left_out) = (Instant::now(), 0, 0);
            }
            if lines < LINES {
                lines += 1;
                tracing::warn!(
                    camera,
                    "media worker: {}",
                    scrub.text(&String::from_utf8_lossy(&line), LONGEST)
                );
            } else {
                left_out += 1;
            }
            line.clear();
        }
    }
}
