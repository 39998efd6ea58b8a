//! The texts of a call of ours: the offer's finish, and what the answer says. Pure.

use std::net::SocketAddr;

use super::local_candidate::{HOST_PREFERENCE, priority};
use super::offer::Candidate;
use super::{Agreed, PeerError, PictureFormat, SoundFormat};

/// Longest answer, bytes.
const LONGEST: usize = 64 * 1024;
/// Candidates that are taken out of an answer.
const MOST_CANDIDATES: usize = 40;

/// Sections of an answer: what we offered has three.
const MOST_SECTIONS: usize = 4;
/// Payload types of one section.
const MOST_TYPES: usize = 32;
/// Attributes that the stack is shown. It reads candidates more freely than we do, so whatever is not known
/// here stays out: an address may reach it through [`Candidate::parse`] only.
const SHOWN: [&str; 22] = [
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "fmtp",
    "group",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "inactive",
    "max-message-size",
    "mid",
    "msid-semantic",
    "recvonly",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "sendonly",
    "sendrecv",
    "setup",
];

/// What a payload type of ours stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A picture.
    Picture(PictureFormat),
    /// Sound.
    Sound(SoundFormat),
}

/// The stack's offer with our real addresses: those that it knows are throw-away ones.
#[must_use]
pub fn finish(offer: &str, addresses: &[SocketAddr]) -> String {
    let mut out = String::with_capacity(offer.len() + 256);
    let mut in_section = false;
    let close = |out: &mut String| {
        for (index, address) in addresses.iter().enumerate() {
            let (ip, port, priority) = (address.ip(), address.port(), priority(HOST_PREFERENCE, index));
            put(out, &format!("a=candidate:{} 1 udp {priority} {ip} {port} typ host", index + 1));
        }
        put(out, "a=end-of-candidates");
    };
    for line in offer.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with("a=candidate:") || line == "a=end-of-candidates" {
            continue;
        }
        if line.starts_with("m=") && std::mem::replace(&mut in_section, true) {
            close(&mut out);
        }
        put(&mut out, line);
    }
    if in_section {
        close(&mut out);
    }
    out
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

/// The far end's answer, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is said before the first section.
    head: String,
    sections: Vec<Stream>,
    picture: PictureFormat,
    sound: Option<(SoundFormat, u8)>,
    talk: bool,
    candidates: Vec<String>,
}

/// A section for the stack, without a name of what it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stream {
    kind: String,
    text: String,
    sends: bool,
    ssrc: Option<u32>,
}

#[derive(Default)]
struct Section<'a> {
    kind: &'a str,
    refused: bool,
    /// Payload types, in the far end's order.
    types: Vec<u8>,
    /// Names by payload type.
    names: Vec<(u8, String)>,
    direction: Option<&'a str>,
    /// Of its first stream.
    ssrc: Option<u32>,
    /// All others, its m-line first.
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn of(line: &'a str, media: &'a str) -> Self {
        let mut words = media.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default();
        let refused = words.next() == Some("0");
        let mut types = Vec::new();
        for number in words.skip(1).filter_map(|word| word.parse::<u8>().ok()).take(MOST_TYPES) {
            if !types.contains(&number) {
                types.push(number);
            }
        }
        Self { kind, refused, types, lines: vec![line], ..Self::default() }
    }

    fn name_of(&self, payload_type: u8) -> Option<&str> {
        let named = self.names.iter().find(|(number, _)| *number == payload_type);
        named.map(|(_, name)| name.as_str()).or(match payload_type {
            0 => Some("PCMU"),
            8 => Some("PCMA"),
            _ => None,
        })
    }

    /// How the far end calls its streams, and how they belong together, does not matter here.
    fn take_ssrc(&mut self, stream: &str) {
        self.ssrc = self.ssrc.or_else(|| stream.split(' ').next()?.parse().ok());
    }

    fn take(&mut self, line: &'a str) {
        self.lines.push(line);
        match line {
            "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive" => {
                self.direction = line.strip_prefix("a=");
            }
            _ => self.names.extend(rtpmap(line)),
        }
    }

    /// As the stack takes it: each payload type has a codec.
    fn stream(&self) -> Stream {
        let mut text = String::new();
        self.lines.iter().for_each(|line| put(&mut text, line));
        for number in self.types.iter().filter(|number| !self.names.iter().any(|(named, _)| named == *number))
        {
            if let Some(name) = self.name_of(*number) {
                put(&mut text, &format!("a=rtpmap:{number} {name}/8000"));
            }
        }
        let sends = self.sends() && !self.refused;
        Stream { kind: self.kind.to_owned(), text, sends, ssrc: self.ssrc }
    }

    fn sends(&self) -> bool {
        matches!(self.direction, None | Some("sendrecv" | "sendonly"))
    }

    fn takes(&self) -> bool {
        matches!(self.direction, None | Some("sendrecv" | "recvonly"))
    }
}

impl Answer {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`PeerError::Offer`] when it is none, or sends no picture of the kinds that were offered.
    pub fn parse(text: &str) -> Result<Self, PeerError> {
        let bad = |what: &str| PeerError::Offer(format!("the answer {what}"));
        if text.len() > LONGEST || !text.trim_start().starts_with("v=0") {
            return Err(bad("is none"));
        }
        let mut sections: Vec<Section<'_>> = Vec::new();
        let mut candidates = Vec::new();
        let mut head = String::new();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            if let Some(stream) = line.strip_prefix("a=ssrc:") {
                sections.last_mut().into_iter().for_each(|section| section.take_ssrc(stream));
            } else if let Some(candidate) = line.strip_prefix("a=candidate:") {
                if candidates.len() < MOST_CANDIDATES {
                    candidates.push(candidate.to_owned());
                }
            } else if !is_shown(line) {
                // Also the end of candidates: there is more to come, and the stack would take it at its word.
            } else if let Some(media) = line.strip_prefix("m=") {
                if sections.len() == MOST_SECTIONS {
                    return Err(bad("has more sections than were offered"));
                }
                sections.push(Section::of(line, media));
            } else if let Some(section) = sections.last_mut() {
                section.take(line);
            } else {
                put(&mut head, line);
            }
        }
        let of = |kind: &str| sections.iter().find(|section| section.kind == kind && !section.refused);
        let video = of("video").filter(|video| video.sends());
        let video = video.ok_or_else(|| bad("sends no picture"))?;
        let picture = video.types.iter().find_map(|number| match video.name_of(*number)? {
            "H264" => Some(PictureFormat::H264),
            "H265" => Some(PictureFormat::H265),
            _ => None,
        });
        let picture = picture.ok_or_else(|| bad("sends the picture in no way that was offered"))?;
        let audio = of("audio").filter(|audio| audio.sends() || audio.takes());
        let sound = audio.and_then(|audio| {
            audio.types.iter().find_map(|number| match audio.name_of(*number)? {
                "OPUS" => Some((SoundFormat::Opus, *number)),
                "PCMU" => Some((SoundFormat::Pcmu, *number)),
                "PCMA" => Some((SoundFormat::Pcma, *number)),
                _ => None,
            })
        });
        let talk = sound.is_some() && audio.is_some_and(Section::takes);
        let sections = sections.iter().map(Section::stream).collect();
        Ok(Self { head, sections, picture, sound, talk, candidates })
    }

    /// The answer for the stack, without its candidates. Each stream has a name of its own there: the
    /// stack mixes up those of one name, and takes none without.
    #[must_use]
    pub fn normalised(&self) -> String {
        let mut out = self.head.clone();
        for Stream { kind, text, ssrc, .. } in &self.sections {
            out.push_str(text);
            if let Some(ssrc) = ssrc {
                put(&mut out, &format!("a=msid:far {kind}"));
                put(&mut out, &format!("a=ssrc:{ssrc} cname:far"));
            }
        }
        out
    }

    /// A stream came that the answer did not name. True if that is news.
    pub fn name(&mut self, kind: Kind, ssrc: u32) -> bool {
        let kind = if matches!(kind, Kind::Picture(_)) { "video" } else { "audio" };
        let nameless =
            |section: &&mut Stream| section.kind == kind && section.sends && section.ssrc.is_none();
        let found = self.sections.iter_mut().find(nameless);
        found.map(|section| section.ssrc = Some(ssrc)).is_some()
    }

    /// What both ends agreed on.
    #[must_use]
    pub fn agreed(&self) -> Agreed {
        Agreed { picture: self.picture, sound: self.sound.map(|(sound, _)| sound), talk: self.talk }
    }

    /// Payload type of the sound.
    #[must_use]
    pub fn sound_type(&self) -> Option<u8> {
        self.sound.map(|(_, number)| number)
    }

    /// The candidates that may be dialled.
    pub fn candidates(&self, allow_loopback: bool) -> impl Iterator<Item = Candidate> {
        self.candidates.iter().filter_map(move |value| Candidate::parse(value, allow_loopback))
    }
}

/// A line that the stack may be shown.
fn is_shown(line: &str) -> bool {
    if line.contains('\r') {
        return false;
    }
    match line.strip_prefix("a=") {
        Some(attribute) => SHOWN.contains(&attribute.split(':').next().unwrap_or_default()),
        None => ["v=", "o=", "s=", "t=", "c=", "b=", "m="].iter().any(|kind| line.starts_with(kind)),
    }
}

/// `a=rtpmap:111 opus/48000/2`, the name in capitals.
fn rtpmap(line: &str) -> Option<(u8, String)> {
    let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    Some((number.parse().ok()?, name.split('/').next()?.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests;
