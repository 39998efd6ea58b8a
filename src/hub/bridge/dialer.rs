//! Opens sockets to the hub.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::{Host, Url};

use super::BridgeConfig;
use super::clock::Clock;
use crate::hub::{HubError, protocol, trust};

/// From nothing to an open WebSocket.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A connection that bytes go through.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Connects to a port of a host.
pub(super) type Connect =
    Box<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Box<dyn Wire>>> + Send + Sync>;

/// A WebSocket to the hub.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<Box<dyn Wire>>>;

/// A socket that did not come about or has ended.
pub(super) struct Lost {
    pub(super) reason: String,
    /// The hub turns our address away, whatever we say.
    pub(super) forbidden: bool,
}

impl Lost {
    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), forbidden: false }
    }
}

impl From<tungstenite::Error> for Lost {
    fn from(error: tungstenite::Error) -> Self {
        use tungstenite::Error;
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::because("closed by the hub"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Self::because("the connection was cut")
            }
            Error::Http(response) => {
                let status = response.status();
                Self {
                    reason: format!("the hub answers HTTP {status}"),
                    forbidden: matches!(status.as_u16(), 401 | 403),
                }
            }
            Error::Io(error) => Self::because(error.to_string()),
            error => Self::because(error.to_string().chars().take(200).collect::<String>()),
        }
    }
}

impl From<Lost> for HubError {
    fn from(lost: Lost) -> Self {
        if lost.forbidden { Self::Refused } else { Self::Down(lost.reason) }
    }
}

/// Opens sockets to the hub.
pub(super) struct Dialer {
    pub(super) config: BridgeConfig,
    pub(super) clock: Clock,
    connect: Connect,
    tls: OnceCell<Arc<rustls::ClientConfig>>,
}

impl Dialer {
    /// One that dials by `connect`.
    pub(super) fn new(config: BridgeConfig, connect: Connect, clock: Clock) -> Self {
        Self { config, clock, connect, tls: OnceCell::new() }
    }

    /// A socket whose messages have at most so many bytes.
    pub(super) async fn dial(&self, base: &Url, longest: usize) -> Result<Socket, Lost> {
        match self.clock.timeout(CONNECT_WITHIN, self.open(base, longest)).await {
            Some(opened) => opened,
            None => Err(Lost::because("no answer in time")),
        }
    }

    async fn open(&self, base: &Url, longest: usize) -> Result<Socket, Lost> {
        let address = protocol::websocket_address(base).map_err(|error| Lost::because(error.to_string()))?;
        let host = match address.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(Lost::because("an address without host")),
        };
        let connector = self.connector(address.scheme()).await?;
        let port = address.port_or_known_default().unwrap_or(80);
        let wire = (self.connect)(host, port).await.map_err(|error| Lost::because(error.to_string()))?;
        // The hub sends each message as one frame.
        let limits = WebSocketConfig::default()
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest))
            .max_write_buffer_size(1 << 20);
        let opened =
            client_async_tls_with_config(address.as_str(), wire, Some(limits), Some(connector)).await?;
        Ok(opened.0)
    }

    async fn connector(&self, scheme: &str) -> Result<Connector, Lost> {
        if scheme != "wss" {
            return Ok(Connector::Plain);
        }
        let ca_file = self.config.ca_file.clone();
        let load = || async {
            tokio::task::spawn_blocking(move || trust::client_config(ca_file.as_deref()))
                .await
                .unwrap_or_else(|_| Err(HubError::Down("certificates could not be read".into())))
        };
        let tls = self.tls.get_or_try_init(load).await.map_err(|error| Lost::because(error.to_string()))?;
        Ok(Connector::Rustls(tls.clone()))
    }
}

/// Connects over the network.
pub(super) fn over_tcp() -> Connect {
    Box::new(|host, port| {
        async move {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        }
        .boxed()
    })
}
