//! All bases of the port, those of this machine and those at TURN servers.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::base::Base;

/// A base's number; never given twice.
pub(super) type BaseId = usize;

/// The bases by their numbers. A socket once bound stays: when its address vanishes, calls may still
/// hold it, and when the address returns, it works again.
#[derive(Debug, Default)]
pub(super) struct Bases(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: BaseId,
    all: Vec<(BaseId, Arc<Base>)>,
    /// Addresses that this machine has now, best first.
    present: Vec<Ipv4Addr>,
}

impl Bases {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new base.
    pub(super) fn number(&self) -> BaseId {
        let mut inner = self.lock();
        inner.last += 1;
        inner.last
    }

    /// Takes a base.
    pub(super) fn add(&self, id: BaseId, base: Base) {
        self.lock().all.push((id, Arc::new(base)));
    }

    /// Takes a base out unless a peer holds it. True if it is gone.
    pub(super) fn remove_unused(&self, id: BaseId) -> bool {
        let mut inner = self.lock();
        // Peers get theirs from here alone, so nobody can take one up meanwhile.
        inner.all.retain(|(at, base)| *at != id || Arc::strong_count(base) > 1);
        inner.all.iter().all(|(at, _)| *at != id)
    }

    /// The base of this number.
    pub(super) fn by_id(&self, id: BaseId) -> Option<Arc<Base>> {
        self.lock().all.iter().find(|(at, _)| *at == id).map(|(_, base)| Arc::clone(base))
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<(BaseId, Arc<Base>)> {
        self.lock().all.clone()
    }

    /// The base that a peer's throw-away socket stands for.
    pub(super) fn by_inner(&self, ip: Ipv4Addr) -> Option<(BaseId, Arc<Base>)> {
        self.lock().all.iter().find(|(_, base)| base.inner_ip() == ip).cloned()
    }

    /// Says which addresses this machine has; true if that is news.
    pub(super) fn set_present(&self, present: Vec<Ipv4Addr>) -> bool {
        let mut inner = self.lock();
        let is_news = inner.present != present;
        inner.present = present;
        is_news
    }

    /// The sockets whose address is there, best first.
    pub(super) fn hosts(&self) -> Vec<(BaseId, SocketAddrV4)> {
        let inner = self.lock();
        let host = |ip: &Ipv4Addr| {
            let mut hosts = inner.all.iter().filter_map(|(id, base)| Some((*id, base.host()?)));
            hosts.find(|(_, address)| address.ip() == ip)
        };
        inner.present.iter().filter_map(host).collect()
    }

    /// The addresses of [`hosts`](Self::hosts).
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.hosts().into_iter().map(|(_, address)| SocketAddr::V4(address)).collect()
    }
}
