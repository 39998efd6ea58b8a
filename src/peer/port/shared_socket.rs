//! One real UDP socket that all peers share.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::counters::Tally;

/// Bytes asked of the system for each direction: a whole key frame for every viewer fits.
const BUFFER: usize = 2 * 1024 * 1024;
/// Messages read by one system call; each may hold several datagrams of one sender.
const BATCH: usize = 4;
/// The longest message that coalesced datagrams can make.
const MESSAGE: usize = 65_536;

/// A bound socket with what the system can do for it.
#[derive(Debug)]
pub(super) struct SharedSocket {
    io: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    address: SocketAddrV4,
}

/// Buffers for [`SharedSocket::receive`].
pub(super) struct ReceiveBuffers {
    messages: Vec<Vec<u8>>,
    meta: [RecvMeta; BATCH],
}

impl ReceiveBuffers {
    pub(super) fn new() -> Self {
        Self { messages: vec![vec![0; MESSAGE]; BATCH], meta: [RecvMeta::default(); BATCH] }
    }
}

impl SharedSocket {
    /// Binds `address`. To be called inside the runtime that will read.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // The system may grant less; that is no reason not to work.
        let _granted = (socket.set_send_buffer_size(BUFFER), socket.set_recv_buffer_size(BUFFER));
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::V4(address).into())?;
        let socket = UdpSocket::from(socket);
        let bound = match socket.local_addr()? {
            SocketAddr::V4(bound) => bound,
            SocketAddr::V6(_) => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { io: readable_only(socket)?, state, address: bound })
    }

    /// The bound address.
    pub(super) fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Datagrams that one system call can send.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Waits for datagrams and hands each to `take`.
    ///
    /// # Errors
    /// Those of the system; the socket stays usable after most of them.
    pub(super) async fn receive(
        &self,
        buffers: &mut ReceiveBuffers,
        mut take: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let ReceiveBuffers { messages, meta } = buffers;
        let mut ready = self.io.readable().await?;
        let received = ready.try_io(|io| {
            let mut slices: [IoSliceMut<'_>; BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
            for (slice, message) in slices.iter_mut().zip(messages.iter_mut()) {
                *slice = IoSliceMut::new(message);
            }
            self.state.recv(UdpSockRef::from(io.get_ref()), &mut slices, meta)
        });
        let count = match received {
            Ok(count) => count?,
            Err(_would_block) => return Ok(()),
        };
        for (message, meta) in messages.iter().zip(meta.iter()).take(count) {
            let bytes = message.get(..meta.len).unwrap_or_default();
            if bytes.is_empty() {
                take(meta.addr, bytes);
            }
            for datagram in bytes.chunks(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        Ok(())
    }

    /// Sends datagrams of `segment` bytes each (the last may be shorter) without waiting, in one
    /// system call where the system can. What does not leave is counted, not kept: NACK repairs it.
    pub(super) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize, tally: &Tally) {
        let segment = segment.max(1);
        let count = contents.len().div_ceil(segment).max(1);
        if count > 1 && self.max_segments() > 1 {
            match self.send_call(to, contents, Some(segment), tally) {
                Ok(()) => return tally.sent.add(count as u64),
                // The network driver cannot do it after all: the calls below can.
                Err(_) if self.max_segments() == 1 => {}
                Err(error) => return note(&error, count as u64, tally),
            }
        }
        if contents.is_empty() {
            return;
        }
        for datagram in contents.chunks(segment) {
            match self.send_call(to, datagram, None, tally) {
                Ok(()) => tally.sent.one(),
                Err(error) => note(&error, 1, tally),
            }
        }
    }

    fn send_call(
        &self,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
        tally: &Tally,
    ) -> io::Result<()> {
        tally.send_calls.one();
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        self.state.try_send(UdpSockRef::from(self.io.get_ref()), &transmit)
    }
}

/// Never registered for writing: each send would wake the reading thread once more.
#[allow(unsafe_code)]
fn readable_only(socket: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: the `AsyncFd` owns the socket and gives out shared references only, so its descriptor
    // stays open and the same until both are dropped together.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(io::Error::from)
}

fn note(error: &io::Error, count: u64, tally: &Tally) {
    if error.kind() == io::ErrorKind::WouldBlock {
        tally.would_block.add(count);
    } else {
        tally.refused.add(count);
    }
}
