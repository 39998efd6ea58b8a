//! The road to another machine, step by step, so that people learn where it ends: its name, the
//! connection, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::camera_address::forbidden;

/// For each of the steps, and for each address of a name.
const STEP_WITHIN: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 4;

/// A step on the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The name is looked up.
    LookingUp,
    /// A connection is made.
    Connecting,
    /// TLS is agreed on, and the certificate looked at.
    Securing,
    /// Whoever is there is asked who it is.
    Asking,
}

/// Where the road ends too early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Nobody knows the name.
    #[error("the name is not known")]
    Name,
    /// Nothing of ours is asked there, whoever listens.
    #[error("it leads to {0}")]
    Forbidden(&'static str),
    /// The machine is there, and nothing listens at that port.
    #[error("nothing listens at that port")]
    Refused,
    /// Nobody answers.
    #[error("no answer in time")]
    Timeout,
    /// The system knows no road, or the connection broke off.
    #[error("{0}")]
    Lost(String),
    /// What listens there does not speak TLS.
    #[error("what listens there does not speak TLS")]
    NoTls,
    /// No authority that is trusted here has signed the certificate.
    #[error("no authority that is trusted here has signed the certificate")]
    Untrusted,
    /// The certificate is another name's.
    #[error("the certificate is another name's")]
    WrongName,
    /// The certificate has run out, or is not good yet.
    #[error("the certificate is not good today")]
    Expired,
    /// TLS failed in another way.
    #[error("{0}")]
    Tls(String),
}

impl Blocked {
    /// Its stable name, for the pages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Forbidden(_) => "forbidden",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Lost(_) => "lost",
            Self::NoTls => "no_tls",
            Self::Untrusted => "untrusted",
            Self::WrongName => "wrong_name",
            Self::Expired => "expired",
            Self::Tls(_) => "tls",
        }
    }

    /// What its name does not say, for people.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Lost(text) | Self::Tls(text) => Some(text),
            Self::Forbidden(what) => Some(what),
            _ => None,
        }
    }
}

/// Walks to a port of a host, with TLS as far as there is one, and says where that is. The connection
/// is closed again. Takes at most 30 s; `tell` is given each step before it is taken.
///
/// # Errors
/// When the road ends too early.
pub async fn walk(
    host: &str,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    mut tell: impl FnMut(Step),
) -> Result<SocketAddr, Blocked> {
    tell(Step::LookingUp);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = timeout(STEP_WITHIN, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Blocked::Name)?.map_err(|_| Blocked::Name)?.collect();
    let first = addresses.first().ok_or(Blocked::Name)?;
    tell(Step::Connecting);
    let mut blocked = forbidden(first.ip()).map_or(Blocked::Timeout, Blocked::Forbidden);
    let allowed = addresses.into_iter().filter(|address| forbidden(address.ip()).is_none());
    for address in allowed.take(MOST_ADDRESSES) {
        let stream = match connect(address).await {
            Ok(stream) => stream,
            Err(why) => {
                blocked = why;
                continue;
            }
        };
        if let Some(tls) = tls {
            tell(Step::Securing);
            secure(host, stream, tls).await?;
        }
        return Ok(address);
    }
    Err(blocked)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Blocked> {
    match timeout(STEP_WITHIN, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Blocked::Refused),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(Blocked::Timeout),
        Ok(Err(error)) => Err(Blocked::Lost(error.to_string())),
        Err(_late) => Err(Blocked::Timeout),
    }
}

async fn secure(host: &str, stream: TcpStream, tls: Arc<ClientConfig>) -> Result<(), Blocked> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Blocked::Name)?;
    match timeout(STEP_WITHIN, TlsConnector::from(tls).connect(name, stream)).await {
        Ok(Ok(_secured)) => Ok(()),
        Ok(Err(error)) => Err(insecure(&error)),
        // It was there a moment ago, and does not know what to make of the first message.
        Err(_late) => Err(Blocked::NoTls),
    }
}

fn insecure(error: &io::Error) -> Blocked {
    use rustls::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Blocked::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Blocked::Expired,
            _ => Blocked::Untrusted,
        },
        Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => Blocked::NoTls,
        Some(error) => Blocked::Tls(error.to_string()),
        // Whoever does not understand the first message hangs up.
        None if [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset].contains(&error.kind()) => {
            Blocked::NoTls
        }
        None => Blocked::Lost(error.to_string()),
    }
}
