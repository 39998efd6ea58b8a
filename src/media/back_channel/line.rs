//! A connection to a camera.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::any_certificate::AnyCertificate;
use super::{BackChannelError, Unreached};
use crate::media::Destination;

/// A camera in the same house answers in milliseconds, or after the first packet was lost and sent anew.
const CONNECT: Duration = Duration::from_secs(3);
/// Bytes that the system keeps for a camera that does not take them; more would be seconds of late speech.
const KEPT: usize = 8 << 10;
/// Bytes of one read: cameras that give their picture, too, give much.
const READ: usize = 16 << 10;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A TCP or TLS connection; closed when dropped.
pub struct Line {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    buffer: Vec<u8>,
    /// TLS may hold what was written.
    is_flushed: bool,
}

/// What went over a line.
pub enum Moved<'a> {
    /// So many bytes were taken.
    Sent(usize),
    /// These came.
    Came(&'a [u8]),
}

impl Line {
    /// Connects to the destination's IP address.
    ///
    /// # Errors
    /// When that fails, or takes too long.
    pub async fn connect(destination: &Destination, is_secure: bool) -> Result<Self, BackChannelError> {
        let to = SocketAddr::new(destination.ip(), destination.address().port());
        let stream = match timeout(CONNECT, TcpStream::connect(to)).await {
            Ok(connected) => connected.map_err(|error| BackChannelError::NotReached(error.into()))?,
            Err(_) => return Err(BackChannelError::NotReached(Unreached::Host)),
        };
        // Speech goes on without either.
        stream.set_nodelay(true).ok();
        SockRef::from(&stream).set_send_buffer_size(KEPT).ok();
        let stream: Box<dyn Stream> =
            if is_secure { secure(stream, destination).await? } else { Box::new(stream) };
        let (reader, writer) = split(stream);
        Ok(Self { reader, writer, buffer: vec![0; READ], is_flushed: true })
    }

    /// Sends some of these bytes, if there are any, or waits for what comes. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When the connection is at its end.
    pub async fn exchange(&mut self, unsent: &[u8]) -> Result<Moved<'_>, BackChannelError> {
        let Self { reader, writer, buffer, is_flushed } = self;
        let has_work = !unsent.is_empty() || !*is_flushed;
        let write = async {
            if unsent.is_empty() {
                writer.flush().await?;
                *is_flushed = true;
                return Ok(0);
            }
            let sent = writer.write(unsent).await?;
            *is_flushed = false;
            Ok::<_, std::io::Error>(sent)
        };
        tokio::select! {
            came = reader.read(buffer) => match came {
                Ok(length @ 1..) => Ok(Moved::Came(buffer.get(..length).unwrap_or_default())),
                Ok(0) | Err(_) => Err(BackChannelError::Closed),
            },
            sent = write, if has_work => sent.map(Moved::Sent).map_err(|_| BackChannelError::Closed),
        }
    }
}

async fn secure(stream: TcpStream, destination: &Destination) -> Result<Box<dyn Stream>, BackChannelError> {
    let failed = BackChannelError::NotReached(Unreached::Secure);
    let host = ServerName::try_from(destination.address().host().to_owned()).map_err(|_| failed.clone())?;
    let client = AnyCertificate::client().map_err(|_| failed.clone())?;
    let secured = timeout(CONNECT, TlsConnector::from(Arc::new(client)).connect(host, stream)).await;
    secured.ok().and_then(Result::ok).map(|stream| Box::new(stream) as Box<dyn Stream>).ok_or(failed)
}
