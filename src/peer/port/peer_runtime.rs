//! The runtime that one peer is given: tokio, with the shared port in place of sockets.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use super::base::Base;
use super::bases::BaseId;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::port_core::PortCore;
use super::table::PeerId;
use super::virtual_socket::VirtualSocket;

/// One peer's runtime and its place at the port.
#[derive(Debug)]
pub(in crate::peer) struct PeerRuntime {
    core: Arc<PortCore>,
    peer: PeerId,
    ufrag: String,
    password: SecretString,
    driver: OnceLock<AbortHandle>,
    driver_stopped: CancellationToken,
    handshake_refused: CancellationToken,
    hurry: Arc<Notify>,
}

/// The driver's task, for the stack.
struct DriverHandle(AbortHandle);

impl JoinHandle for DriverHandle {
    fn detach(&self) {
        // Tasks of tokio live on without their handle.
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl PeerRuntime {
    pub(super) fn new(core: Arc<PortCore>, ufrag: String, password: SecretString) -> Self {
        let peer = core.table().new_peer();
        Self {
            core,
            peer,
            ufrag,
            password,
            driver: OnceLock::new(),
            driver_stopped: CancellationToken::new(),
            handshake_refused: CancellationToken::new(),
            hurry: Arc::default(),
        }
    }

    /// Ends the driver's next sleep at once: the stack leaves the first DTLS record lying when ICE
    /// comes up, until its next timer, which would cost every call a fifth of a second.
    pub(in crate::peer) fn hurry(&self) -> Arc<Notify> {
        Arc::clone(&self.hurry)
    }

    /// Cancelled when the peer's driver has ended, for whatever reason.
    pub(in crate::peer) fn driver_stopped(&self) -> CancellationToken {
        self.driver_stopped.clone()
    }

    /// Cancelled when our side broke off the DTLS handshake: the stack itself reports that to nobody.
    pub(in crate::peer) fn handshake_refused(&self) -> CancellationToken {
        self.handshake_refused.clone()
    }

    /// Ends the driver if it still runs.
    pub(in crate::peer) fn abort_driver(&self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
    }

    /// True if this address of a throw-away socket stands for a TURN server.
    pub(in crate::peer) fn is_relay(&self, inner: Ipv4Addr) -> bool {
        self.core.bases.by_inner(inner).is_some_and(|(_, base)| base.relay().is_some())
    }

    fn virtual_socket(&self, id: BaseId, base: Arc<Base>, inner_address: SocketAddr) -> VirtualSocket {
        let inbox = Arc::new(Inbox::default());
        self.core.table().register(self.peer, &self.ufrag, &self.password, id, Arc::clone(&inbox));
        VirtualSocket {
            core: Arc::clone(&self.core),
            peer: self.peer,
            id,
            base: Arc::clone(&base),
            inner_address,
            born: Instant::now(),
            inbox,
            outbox: Arc::new(Outbox::new(base, Arc::clone(&self.core.tally))),
            handshake_refused: self.handshake_refused.clone(),
        }
    }
}

impl Runtime for PeerRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        // The first task is the driver. Its end is not always an event, so it is watched here; the
        // guard also sees an abort and a panic.
        if self.driver.get().is_some() {
            return TokioRuntime.spawn(future);
        }
        let guard: DropGuard = self.driver_stopped.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _guard = guard;
            future.await;
        });
        Box::new(DriverHandle(self.driver.get_or_init(|| task.abort_handle()).clone()))
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let inner_address = socket.local_addr()?;
        let base = match inner_address.ip() {
            IpAddr::V4(ip) if !ip.is_multicast() => self.core.bases.by_inner(ip),
            _ => None,
        };
        match base {
            // `socket` is dropped: only its address lives on, as the name of this peer's end.
            Some((id, base)) => Ok(Arc::new(self.virtual_socket(id, base, inner_address))),
            // A multicast socket, or one that the port has nothing to do with.
            None => TokioRuntime.wrap_udp_socket(socket),
        }
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        _remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        // An offer must not make us dial TCP ports of its choice.
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn resolve_host<'a>(
        &'a self,
        _host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        // Nor look names up.
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let hurry = self.hurry();
        Box::pin(async move {
            tokio::select! {
                () = hurry.notified() => {}
                () = tokio::time::sleep(duration) => {}
            }
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "doorstep"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::MediaPort;
    use super::super::stun::tests::message;
    use super::*;
    use crate::peer::PortConfig;

    fn port() -> MediaPort {
        let config =
            PortConfig { bind: vec![Ipv4Addr::LOCALHOST], allow_loopback: true, ..PortConfig::default() };
        MediaPort::open(&config).unwrap()
    }

    #[tokio::test]
    async fn a_socket_of_another_address_never_reaches_the_port() {
        let port = port();
        let runtime = port.runtime("ufrag".into(), "password".into());
        let multicast = UdpSocket::bind("0.0.0.0:0").unwrap();
        let address = multicast.local_addr().unwrap();
        let wrapped = runtime.wrap_udp_socket(multicast).unwrap();
        assert_eq!(wrapped.local_addr().unwrap(), address);
        assert_eq!(port.counters().live_ufrags, 0);
    }

    #[tokio::test]
    async fn a_peer_takes_its_place_with_its_socket_and_leaves_it_with_it() {
        let port = port();
        let runtime = port.runtime("ufrag".into(), "password".into());
        let first = runtime.wrap_udp_socket(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        let second = runtime.wrap_udp_socket(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        drop(first);
        assert_eq!(port.counters().live_ufrags, 1, "the newer socket keeps the place");
        drop(second);
        assert_eq!(port.counters().live_ufrags, 0);
    }

    #[tokio::test]
    async fn peers_that_ask_one_stun_server_through_the_port_get_their_own_responses() {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            let mut request = [0; 600];
            while let Ok((_, from)) = server.recv_from(&mut request).await {
                let mut response = request[..20].to_vec();
                response[..4].copy_from_slice(&[1, 1, 0, 0]);
                server.send_to(&response, from).await.unwrap();
            }
        });
        let port = port();
        let peers: Vec<_> = (1..=3)
            .map(|id: u8| {
                let runtime = port.runtime(format!("ufrag{id}"), "password".into());
                let socket = runtime.wrap_udp_socket(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
                (id, runtime, socket)
            })
            .collect();
        for (id, _, socket) in &peers {
            socket.send_to(&message(1, [*id; 12], None, None), address).await.unwrap();
        }
        // The last one to ask looks first: what is there is its own all the same.
        for (id, _, socket) in peers.iter().rev() {
            let mut response = [0; 600];
            let received = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut response));
            let (length, from) = received.await.unwrap().unwrap();
            assert_eq!((&response[8..length], from), (&[*id; 12][..], address));
        }
        assert_eq!(port.counters().live_transactions, 0);
    }

    #[tokio::test]
    async fn the_end_of_the_driver_is_seen_even_when_it_panics() {
        let port = port();
        let runtime = port.runtime("ufrag".into(), "password".into());
        let stopped = runtime.driver_stopped();
        runtime.spawn(Box::pin(async { std::panic::resume_unwind(Box::new("test")) }));
        tokio::time::timeout(Duration::from_secs(5), stopped.cancelled()).await.unwrap();
    }
}
