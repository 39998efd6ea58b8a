//! The one codec that is answered in a section.

use super::section::Kind;

/// RTCP feedback that is acted on, in the order in which it is answered.
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "goog-remb"];

/// A payload type of the offer with what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Value of `a=rtpmap` without the payload type, spelt as offered: `H264/90000`.
    pub rtpmap: String,
    /// Format parameters to answer, `None` when none were offered. Holds only parameters that
    /// describe both ends.
    pub fmtp: Option<String>,
    /// RTCP feedback that was offered and is acted on: of `nack`, `nack pli`, `ccm fir`, `goog-remb`.
    pub feedback: Vec<&'static str>,
    /// Payload type of this one's packets when they are sent again in a stream of their own
    /// (RFC 4588); `None` when that, or `nack`, was not offered.
    pub rtx: Option<u8>,
}

impl Codec {
    /// Picks the codec for a section: Opus for sound, the best H.264 for the picture.
    ///
    /// `formats` are the payload types of the m-line in the offerer's order of preference,
    /// `attributes` the section's `a=` lines as (name, value).
    #[must_use]
    pub fn pick(kind: &Kind, formats: &[&str], attributes: &[(&str, &str)]) -> Option<Self> {
        let mut best: Option<(u8, Self)> = None;
        for format in formats {
            let Some(payload_type) = payload_type(format) else { continue };
            let Some(rtpmap) = of_format(attributes, "rtpmap", format).next() else { continue };
            let parameters = of_format(attributes, "fmtp", format).next();
            let rank = match kind {
                Kind::Audio if is_opus(rtpmap) => 1,
                Kind::Video if rtpmap.eq_ignore_ascii_case("H264/90000") => {
                    match rank(parameters.unwrap_or("")) {
                        Some(rank) => rank,
                        None => continue,
                    }
                }
                _ => continue,
            };
            if best.as_ref().is_some_and(|(known, _)| *known >= rank) {
                continue;
            }
            let kept: &[&str] = match kind {
                Kind::Audio => &["minptime", "useinbandfec"],
                _ => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
            };
            let feedback = match kind {
                Kind::Video => feedback(attributes, format),
                _ => Vec::new(),
            };
            let codec = Self {
                payload_type,
                rtpmap: rtpmap.to_owned(),
                fmtp: parameters.and_then(|text| keep_parameters(text, kept)),
                feedback,
                rtx: None,
            };
            best = Some((rank, codec));
        }
        best.map(|(_, codec)| codec.with_rtx(formats, attributes))
    }

    /// The first payload type that says it repairs this one. What it says of itself besides, and which
    /// others repair what, is of no matter.
    fn with_rtx(mut self, formats: &[&str], attributes: &[(&str, &str)]) -> Self {
        if self.feedback.contains(&"nack") {
            self.rtx = formats.iter().find_map(|format| {
                let rtpmap = of_format(attributes, "rtpmap", format).next()?;
                let repairs = parameter(of_format(attributes, "fmtp", format).next()?, "apt")?;
                let fits = rtpmap.eq_ignore_ascii_case("rtx/90000")
                    && self::payload_type(repairs) == Some(self.payload_type);
                self::payload_type(format).filter(|number| fits && *number != self.payload_type)
            });
        }
        self
    }
}

fn payload_type(text: &str) -> Option<u8> {
    text.parse::<u8>().ok().filter(|number| *number < 128)
}

/// Values of all `a=NAME:FORMAT value` lines, `*` included.
fn of_format<'a>(
    attributes: &'a [(&'a str, &'a str)],
    name: &'a str,
    format: &'a str,
) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |(known, _)| *known == name).filter_map(move |(_, value)| {
        let (of, rest) = value.split_once(' ')?;
        (of == format || of == "*").then(|| rest.trim())
    })
}

fn is_opus(rtpmap: &str) -> bool {
    ["opus/48000/2", "opus/48000", "opus/48000/1"].iter().any(|known| rtpmap.eq_ignore_ascii_case(known))
}

fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|part| part.split_once('='))
        .find_map(|(known, value)| known.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// How well an offered H.264 fits; `None` for what we cannot send.
///
/// Mode 1 is what the packetizer makes (fragments, aggregates). Among profiles the highest wins,
/// because a decoder set up for High shows whatever a camera sends, one set up for Baseline may not.
fn rank(fmtp: &str) -> Option<u8> {
    let mode = match parameter(fmtp, "packetization-mode") {
        Some("1") => 8,
        None | Some("0") => 0,
        Some(_) => return None,
    };
    let profile = parameter(fmtp, "profile-level-id").unwrap_or("").to_ascii_lowercase();
    let profile = match profile.get(..4) {
        Some("6400" | "640c") => 4,
        Some("4d00" | "4d40" | "4d80") => 3,
        Some("42e0" | "42c0") => 2,
        _ if profile.starts_with("42") || profile.is_empty() => 1,
        // Profiles with more colours or bits than any camera sends.
        _ => 0,
    };
    Some(mode + profile + 1)
}

fn keep_parameters(fmtp: &str, names: &[&str]) -> Option<String> {
    let mut kept = String::new();
    for name in names {
        let Some(value) = parameter(fmtp, name) else { continue };
        if value.is_empty() || value.len() > 16 || !value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        if !kept.is_empty() {
            kept.push(';');
        }
        kept.push_str(name);
        kept.push('=');
        kept.push_str(value);
    }
    (!kept.is_empty()).then_some(kept)
}

fn feedback(attributes: &[(&str, &str)], format: &str) -> Vec<&'static str> {
    FEEDBACK
        .into_iter()
        .filter(|known| {
            of_format(attributes, "rtcp-fb", format).any(|offered| offered.eq_ignore_ascii_case(known))
        })
        .collect()
}
