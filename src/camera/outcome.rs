//! What became of a call, from how it ended and what it left. Pure.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::CameraError;
use super::call::{Call, CallState, EndReason};
use super::line::{NOTABLE_LOSS, NOTABLE_ROUND_TRIP};
use crate::media::TroubleKind;
use crate::peer::PeerEnd;
use crate::state::{CallRecord, Outcome};

/// Whoever waits for so long and hangs up then has given up: what was missing by then is what is wrong.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// An outcome, and the values that its sentence names.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What became of the call.
    pub outcome: Outcome,
    /// See the outcome's own words.
    pub values: Map<String, Value>,
}

/// What is known of the ways between the far end and us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// The answer named addresses only that nobody outside this machine reaches.
    pub hidden: bool,
    /// The answer named the address of a TURN server's.
    pub relayed: bool,
    /// The router gives each far end another port.
    pub symmetric: bool,
    /// The far end's checks came.
    pub sought: bool,
    /// Our UDP port.
    pub port: u16,
}

impl Ways {
    /// What an answer names.
    #[must_use]
    pub fn named_in(answer: &str) -> Self {
        let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
        // RFC 8839 5.1: foundation component transport priority address port "typ" kind.
        let fields = candidates.filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(4);
            Some((fields.next()?.parse::<Ipv4Addr>().ok()?, fields.nth(2)?))
        });
        let all: Vec<_> = fields.collect();
        Self {
            hidden: !all.is_empty() && all.iter().all(|(address, _)| is_inner(*address)),
            relayed: all.iter().any(|(_, kind)| *kind == "relay"),
            ..Self::default()
        }
    }
}

/// Loopback, link-local, and the inner networks of the supervisor and of containers.
fn is_inner(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_link_local()
        || matches!(address.octets(), [172, 17, _, _] | [172, 30, 32 | 33, _])
}

/// What became of a call that has ended. `lasted`: since its offer came; `longest`: the longest time for a call.
#[must_use]
pub fn judge(call: &Call, record: &CallRecord, ways: Ways, lasted: Duration, longest: Duration) -> Verdict {
    let CallState::Ended(reason) = call.state() else { return verdict(Outcome::Internal) };
    let seconds = lasted.as_secs();
    match reason {
        EndReason::HungUp | EndReason::EndedHere | EndReason::Closed(PeerEnd::FarEnd) => {
            hung_up(call, record, ways, lasted)
        }
        EndReason::NeverConnected => unconnected(record, ways),
        EndReason::Vanished => lost(seconds),
        EndReason::Closed(how) => closed(*how, record, ways, seconds),
        EndReason::NoPicture(trouble) => verdict(of_trouble(trouble.kind)),
        EndReason::NotAnswered(error) => refused(error).unwrap_or(verdict(Outcome::Internal)),
        EndReason::Revoked => verdict(Outcome::LinkRevoked),
        EndReason::Replaced => verdict(Outcome::Replaced),
        EndReason::TooLong => with(Outcome::TimeOver, [("minutes", json!(longest.as_secs() / 60))]),
        EndReason::SwitchedOff => verdict(Outcome::SwitchedOff),
        EndReason::CameraGone => verdict(Outcome::CameraGone),
        EndReason::HouseStops => verdict(Outcome::HouseStopped),
        EndReason::Internal => verdict(Outcome::Internal),
    }
}

/// What an offer became that was refused; `None` if it was no call that failed: of nobody's camera, or hung up before.
#[must_use]
pub fn refused(error: &CameraError) -> Option<Verdict> {
    Some(match error {
        CameraError::Unreachable { kind, .. } => verdict(of_trouble(*kind)),
        CameraError::HubAway(_) => verdict(Outcome::HubAway),
        CameraError::Disabled(_) => verdict(Outcome::NotShared),
        CameraError::SwitchedOff(_) => verdict(Outcome::SwitchedOff),
        CameraError::Full { camera, limit } => {
            let outcome = if camera.is_some() { Outcome::CameraFull } else { Outcome::HouseFull };
            with(outcome, [("limit", json!(limit))])
        }
        CameraError::Offer(_) => verdict(Outcome::OfferUnusable),
        CameraError::Late(_) => verdict(Outcome::AnswerLate),
        CameraError::Internal(_) => verdict(Outcome::Internal),
        CameraError::Unknown(_)
        | CameraError::Speechless { .. }
        | CameraError::NoStream(_)
        | CameraError::NoStill { .. }
        | CameraError::NoCall(_)
        | CameraError::Foreign
        | CameraError::Ended => return None,
    })
}

fn hung_up(call: &Call, record: &CallRecord, ways: Ways, lasted: Duration) -> Verdict {
    let early = || with(Outcome::HungUpEarly, [("seconds", json!(lasted.as_secs()))]);
    let connected = record.stages.dtls_connected.is_some();
    if !connected && record.stages.answer_sent.is_some() && lasted >= GIVEN_UP {
        return unconnected(record, ways);
    }
    if let Some(trouble) = call.trouble() {
        return verdict(of_trouble(trouble.kind));
    }
    if !connected || !call.was_shown() {
        return early();
    }
    if let Some(poor) = poor(record) {
        return poor;
    }
    if record.talk.as_ref().is_some_and(|talk| talk.trouble.is_some() && talk.opened.is_none()) {
        return verdict(Outcome::NotHeard);
    }
    let ended_here = *call.state() == CallState::Ended(EndReason::EndedHere);
    verdict(if ended_here { Outcome::EndedHere } else { Outcome::Well })
}

/// Why no connection came about.
fn unconnected(record: &CallRecord, ways: Ways) -> Verdict {
    let port = [("port", json!(ways.port))];
    match record.stages.ice_connected {
        Some(_) => verdict(Outcome::EncryptionFailed),
        None if ways.hidden => with(Outcome::HiddenAddresses, port),
        None if ways.symmetric && !ways.relayed => verdict(Outcome::RelayNeeded),
        None if ways.sought => with(Outcome::OneWay, port),
        None => with(Outcome::NothingCame, port),
    }
}

fn closed(how: PeerEnd, record: &CallRecord, ways: Ways, seconds: u64) -> Verdict {
    match how {
        PeerEnd::NoHandshake | PeerEnd::HandshakeFailed | PeerEnd::HandshakeRefused => {
            verdict(Outcome::EncryptionFailed)
        }
        _ if record.stages.dtls_connected.is_some() => lost(seconds),
        PeerEnd::NeverConnected | PeerEnd::NoPath | PeerEnd::NoConsent => unconnected(record, ways),
        PeerEnd::FarEnd | PeerEnd::Failed | PeerEnd::BrokeOff | PeerEnd::Closed => verdict(Outcome::Internal),
    }
}

fn lost(seconds: u64) -> Verdict {
    with(Outcome::PathLost, [("seconds", json!(seconds))])
}

/// What of the line people notice: loss, or round trips that were long more than once.
fn poor(record: &CallRecord) -> Option<Verdict> {
    let network = record.network.as_ref()?;
    let loss = network.worst_loss_percent;
    let is_long = |ms: &&u32| u128::from(**ms) >= NOTABLE_ROUND_TRIP.as_millis();
    let round_trips = record.plot.iter().flat_map(|plot| plot.round_trip_ms.iter().flatten());
    let is_poor = loss >= NOTABLE_LOSS || round_trips.filter(is_long).count() > 1;
    let ms = network.longest_round_trip_ms.unwrap_or_default();
    is_poor.then(|| with(Outcome::PoorLine, [("loss", json!(loss)), ("ms", json!(ms))]))
}

fn of_trouble(kind: TroubleKind) -> Outcome {
    match kind {
        TroubleKind::Login => Outcome::LoginRefused,
        TroubleKind::HubLogin => Outcome::HubLoginRefused,
        TroubleKind::Refused => Outcome::CameraRefuses,
        TroubleKind::NameUnknown => Outcome::NameUnknown,
        TroubleKind::AddressForbidden => Outcome::AddressForbidden,
        TroubleKind::Unreachable => Outcome::CameraUnreachable,
        TroubleKind::Silent => Outcome::CameraSilent,
        TroubleKind::PathUnknown => Outcome::PathUnknown,
        TroubleKind::Format => Outcome::FormatUnusable,
        TroubleKind::NoPicture | TroubleKind::Other => Outcome::NoPicture,
        TroubleKind::BrokeOff => Outcome::StreamBroke,
        TroubleKind::HubAway => Outcome::HubAway,
        TroubleKind::Hub => Outcome::HubShowsNothing,
        TroubleKind::Settings => Outcome::SettingsUnusable,
        TroubleKind::EncoderFull => Outcome::EncoderFull,
        TroubleKind::WorkerLost => Outcome::WorkerLost,
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict { outcome, values: Map::new() }
}

fn with<const N: usize>(outcome: Outcome, values: [(&str, Value); N]) -> Verdict {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Verdict { outcome, values }
}

#[cfg(test)]
mod tests;
