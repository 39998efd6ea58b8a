//! The worker's stderr, which is mostly FFmpeg's log.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::media::scrub::Scrub;

const LONGEST: usize = 400;
const WINDOW: Duration = Duration::from_secs(10);
const LINES: u32 = 10;
const CHUNK: usize = 1024;
/// Linux's size of a pipe, bytes.
const PIPE: usize = 64 * 1024;
/// So many last words are kept, for so long: an open fails after ten seconds.
const LAST: usize = 2;
const FRESH: Duration = Duration::from_secs(15);
/// Characters of a last word.
const LONGEST_LAST: usize = 160;

/// Forwards lines: scrubbed, cut, and no more than ten in ten seconds. Keeps the last ones.
pub struct Log<P> {
    pipe: Option<P>,
    camera: String,
    scrub: Scrub,
    line: Vec<u8>,
    since: Instant,
    lines: u32,
    left_out: u32,
    last: VecDeque<(Instant, String)>,
}

impl<P: AsyncRead + Unpin> Log<P> {
    pub fn new(pipe: P, camera: &str, scrub: Scrub) -> Self {
        Self {
            pipe: Some(pipe),
            camera: camera.to_owned(),
            scrub,
            line: Vec::new(),
            since: Instant::now(),
            lines: 0,
            left_out: 0,
            last: VecDeque::new(),
        }
    }

    /// Takes what is there next. Never comes back once the pipe has ended. Nothing is lost if it is dropped.
    pub async fn take(&mut self) {
        let mut chunk = [0; CHUNK];
        let length = match &mut self.pipe {
            Some(pipe) => pipe.read(&mut chunk).await.unwrap_or(0),
            None => std::future::pending().await,
        };
        if length == 0 {
            self.pipe = None;
        }
        for &byte in chunk.get(..length).unwrap_or_default() {
            if byte != b'\n' {
                if self.line.len() < LONGEST * 4 {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            self.forward(&self.scrub.text(&String::from_utf8_lossy(&line), LONGEST));
        }
    }

    /// Takes what has come already, but no more than a pipe holds.
    pub fn take_what_is_there(&mut self) {
        for _ in 0..PIPE / CHUNK {
            if self.pipe.is_none() || self.take().now_or_never().is_none() {
                return;
            }
        }
    }

    /// Takes what is left, for as long as it flows, but no longer than `patience`.
    pub async fn take_rest(&mut self, patience: Duration) {
        let rest = async {
            while self.pipe.is_some() {
                self.take().await;
            }
        };
        // Who does not end it has said enough.
        timeout(patience, rest).await.ok();
    }

    /// What was said last about what happens now; it is not told twice.
    pub fn last_words(&mut self) -> Option<String> {
        let fresh = self.last.drain(..).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, line)| line);
        let words = fresh.collect::<Vec<_>>().join("; ");
        Some(words).filter(|words| !words.is_empty())
    }

    fn forward(&mut self, line: &str) {
        if self.since.elapsed() > WINDOW {
            if self.left_out > 0 {
                tracing::warn!(
                    camera = self.camera,
                    left_out = self.left_out,
                    "the media worker said more than fits the log"
                );
            }
            (self.since, self.lines, self.left_out) = (Instant::now(), 0, 0);
        }
        if self.lines < LINES {
            self.lines += 1;
            tracing::warn!(camera = self.camera, "media worker: {line}");
        } else {
            self.left_out += 1;
        }
        self.keep(line);
    }

    fn keep(&mut self, line: &str) {
        let word = without_address(line);
        if !word.is_empty() && self.last.back().is_none_or(|(_, last)| *last != word) {
            if self.last.len() == LAST {
                self.last.pop_front();
            }
            self.last.push_back((Instant::now(), word));
        }
    }
}

/// `[rtsp @ 0x55d0] method DESCRIBE failed` without the place in memory.
fn without_address(line: &str) -> String {
    let parts = line.strip_prefix('[').and_then(|line| line.split_once("] "));
    let line = match parts.and_then(|(part, words)| Some((part.split_once(" @ ")?.0, words))) {
        Some((part, words)) => format!("{part}: {words}"),
        None => line.to_owned(),
    };
    line.trim().chars().take(LONGEST_LAST).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn the_last_words_are_few_short_and_without_secrets() {
        let said = "[tcp @ 0x1] first\n\
                    [rtsp @ 0x55d0c0ffee] method DESCRIBE failed: 454 rtsp://u:hunter2@cam/token-8f3a\n\
                    [rtsp @ 0x55d0c0ffff] method DESCRIBE failed: 454 rtsp://u:hunter2@cam/token-8f3a\n\
                    \n\
                    hunter2 half a line";
        let long = format!("{said}\n{}\n", "x".repeat(10_000));
        let scrub = Scrub::of("rtsp://u:hunter2@cam/token-8f3a");
        let mut log = Log::new(long.as_bytes(), "Front door", scrub);
        log.take_rest(Duration::from_secs(5)).await;
        let words = log.last_words().unwrap();
        assert_eq!(words, format!("*** half a line; {}", "x".repeat(LONGEST_LAST)));
        assert_eq!(log.last_words(), None);

        let mut log = Log::new(said.as_bytes(), "Front door", Scrub::of("rtsp://u:hunter2@cam/token-8f3a"));
        log.take_rest(Duration::from_secs(5)).await;
        let words = log.last_words().unwrap();
        assert!(words.starts_with("tcp: first; rtsp: method DESCRIBE failed: 454"), "{words}");
        for secret in ["hunter2", "token-8f3a", "0x55"] {
            assert!(!words.contains(secret), "{words}");
        }
    }
}
