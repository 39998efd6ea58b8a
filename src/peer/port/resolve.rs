//! The address behind the name of a server. Only what the settings or the hub name is looked up here.

use std::net::SocketAddr;
use std::time::Duration;

/// A name server that is silent for longer is as good as none.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Looks `host:port` up.
///
/// # Errors
/// A plain reason.
pub(super) async fn resolve(address: &str) -> Result<SocketAddr, String> {
    let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host(address)).await;
    let mut found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(format!("its name cannot be looked up: {error}")),
        Err(_) => return Err("its name cannot be looked up in time".to_owned()),
    };
    found.find(SocketAddr::is_ipv4).ok_or_else(|| "it has no IPv4 address".to_owned())
}
