//! What was sent last and may be asked for again.

use std::time::{Duration, Instant};

use rtc::rtp;

/// Packets kept: ten seconds at 4 Mbit/s, and more than any key frame's burst. Payloads are shared
/// with all who watch the same camera.
pub(super) const KEPT: usize = 4096;
/// So often one packet is sent again.
pub(super) const MOST_REPAIRS: u8 = 10;

/// The last [`KEPT`] packets of one stream, found by their sequence numbers.
#[derive(Debug)]
pub(super) struct History {
    /// Each packet has its place by its sequence number.
    ring: Vec<Option<Sent>>,
    newest: u16,
}

impl History {
    pub(super) fn new() -> Self {
        let mut ring = Vec::new();
        ring.resize_with(KEPT, || None);
        Self { ring, newest: 0 }
    }

    /// Keeps a packet in place of the one sent [`KEPT`] packets before. To be called in sending order.
    pub(super) fn keep(&mut self, packet: rtp::Packet) {
        self.newest = packet.header.sequence_number;
        let place = place(self.newest);
        self.ring[place] =
            Some(Sent { packet, is_asked_for: false, waits: false, repairs: 0, repaired: None });
    }

    /// The packet of that number, unless it has left the history or was never sent.
    pub(super) fn find(&mut self, sequence: u16) -> Option<&mut Sent> {
        let is_recent = usize::from(self.newest.wrapping_sub(sequence)) < KEPT;
        let sent = self.ring[place(sequence)].as_mut()?;
        (is_recent && sent.packet.header.sequence_number == sequence).then_some(sent)
    }
}

fn place(sequence: u16) -> usize {
    usize::from(sequence) % KEPT
}

/// A packet that was sent, and what came of it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) packet: rtp::Packet,
    is_asked_for: bool,
    waits: bool,
    repairs: u8,
    repaired: Option<Instant>,
}

/// What is made of a wish for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is to be sent again.
    Granted,
    /// It is about to be sent again, or was just now and is still on its way.
    Underway,
    /// It was sent too often already.
    Refused,
}

impl Sent {
    /// True for the first wish.
    pub(super) fn is_first_wish(&mut self) -> bool {
        !std::mem::replace(&mut self.is_asked_for, true)
    }

    /// Judges a wish. `pause`: what lies between two repairs at least.
    pub(super) fn ask(&mut self, pause: Duration, now: Instant) -> Verdict {
        let is_underway = self.repaired.is_some_and(|at| now.saturating_duration_since(at) < pause);
        if self.waits || is_underway {
            Verdict::Underway
        } else if self.repairs >= MOST_REPAIRS {
            Verdict::Refused
        } else {
            self.waits = true;
            Verdict::Granted
        }
    }

    /// It has been sent again.
    pub(super) fn repaired(&mut self, now: Instant) {
        (self.waits, self.repaired) = (false, Some(now));
        self.repairs += 1;
    }

    /// It will not be sent again for what was granted.
    pub(super) fn give_up(&mut self) {
        self.waits = false;
    }
}
