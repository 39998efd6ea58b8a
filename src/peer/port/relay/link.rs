//! The way to a TURN server: UDP, TCP or TLS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::super::counters::Tally;
use super::super::resolve::resolve;
use super::super::shared_socket::{ReceiveBuffers, SharedSocket};
use crate::peer::ice_server::TurnTransport;
use crate::peer::turn::Frames;

/// From the first packet to a server to the end of the TLS handshake.
const CONNECT: Duration = Duration::from_secs(8);
/// Sends that wait for a stream; a whole picture is one.
const WAITING: usize = 128;
/// A stream that is given up has so long to get its last words out.
const FINISH: Duration = Duration::from_millis(500);
/// Bytes of a stream read at once.
const READ: usize = 32 * 1024;

/// What is sent goes in here.
#[derive(Debug)]
pub(super) enum Link {
    Udp(Arc<SharedSocket>, SocketAddr),
    Stream(mpsc::Sender<Bytes>),
}

/// What comes, comes out here.
pub(super) enum Receiver {
    Udp(Arc<SharedSocket>, SocketAddr, Box<ReceiveBuffers>),
    Stream { reader: Box<dyn AsyncRead + Send + Unpin>, writer: JoinHandle<()>, frames: Frames },
}

/// Opens the way to a server.
///
/// # Errors
/// A plain reason.
pub(super) async fn open(
    address: &str,
    transport: TurnTransport,
    tls: Option<Arc<ClientConfig>>,
) -> Result<(Link, Receiver), String> {
    let server = resolve(address).await?;
    if transport == TurnTransport::Udp {
        // A socket of its own: a server knows an allocation by both addresses, and the system picks
        // the interface that leads there.
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let socket = SharedSocket::bind(any).map_err(|error| format!("no socket for it: {error}"))?;
        let socket = Arc::new(socket);
        let receiver = Receiver::Udp(Arc::clone(&socket), server, Box::new(ReceiveBuffers::new()));
        return Ok((Link::Udp(socket, server), receiver));
    }
    let connecting = async {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        if transport == TurnTransport::Tcp {
            return Ok(streams(stream));
        }
        let tls = tls.ok_or_else(|| io::Error::other("there is no TLS"))?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(streams(TlsConnector::from(tls).connect(name, stream).await?))
    };
    match tokio::time::timeout(CONNECT, connecting).await {
        Ok(opened) => opened.map_err(|error: io::Error| format!("it cannot be reached: {error}")),
        Err(_) => Err("it cannot be reached in time".to_owned()),
    }
}

fn streams(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> (Link, Receiver) {
    let (reader, mut writer) = tokio::io::split(stream);
    let (sender, mut waiting) = mpsc::channel::<Bytes>(WAITING);
    let writer = tokio::spawn(async move {
        while let Some(bytes) = waiting.recv().await {
            // The reader sees the end as well, and says why.
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        let _gone = writer.shutdown().await;
    });
    (Link::Stream(sender), Receiver::Stream { reader: Box::new(reader), writer, frames: Frames::default() })
}

impl Link {
    /// Datagrams that one call can send.
    pub(super) fn max_segments(&self) -> usize {
        match self {
            Self::Udp(socket, _) => socket.max_segments(),
            // A stream takes any number at once.
            Self::Stream(_) => 64,
        }
    }

    /// Sends messages of `segment` bytes each (the last may be shorter) without waiting.
    pub(super) fn send(&self, messages: &[u8], segment: usize, tally: &Tally) {
        match self {
            Self::Udp(socket, server) => socket.send(*server, messages, segment, tally),
            Self::Stream(waiting) => {
                tally.send_calls.one();
                let count = messages.len().div_ceil(segment.max(1)) as u64;
                match waiting.try_send(Bytes::copy_from_slice(messages)) {
                    Ok(()) => tally.sent.add(count),
                    Err(mpsc::error::TrySendError::Full(_)) => tally.would_block.add(count),
                    Err(mpsc::error::TrySendError::Closed(_)) => tally.refused.add(count),
                }
            }
        }
    }
}

impl Receiver {
    /// Waits for messages of the server and hands each to `take`.
    ///
    /// # Errors
    /// Why no more will come.
    pub(super) async fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), String> {
        match self {
            Self::Udp(socket, server, buffers) => {
                let of_server = |from, message: &[u8]| {
                    if from == *server {
                        take(message);
                    }
                };
                socket.receive(buffers, of_server).await.map_err(|error| format!("its socket broke: {error}"))
            }
            Self::Stream { reader, frames, .. } => {
                let mut bytes = [0; READ];
                let length = reader
                    .read(&mut bytes)
                    .await
                    .map_err(|error| format!("the connection to it broke: {error}"))?;
                if length == 0 {
                    return Err("it closed the connection".to_owned());
                }
                frames.push(bytes.get(..length).unwrap_or_default());
                while let Some(message) = frames.next_message().map_err(|error| error.to_string())? {
                    take(message);
                }
                Ok(())
            }
        }
    }

    /// Lets what was sent last leave, if whoever sends is gone.
    pub(super) async fn finish(self) {
        if let Self::Stream { mut writer, .. } = self
            && tokio::time::timeout(FINISH, &mut writer).await.is_err()
        {
            writer.abort();
        }
    }
}
