//! The gate: what an offer must look like before the WebRTC stack sees it.
//!
//! The stack never gets the offer's own text. What we understand of it is read into [`Offer`] and
//! written out anew, so that nothing can reach the stack that was not meant to. Its own parser
//! cannot do the reading: it wants the lines in order (real offers have `b=` behind `a=`), it
//! refuses a whole offer for one payload type without `rtpmap` (real offers have one), and it has
//! no bounds. Here any order will do, what is unknown is passed over, and all is linear in the
//! 32 KiB at most that are read.

mod candidate;
mod codec;
mod section;
mod transport;

#[cfg(test)]
pub(super) mod tests;

pub use candidate::Candidate;
pub use codec::Codec;
pub use section::{Direction, Kind, Section};
pub use transport::{Setup, Transport};

use std::fmt::Write as _;
use std::net::IpAddr;

use super::PeerError;
use section::bandwidth;
use transport::Stated;

/// Largest offer that is read, in bytes. Real ones have 2 KB, a browser's 8 KB.
pub const MAX_BYTES: usize = 32 * 1024;
/// Most m-sections in an offer.
pub const MAX_SECTIONS: usize = 16;
/// Most payload types in a section.
pub const MAX_FORMATS: usize = 64;
/// Most candidates kept of an offer.
pub const MAX_CANDIDATES: usize = 40;

/// An offer that passed the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    sections: Vec<Section>,
    transport: Transport,
    candidates: Vec<Candidate>,
    bundle: Vec<String>,
    names_streams: bool,
    end_of_candidates: bool,
    ice_lite: bool,
    normalised: String,
}

/// The offer's lines, sorted by where they stand.
#[derive(Default)]
struct Part<'a> {
    media: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    bandwidths: Vec<&'a str>,
}

impl Offer {
    /// Reads an offer with LF or CRLF line ends.
    ///
    /// Candidates that must not be dialled are passed over, loopback ones unless `allow_loopback`;
    /// an offer may well be left without any, then the far end is learnt from its checks.
    ///
    /// # Errors
    /// [`PeerError::Offer`] with the first plain reason why no call can come of it.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, PeerError> {
        let (session, parts) = split(text)?;
        let session_direction = Direction::read(&session.attributes);
        let mut sections = parts
            .iter()
            .map(|part| Section::read(part.media, &part.attributes, &part.bandwidths, session_direction))
            .collect::<Result<Vec<_>, _>>()?;
        name_sections(&mut sections)?;
        let bundle = bundle(&session.attributes);
        choose(&mut sections)?;

        let stated: Vec<Stated<'_>> = {
            let wider = Stated::read(&session.attributes);
            parts.iter().map(|part| Stated::read(&part.attributes).or(wider)).collect()
        };
        let order = transport_order(&mut sections, &stated, &bundle);
        let transport =
            order.iter().fold(Stated::default(), |found, &index| found.or(stated[index])).check()?;
        let candidates = candidates(&order, &parts, allow_loopback);

        let session_has = |name: &str| session.attributes.iter().any(|(known, _)| *known == name);
        let names_streams = session_has("msid-semantic")
            || parts.iter().any(|part| part.attributes.iter().any(|(name, _)| *name == "msid"));
        let end_of_candidates = sections.iter().any(|section| section.end_of_candidates)
            || session
                .attributes
                .iter()
                .any(|(name, value)| *name == "ice-options" && value.contains("trickle"));
        let session_bandwidth = bandwidth(&session.bandwidths);
        for section in &mut sections {
            section.bandwidth_kbps = section.bandwidth_kbps.or(session_bandwidth);
        }
        let mut offer = Self {
            sections,
            transport,
            candidates,
            bundle,
            names_streams,
            end_of_candidates,
            ice_lite: session_has("ice-lite"),
            normalised: String::new(),
        };
        offer.normalised = offer.write();
        Ok(offer)
    }

    /// The same without candidates at these addresses of our own: what a stranger writes shall not turn us
    /// against this machine. A far end that is here all the same is learnt from its checks. Loopback stays,
    /// it is there only when asked for.
    #[must_use]
    pub fn without(mut self, own: &[IpAddr]) -> Self {
        self.candidates.retain(|candidate| {
            let ip = candidate.address.ip();
            ip.is_loopback() || !own.contains(&IpAddr::V4(*ip))
        });
        self.normalised = self.write();
        self
    }

    /// What the WebRTC stack gets: the accepted sections alone, one codec each and what repairs it, CRLF
    /// line ends.
    /// Video is `recvonly` there, whatever was offered, because the far end's picture is not wanted.
    #[must_use]
    pub fn normalised(&self) -> &str {
        &self.normalised
    }

    /// True if the far end gets our picture.
    #[must_use]
    pub fn has_video(&self) -> bool {
        self.video().is_some()
    }

    /// True if the far end gets our sound.
    #[must_use]
    pub fn has_audio(&self) -> bool {
        self.audio().is_some_and(|section| section.direction.receives())
    }

    /// True if the far end offers its own sound.
    #[must_use]
    pub fn offers_talk(&self) -> bool {
        self.audio().is_some_and(|section| section.direction.sends())
    }

    /// The cap for the picture in kbit/s, all overhead included, if the offer names one.
    #[must_use]
    pub fn bandwidth_kbps(&self) -> Option<u32> {
        self.video().and_then(|section| section.bandwidth_kbps)
    }

    /// The accepted video section.
    #[must_use]
    pub fn video(&self) -> Option<&Section> {
        self.sections.iter().find(|section| section.accepted && section.kind == Kind::Video)
    }

    /// The accepted audio section.
    #[must_use]
    pub fn audio(&self) -> Option<&Section> {
        self.sections.iter().find(|section| section.accepted && section.kind == Kind::Audio)
    }

    /// All sections in the offer's order, refused ones too.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The one transport that carries all accepted sections.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The candidates that may be dialled, at most [`MAX_CANDIDATES`].
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The far end's cname, if a section has one.
    #[must_use]
    pub fn cname(&self) -> Option<&str> {
        self.sections.iter().find_map(|section| section.source.as_ref()).map(|(_, cname)| cname.as_str())
    }

    /// The mids of the offer's own BUNDLE group, as offered; empty without one.
    #[must_use]
    pub fn bundle(&self) -> &[String] {
        &self.bundle
    }

    /// True if the offer speaks of streams by name (`msid`).
    #[must_use]
    pub fn names_streams(&self) -> bool {
        self.names_streams
    }

    /// True if the offer speaks of the end of candidates, or of candidates that come one by one.
    #[must_use]
    pub fn end_of_candidates(&self) -> bool {
        self.end_of_candidates
    }

    fn write(&self) -> String {
        let accepted = || self.sections.iter().filter(|section| section.accepted);
        let mut out = String::with_capacity(2048);
        out.push_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
        for section in accepted() {
            out.push(' ');
            out.push_str(&section.inner_mid);
        }
        out.push_str("\r\n");
        if self.ice_lite {
            out.push_str("a=ice-lite\r\n");
        }
        for section in accepted() {
            self.write_section(&mut out, section);
        }
        out
    }

    fn write_section(&self, out: &mut String, section: &Section) {
        let Some(codec) = &section.codec else { return };
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _infallible = out.write_fmt(text);
            out.push_str("\r\n");
        };
        let pt = codec.payload_type;
        let kind = section.kind.as_str();
        match codec.rtx {
            Some(rtx) => line(format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF {pt} {rtx}")),
            None => line(format_args!("m={kind} 9 UDP/TLS/RTP/SAVPF {pt}")),
        }
        line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(kbps) = section.bandwidth_kbps {
            line(format_args!("b=AS:{kbps}"));
        }
        line(format_args!("a=mid:{}", section.inner_mid));
        for candidate in &self.candidates {
            line(format_args!("a=candidate:{candidate}"));
        }
        line(format_args!("a=ice-ufrag:{}", self.transport.ufrag));
        line(format_args!("a=ice-pwd:{}", self.transport.pwd));
        line(format_args!("a=fingerprint:sha-256 {}", self.transport.fingerprint));
        line(format_args!("a=setup:{}", self.transport.setup.as_str()));
        if section.rtcp_mux {
            line(format_args!("a=rtcp-mux"));
        }
        let rtpmap = if section.kind == Kind::Audio { "opus/48000/2" } else { "H264/90000" };
        line(format_args!("a=rtpmap:{pt} {rtpmap}"));
        if let Some(fmtp) = &codec.fmtp {
            line(format_args!("a=fmtp:{pt} {fmtp}"));
        }
        for feedback in &codec.feedback {
            line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
        if let Some(rtx) = codec.rtx {
            line(format_args!("a=rtpmap:{rtx} rtx/90000"));
            line(format_args!("a=fmtp:{rtx} apt={pt}"));
        }
        let direction = match section.kind {
            Kind::Video => Direction::RecvOnly,
            _ => section.direction,
        };
        line(format_args!("a={}", direction.as_str()));
        if let (Some((ssrc, cname)), true) = (&section.source, direction.sends()) {
            line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        }
    }
}

/// RFC 8839 `ice-char`.
fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn refuse(reason: &str) -> PeerError {
    PeerError::Offer(reason.to_owned())
}

fn split(text: &str) -> Result<(Part<'_>, Vec<Part<'_>>), PeerError> {
    if text.len() > MAX_BYTES {
        return Err(refuse("larger than 32 KiB"));
    }
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).map(str::trim_end);
    if lines.by_ref().find(|line| !line.is_empty()) != Some("v=0") {
        return Err(refuse("this is no SDP, it does not begin with v=0"));
    }
    let mut session = Part::default();
    let mut parts: Vec<Part<'_>> = Vec::new();
    for line in lines {
        if line.chars().any(char::is_control) {
            return Err(refuse("a control character within a line"));
        }
        let Some((kind, value)) = line.split_once('=') else { continue };
        if kind == "m" {
            if parts.len() == MAX_SECTIONS {
                return Err(refuse("more than 16 media sections"));
            }
            parts.push(Part { media: value, ..Part::default() });
        }
        let here = parts.last_mut().unwrap_or(&mut session);
        match kind {
            "a" => here.attributes.push(value.split_once(':').unwrap_or((value, ""))),
            "b" => here.bandwidths.push(value),
            _ => {}
        }
    }
    if parts.is_empty() { Err(refuse("no media section")) } else { Ok((session, parts)) }
}

/// Sections must be told apart; those that the offer left nameless get a name for the stack.
fn name_sections(sections: &mut [Section]) -> Result<(), PeerError> {
    let taken: Vec<String> = sections.iter().filter_map(|section| section.mid.clone()).collect();
    if taken.iter().enumerate().any(|(index, mid)| taken[..index].contains(mid)) {
        return Err(refuse("two sections with the same mid"));
    }
    let mut free = (0..).map(|number: u32| number.to_string()).filter(|mid| !taken.contains(mid));
    for section in sections.iter_mut().filter(|section| section.mid.is_none()) {
        section.inner_mid = free.next().unwrap_or_default();
    }
    Ok(())
}

fn bundle(attributes: &[(&str, &str)]) -> Vec<String> {
    let group = attributes.iter().filter(|(name, _)| *name == "group").find_map(|(_, value)| {
        let mut words = value.split_ascii_whitespace();
        (words.next() == Some("BUNDLE")).then_some(words)
    });
    group.into_iter().flatten().take(MAX_SECTIONS).map(str::to_owned).collect()
}

/// Accepts the first usable section of each kind.
fn choose(sections: &mut [Section]) -> Result<(), PeerError> {
    let live = |kind: Kind| sections.iter().filter(move |section| section.live && section.kind == kind);
    if live(Kind::Audio).chain(live(Kind::Video)).next().is_none() {
        return Err(refuse("neither a video nor an audio section"));
    }
    let mut pictures = live(Kind::Video).filter(|section| section.direction.receives()).peekable();
    if pictures.peek().is_some() && !pictures.any(|section| section.codec.is_some()) {
        return Err(refuse("no H.264 in the video section"));
    }
    if live(Kind::Video).chain(live(Kind::Audio)).all(|section| section.codec.is_none()) {
        return Err(refuse("no Opus in the audio section"));
    }
    for kind in [Kind::Audio, Kind::Video] {
        if let Some(section) = sections.iter_mut().find(|section| section.kind == kind && section.usable()) {
            section.accepted = true;
        }
    }
    if sections.iter().any(|section| section.accepted) {
        Ok(())
    } else {
        Err(refuse("no section in which anything may be sent"))
    }
}

/// The accepted sections, the one whose transport carries all of them first (RFC 9143 7.1).
/// A section that is neither in the group nor shares that one's credentials needs a transport of
/// its own, which we do not have: it is refused.
fn transport_order(sections: &mut [Section], stated: &[Stated<'_>], bundle: &[String]) -> Vec<usize> {
    let place = |section: &Section| bundle.iter().position(|mid| section.mid.as_ref() == Some(mid));
    let mut order: Vec<usize> = (0..sections.len()).filter(|&index| sections[index].accepted).collect();
    order.sort_by_key(|&index| {
        let section = &sections[index];
        (place(section).unwrap_or(usize::MAX), section.kind != Kind::Video)
    });
    let Some(&first) = order.first() else { return order };
    let grouped = place(&sections[first]).is_some();
    order.retain(|&index| {
        let together = grouped && place(&sections[index]).is_some();
        let same = stated[index].ufrag == stated[first].ufrag && stated[index].pwd == stated[first].pwd;
        if !together && !same {
            sections[index].accepted = false;
        }
        together || same
    });
    order
}

/// The candidates of the transport's own section; those of the others only if that has none,
/// because in a bundle the others' ports are about to close.
fn candidates(order: &[usize], parts: &[Part<'_>], allow_loopback: bool) -> Vec<Candidate> {
    for &index in order {
        let mut found: Vec<Candidate> = Vec::new();
        let offered = parts[index].attributes.iter().filter(|(name, _)| *name == "candidate");
        for candidate in offered.filter_map(|(_, value)| Candidate::parse(value, allow_loopback)) {
            if found.len() == MAX_CANDIDATES {
                break;
            }
            if !found.iter().any(|known| known.address == candidate.address) {
                found.push(candidate);
            }
        }
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}
