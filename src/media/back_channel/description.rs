//! What a camera offers: SDP (RFC 8866), as far as it matters for a speaker.

/// Media sections that are looked at.
const TRACKS: usize = 16;

/// What `DESCRIBE` answers.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// Control address of the whole.
    pub control: Option<String>,
    pub tracks: Vec<Track>,
}

/// One media section.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// `audio`, `video`, `application`.
    pub kind: String,
    pub control: Option<String>,
    /// In an answer to `Require`: the client sends (ONVIF Streaming Specification, section 5.3).
    pub is_sendonly: bool,
    /// Payload types in the camera's order.
    payloads: Vec<u8>,
    rtpmap: Vec<(u8, String)>,
    fmtp: Vec<(u8, String)>,
}

/// An encoding that a track takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding<'a> {
    pub payload: u8,
    /// Upper case.
    pub name: String,
    /// Hz.
    pub clock_rate: u32,
    pub channels: u8,
    /// Parameters of the format.
    pub parameters: &'a str,
}

impl Description {
    /// Reads a body. Lines that make no sense are skipped.
    pub fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut found = Self::default();
        for line in text.lines() {
            let Some((kind, value)) = line.trim().split_once('=') else { continue };
            match kind {
                "m" if found.tracks.len() == TRACKS => break,
                "m" => found.tracks.push(Track::parse(value)),
                "a" => match (found.tracks.last_mut(), value.split_once(':')) {
                    (Some(track), _) => track.take(value),
                    (None, Some(("control", control))) => found.control = Some(control.trim().to_owned()),
                    (None, _) => {}
                },
                _ => {}
            }
        }
        found
    }
}

impl Track {
    /// `audio 0 RTP/AVP 0 97`
    fn parse(media: &str) -> Self {
        let mut words = media.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let payloads = words.skip(2).filter_map(payload).collect();
        Self { kind, payloads, ..Self::default() }
    }

    fn take(&mut self, attribute: &str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let of_payload = || {
            let (number, rest) = value.trim().split_once(char::is_whitespace)?;
            Some((payload(number)?, rest.trim().to_owned()))
        };
        match name {
            "control" => self.control = Some(value.trim().to_owned()),
            "sendonly" => self.is_sendonly = true,
            "rtpmap" => self.rtpmap.extend(of_payload()),
            "fmtp" => self.fmtp.extend(of_payload()),
            _ => {}
        }
    }

    /// What it takes, in the camera's order. A payload type that is not explained is one of RFC 3551.
    pub fn encodings(&self) -> impl Iterator<Item = Encoding<'_>> {
        self.payloads.iter().filter_map(|payload| {
            let map = self.rtpmap.iter().find(|(number, _)| number == payload).map(|(_, map)| map.as_str());
            let mut parts = map.or_else(|| usual(*payload))?.split('/');
            let name = parts.next()?.trim().to_ascii_uppercase();
            let clock_rate = parts.next()?.trim().parse().ok()?;
            let channels = parts.next().map_or(Some(1), |channels| channels.trim().parse().ok())?;
            let parameters = self.fmtp.iter().find(|(number, _)| number == payload);
            let parameters = parameters.map_or("", |(_, parameters)| parameters);
            Some(Encoding { payload: *payload, name, clock_rate, channels, parameters })
        })
    }
}

fn payload(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| *number < 128)
}

/// Audio of RFC 3551, table 4, that cameras speak.
fn usual(payload: u8) -> Option<&'static str> {
    match payload {
        0 => Some("PCMU/8000"),
        2 => Some("G726-32/8000"),
        4 => Some("G723/8000"),
        8 => Some("PCMA/8000"),
        9 => Some("G722/8000"),
        10 => Some("L16/44100/2"),
        11 => Some("L16/44100"),
        14 => Some("MPA/90000"),
        18 => Some("G729/8000"),
        _ => None,
    }
}
