//! The finish: from the WebRTC stack's answer to the one that is sent.
//!
//! The stack's answer is written for browsers: one transport name for all sections, candidates in
//! the first section only and once more for RTCP, attributes that nobody offered, a DTLS role that
//! disregards an offer which already chose. The gateways behind an Echo sort media by announced
//! SSRC, drop a section whose transport is not the offered one, and know no attribute that they did
//! not offer. So only what the stack alone knows (ICE credentials, fingerprint, session number) is
//! taken over; all else follows from the offer.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::PeerError;
use super::local_candidate::LocalCandidate;
use super::offer::{Codec, Direction, Kind, Offer, Section, Setup};

/// What is true of the peer that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// SSRC of the picture's packets; `None` if none will be sent.
    pub video_ssrc: Option<u32>,
    /// SSRC of the sound's packets; `None` if none will be sent.
    pub audio_ssrc: Option<u32>,
    /// The canonical name that all our packets' RTCP carries.
    pub cname: String,
    /// The far end's sound is wanted.
    pub talk: bool,
    /// Where we can be reached. Best first.
    pub candidates: Vec<LocalCandidate>,
}

/// Writes the answer to `offer`, CRLF line ends.
///
/// `local_sdp` is the stack's own answer to [`Offer::normalised`]. Each accepted section carries
/// all candidates, credentials and fingerprint, whether it is bundled or not. `a=end-of-candidates`
/// and `a=msid` are there only if the offer has the like.
///
/// # Errors
/// [`PeerError::Stack`] if the stack's answer lacks what it must hold, or refuses a section that
/// the offer's gate accepted.
pub fn finish(offer: &Offer, local_sdp: &str, facts: &AnswerFacts) -> Result<String, PeerError> {
    let local = Local::read(local_sdp)?;
    if facts.cname.is_empty() || !facts.cname.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PeerError::Stack("the cname is no word".to_owned()));
    }
    for section in offer.sections().iter().filter(|section| section.accepted) {
        if !local.accepted.contains(&section.inner_mid.as_str()) {
            return Err(PeerError::Stack(format!("refused the {} section", section.kind.as_str())));
        }
    }
    let mut candidates: Vec<LocalCandidate> = Vec::new();
    for candidate in &facts.candidates {
        // What a NAT or a relay makes of an address may be the address itself.
        if candidates.iter().all(|known| known.address != candidate.address) {
            candidates.push(*candidate);
        }
    }
    let mut answer = Answer { offer, local, facts, candidates, out: String::with_capacity(2048) };
    answer.session();
    for section in offer.sections() {
        match &section.codec {
            Some(codec) if section.accepted => answer.accept(section, codec),
            _ => answer.refuse(section),
        }
    }
    Ok(answer.out)
}

/// The direction of our answer's section.
#[must_use]
pub fn direction(section: &Section, facts: &AnswerFacts) -> Direction {
    let (ssrc, talk) = match section.kind {
        Kind::Video => (facts.video_ssrc, false),
        _ => (facts.audio_ssrc, facts.talk),
    };
    match (ssrc.is_some() && section.direction.receives(), talk && section.direction.sends()) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

struct Answer<'a> {
    offer: &'a Offer,
    local: Local<'a>,
    facts: &'a AnswerFacts,
    candidates: Vec<LocalCandidate>,
    out: String,
}

impl Answer<'_> {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _infallible = self.out.write_fmt(text);
        self.out.push_str("\r\n");
    }

    fn session(&mut self) {
        let (id, version) = self.local.session;
        self.line(format_args!("v=0"));
        self.line(format_args!("o=- {id} {version} IN IP4 0.0.0.0"));
        self.line(format_args!("s=-"));
        self.line(format_args!("t=0 0"));
        // The group names only what the offer's group names (RFC 9143 7.3), though all accepted
        // sections share the one transport in any case.
        let is_accepted = |mid: &&String| {
            self.offer.sections().iter().any(|section| section.accepted && section.mid.as_ref() == Some(mid))
        };
        let group: Vec<&str> = self.offer.bundle().iter().filter(is_accepted).map(String::as_str).collect();
        if !group.is_empty() {
            self.line(format_args!("a=group:BUNDLE {}", group.join(" ")));
        }
    }

    /// GStreamer throws a whole answer away for one section, even a refused one, that says nothing
    /// of its transport; others do not look at it.
    fn refuse(&mut self, section: &Section) {
        let Section { kind, protocol, first_format, mid, .. } = section;
        self.line(format_args!("m={} 0 {protocol} {first_format}", kind.as_str()));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.transport();
        if let Some(mid) = mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        if !matches!(kind, Kind::Other(_)) {
            self.line(format_args!("a=inactive"));
        }
    }

    fn transport(&mut self) {
        let Local { ufrag, pwd, fingerprint, .. } = self.local;
        self.line(format_args!("a=ice-ufrag:{ufrag}"));
        self.line(format_args!("a=ice-pwd:{pwd}"));
        self.line(format_args!("a=fingerprint:{fingerprint}"));
        self.line(format_args!("a=setup:{}", self.setup().as_str()));
    }

    fn accept(&mut self, section: &Section, codec: &Codec) {
        let Codec { payload_type: pt, rtpmap, fmtp, feedback } = codec;
        // The default destination is the first candidate; 9 and 0.0.0.0 stand for none.
        let none = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 9);
        let default = self.candidates.first().map_or(none, |candidate| candidate.address);
        let (kind, protocol) = (section.kind.as_str(), &section.protocol);
        self.line(format_args!("m={kind} {} {protocol} {pt}", default.port()));
        self.line(format_args!("c=IN IP4 {}", default.ip()));
        for (index, candidate) in self.candidates.clone().iter().enumerate() {
            self.line(format_args!("a=candidate:{}", candidate.line(index)));
        }
        if self.offer.end_of_candidates() {
            self.line(format_args!("a=end-of-candidates"));
        }
        self.transport();
        if let Some(mid) = &section.mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        let direction = direction(section, self.facts);
        self.line(format_args!("a={}", direction.as_str()));
        if section.rtcp_mux {
            self.line(format_args!("a=rtcp-mux"));
        }
        self.line(format_args!("a=rtpmap:{pt} {rtpmap}"));
        if let Some(fmtp) = fmtp {
            self.line(format_args!("a=fmtp:{pt} {fmtp}"));
        }
        for feedback in feedback {
            self.line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
        let ssrc = match section.kind {
            Kind::Video => self.facts.video_ssrc,
            _ => self.facts.audio_ssrc,
        };
        if let (Some(ssrc), true) = (ssrc, direction.sends()) {
            let cname = &self.facts.cname;
            if self.offer.names_streams() {
                self.line(format_args!("a=msid:{cname} {kind}"));
            }
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        }
    }

    /// What the stack will do: the opposite of what the offer demands, its own choice otherwise.
    fn setup(&self) -> Setup {
        match self.offer.transport().setup {
            Setup::Active => Setup::Passive,
            Setup::Passive => Setup::Active,
            Setup::Actpass => self.local.setup,
        }
    }
}

/// What is taken over from the stack's answer.
struct Local<'a> {
    session: (u64, u64),
    ufrag: &'a str,
    pwd: &'a str,
    fingerprint: &'a str,
    setup: Setup,
    /// Mids of sections that the stack did not refuse.
    accepted: Vec<&'a str>,
}

impl<'a> Local<'a> {
    fn read(sdp: &'a str) -> Result<Self, PeerError> {
        let mut session = (0, 0);
        let (mut ufrag, mut pwd, mut fingerprint, mut setup) = (None, None, None, None);
        let (mut accepted, mut refused) = (Vec::new(), false);
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                refused = media.split(' ').nth(1) == Some("0");
            } else if let Some(origin) = line.strip_prefix("o=") {
                let mut numbers = origin.split(' ').skip(1).map(|number| number.parse::<u64>().unwrap_or(0));
                // Receivers read both numbers as signed.
                let mut next = || numbers.next().unwrap_or(0) & (u64::MAX >> 1);
                session = (next(), next());
            } else if let Some((name, value)) = line.strip_prefix("a=").and_then(|text| text.split_once(':'))
            {
                match name {
                    "ice-ufrag" => ufrag = ufrag.or(Some(value)),
                    "ice-pwd" => pwd = pwd.or(Some(value)),
                    "fingerprint" => fingerprint = fingerprint.or(Some(value)),
                    "setup" => setup = setup.or(Some(value)),
                    "mid" if !refused => accepted.push(value),
                    _ => {}
                }
            }
        }
        let missing = |what: &str| PeerError::Stack(format!("no {what} in the stack's answer"));
        Ok(Self {
            session,
            ufrag: ufrag.ok_or_else(|| missing("ice-ufrag"))?,
            pwd: pwd.ok_or_else(|| missing("ice-pwd"))?,
            fingerprint: fingerprint.ok_or_else(|| missing("fingerprint"))?,
            setup: if setup == Some("passive") { Setup::Passive } else { Setup::Active },
            accepted,
        })
    }
}
