//! One peer's end of a shared socket, as the port sees it: who is at the other end, and datagrams on
//! their way from there to the peer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::handshake::Handshake;
use super::meter::Meter;
use super::remote::Remote;
use crate::peer::bucket::Bucket;

/// Datagrams that wait for a peer: more than a second of anything a far end sends.
const CAPACITY: usize = 512;

/// RTCP datagrams that a peer takes at once, and then per second: several times what a far end sends on the worst line.
/// Each costs a decryption.
const REPORTS: f64 = 400.0;
const REPORTS_PER_SECOND: f64 = 400.0;

/// One received datagram and where it came from.
pub(super) type Datagram = (SocketAddr, Box<[u8]>);

/// A bounded queue with one reader, the peer's driver.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The far end.
    pub(super) remote: Remote,
    /// When the first signed check came.
    pub(super) sought: OnceLock<Instant>,
    /// Of the peer: what its checks need there and back.
    pub(super) meter: Arc<Meter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Datagram>,
    handshake: Handshake,
    /// How many reports it still takes.
    reports: Option<Bucket>,
    waker: Option<Waker>,
}

impl Inbox {
    /// An empty one of the peer whose meter this is.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, ..Self::default() }
    }

    /// False for a report (RTCP) where there are more of them than any line makes.
    pub(super) fn bears(&self, datagram: &[u8], now: Instant) -> bool {
        // As RFC 5761 4 tells them from RTP.
        if !matches!(datagram, [128..=191, 192..=223, ..]) {
            return true;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let reports = state.reports.get_or_insert_with(|| Bucket::new(REPORTS, REPORTS_PER_SECOND));
        reports.fill(now);
        reports.spend(1.0)
    }

    /// Queues a datagram; false when the reader is too slow.
    pub(super) fn push(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.queue.len() >= CAPACITY {
            return false;
        }
        // First bytes as RFC 7983 divides them.
        let joined = if matches!(datagram, [20..=63, ..]) { state.handshake.take(datagram) } else { None };
        match joined {
            None => state.queue.push_back((from, datagram.into())),
            Some(joined) => state.queue.extend(joined.into_iter().map(|datagram| (from, datagram))),
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// The oldest datagram, or a wake-up when there is one.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Datagram> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.queue.pop_front() {
            Some(datagram) => Poll::Ready(datagram),
            None => {
                // A probe with a waker that does nothing must not replace the one that does.
                if !cx.waker().will_wake(Waker::noop()) {
                    state.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_of_reports_is_cut_and_what_is_no_report_passes() {
        let (inbox, now) = (Inbox::default(), Instant::now());
        let taken = (0..10_000).filter(|_| inbox.bears(&[0x80, 205, 0, 3], now)).count();
        assert_eq!(taken, 400);
        assert!((0..10_000).all(|_| inbox.bears(&[0x80, 111, 0, 3], now)));
        assert!(inbox.bears(&[0x80, 205, 0, 3], now + Duration::from_secs(1)));
    }
}
