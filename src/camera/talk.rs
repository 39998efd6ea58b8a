//! The way to a camera's speaker: what the settings want, what is known, what is still to be looked at. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::catalogue::Learnings;
use super::entity::Entity;
use super::sentence::{Sentence, joined};
use super::way::{Reach, Way};
use crate::config::camera_address::CameraAddress;
use crate::config::{self, Toggle};
use crate::media::Source;
use crate::media::talk::{Duplex, EchoFinding, EchoRule, SpeakerFormat, SpeakerSpec, SpeakerWay};

mod found;

use found::found;
pub(super) use found::{offers, on_screen};

/// A way to a camera's speaker.
#[derive(Debug, Clone, PartialEq)]
pub enum TalkWay {
    /// The test picture shows how loud it is.
    Screen,
    /// The back channel of its own address.
    BackChannel {
        /// Password included.
        address: CameraAddress,
        /// What it takes.
        format: SpeakerFormat,
    },
    /// The hub's relay.
    Relay(Entity),
}

impl TalkWay {
    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Screen => "the test picture",
            Self::BackChannel { .. } => "its own back channel",
            Self::Relay(_) => "the hub's relay",
        }
    }
}

/// What has to be looked at before it is known whether one can talk.
#[derive(Debug, Clone, PartialEq)]
pub enum TalkLook {
    /// Whether this address has a back channel.
    BackChannel(CameraAddress),
    /// Whether the hub's relay brings a speaker.
    Relay(Entity),
}

/// How one talks to a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Talk {
    /// The way; `None`: nobody can talk, or it is not known yet.
    pub way: Option<TalkWay>,
    /// What is to be looked at.
    pub looks: Vec<TalkLook>,
    /// It was looked at before, and another look is only to see whether that still holds.
    pub is_known: bool,
    /// Why it is so.
    pub reasons: Vec<Sentence>,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
    /// Whether echo is cancelled.
    pub echo: EchoRule,
    /// The hub's relay may be asked for its speaker.
    pub asks_relay: bool,
}

/// How one talks to a camera, as the outside may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TalkSummary {
    /// The way to its speaker, for people; `None`: nobody can talk.
    pub path: Option<&'static str>,
    /// Why it is so, for people.
    pub why: String,
    /// The same, one by one.
    pub reasons: Vec<Sentence>,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
    /// What was found out about its echo.
    pub echo: Option<EchoFinding>,
}

/// What an address is remembered by.
#[must_use]
pub fn fingerprint(address: &CameraAddress) -> String {
    let hash = Sha256::digest(address.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..12])
}

impl Talk {
    /// Nobody talks.
    #[must_use]
    pub fn none(why: Sentence) -> Self {
        Self {
            way: None,
            looks: Vec::new(),
            is_known: true,
            reasons: vec![why],
            duplex: Duplex::Half,
            echo: EchoRule::Off,
            asks_relay: false,
        }
    }

    /// Judges the ways to a camera's picture, best first, and its own address, which may not be among them.
    /// `likely`: it has a speaker by all that is known of it, so that its relay is worth a look.
    #[must_use]
    pub fn judge(
        settings: Option<&config::Camera>,
        id: &str,
        ways: &[Way],
        own: Option<&Source>,
        likely: bool,
        learned: &Learnings,
    ) -> Self {
        let wants = settings.map_or(config::Talk::Auto, |settings| settings.talk);
        let cancel = settings.map_or(Toggle::Auto, |settings| settings.echo_cancel);
        if wants == config::Talk::None {
            return Self::none(Sentence::new("not_wanted", "`talk = \"none\"` in its settings"));
        }
        if let Some(Way::Own(Source::Test(_))) = ways.first() {
            return Self { way: Some(TalkWay::Screen), duplex: Duplex::Full, ..Self::none(on_screen()) };
        }
        let known = learned.get(id);
        let echo = known.and_then(|known| EchoFinding::named(known.echo.as_deref()?));
        let only_stills = ways.iter().all(|way| matches!(way, Way::Stills(_)));
        let duplex = match (cancel, echo) {
            _ if only_stills => Duplex::Half,
            (Toggle::Auto, Some(EchoFinding::Left)) => Duplex::Half,
            _ => Duplex::Full,
        };
        let echo = match cancel {
            Toggle::Auto => EchoRule::Auto(echo),
            Toggle::On => EchoRule::On,
            Toggle::Off => EchoRule::Off,
        };
        let back_channel = match own {
            Some(Source::Address(address)) if wants != config::Talk::Relay => {
                back_channel(address, id, learned)
            }
            _ => {
                let (code, text) = match wants {
                    config::Talk::Rtsp => (
                        "needs_source",
                        "`talk = \"rtsp\"` in its settings needs its own RTSP address as `source`",
                    ),
                    _ => ("no_address", "no RTSP address of its own is known, which could have a speaker"),
                };
                Path::No(Sentence::new(code, text), None)
            }
        };
        let relay = match ways.iter().find_map(relay_of) {
            Some(entity) if wants != config::Talk::Rtsp => relay(entity, likely, learned),
            _ => Path::No(Sentence::new("no_relay", "the hub offers no relay to it"), None),
        };
        let asks_relay = wants != config::Talk::Rtsp;
        // What had no speaker may have one since, and what had one at another place is not asked.
        let mut looks = Vec::new();
        let mut is_known = true;
        let mut reasons = Vec::new();
        let mut way = None;
        for path in [back_channel, relay] {
            match path {
                Path::Yes(found) => way = way.or(Some(found)),
                _ if way.is_some() => {}
                Path::No(why, look) => {
                    looks.extend(look);
                    reasons.push(why);
                }
                Path::Unknown(why, look) => {
                    is_known &= look.is_none();
                    looks.extend(look);
                    reasons.push(why);
                }
            }
        }
        match (&way, wants) {
            (Some(way), _) => reasons = vec![found(way)],
            (None, config::Talk::Rtsp) => reasons.truncate(1),
            (None, config::Talk::Relay) => drop(reasons.drain(..reasons.len().saturating_sub(1))),
            (None, _) => {}
        }
        Self { way, looks, is_known, reasons, duplex, echo, asks_relay }
    }

    /// The talk that Alexa may call full duplex.
    #[must_use]
    pub fn is_full_duplex(&self) -> bool {
        self.way.is_some() && self.duplex == Duplex::Full
    }

    /// Why it is so, for people.
    #[must_use]
    pub fn why(&self) -> String {
        joined(&self.reasons)
    }

    /// How the outside may know it.
    #[must_use]
    pub fn summary(&self) -> TalkSummary {
        TalkSummary {
            path: self.way.as_ref().map(TalkWay::name),
            why: self.why(),
            reasons: self.reasons.clone(),
            duplex: self.duplex,
            echo: match self.echo {
                EchoRule::Auto(finding) => finding,
                EchoRule::On | EchoRule::Off => None,
            },
        }
    }

    /// What a feed is told of the speaker.
    #[must_use]
    pub fn speaker(&self, camera: &str, reach: &Reach) -> Option<SpeakerSpec> {
        let way = match self.way.clone()? {
            TalkWay::Screen => SpeakerWay::Screen,
            TalkWay::BackChannel { address, format } => SpeakerWay::BackChannel { address, format },
            TalkWay::Relay(entity) => match Way::Relay(entity).source(camera, true, reach)? {
                Source::Fetched(source) => SpeakerWay::Source(source),
                Source::Address(_) | Source::Test(_) => return None,
            },
        };
        Some(SpeakerSpec { way, echo: self.echo, duplex: self.duplex })
    }
}

enum Path {
    Yes(TalkWay),
    /// Why not, and what to look at to see whether that still holds.
    No(Sentence, Option<TalkLook>),
    /// Why that is not known, and what to look at.
    Unknown(Sentence, Option<TalkLook>),
}

fn back_channel(address: &CameraAddress, id: &str, learned: &Learnings) -> Path {
    if !address.is_rtsp() {
        let text = "its own address is not an RTSP one, which could have a speaker";
        return Path::No(Sentence::new("not_rtsp", text), None);
    }
    let known = learned.get(id).and_then(|known| known.back_channel.as_ref());
    let known = known.filter(|known| known.address == fingerprint(address));
    let format = known.and_then(|known| known.format.as_ref()?.parse().ok());
    let look = Some(TalkLook::BackChannel(address.clone()));
    let trouble = known.and_then(|known| known.trouble.clone());
    match (known, format) {
        (_, Some(format)) => Path::Yes(TalkWay::BackChannel { address: address.clone(), format }),
        (Some(known), None) if known.lasting => {
            let none = || Sentence::new("no_speaker", "its own address offers no speaker");
            Path::No(trouble.map_or_else(none, Sentence::quoted), look)
        }
        _ => {
            let asked = || Sentence::new("asked", "its own address is being asked for a speaker");
            Path::Unknown(trouble.map_or_else(asked, Sentence::quoted), look)
        }
    }
}

fn relay(entity: &Entity, likely: bool, learned: &Learnings) -> Path {
    let known = learned.get(&entity.registry_id);
    let look = || likely.then(|| TalkLook::Relay(entity.clone()));
    match known.and_then(|known| known.talk) {
        Some(true) => Path::Yes(TalkWay::Relay(entity.clone())),
        Some(false) => {
            Path::No(Sentence::new("relay_no_speaker", "the hub's relay brings no speaker"), look())
        }
        None => {
            let why = match known.and_then(|known| known.talk_trouble.clone()) {
                Some(trouble) => Sentence::quoted(trouble),
                None if likely => {
                    Sentence::new("relay_asked", "the hub's relay is being asked for a speaker")
                }
                None => {
                    let text = "the hub's relay says at the first call whether it brings a speaker";
                    Sentence::new("relay_first_call", text)
                }
            };
            Path::Unknown(why, look())
        }
    }
}

fn relay_of(way: &Way) -> Option<&Entity> {
    match way {
        Way::Relay(entity) => Some(entity),
        Way::Own(_) | Way::Hls(_) | Way::Stills(_) => None,
    }
}

#[cfg(test)]
mod tests;
