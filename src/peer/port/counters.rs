//! Counters of the port.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What the port did since it was opened, and what it holds now. Reading it costs a short lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PortCounters {
    /// Datagrams received, dropped ones included.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// System calls that sent them: several datagrams of one picture leave in one call.
    pub send_calls: u64,
    /// Received datagrams that were dropped, by reason.
    pub dropped: DroppedCounters,
    /// Datagrams of ours that did not leave.
    pub unsent: UnsentCounters,
    /// Remote addresses that went from one peer to another because a later validated check named it.
    pub rebound: u64,
    /// Times that a far end was followed to a new address in mid-call.
    pub moved: u64,
    /// Peers that the port knows now.
    pub live_ufrags: u64,
    /// Remote addresses bound to a peer now.
    pub live_addresses: u64,
    /// Checks of ours that wait for their response now.
    pub live_transactions: u64,
}

/// Why received datagrams were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DroppedCounters {
    /// Neither STUN, DTLS nor RTP by its first byte, or empty.
    pub unknown_kind: u64,
    /// Claims to be STUN and is malformed, or no Binding message.
    pub malformed_stun: u64,
    /// A check for a peer that does not exist.
    pub unknown_ufrag: u64,
    /// A check for a peer of ours, not signed with its password.
    pub bad_integrity: u64,
    /// A response to a check that we did not send, or that was answered already.
    pub unsolicited_response: u64,
    /// A response that came from elsewhere than the check went to.
    pub response_from_elsewhere: u64,
    /// DTLS, RTP or RTCP from an address that never sent a validated check.
    pub unknown_address: u64,
    /// Longer than any datagram of a call.
    pub too_long: u64,
    /// The peer did not read fast enough.
    pub queue_full: u64,
    /// RTCP, of which one far end sent more than any line makes.
    pub too_many_reports: u64,
}

/// Why datagrams of ours did not leave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnsentCounters {
    /// The socket's buffer was full.
    pub would_block: u64,
    /// The system refused: no route, or an address that cannot be reached from this socket.
    pub refused: u64,
    /// Checks beyond what may go to one address that never answered.
    pub check_budget: u64,
}

/// The counters as the port keeps them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) received: Count,
    pub(super) sent: Count,
    pub(super) send_calls: Count,
    pub(super) unknown_kind: Count,
    pub(super) malformed_stun: Count,
    pub(super) unknown_ufrag: Count,
    pub(super) bad_integrity: Count,
    pub(super) unsolicited_response: Count,
    pub(super) response_from_elsewhere: Count,
    pub(super) unknown_address: Count,
    pub(super) too_long: Count,
    pub(super) queue_full: Count,
    pub(super) too_many_reports: Count,
    pub(super) would_block: Count,
    pub(super) refused: Count,
    pub(super) check_budget: Count,
    pub(super) rebound: Count,
    pub(super) moved: Count,
}

impl Tally {
    /// Everything but the live entries.
    pub(super) fn snapshot(&self) -> PortCounters {
        PortCounters {
            received: self.received.get(),
            sent: self.sent.get(),
            send_calls: self.send_calls.get(),
            dropped: DroppedCounters {
                unknown_kind: self.unknown_kind.get(),
                malformed_stun: self.malformed_stun.get(),
                unknown_ufrag: self.unknown_ufrag.get(),
                bad_integrity: self.bad_integrity.get(),
                unsolicited_response: self.unsolicited_response.get(),
                response_from_elsewhere: self.response_from_elsewhere.get(),
                unknown_address: self.unknown_address.get(),
                too_long: self.too_long.get(),
                queue_full: self.queue_full.get(),
                too_many_reports: self.too_many_reports.get(),
            },
            unsent: UnsentCounters {
                would_block: self.would_block.get(),
                refused: self.refused.get(),
                check_budget: self.check_budget.get(),
            },
            rebound: self.rebound.get(),
            moved: self.moved.get(),
            ..PortCounters::default()
        }
    }
}

/// A counter that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
