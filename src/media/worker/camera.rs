//! A camera with an address: opened, read, and opened again, for as long as the worker lives.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use url::Url;

use crate::clock::now_ms;
use crate::liveness::Liveness;
use crate::network;
use crate::programme::{self, DECODERS, FORMATS, Programme};
use crate::shared::Shared;
use crate::trouble::Trouble;
use doorstep::media::{FeedEvent, TroubleKind};

const OPEN_MS: i64 = 10_000;
/// A camera that says nothing for so long while it is opened does not answer.
const SILENCE_MS: i64 = 4_000;
/// A camera is opened once in this time at most.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A camera that refuses us may lock out who tries too often.
const LASTING_PAUSE: Duration = Duration::from_secs(10);

/// Never comes back.
pub fn run(address: &str, shared: &Shared) {
    let mut pause = Duration::ZERO;
    loop {
        let began = Instant::now();
        let mut shown = false;
        let trouble = match show(address, shared, &mut shown) {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        };
        let (reason, kind) = (trouble.reason.clone(), trouble.kind);
        shared.stage.tell(FeedEvent::Failed { reason, kind, last_words: None });
        let lasting = trouble.lasting;
        shared.explain(Some(trouble));
        pause = next_pause(pause, shown.then(|| began.elapsed()), lasting);
        shared.liveness.back_within(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2));
        std::thread::sleep(pause);
    }
}

/// After one that showed pictures for `shown`, opening included, or none. One that did is there: it is opened
/// again at once.
fn next_pause(last: Duration, shown: Option<Duration>, lasting: bool) -> Duration {
    let pause = match shown {
        Some(shown) => SHORTEST_PAUSE.saturating_sub(shown),
        None => (last * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
    };
    if lasting { pause.max(LASTING_PAUSE) } else { pause }
}

/// Opens the camera and passes on what it sends until it no longer does.
fn show(address: &str, shared: &Shared, shown: &mut bool) -> Result<Infallible, Trouble> {
    let mut input = open(address, &shared.liveness)?;
    let mut programme = Programme::new(&input, shared)?;
    loop {
        let packet = programme::read(&mut input, &shared.liveness)?;
        *shown |= programme.take(&packet)?;
    }
}

fn open(address: &str, liveness: &Arc<Liveness>) -> Result<ffmpeg::format::context::Input, Trouble> {
    let scheme = Url::parse(address).map(|url| url.scheme().to_owned()).unwrap_or_default();
    let protocols = match scheme.as_str() {
        "rtsp" => "rtsp,tcp,udp,rtp",
        "rtsps" => "rtsps,tls,tcp",
        "http" => "http,tcp",
        "https" => "https,http,tls,tcp",
        _ => {
            return Err(Trouble::lasting(
                TroubleKind::Settings,
                "this kind of address cannot be opened".into(),
            ));
        }
    };
    let mut options = ffmpeg::Dictionary::new();
    options.set("protocol_whitelist", protocols);
    options.set("format_whitelist", FORMATS);
    options.set("codec_whitelist", DECODERS);
    options.set("user_agent", concat!("Doorstep/", env!("CARGO_PKG_VERSION")));
    if scheme.starts_with("rtsp") {
        // The session description names the streams; all else is in the stream itself.
        options.set("analyzeduration", "100000");
        options.set("fpsprobesize", "0");
        // UDP for cameras that refuse TCP (RFC 2326, 461): over TCP nothing is lost.
        options.set("rtsp_transport", if scheme == "rtsp" { "tcp+udp" } else { "tcp" });
        options.set("rtsp_flags", "prefer_tcp");
        options.set("allowed_media_types", "video+audio");
        options.set("timeout", &(SILENCE_MS * 1_000).to_string());
    } else {
        options.set("analyzeduration", "500000");
        options.set("rw_timeout", &(SILENCE_MS * 1_000).to_string());
    }
    let began_ms = now_ms();
    network::forget_refusals();
    liveness.back_within(OPEN_MS);
    let watch = Arc::clone(liveness);
    ffmpeg::format::input_with_interrupt_and_dictionary(address, move || watch.is_overdue(), options).map_err(
        |error| match error {
            // What FFmpeg calls an answer that did not come.
            ffmpeg::Error::InvalidData if now_ms() - began_ms >= SILENCE_MS => {
                Trouble::passing(TroubleKind::Silent, "the camera does not answer")
            }
            error => Trouble::at_open(error, liveness),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_showed_pictures_is_opened_again_at_once_and_one_that_refuses_less_and_less_often() {
        let ms = Duration::from_millis;
        let refused = |last| next_pause(last, None, false);
        assert_eq!(next_pause(ms(8_000), Some(ms(1_500)), false), Duration::ZERO);
        assert_eq!(next_pause(Duration::ZERO, Some(ms(300)), false), ms(700), "not more than once a second");
        assert_eq!([Duration::ZERO, ms(1_000), ms(20_000)].map(refused), [1_000, 2_000, 30_000].map(ms));
        assert_eq!(next_pause(Duration::ZERO, None, true), ms(10_000));
        assert_eq!(next_pause(Duration::ZERO, Some(ms(5_000)), true), ms(10_000));
    }
}
