//! What one peer takes for a UDP socket of its own.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::base::Base;
use super::bases::BaseId;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::port_core::PortCore;
use super::stun::{StunKind, StunView};
use super::table::PeerId;

/// A relay costs its owner money and the call time, and the stack keeps to the first path that the far
/// end nominates. So checks through one wait for so long after the far end's first through it: a direct
/// path, if there is any, comes about meanwhile.
const HEAD_START: Duration = Duration::from_millis(300);
/// A far end may not check at all before it is checked.
const LONGEST_HEAD_START: Duration = Duration::from_secs(2);

/// A peer's end of one base. The peer knows it by an address that nobody else uses; the
/// shared one never reaches it.
#[derive(Debug)]
pub(super) struct VirtualSocket {
    pub(super) core: Arc<PortCore>,
    pub(super) peer: PeerId,
    pub(super) id: BaseId,
    pub(super) base: Arc<Base>,
    pub(super) inner_address: SocketAddr,
    pub(super) born: Instant,
    pub(super) inbox: Arc<Inbox>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) handshake_refused: CancellationToken,
}

impl AsyncUdpSocket for VirtualSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner_address)
    }

    fn poll_send(&self, _cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let datagram = transmit.contents;
        let is_stun = matches!(datagram, [0..=3, ..]);
        let to = self.inbox.remote.destination(transmit.destination, !is_stun);
        match datagram {
            _ if is_stun => {
                if !self.is_its_turn(to, datagram) {
                    // The stack checks again soon.
                } else if self.may_leave(to, datagram) {
                    self.outbox.send(to, datagram);
                } else {
                    self.core.tally.check_budget.one();
                }
            }
            // RTP: RTCP has 192 to 223 in its second byte (RFC 5761 4).
            [128..=191, second, ..] if !(192..=223).contains(second) => {
                if self.outbox.collect(to, datagram) {
                    self.core.flush_soon(&self.outbox);
                }
            }
            _ => {
                if is_fatal_alert(datagram) {
                    self.handshake_refused.cancel();
                }
                self.outbox.send(to, datagram);
            }
        }
        // Errors of one destination are counted, and no reason for the peer to give up its socket.
        Poll::Ready(Ok(datagram.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let (from, datagram) = ready!(self.inbox.poll_pop(cx));
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        *meta = RecvMeta::default();
        meta.addr = from;
        meta.len = length;
        meta.stride = length.max(1);
        Poll::Ready(Ok(1))
    }
}

impl VirtualSocket {
    /// False for a check through a relay that has to wait. What the server needs to know by then is
    /// said at once.
    fn is_its_turn(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        let Some(relay) = self.base.relay() else { return true };
        if !matches!(datagram, [0, 1, ..]) {
            return true;
        }
        relay.permit(to, &self.core.tally);
        self.born.elapsed() >= LONGEST_HEAD_START
            || self.inbox.sought.get().is_some_and(|since| since.elapsed() >= HEAD_START)
    }

    fn may_leave(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        match StunView::parse(datagram) {
            Some(stun) if stun.kind() == StunKind::Request => {
                let id = stun.transaction();
                self.core.table().check_sent(self.peer, (self.id, to), id, datagram.len(), Instant::now())
            }
            Some(_) => true,
            // Not a Binding message: nothing that answers it would find its way back.
            None => false,
        }
    }
}

/// A DTLS alert of level fatal in the clear, as only a handshake that breaks off sends it.
fn is_fatal_alert(datagram: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    matches!(datagram, [ALERT, _, _, 0, 0, _, _, _, _, _, _, 0, 2, FATAL, _, ..])
}

impl Drop for VirtualSocket {
    fn drop(&mut self) {
        self.outbox.flush();
        self.core.table().unregister(self.peer, &self.inbox);
    }
}
