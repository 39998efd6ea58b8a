//! Which addresses are opened, judged when they are.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all};
use tokio::time::timeout;

use super::Destination;
use crate::config::Hub;
use crate::config::camera_address::{CameraAddress, forbidden};

/// Looks a host's name up; the best address first.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A resolver that does not answer for this long is asked again later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why an address is not opened, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No camera may be there.
    #[error("its address {0}; put the camera's own address into the settings")]
    Forbidden(String),
    /// Its name leads nowhere, now.
    #[error("its name {0}; look how the camera is called in your network")]
    Unknown(&'static str),
}

/// Finds the one IP address at which a camera's address is opened.
#[derive(Clone)]
pub struct AddressPolicy {
    own: Arc<[SocketAddr]>,
    hub: Arc<[CameraAddress]>,
    lookup: Lookup,
}

impl Default for AddressPolicy {
    /// With the system's resolver.
    fn default() -> Self {
        let lookup = |host: String| {
            async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) }
                .boxed()
        };
        Self { own: Arc::new([]), hub: Arc::new([]), lookup: Arc::new(lookup) }
    }
}

impl AddressPolicy {
    /// Listeners of our own, which no camera stands behind.
    #[must_use]
    pub fn with_own(mut self, own: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.own = own.into_iter().collect();
        self
    }

    /// Where the hub itself listens, which no camera stands behind.
    #[must_use]
    pub fn with_hub(mut self, hub: &Hub) -> Self {
        self.hub = hub.addresses().into();
        self
    }

    /// With another resolver.
    #[must_use]
    pub fn with_lookup(mut self, lookup: Lookup) -> Self {
        self.lookup = lookup;
        self
    }

    /// Looks the host up and judges what it stands for. Of several addresses `attempt` says which is
    /// taken: whoever fails at one tries the next. Takes at most 5 s.
    ///
    /// # Errors
    /// When no address of the host may be opened, or none is known.
    pub async fn find(&self, address: &CameraAddress, attempt: usize) -> Result<Destination, Refusal> {
        let hubs =
            join_all(self.hub.iter().filter(|hub| hub.port() == address.port()).map(|hub| self.look_up(hub)));
        let (found, hubs) = join(self.look_up(address), hubs).await;
        let hubs: Vec<_> = hubs.into_iter().flatten().flatten().collect();
        let (good, bad): (Vec<_>, Vec<_>) =
            found?.into_iter().map(|ip| self.judge(address, ip, &hubs)).partition(Result::is_ok);
        let mut good: Vec<_> = good.into_iter().flatten().collect();
        if !good.is_empty() {
            return Ok(good.swap_remove(attempt % good.len()));
        }
        let why = bad.into_iter().find_map(Result::err);
        Err(why.map_or(Refusal::Unknown("leads nowhere"), Refusal::Forbidden))
    }

    /// True if something of the camera's own may be asked at this address: none of our own listeners is there.
    #[must_use]
    pub fn allows(&self, at: SocketAddr) -> bool {
        let is_own = |own: &SocketAddr| {
            own.port() == at.port() && (own.ip() == at.ip() || (is_here(own.ip()) && is_here(at.ip())))
        };
        forbidden(at.ip()).is_none() && !self.own.iter().any(is_own)
    }

    async fn look_up(&self, address: &CameraAddress) -> Result<Vec<IpAddr>, Refusal> {
        if let Some(ip) = address.literal() {
            return Ok(vec![ip]);
        }
        match timeout(PATIENCE, (self.lookup)(address.host().to_owned())).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) => Err(Refusal::Unknown("is not known here")),
            Err(_) => Err(Refusal::Unknown("was not found within 5 seconds")),
        }
    }

    /// `hubs` are where the hub listens on the same port.
    fn judge(&self, address: &CameraAddress, ip: IpAddr, hubs: &[IpAddr]) -> Result<Destination, String> {
        let destination = Destination::new(address.clone(), ip)?;
        let ip = destination.ip();
        let is_same = |other: IpAddr| {
            let other = other.to_canonical();
            other == ip || (is_here(other) && is_here(ip))
        };
        let mut same_port = self.own.iter().filter(|own| own.port() == address.port());
        if same_port.any(|own| is_same(own.ip())) {
            return Err("leads back to Doorstep itself".into());
        }
        if hubs.iter().any(|hub| is_same(*hub)) {
            return Err("leads to the hub, which is no camera".into());
        }
        Ok(destination)
    }
}

impl std::fmt::Debug for AddressPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressPolicy").field("own", &self.own).finish_non_exhaustive()
    }
}

/// True if it is this machine; a listener on all addresses is, too.
fn is_here(ip: IpAddr) -> bool {
    // Who cannot say is not trusted with it.
    let is_of_an_interface =
        || if_addrs::get_if_addrs().map_or(true, |all| all.iter().any(|one| one.ip() == ip));
    ip.is_loopback() || ip.is_unspecified() || is_of_an_interface()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::future::pending;

    use super::*;

    /// Every name stands for these.
    fn policy(found: &[&str]) -> AddressPolicy {
        let found: Vec<IpAddr> = found.iter().map(|ip| ip.parse().unwrap()).collect();
        let lookup = move |_| {
            let found = found.clone();
            async move { Ok(found) }.boxed()
        };
        let own = ["0.0.0.0:8099", "127.0.0.1:8098"].map(|own| own.parse().unwrap());
        AddressPolicy::default().with_own(own).with_lookup(Arc::new(lookup))
    }

    async fn find(found: &[&str], address: &str, attempt: usize) -> Result<String, Refusal> {
        let address = CameraAddress::parse(address).unwrap();
        policy(found).find(&address, attempt).await.map(|found| found.ip().to_string())
    }

    #[tokio::test]
    async fn m11_a_name_that_stands_for_a_forbidden_address_is_refused() {
        for found in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "0.0.0.0",
            "ff02::1",
        ] {
            let refused = find(&[found], "rtsp://cam.example/x", 0).await;
            assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{found}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn m11_our_own_ports_are_refused_by_whatever_name_and_other_ports_are_not() {
        let machine = if_addrs::get_if_addrs().unwrap().into_iter().map(|one| one.ip().to_string());
        let own =
            machine.filter(|ip| !ip.starts_with("fe80")).chain(["127.0.0.9".to_owned(), "::1".to_owned()]);
        for ip in own {
            for port in [8098, 8099] {
                let refused = find(&[&ip], &format!("http://cam.example:{port}/"), 0).await;
                assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{ip}: {refused:?}");
            }
            assert_eq!(find(&[&ip], "rtsp://cam.example:18554/", 0).await.unwrap(), ip);
        }
        assert!(find(&[], "http://127.0.0.1:8099/", 0).await.is_err());
        assert_eq!(find(&[], "http://203.0.113.200:8098/", 0).await.unwrap(), "203.0.113.200");
    }

    #[tokio::test]
    async fn m11_the_hub_is_refused_by_whatever_name_and_its_other_ports_are_not() {
        let hub = |url: &str| Hub { url: Some(url.parse().unwrap()), ..Hub::default() };
        let policy = policy(&["10.0.0.5"]).with_hub(&hub("ws://hub.lan:8123/core"));
        for (address, refused) in [
            ("http://hub.lan:8123/", true),
            ("http://10.0.0.5:8123/", true),
            ("rtsp://another.name:8123/", true),
            ("rtsp://hub.lan:8554/", false),
            ("http://10.0.0.6:8123/", false),
        ] {
            let found = policy.find(&CameraAddress::parse(address).unwrap(), 0).await;
            assert_eq!(matches!(found, Err(Refusal::Forbidden(_))), refused, "{address}: {found:?}");
        }
        let beside = AddressPolicy::default().with_hub(&hub("http://127.0.0.1:8123"));
        let address = CameraAddress::parse("http://[::1]:8123/").unwrap();
        assert!(beside.find(&address, 0).await.is_err());
    }

    #[tokio::test]
    async fn of_several_addresses_the_good_ones_take_turns() {
        let found = ["fe80::7", "10.0.0.2", "169.254.3.4", "fd00::2"];
        for (attempt, ip) in [(0, "10.0.0.2"), (1, "fd00::2"), (2, "10.0.0.2")] {
            assert_eq!(find(&found, "rtsp://cam.lan/", attempt).await.unwrap(), ip);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_is_told_within_the_deadline() {
        assert!(matches!(find(&[], "rtsp://cam.lan/", 0).await, Err(Refusal::Unknown(_))));
        let never = AddressPolicy::default().with_lookup(Arc::new(|_| pending().boxed()));
        let address = CameraAddress::parse("rtsp://cam.lan/").unwrap();
        assert!(
            matches!(never.find(&address, 0).await, Err(Refusal::Unknown(why)) if why.contains("5 seconds"))
        );
        let unknown = AddressPolicy::default().with_lookup(Arc::new(|_| {
            async { Err(std::io::Error::from(std::io::ErrorKind::NotFound)) }.boxed()
        }));
        assert!(matches!(unknown.find(&address, 0).await, Err(Refusal::Unknown(_))));
    }
}
