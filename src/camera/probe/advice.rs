//! What to change so that calls show more, sooner, or at less cost. Pure.

use super::finding::Finding;
use crate::camera::account::Tried;
use crate::camera::sentence::Sentence;
use crate::camera::way::WayKind;
use crate::media::{VideoFacts, sps};

/// Key pictures further apart let viewers wait, seconds.
const KEYS: f32 = 2.5;
/// More pictures a second than an Echo shows.
const FASTEST: f32 = 31.0;
/// Fewer look jerky.
const SLOWEST: f32 = 8.0;
/// A first picture that comes later is late, ms.
const LATE: u64 = 2_500;

/// Most important first; empty if there is nothing to do better.
pub fn advice(finding: &Finding, max_kbps: u32) -> Vec<Sentence> {
    let mut advice: Vec<Sentence> = finding.tried.iter().filter_map(failure).collect();
    if !finding.fit {
        return advice;
    }
    advice.extend(finding.way.and_then(by_way));
    if finding.way == Some(WayKind::Still) {
        return advice;
    }
    let video = finding.video.as_ref();
    advice.extend(video.filter(|video| !video.copied).and_then(codec));
    if finding.key_picture_seconds.or(finding.key_picture_longer_than).is_some_and(|keys| keys > KEYS) {
        advice.push(Sentence::new(
            "key_pictures",
            "set its key frame distance (also called I-frame interval or GOP) to 2 s or less: a viewer who \
             joins waits for the next key picture, or sees the last seconds at speed",
        ));
    }
    advice.extend(rate(finding, max_kbps));
    if finding.sound.as_ref().is_some_and(|sound| sound.codec == "none") {
        advice.push(Sentence::new(
            "sound",
            "it sends no sound that can be used: switch its sound on, and choose AAC, G.711 or Opus",
        ));
    }
    if finding.first_picture_ms.is_some_and(|ms| ms > LATE) {
        advice.push(Sentence::new(
            "warm",
            "its first picture comes late: `warm = true` in its settings keeps it open, at the price of its \
             stream flowing all the time",
        ));
    }
    advice
}

/// What to do about a way that showed nothing.
fn failure(tried: &Tried) -> Option<Sentence> {
    match (tried.kind, tried.unauthorized) {
        (WayKind::Source, true) => Some(Sentence::new(
            "password",
            "put the camera's own user name and password into its address, before the host, with a colon between \
             them and an @ behind; a special character in them is written by its code, @ as %40",
        )),
        (kind, true) => {
            let text = format!(
                "{} does not take Doorstep's token: make a new long-lived one at the hub, and put it into `hub.token`",
                tried.way
            );
            Some(Sentence::new("token", text).with("way", kind))
        }
        (_, false) => None,
    }
}

fn by_way(way: WayKind) -> Option<Sentence> {
    match way {
        WayKind::Still => Some(Sentence::new(
            "stills",
            "the hub gives single pictures only, about one a second and without sound: give it a `source` in \
             the settings, the RTSP address of its H.264 stream",
        )),
        WayKind::Hls => Some(Sentence::new(
            "late_stream",
            "the hub's stream comes some seconds late: the hub's relay (WebRTC), or a `source` in the \
             settings, is sooner",
        )),
        WayKind::Source | WayKind::Relay => None,
    }
}

/// What makes encoding anew needless.
fn codec(video: &VideoFacts) -> Option<Sentence> {
    let why = &video.why;
    match video.codec.as_str() {
        "h264" if why.contains(sps::B_FRAMES) => Some(Sentence::new(
            "b_frames",
            "switch off B frames (choose the Baseline profile, or Main without B frames): then its picture is \
             passed on as it is",
        )),
        "h264" if why.contains(sps::LEVEL) => Some(Sentence::new(
            "level",
            "choose a smaller picture, at most 1920 x 1080 with 30 pictures a second, or its sub-stream: then \
             it is passed on as it is",
        )),
        "hevc" => Some(Sentence::new(
            "h265",
            "choose its H.264 stream, often the sub-stream, or set this one to H.264: it is passed on as it \
             is, and no processor works for it",
        )),
        "mjpeg" | "mpeg4" => Some(Sentence::new(
            "jpeg",
            "give the address of its H.264 stream, if it has one: it is passed on as it is, moves evenly and \
             takes less of the network",
        )),
        _ => None,
    }
}

fn rate(finding: &Finding, max_kbps: u32) -> impl Iterator<Item = Sentence> {
    let copied = finding.video.as_ref().is_some_and(|video| video.copied);
    let kbps = finding.kbps.filter(|kbps| copied && *kbps > max_kbps).map(|kbps| {
        let text = format!(
            "lower its bitrate from {kbps} to at most {max_kbps} kbit/s (`webrtc.max_kbps`), or choose its \
             sub-stream: a slow network would stop the picture"
        );
        Sentence::new("bitrate", text).with("kbps", kbps).with("most", max_kbps)
    });
    let pictures = finding.pictures_per_second.and_then(|pictures| {
        if pictures > FASTEST {
            let text = format!("lower its frame rate from {pictures:.0} to at most 30 pictures a second");
            Some(Sentence::new("fast", text).with("n", pictures.round()))
        } else if pictures < SLOWEST {
            let text = format!("raise its frame rate: {pictures:.0} pictures a second look jerky, 15 do not");
            Some(Sentence::new("slow", text).with("n", pictures.round()))
        } else {
            None
        }
    });
    kbps.into_iter().chain(pictures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::media::SoundFacts;

    fn video(codec: &str, copied: bool, why: &str) -> VideoFacts {
        let (width, height) = (1920, 1080);
        let (codec, why) = (codec.into(), why.into());
        VideoFacts { codec, width, height, copied, copyable: copied, why, keys_on_request: false }
    }

    /// A camera at which there is nothing to do better.
    fn good() -> Finding {
        Finding {
            fit: true,
            way: Some(WayKind::Source),
            video: Some(video("h264", true, "")),
            sound: Some(SoundFacts { codec: "aac".into(), rate: 16_000 }),
            first_picture_ms: Some(900),
            pictures_per_second: Some(25.0),
            kbps: Some(2_000),
            key_picture_seconds: Some(2.0),
            ..Finding::default()
        }
    }

    #[test]
    fn each_shortcoming_has_its_sentence_and_a_good_camera_has_none() {
        let anew = |codec: &str, why: &str| Some(video(codec, false, why));
        let table = [
            (good(), None),
            (Finding { video: anew("hevc", "H.265"), ..good() }, Some("H.264 stream")),
            (Finding { video: anew("mjpeg", "JPEG"), ..good() }, Some("address of its H.264 stream")),
            (Finding { video: anew("h264", sps::B_FRAMES), ..good() }, Some("B frames")),
            (Finding { video: anew("h264", sps::LEVEL), ..good() }, Some("1920 x 1080")),
            (Finding { key_picture_seconds: Some(10.0), ..good() }, Some("2 s or less")),
            (
                Finding { key_picture_seconds: None, key_picture_longer_than: Some(12.0), ..good() },
                Some("2 s or less"),
            ),
            (Finding { key_picture_seconds: None, key_picture_longer_than: Some(1.0), ..good() }, None),
            (Finding { kbps: Some(8_000), ..good() }, Some("from 8000 to at most 2500 kbit/s")),
            // What is encoded anew takes what it is told to.
            (Finding { kbps: Some(8_000), video: anew("h264", ""), ..good() }, None),
            (Finding { pictures_per_second: Some(60.0), ..good() }, Some("from 60 to at most 30")),
            (Finding { pictures_per_second: Some(5.0), ..good() }, Some("raise its frame rate")),
            (Finding { sound: Some(SoundFacts::none()), ..good() }, Some("switch its sound on")),
            (Finding { first_picture_ms: Some(4_000), ..good() }, Some("`warm = true`")),
            (Finding { way: Some(WayKind::Hls), ..good() }, Some("relay (WebRTC)")),
            // One sentence, though stills have no sound and come slowly.
            (
                Finding {
                    way: Some(WayKind::Still),
                    video: anew("mjpeg", "JPEG"),
                    sound: Some(SoundFacts::none()),
                    pictures_per_second: Some(1.0),
                    ..good()
                },
                Some("`source`"),
            ),
        ];
        for (finding, expected) in table {
            let advice = advice(&finding, 2_500);
            assert_eq!(advice.len(), usize::from(expected.is_some()), "{advice:?} for {finding:?}");
            let fits = expected.is_none_or(|text| advice[0].text.contains(text));
            assert!(fits, "{expected:?}, but {advice:?}");
        }
    }
}
