//! The life of one call, as a state machine that is told the time.
//!
//! ```text
//! Answering -> Connecting -> Live -> Ended(reason)
//! ```

use std::time::{Duration, Instant};

use super::CameraError;
use super::trouble::Trouble;
use crate::media::TroubleKind;
use crate::peer::PeerEnd;

/// A call that never connects ends after this long (one minute is the least that Alexa allows).
const CONNECT: Duration = Duration::from_secs(61);
/// A call whose peer fell silent ends after this long. Silence is told after five seconds, so that
/// half a minute without consent (RFC 7675) is over then.
const CONSENT: Duration = Duration::from_secs(25);
/// A call that shows nothing of the camera itself ends after this long.
const PICTURE: Duration = Duration::from_secs(60);

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallState {
    /// The answer is being made.
    Answering,
    /// The answer is out, the peer is not connected yet.
    Connecting,
    /// Media flows.
    Live,
    /// Over.
    Ended(EndReason),
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// The far end hung up.
    HungUp,
    /// The house hung up: somebody ended the call in the page or through its API.
    EndedHere,
    /// The link of its user was taken away.
    Revoked,
    /// A new offer under the same id took its place.
    Replaced,
    /// The peer never connected.
    NeverConnected,
    /// The far end vanished.
    Vanished,
    /// The far end closed the connection, or it failed.
    Closed(PeerEnd),
    /// The longest time for a call is over.
    TooLong,
    /// The camera showed nothing, and why.
    NoPicture(Trouble),
    /// No answer could be made, and why.
    NotAnswered(CameraError),
    /// The camera was switched off.
    SwitchedOff,
    /// The camera is gone from the settings or the hub.
    CameraGone,
    /// The house stops.
    HouseStops,
    /// A mistake of ours.
    Internal,
}

impl EndReason {
    /// Of a call whose far end hung up. `broke`: how its connection had ended by itself. A far end that lost its
    /// connection hangs up at once, and its word may come before the connection's own.
    #[must_use]
    pub fn of_hang_up(broke: Option<PeerEnd>) -> Self {
        match broke {
            None | Some(PeerEnd::FarEnd | PeerEnd::Closed) => Self::HungUp,
            Some(how) => Self::Closed(how),
        }
    }

    /// One word, for counting.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::EndedHere => "ended_here",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::NeverConnected => "never_connected",
            Self::Vanished => "vanished",
            Self::Closed(_) => "closed",
            Self::TooLong => "too_long",
            Self::NoPicture(_) => "no_picture",
            Self::NotAnswered(_) => "not_answered",
            Self::SwitchedOff => "switched_off",
            Self::CameraGone => "camera_gone",
            Self::HouseStops => "house_stops",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HungUp => f.write_str("hung up"),
            Self::EndedHere => f.write_str("ended from the page"),
            Self::Revoked => f.write_str("the link of its user was revoked"),
            Self::Replaced => f.write_str("replaced by a new offer for the same call"),
            Self::NeverConnected => f.write_str(
                "the far end never connected; check that UDP may leave this network to the internet",
            ),
            Self::Vanished => f.write_str("the far end vanished without hanging up"),
            Self::Closed(how) => write!(f, "the connection ended: {how}"),
            Self::TooLong => f.write_str("the longest time for a call is over (limits.call_minutes)"),
            Self::NoPicture(trouble) => write!(f, "the camera showed no picture for a minute: {trouble}"),
            Self::NotAnswered(why) => write!(f, "not answered: {why}"),
            Self::SwitchedOff => f.write_str("the camera was switched off"),
            Self::CameraGone => f.write_str("the camera was removed"),
            Self::HouseStops => f.write_str("Doorstep was stopped"),
            Self::Internal => f.write_str("an internal error ended the call"),
        }
    }
}

/// One call. Knows nothing of peers or media: it is told what happened and when, and says when it
/// is over.
#[derive(Debug, Clone)]
pub struct Call {
    state: CallState,
    began: Instant,
    longest: Duration,
    /// Since when the peer has been without consent.
    lost: Option<Instant>,
    /// Since when the camera has shown nothing of its own; `None` while it shows something.
    dark: Option<Instant>,
    /// Why it shows nothing; of several reasons the one that tells more.
    trouble: Option<Trouble>,
    /// The camera has shown a picture of its own.
    shown: bool,
}

impl Call {
    /// A call whose offer came at `now` and that may last for `longest`.
    #[must_use]
    pub fn new(now: Instant, longest: Duration) -> Self {
        Self {
            state: CallState::Answering,
            began: now,
            longest,
            lost: None,
            dark: Some(now),
            trouble: None,
            shown: false,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &CallState {
        &self.state
    }

    /// True once it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, CallState::Ended(_))
    }

    /// True while the peer is without consent.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The answer left.
    pub fn answered(&mut self) {
        if self.state == CallState::Answering {
            self.state = CallState::Connecting;
        }
    }

    /// The peer is connected, for the first time or again. The time without a picture counts from
    /// the first connection on: nobody looked before.
    pub fn connected(&mut self, now: Instant) {
        if matches!(self.state, CallState::Answering | CallState::Connecting) {
            self.state = CallState::Live;
            self.dark = self.dark.map(|_| now);
        }
    }

    /// The peer lost consent.
    pub fn disconnected(&mut self, now: Instant) {
        if self.state == CallState::Live {
            self.lost.get_or_insert(now);
        }
    }

    /// The peer has consent again. True if it was without.
    pub fn returned(&mut self) -> bool {
        self.lost.take().is_some()
    }

    /// The camera shows a picture of its own.
    pub fn lit(&mut self) {
        self.dark = None;
        self.trouble = None;
        self.shown = true;
    }

    /// The camera shows nothing, for the given reason.
    pub fn darkened(&mut self, now: Instant, trouble: &Trouble) {
        self.dark.get_or_insert(now);
        if self.trouble.as_ref().is_none_or(|known| trouble.kind.weight() >= known.kind.weight()) {
            self.trouble = Some(trouble.clone());
        }
    }

    /// Why the camera shows nothing now, if it said so.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// True once the camera has shown a picture of its own.
    #[must_use]
    pub fn was_shown(&self) -> bool {
        self.shown
    }

    /// Ends it; the first reason stays.
    pub fn end(&mut self, reason: EndReason) {
        if !self.is_over() {
            self.state = CallState::Ended(reason);
        }
    }

    /// Ends it if one of its times is over.
    pub fn elapse(&mut self, now: Instant) {
        let past = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        match self.state {
            CallState::Answering | CallState::Connecting if past(self.began, CONNECT) => {
                self.end(EndReason::NeverConnected);
            }
            CallState::Live => {
                if past(self.began, self.longest) {
                    self.end(EndReason::TooLong);
                } else if self.lost.is_some_and(|since| past(since, CONSENT)) {
                    self.end(EndReason::Vanished);
                } else if self.dark.is_some_and(|since| past(since, PICTURE)) {
                    let unknown = || Trouble::new(TroubleKind::NoPicture, "no reason is known");
                    let trouble = self.trouble.clone().unwrap_or_else(unknown);
                    self.end(EndReason::NoPicture(trouble));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn trouble(text: &str) -> Trouble {
        Trouble::new(TroubleKind::Other, text)
    }

    fn live_call(now: Instant) -> Call {
        let mut call = Call::new(now, HOUR);
        call.answered();
        call.connected(now);
        call.lit();
        call
    }

    fn reason_after(call: &mut Call, now: Instant, seconds: u64) -> Option<EndReason> {
        call.elapse(now + Duration::from_secs(seconds));
        match call.state() {
            CallState::Ended(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    #[test]
    fn n1_a_call_that_never_connects_lives_a_minute_and_no_longer_than_65_seconds() {
        let now = Instant::now();
        let mut call = Call::new(now, HOUR);
        call.answered();
        assert_eq!(reason_after(&mut call, now, 60), None);
        assert_eq!(reason_after(&mut call, now, 62), Some(EndReason::NeverConnected));
    }

    #[test]
    fn a_peer_that_falls_silent_ends_the_call_after_25_seconds_unless_it_comes_back() {
        let now = Instant::now();
        let mut call = live_call(now);
        call.disconnected(now);
        call.elapse(now + Duration::from_secs(20));
        assert!(call.returned() && !call.returned());
        assert_eq!(reason_after(&mut call, now, 40), None);
        call.disconnected(now + Duration::from_secs(40));
        assert_eq!(reason_after(&mut call, now, 64), None);
        assert_eq!(reason_after(&mut call, now, 66), Some(EndReason::Vanished));
    }

    #[test]
    fn a_dark_camera_ends_the_call_after_a_minute_with_its_trouble() {
        let now = Instant::now();
        let mut call = live_call(now);
        call.darkened(now + Duration::from_secs(10), &trouble("it stalled"));
        call.darkened(now + Duration::from_secs(30), &trouble("it refuses"));
        assert_eq!(reason_after(&mut call, now, 69), None);
        assert_eq!(reason_after(&mut call, now, 71), Some(EndReason::NoPicture(trouble("it refuses"))));
    }

    #[test]
    fn a_picture_that_returns_starts_the_minute_anew() {
        let now = Instant::now();
        let mut call = live_call(now);
        call.darkened(now, &trouble("it stalled"));
        call.elapse(now + Duration::from_secs(50));
        call.lit();
        call.darkened(now + Duration::from_secs(51), &trouble("it stalled"));
        assert_eq!(reason_after(&mut call, now, 100), None);
    }

    #[test]
    fn the_longest_time_ends_a_live_call() {
        let now = Instant::now();
        let mut call = live_call(now);
        assert_eq!(reason_after(&mut call, now, 3599), None);
        assert_eq!(reason_after(&mut call, now, 3600), Some(EndReason::TooLong));
    }

    #[test]
    fn a_far_end_that_hangs_up_on_a_broken_connection_ends_the_call_for_what_broke_it() {
        let broke = PeerEnd::HandshakeRefused;
        assert_eq!(EndReason::of_hang_up(Some(broke)), EndReason::Closed(broke));
        assert_eq!(EndReason::of_hang_up(Some(PeerEnd::NoConsent)), EndReason::Closed(PeerEnd::NoConsent));
        for none in [None, Some(PeerEnd::FarEnd), Some(PeerEnd::Closed)] {
            assert_eq!(EndReason::of_hang_up(none), EndReason::HungUp);
        }
    }

    #[test]
    fn the_first_reason_to_end_stays() {
        let mut call = Call::new(Instant::now(), HOUR);
        call.end(EndReason::HungUp);
        call.end(EndReason::Internal);
        call.connected(Instant::now());
        assert_eq!(*call.state(), CallState::Ended(EndReason::HungUp));
    }
}
