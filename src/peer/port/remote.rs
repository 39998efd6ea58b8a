//! Where a far end really is.
//!
//! The stack, being the controlled side, sends to the first path that was nominated and never to
//! another. A far end whose address changes (a NAT gave it a new port, a phone left the Wi-Fi) goes on
//! checking from the new one, and would wait for pictures in vain. So the port follows it: the stack
//! keeps the address that it knows, and both directions are translated.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The known address must be silent for so long. A far end with two good paths may use either.
const SILENT: Duration = Duration::from_secs(2);
/// A new address must have answered a check of ours within this time.
const PROOF_AGE: Duration = Duration::from_secs(30);

/// What a received datagram proves about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A signed check: written by the far end, though perhaps sent again by somebody else.
    Signed,
    /// The response to a check of ours: whoever sent it receives at its address.
    Reachable,
    /// Neither.
    None,
}

/// The far end as one socket of a peer sees it.
#[derive(Debug, Default)]
pub(super) struct Remote {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the stack sends media.
    named: Option<SocketAddr>,
    /// Where that really goes, if elsewhere.
    moved_to: Option<SocketAddr>,
    /// When something last came from there.
    heard: Option<Instant>,
    /// The last other address that proved to be reachable.
    reachable: Option<(SocketAddr, Instant)>,
}

impl Remote {
    /// Where a datagram for `to` has to go. `media` is all that is no STUN: the stack sends it to the
    /// far end's address alone.
    pub(super) fn destination(&self, to: SocketAddr, media: bool) -> SocketAddr {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if media && state.named != Some(to) {
            // The stack chose anew: it knows better.
            state.named = Some(to);
            state.moved_to = None;
            state.heard = None;
        }
        if state.named == Some(to) { state.moved_to.unwrap_or(to) } else { to }
    }

    /// From where the stack shall believe a datagram to come, and whether the far end has just moved.
    pub(super) fn source(&self, from: SocketAddr, proof: Proof, now: Instant) -> (SocketAddr, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(named) = state.named else { return (from, false) };
        if from == state.moved_to.unwrap_or(named) {
            state.heard = Some(now);
            return (named, false);
        }
        if proof == Proof::Reachable {
            state.reachable = Some((from, now));
        }
        let heard = *state.heard.get_or_insert(now);
        let is_reachable = state
            .reachable
            .is_some_and(|(address, at)| address == from && now.saturating_duration_since(at) <= PROOF_AGE);
        // Nothing more is asked of a reachable one: its next check may be seconds away.
        if !is_reachable || now.saturating_duration_since(heard) < SILENT {
            return (from, false);
        }
        state.moved_to = (from != named).then_some(from);
        state.heard = Some(now);
        (named, true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn connected(now: Instant) -> Remote {
        let remote = Remote::default();
        assert_eq!(remote.destination(address(1), true), address(1));
        assert_eq!(remote.source(address(1), Proof::None, now), (address(1), false));
        remote
    }

    #[test]
    fn a_silent_far_end_that_answers_from_elsewhere_is_followed_both_ways_and_back() {
        let start = Instant::now();
        let remote = connected(start);
        let later = start + Duration::from_secs(3);
        assert_eq!(remote.source(address(2), Proof::Reachable, later), (address(1), true));
        assert_eq!(remote.destination(address(1), true), address(2));
        assert_eq!(remote.destination(address(1), false), address(2), "consent checks too");
        assert_eq!(remote.source(address(2), Proof::None, later), (address(1), false));
        let back = later + Duration::from_secs(3);
        assert_eq!(remote.source(address(1), Proof::Reachable, back), (address(1), true));
        assert_eq!(remote.destination(address(1), true), address(1));
    }

    #[test]
    fn a_far_end_that_is_still_heard_is_not_moved() {
        let start = Instant::now();
        let remote = connected(start);
        let later = start + Duration::from_millis(1900);
        assert_eq!(remote.source(address(2), Proof::Reachable, later), (address(2), false));
        assert_eq!(remote.destination(address(1), true), address(1));
    }

    #[test]
    fn a_signed_check_that_somebody_sends_again_moves_nothing() {
        let start = Instant::now();
        let remote = connected(start);
        let later = start + Duration::from_secs(3);
        assert_eq!(remote.source(address(2), Proof::Signed, later), (address(2), false));
        assert_eq!(remote.source(address(2), Proof::None, later), (address(2), false));
        assert_eq!(remote.destination(address(1), true), address(1));
    }

    #[test]
    fn an_address_that_answered_before_the_silence_is_taken_at_whatever_comes_from_it_next() {
        for next in [Proof::Signed, Proof::None] {
            let start = Instant::now();
            let remote = connected(start);
            let soon = start + Duration::from_secs(1);
            assert_eq!(remote.source(address(2), Proof::Reachable, soon), (address(2), false));
            let still = start + SILENT - Duration::from_millis(1);
            assert_eq!(remote.source(address(2), next, still), (address(2), false));
            let later = start + SILENT;
            assert_eq!(remote.source(address(3), next, later), (address(3), false));
            assert_eq!(remote.source(address(2), next, later), (address(1), true));
        }
    }

    #[test]
    fn an_address_that_answered_long_ago_moves_nothing() {
        let start = Instant::now();
        let remote = connected(start);
        assert_eq!(remote.source(address(2), Proof::Reachable, start), (address(2), false));
        let later = start + PROOF_AGE + Duration::from_secs(1);
        assert_eq!(remote.source(address(2), Proof::None, later), (address(2), false));
    }

    #[test]
    fn before_media_flows_nothing_is_translated() {
        let remote = Remote::default();
        let now = Instant::now();
        assert_eq!(remote.destination(address(1), false), address(1));
        assert_eq!(remote.source(address(2), Proof::Reachable, now), (address(2), false));
        assert_eq!(
            remote.source(address(2), Proof::Reachable, now + Duration::from_secs(9)),
            (address(2), false)
        );
    }
}
