//! The texts of a call of ours: the offer's finish, and what the answer says. Pure.

use std::net::SocketAddr;

use super::answer::host_priority;
use super::offer::Candidate;
use super::{Agreed, PeerError, PictureFormat, SoundFormat};

/// Longest answer, bytes.
const LONGEST: usize = 64 * 1024;
/// Candidates that are taken out of an answer.
const MOST_CANDIDATES: usize = 40;

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
            let (ip, port, priority) = (address.ip(), address.port(), host_priority(index));
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
        let types = words.skip(1).filter_map(|word| word.parse().ok()).collect();
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

    fn take(&mut self, line: &'a str) {
        if let Some(stream) = line.strip_prefix("a=ssrc:") {
            self.ssrc = self.ssrc.or_else(|| stream.split(' ').next()?.parse().ok());
        }
        // How the far end calls its streams, and how they belong together, does not matter here.
        if line.starts_with("a=ssrc") || line.starts_with("a=msid:") {
            return;
        }
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
            if let Some(candidate) = line.strip_prefix("a=candidate:") {
                if candidates.len() < MOST_CANDIDATES {
                    candidates.push(candidate.to_owned());
                }
            } else if line == "a=end-of-candidates" {
                // There is more to come, and the stack would take it at its word.
            } else if let Some(media) = line.strip_prefix("m=") {
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

/// `a=rtpmap:111 opus/48000/2`, the name in capitals.
fn rtpmap(line: &str) -> Option<(u8, String)> {
    let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    Some((number.parse().ok()?, name.split('/').next()?.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// As the hub's go2rtc wrote it for a camera with a PCMU back channel.
    const GO2RTC: &str = "v=0\r\no=- 8367250758788908791 1795359733 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=mid:0\r\n\
        a=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\na=ssrc:3720310998 cname:go2rtc\r\na=sendrecv\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 99 101\r\na=mid:1\r\na=rtpmap:99 H264/90000\r\na=rtpmap:101 H264/90000\r\na=sendonly\r\n";

    #[test]
    fn an_answer_of_the_hubs_relay_takes_talk_as_pcmu() {
        let answer = Answer::parse(GO2RTC).unwrap();
        let agreed = Agreed { picture: PictureFormat::H264, sound: Some(SoundFormat::Pcmu), talk: true };
        assert_eq!((answer.agreed(), answer.sound_type()), (agreed, Some(0)));
        let deaf = Answer::parse(&GO2RTC.replace("a=sendrecv", "a=sendonly")).unwrap();
        assert!(!deaf.agreed().talk && deaf.agreed().sound.is_some());
    }

    #[test]
    fn an_answer_without_a_picture_of_ours_is_refused_with_a_reason() {
        for (from, to, why) in [
            ("m=video 9 ", "m=video 0 ", "no picture"),
            ("a=sendonly", "a=inactive", "no picture"),
            ("H264/90000", "VP8/90000", "no way"),
            ("v=0", "<html>", "is none"),
        ] {
            let error = Answer::parse(&GO2RTC.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn streams_of_one_name_or_none_get_names_of_their_own_and_static_types_their_codecs() {
        let bare = GO2RTC.replace("a=rtpmap:0 PCMU/8000\r\n", "").replace("SAVPF 0\r\n", "SAVPF 0 8\r\n");
        let text = bare.replace(
            "a=sendonly",
            "a=ssrc-group:FID 7 8\r\na=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\na=msid:a b\r\na=sendonly",
        );
        let answer = Answer::parse(&text).unwrap();
        let normalised = answer.normalised();
        let lines: Vec<&str> = normalised.lines().collect();
        let count = |wanted: &str| lines.iter().filter(|line| line.starts_with(wanted)).count();
        assert_eq!((count("a=ssrc:"), count("a=ssrc-group"), count("a=msid:")), (2, 0, 2), "{lines:?}");
        for line in ["a=msid:far audio", "a=msid:far video", "a=ssrc:7 cname:far", "a=rtpmap:8 PCMA/8000"] {
            assert_eq!(count(line), 1, "{line} in {lines:?}");
        }
    }

    #[test]
    fn a_stream_that_the_answer_does_not_name_is_named_once() {
        let mut answer = Answer::parse(GO2RTC).unwrap();
        assert!(!answer.normalised().contains("a=ssrc:5 "));
        assert!(!answer.name(Kind::Sound(SoundFormat::Pcmu), 6), "it has a name");
        assert!(answer.name(Kind::Picture(PictureFormat::H264), 5));
        assert!(!answer.name(Kind::Picture(PictureFormat::H264), 6), "the first one counts");
        assert!(answer.normalised().contains("a=msid:far video\r\na=ssrc:5 cname:far\r\n"));
    }

    #[test]
    fn the_offer_names_our_addresses_and_no_others() {
        let offer = "v=0\r\nm=audio 9 X 0\r\na=candidate:1 1 udp 1 10.9.9.9 1 typ host\r\na=mid:0\r\nm=video 9 X 102\r\na=mid:1\r\n";
        let finished = finish(offer, &["192.0.2.1:8555".parse().unwrap()]);
        assert!(!finished.contains("10.9.9.9"));
        assert_eq!(finished.matches(" 192.0.2.1 8555 typ host\r\na=end-of-candidates\r\n").count(), 2);
    }

    proptest! {
        #[test]
        fn no_text_can_upset_it(lines in prop::collection::vec("(m=(audio|video) |a=(rtpmap:|candidate:)|v=0)?[ -~]{0,30}", 0..30)) {
            let text = format!("v=0\n{}", lines.join("\n"));
            if let Ok(answer) = Answer::parse(&text) {
                prop_assert!(answer.candidates(true).count() <= MOST_CANDIDATES);
            }
        }
    }
}
