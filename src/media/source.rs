//! From a camera's configured address to a source, and the options of the test pattern.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{MediaError, Source};
use crate::config::camera_address::CameraAddress;

/// What the test source shows: `test:?size=1280x720&fps=25&gop=2&bitrate=4000`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPattern {
    /// Pixels, even, 320 to 1920.
    pub width: u32,
    /// Pixels, even, 240 to 1080.
    pub height: u32,
    /// Pictures a second, 1 to 60.
    pub fps: u32,
    /// Seconds between key frames, 0.5 to 60.
    pub gop: f64,
    /// kbit/s that noise fills up to, 100 to 20 000; `None`: as little as the pattern needs.
    pub kbps: Option<u32>,
    /// True if key frames are made on request, as cameras do not.
    pub answers_key_requests: bool,
}

impl Default for TestPattern {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 25, gop: 2.0, kbps: None, answers_key_requests: true }
    }
}

impl TestPattern {
    /// Forces every value into its range; what comes over the pipe goes through here.
    #[must_use]
    pub fn bounded(self) -> Self {
        let gop = if self.gop.is_finite() { self.gop } else { 2.0 };
        Self {
            width: self.width.clamp(320, 1920) & !1,
            height: self.height.clamp(240, 1080) & !1,
            fps: self.fps.clamp(1, 60),
            gop: gop.clamp(0.5, 60.0),
            kbps: self.kbps.map(|kbps| kbps.clamp(100, 20_000)),
            ..self
        }
    }

    fn parse(url: &Url) -> Result<Self, MediaError> {
        let wrong = |key: &str| MediaError::Source(format!("test: has no option or value like that: {key}"));
        let mut pattern = Self::default();
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "size" => {
                    let (width, height) = value.split_once('x').ok_or_else(|| wrong("size"))?;
                    pattern.width = width.parse().map_err(|_| wrong("size"))?;
                    pattern.height = height.parse().map_err(|_| wrong("size"))?;
                }
                "fps" => pattern.fps = value.parse().map_err(|_| wrong("fps"))?,
                "gop" => pattern.gop = value.parse().map_err(|_| wrong("gop"))?,
                "bitrate" => pattern.kbps = Some(value.parse().map_err(|_| wrong("bitrate"))?),
                "keys" => {
                    pattern.answers_key_requests = match value.as_ref() {
                        "on_request" => true,
                        "fixed" => false,
                        _ => return Err(wrong("keys")),
                    }
                }
                other => return Err(wrong(other)),
            }
        }
        Ok(pattern.bounded())
    }
}

impl Source {
    /// Reads a camera's configured address.
    ///
    /// # Errors
    /// When it is no address, or of a kind that may not be opened. The text does not repeat the
    /// address, which may hold a password.
    pub fn parse(address: &SecretString) -> Result<Self, MediaError> {
        let text = address.expose_secret();
        match Url::parse(text) {
            Ok(url) if url.scheme() == "test" => Ok(Self::Test(TestPattern::parse(&url)?)),
            _ => CameraAddress::parse(text)
                .map(Self::Address)
                .map_err(|why| MediaError::Source(format!("its address {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn parse(text: &str) -> Result<Source, MediaError> {
        Source::parse(&SecretString::from(text.to_owned()))
    }

    #[test]
    fn a_refused_address_is_not_repeated() {
        let error = parse("ftp://user:hunter2@cam/").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_test_pattern_takes_options_and_keeps_them_in_range() {
        let Ok(Source::Test(pattern)) = parse("test:?gop=10&bitrate=4000&fps=30&size=1920x1080&keys=fixed")
        else {
            panic!("not a test source");
        };
        assert_eq!(
            pattern,
            TestPattern {
                width: 1920,
                height: 1080,
                fps: 30,
                gop: 10.0,
                kbps: Some(4000),
                answers_key_requests: false
            }
        );
        let Ok(Source::Test(wild)) = parse("test:?gop=NaN&size=99999x1") else { panic!("not a test source") };
        assert_eq!((wild.width, wild.height, wild.gop), (1920, 240, 2.0));
        assert!(parse("test:?size=big").is_err());
        assert!(matches!(parse("test:"), Ok(Source::Test(p)) if p == TestPattern::default()));
    }
}
