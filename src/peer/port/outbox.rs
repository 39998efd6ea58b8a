//! Datagrams on their way from one peer to the network, collected so that a whole picture leaves in
//! one system call.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::base::Base;
use super::counters::Tally;

/// Bytes of one collected send; below what one UDP message may hold.
const MAX_BYTES: usize = 60_000;

/// What one peer has still to send through one base.
#[derive(Debug)]
pub(super) struct Outbox {
    base: Arc<Base>,
    tally: Arc<Tally>,
    run: Mutex<Run>,
    /// True while the port's flusher has been told of this outbox.
    queued: AtomicBool,
}

/// Datagrams of equal size for one destination; the last may be shorter and ends the run.
#[derive(Debug, Default)]
struct Run {
    to: Option<SocketAddr>,
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    ended: bool,
}

impl Run {
    fn fits(&self, to: SocketAddr, length: usize, max: usize) -> bool {
        self.to == Some(to)
            && !self.ended
            && length <= self.segment
            && self.count < max
            && self.bytes.len() + length <= MAX_BYTES
    }

    fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.to.is_none() {
            self.to = Some(to);
            self.segment = datagram.len();
        }
        self.ended = datagram.len() < self.segment;
        self.count += 1;
        self.bytes.extend_from_slice(datagram);
    }

    fn leave(&mut self, base: &Base, tally: &Tally) {
        if let Some(to) = self.to.take() {
            base.send(to, &self.bytes, self.segment, tally);
        }
        self.bytes.clear();
        self.count = 0;
        self.ended = false;
    }
}

impl Outbox {
    pub(super) fn new(base: Arc<Base>, tally: Arc<Tally>) -> Self {
        Self { base, tally, run: Mutex::default(), queued: AtomicBool::new(false) }
    }

    /// Collects a datagram. True when the flusher has to be told.
    pub(super) fn collect(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if !run.fits(to, datagram.len(), self.base.max_segments()) {
            run.leave(&self.base, &self.tally);
        }
        run.push(to, datagram);
        !self.queued.swap(true, Ordering::Relaxed)
    }

    /// Sends a datagram now, after all that was collected before it: a receiver must see the order
    /// in which things were sent.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.leave(&self.base, &self.tally);
        self.base.send(to, datagram, datagram.len(), &self.tally);
    }

    /// Sends what was collected.
    pub(super) fn flush(&self) {
        self.queued.store(false, Ordering::Relaxed);
        self.run.lock().unwrap_or_else(PoisonError::into_inner).leave(&self.base, &self.tally);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
    use std::time::Duration;

    use super::super::shared_socket::SharedSocket;
    use super::*;

    fn receiver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    fn outbox() -> (Outbox, Arc<Tally>) {
        let socket = SharedSocket::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tally = Arc::new(Tally::default());
        (Outbox::new(Arc::new(Base::Host(socket)), Arc::clone(&tally)), tally)
    }

    fn read(socket: &UdpSocket, count: usize) -> Vec<(u8, usize)> {
        let mut buffer = [0; 2000];
        (0..count).map(|_| socket.recv(&mut buffer).map(|length| (buffer[0], length)).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_direct_datagram_leaves_after_all_that_was_collected_before_it() {
        let (socket, to) = receiver();
        let (outbox, _tally) = outbox();
        outbox.collect(to, &[1; 34]);
        outbox.collect(to, &[2; 1200]);
        outbox.collect(to, &[3; 1200]);
        outbox.collect(to, &[4; 70]);
        outbox.collect(to, &[5; 90]);
        outbox.send(to, &[6; 40]);
        let expected = [(1, 34), (2, 1200), (3, 1200), (4, 70), (5, 90), (6, 40)];
        assert_eq!(read(&socket, 6), expected);
    }

    #[tokio::test]
    async fn a_picture_of_equal_packets_leaves_in_one_call() {
        let (socket, to) = receiver();
        let (outbox, tally) = outbox();
        let told: Vec<bool> = (0..40_u8).map(|n| outbox.collect(to, &[n; 1200])).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "the flusher is told once");
        outbox.collect(to, &[40; 333]);
        outbox.flush();
        let expected: Vec<(u8, usize)> =
            (0..40).map(|n| (n, 1200)).chain(std::iter::once((40, 333))).collect();
        assert_eq!(read(&socket, 41), expected);
        let counters = tally.snapshot();
        assert_eq!(counters.sent, 41);
        assert!(counters.send_calls <= 2 || outbox.base.max_segments() == 1, "{counters:?}");
    }

    #[tokio::test]
    async fn an_unreachable_destination_is_counted_and_harms_nothing() {
        let (socket, to) = receiver();
        let (outbox, tally) = outbox();
        outbox.send("192.0.2.1:9".parse().unwrap(), &[1; 40]);
        outbox.send(to, &[2; 40]);
        assert_eq!(read(&socket, 1), [(2, 40)]);
        assert_eq!(tally.snapshot().unsent.refused, 1);
    }
}
