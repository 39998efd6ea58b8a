//! One m-section of the offer.

use super::codec::Codec;
use super::{MAX_FORMATS, PeerError};

/// What a section carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// The picture.
    Video,
    /// Anything else, by its name; always refused.
    Other(String),
}

impl Kind {
    /// The word of the m-line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Other(name) => name,
        }
    }
}

/// The direction of media as the far end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// From the far end to us.
    SendOnly,
    /// From us to the far end.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// True if the far end wants to receive.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// True if the far end wants to send.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) fn read(attributes: &[(&str, &str)]) -> Option<Self> {
        attributes.iter().find_map(|(name, _)| {
            [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
                .into_iter()
                .find(|direction| direction.as_str() == *name)
        })
    }
}

/// A section of the offer, in the offer's order; also those that are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it carries.
    pub kind: Kind,
    /// The protocol exactly as offered.
    pub protocol: String,
    /// The first offered format: an m-line must name one even when it is refused.
    pub first_format: String,
    /// The offered mid; `None` when the section has none.
    pub mid: Option<String>,
    /// The mid that the stack sees: the offered one, or one of our making.
    pub inner_mid: String,
    /// The codec to answer with; `None` in a section that we cannot use.
    pub codec: Option<Codec>,
    /// Direction as offered.
    pub direction: Direction,
    /// RTP and RTCP on one port was offered.
    pub rtcp_mux: bool,
    /// The offer said that all candidates are there, or that more may come.
    pub end_of_candidates: bool,
    /// The far end's SSRC and cname in this section.
    pub source: Option<(u32, String)>,
    /// `b=AS` (or `b=TIAS` rounded) of the section in kbit/s.
    pub bandwidth_kbps: Option<u32>,
    /// True unless the offer itself switched the section off.
    pub live: bool,
    /// True if the answer accepts the section.
    pub accepted: bool,
}

impl Section {
    pub(super) fn read(
        media: &str,
        attributes: &[(&str, &str)],
        bandwidths: &[&str],
        session_direction: Option<Direction>,
    ) -> Result<Self, PeerError> {
        let refuse = |reason: &str| PeerError::Offer(reason.to_owned());
        let words: Vec<&str> = media.split_ascii_whitespace().collect();
        let [kind, port, protocol, formats @ ..] = words.as_slice() else {
            return Err(refuse("malformed media line"));
        };
        let port = port.split('/').next().and_then(|port| port.parse::<u16>().ok());
        let (Some(port), Some(first)) = (port, formats.first()) else {
            return Err(refuse("malformed media line"));
        };
        if !is_token(kind) || !protocol.split('/').all(is_token) || !is_token(first) {
            return Err(refuse("malformed media line"));
        }
        if formats.len() > MAX_FORMATS {
            return Err(refuse("more than 64 payload types in a section"));
        }
        let kind = match *kind {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            other => Kind::Other(other.to_owned()),
        };
        let has = |name: &str| attributes.iter().any(|(known, _)| *known == name);
        let value =
            |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.trim());
        let mid = match value("mid") {
            Some(mid) if is_token(mid) && mid.len() <= 64 => Some(mid.to_owned()),
            Some(_) => return Err(refuse("malformed mid")),
            None => None,
        };
        // Port 0 refuses a section, unless it is only waiting for the bundle.
        let live = port != 0 || has("bundle-only");
        let codec = (live && is_rtp(protocol)).then(|| Codec::pick(&kind, formats, attributes)).flatten();
        Ok(Self {
            kind,
            protocol: (*protocol).to_owned(),
            first_format: (*first).to_owned(),
            inner_mid: mid.clone().unwrap_or_default(),
            mid,
            codec,
            direction: Direction::read(attributes).or(session_direction).unwrap_or(Direction::SendRecv),
            rtcp_mux: has("rtcp-mux"),
            end_of_candidates: has("end-of-candidates")
                || value("ice-options")
                    .is_some_and(|options| options.split(' ').any(|option| option == "trickle")),
            source: source(attributes),
            bandwidth_kbps: bandwidth(bandwidths),
            live,
            accepted: false,
        })
    }

    /// True if media can flow in a way that we serve: pictures to the far end, sound either way.
    pub(super) fn usable(&self) -> bool {
        self.codec.is_some()
            && match self.kind {
                Kind::Audio => self.direction != Direction::Inactive,
                Kind::Video => self.direction.receives(),
                Kind::Other(_) => false,
            }
    }
}

/// Every name that RFC 9429 5.1.2 wants understood; the fingerprint makes all of them DTLS-SRTP.
fn is_rtp(protocol: &str) -> bool {
    let upper = protocol.to_ascii_uppercase();
    let profile =
        upper.strip_prefix("UDP/TLS/").or_else(|| upper.strip_prefix("TCP/DTLS/")).unwrap_or(&upper);
    matches!(profile, "RTP/AVP" | "RTP/AVPF" | "RTP/SAVP" | "RTP/SAVPF")
}

/// RFC 8866 `token`.
pub(super) fn is_token(text: impl AsRef<str>) -> bool {
    let text = text.as_ref();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed)
}

/// The first source that is no repair stream of another.
fn source(attributes: &[(&str, &str)]) -> Option<(u32, String)> {
    let repairs: Vec<&str> = attributes
        .iter()
        .filter(|(name, _)| *name == "ssrc-group")
        .flat_map(|(_, value)| value.split_ascii_whitespace().skip(2))
        .collect();
    attributes.iter().filter(|(name, _)| *name == "ssrc").find_map(|(_, value)| {
        let (number, rest) = value.split_once(' ')?;
        if repairs.contains(&number) {
            return None;
        }
        let ssrc: u32 = number.parse().ok()?;
        let cname = rest.trim().strip_prefix("cname:")?.trim();
        let sane =
            !cname.is_empty() && cname.len() <= 256 && cname.bytes().all(|byte| byte.is_ascii_graphic());
        sane.then(|| (ssrc, cname.to_owned()))
    })
}

/// Kilobits per second out of `b=` values; zero says nothing.
pub(super) fn bandwidth(values: &[&str]) -> Option<u32> {
    let of = |name: &str, unit: u64| {
        values.iter().find_map(|value| {
            let number: u64 = value.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok()?;
            u32::try_from(number / unit).ok().filter(|kbps| *kbps > 0)
        })
    };
    of("AS", 1).or_else(|| of("TIAS", 1000))
}
