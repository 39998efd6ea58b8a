//! Which datagram belongs to which peer.
//!
//! In this order: a check is known by the fragment of our name in it and believed only when signed
//! with that peer's password, which binds its address to the peer; a response by the transaction id
//! of the check that asked for it; all else by an address bound before. What fits nowhere is dropped.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::bases::BaseId;
use super::budget::Budget;
use super::inbox::Inbox;
use super::remote::Proof;
use super::stun::{StunKind, StunView, TransactionId};

/// Remote addresses that one peer may have; a new one pushes out the oldest.
const MAX_ADDRESSES: usize = 16;
/// Checks of all peers that may wait for a response; a new one pushes out the oldest.
const MAX_TRANSACTIONS: usize = 8192;
/// After this time no response is expected any more (RFC 8489: 39.5 RTO at most, checks give up sooner).
const TRANSACTION_AGE: Duration = Duration::from_secs(15);
/// Addresses that one peer may check; the offer's gate keeps fewer candidates.
const MAX_CHECKED: usize = 64;

/// A peer's place at the port.
pub(super) type PeerId = u64;
/// One of our bases and a remote address.
pub(super) type Path = (BaseId, SocketAddr);

/// Why a datagram goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stray {
    UnknownKind,
    MalformedStun,
    UnknownUfrag,
    BadIntegrity,
    UnsolicitedResponse,
    ResponseFromElsewhere,
    UnknownAddress,
}

/// Where a datagram goes.
#[derive(Debug)]
pub(super) struct Route {
    /// The queue of the peer.
    pub(super) inbox: Arc<Inbox>,
    /// The address belonged to another peer before.
    pub(super) rebound: bool,
    /// What the datagram proves.
    pub(super) proof: Proof,
}

/// How many entries there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) ufrags: usize,
    pub(super) addresses: usize,
    pub(super) transactions: usize,
}

/// The port's memory of its peers.
#[derive(Debug, Default)]
pub(super) struct Table {
    last_peer: PeerId,
    peers: HashMap<PeerId, Entry>,
    ufrags: HashMap<Box<str>, PeerId>,
    addresses: HashMap<Path, PeerId>,
    transactions: HashMap<TransactionId, Transaction>,
    /// Transactions by age, answered ones included.
    ages: VecDeque<(Instant, TransactionId)>,
}

#[derive(Debug)]
struct Entry {
    ufrag: Box<str>,
    password: SecretString,
    inboxes: Vec<(BaseId, Arc<Inbox>)>,
    addresses: VecDeque<Path>,
    checked: HashMap<IpAddr, Budget>,
}

#[derive(Debug)]
struct Transaction {
    peer: PeerId,
    path: Path,
    sent: Instant,
}

impl Table {
    /// A number for a new peer.
    pub(super) fn new_peer(&mut self) -> PeerId {
        self.last_peer += 1;
        self.last_peer
    }

    /// Makes `inbox` the peer's queue for what arrives at `base`; an earlier one is replaced.
    pub(super) fn register(
        &mut self,
        peer: PeerId,
        ufrag: &str,
        password: &SecretString,
        base: BaseId,
        inbox: Arc<Inbox>,
    ) {
        self.ufrags.insert(ufrag.into(), peer);
        let entry = self.peers.entry(peer).or_insert_with(|| Entry {
            ufrag: ufrag.into(),
            password: password.clone(),
            inboxes: Vec::new(),
            addresses: VecDeque::new(),
            checked: HashMap::new(),
        });
        entry.inboxes.retain(|(at, _)| *at != base);
        entry.inboxes.push((base, inbox));
    }

    /// Forgets `inbox` if the peer still uses it, and the peer with its last one.
    pub(super) fn unregister(&mut self, peer: PeerId, inbox: &Arc<Inbox>) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        // A newer registration of the same peer must survive the end of an older one.
        entry.inboxes.retain(|(_, ours)| !Arc::ptr_eq(ours, inbox));
        if !entry.inboxes.is_empty() {
            return;
        }
        if let Some(entry) = self.peers.remove(&peer) {
            self.ufrags.remove(&entry.ufrag);
        }
        self.addresses.retain(|_, owner| *owner != peer);
        self.transactions.retain(|_, transaction| transaction.peer != peer);
        let transactions = &self.transactions;
        self.ages.retain(|(_, id)| transactions.contains_key(id));
    }

    /// Whose datagram this is.
    ///
    /// # Errors
    /// The reason to drop it.
    pub(super) fn route(
        &mut self,
        base: BaseId,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Route, Stray> {
        let path = (base, from);
        match datagram.first() {
            // First bytes as RFC 7983 divides them.
            Some(0..=3) => {
                let stun = StunView::parse(datagram).ok_or(Stray::MalformedStun)?;
                match stun.kind() {
                    StunKind::Request => self.route_request(path, &stun, now),
                    StunKind::Response => self.route_response(path, &stun, now),
                    StunKind::Indication => self.route_by_address(path),
                }
            }
            Some(20..=63 | 128..=191) => self.route_by_address(path),
            _ => Err(Stray::UnknownKind),
        }
    }

    fn route_request(&mut self, path: Path, stun: &StunView<'_>, now: Instant) -> Result<Route, Stray> {
        let ufrag = stun.local_ufrag().ok_or(Stray::UnknownUfrag)?;
        let peer = *self.ufrags.get(ufrag).ok_or(Stray::UnknownUfrag)?;
        let entry = self.peers.get_mut(&peer).ok_or(Stray::UnknownUfrag)?;
        if !stun.is_signed_with(entry.password.expose_secret().as_bytes()) {
            return Err(Stray::BadIntegrity);
        }
        let inbox = entry.inbox(path.0).ok_or(Stray::UnknownAddress)?;
        if let Some(budget) = entry.budget(path.1.ip(), now) {
            budget.earn(path);
        }
        let before = self.addresses.insert(path, peer);
        if before == Some(peer) {
            return Ok(Route { inbox, rebound: false, proof: Proof::Signed });
        }
        entry.addresses.push_back(path);
        let oldest = if entry.addresses.len() > MAX_ADDRESSES { entry.addresses.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.addresses.remove(&oldest);
        }
        if let Some(loser) = before.and_then(|loser| self.peers.get_mut(&loser)) {
            loser.addresses.retain(|address| *address != path);
        }
        Ok(Route { inbox, rebound: before.is_some(), proof: Proof::Signed })
    }

    fn route_response(&mut self, path: Path, stun: &StunView<'_>, now: Instant) -> Result<Route, Stray> {
        let id = stun.transaction();
        let transaction = self.transactions.get(&id).ok_or(Stray::UnsolicitedResponse)?;
        if now.saturating_duration_since(transaction.sent) > TRANSACTION_AGE {
            self.transactions.remove(&id);
            return Err(Stray::UnsolicitedResponse);
        }
        if transaction.path != path {
            return Err(Stray::ResponseFromElsewhere);
        }
        let (peer, sent) = (transaction.peer, transaction.sent);
        self.transactions.remove(&id);
        if let Some(budget) = self.peers.get_mut(&peer).and_then(|entry| entry.budget(path.1.ip(), now)) {
            budget.answered();
        }
        let route = self.inbox(peer, path.0, Proof::Reachable).ok_or(Stray::UnsolicitedResponse)?;
        route.inbox.meter.answered(now.saturating_duration_since(sent), now);
        Ok(route)
    }

    fn route_by_address(&self, path: Path) -> Result<Route, Stray> {
        let peer = *self.addresses.get(&path).ok_or(Stray::UnknownAddress)?;
        self.inbox(peer, path.0, Proof::None).ok_or(Stray::UnknownAddress)
    }

    fn inbox(&self, peer: PeerId, base: BaseId, proof: Proof) -> Option<Route> {
        let inbox = self.peers.get(&peer)?.inbox(base)?;
        Some(Route { inbox, rebound: false, proof })
    }

    /// Notes a check of `length` bytes that the peer is about to send; false when it must not leave.
    pub(super) fn check_sent(
        &mut self,
        peer: PeerId,
        path: Path,
        id: TransactionId,
        length: usize,
        now: Instant,
    ) -> bool {
        let entry = self.peers.get_mut(&peer);
        let Some(budget) = entry.and_then(|entry| entry.budget(path.1.ip(), now)) else { return false };
        if !budget.spend(path, length, now) {
            return false;
        }
        while let Some((sent, oldest)) = self.ages.front().copied() {
            if self.ages.len() < MAX_TRANSACTIONS && now.saturating_duration_since(sent) <= TRANSACTION_AGE {
                break;
            }
            self.ages.pop_front();
            self.transactions.remove(&oldest);
        }
        self.transactions.insert(id, Transaction { peer, path, sent: now });
        self.ages.push_back((now, id));
        true
    }

    /// How many entries there are now.
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            ufrags: self.ufrags.len(),
            addresses: self.addresses.len(),
            transactions: self.transactions.len(),
        }
    }
}

impl Entry {
    fn inbox(&self, base: BaseId) -> Option<Arc<Inbox>> {
        self.inboxes.iter().find(|(at, _)| *at == base).map(|(_, inbox)| Arc::clone(inbox))
    }

    /// The budget toward a host; `None` if there are too many hosts.
    fn budget(&mut self, host: IpAddr, now: Instant) -> Option<&mut Budget> {
        if !self.checked.contains_key(&host) && self.checked.len() >= MAX_CHECKED {
            return None;
        }
        Some(self.checked.entry(host).or_insert_with(|| Budget::new(now)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::stun::tests::message;
    use super::*;

    const REQUEST: u16 = 0x0001;
    const RESPONSE: u16 = 0x0101;
    const RTP: [u8; 12] = [0x80; 12];

    struct Fixture {
        table: Table,
        peers: Vec<(PeerId, Arc<Inbox>)>,
        now: Instant,
    }

    fn with_peers(count: usize) -> Fixture {
        let mut table = Table::default();
        let peers = (0..count)
            .map(|n| {
                let peer = table.new_peer();
                let inbox = Arc::new(Inbox::default());
                let password = SecretString::from(format!("password-{n}"));
                table.register(peer, &format!("ufrag-{n}"), &password, 0, Arc::clone(&inbox));
                (peer, inbox)
            })
            .collect();
        Fixture { table, peers, now: Instant::now() }
    }

    impl Fixture {
        fn check(&mut self, peer: usize, from: &str) -> Result<Route, Stray> {
            let name = format!("ufrag-{peer}:far");
            let password = format!("password-{peer}");
            let bytes = message(REQUEST, [1; 12], Some(&name), Some(password.as_bytes()));
            self.table.route(0, from.parse().unwrap(), &bytes, self.now)
        }

        fn rtp(&mut self, from: &str) -> Result<Route, Stray> {
            self.table.route(0, from.parse().unwrap(), &RTP, self.now)
        }

        fn goes_to(&self, route: Result<Route, Stray>, peer: usize) -> bool {
            route.is_ok_and(|route| Arc::ptr_eq(&route.inbox, &self.peers[peer].1))
        }
    }

    #[test]
    fn media_is_taken_only_from_an_address_that_sent_a_signed_check() {
        let mut it = with_peers(2);
        assert_eq!(it.rtp("192.0.2.1:5000").unwrap_err(), Stray::UnknownAddress);
        let route = it.check(1, "192.0.2.1:5000");
        assert!(it.goes_to(route, 1));
        let route = it.rtp("192.0.2.1:5000");
        assert!(it.goes_to(route, 1));
        assert_eq!(it.rtp("192.0.2.1:5001").unwrap_err(), Stray::UnknownAddress);
    }

    #[test]
    fn a_check_with_the_wrong_password_binds_nothing() {
        let mut it = with_peers(1);
        let bytes = message(REQUEST, [1; 12], Some("ufrag-0:far"), Some(b"guess"));
        let from = "192.0.2.1:5000".parse().unwrap();
        assert_eq!(it.table.route(0, from, &bytes, it.now).unwrap_err(), Stray::BadIntegrity);
        assert_eq!(it.rtp("192.0.2.1:5000").unwrap_err(), Stray::UnknownAddress);
    }

    #[test]
    fn of_two_peers_that_claim_one_address_the_last_validated_has_it() {
        let mut it = with_peers(2);
        assert!(!it.check(0, "192.0.2.1:5000").unwrap().rebound);
        assert!(it.check(1, "192.0.2.1:5000").unwrap().rebound);
        let route = it.rtp("192.0.2.1:5000");
        assert!(it.goes_to(route, 1));
        let (loser, inbox) = it.peers[0].clone();
        it.table.unregister(loser, &inbox);
        let route = it.rtp("192.0.2.1:5000");
        assert!(it.goes_to(route, 1), "the end of the loser must not take the winner's address");
    }

    #[test]
    fn a_response_reaches_the_peer_that_asked_once_and_from_the_asked_address_alone() {
        let mut it = with_peers(2);
        let to: SocketAddr = "192.0.2.9:3478".parse().unwrap();
        let peer = it.peers[1].0;
        assert!(it.table.check_sent(peer, (0, to), [5; 12], 120, it.now));
        let bytes = message(RESPONSE, [5; 12], None, None);
        let elsewhere = "192.0.2.8:3478".parse().unwrap();
        assert_eq!(it.table.route(0, elsewhere, &bytes, it.now).unwrap_err(), Stray::ResponseFromElsewhere);
        let route = it.table.route(0, to, &bytes, it.now);
        assert!(it.goes_to(route, 1));
        assert_eq!(it.table.route(0, to, &bytes, it.now).unwrap_err(), Stray::UnsolicitedResponse);
    }

    #[test]
    fn a_response_after_fifteen_seconds_is_unsolicited() {
        let mut it = with_peers(1);
        let to: SocketAddr = "192.0.2.9:3478".parse().unwrap();
        let peer = it.peers[0].0;
        assert!(it.table.check_sent(peer, (0, to), [5; 12], 120, it.now));
        let bytes = message(RESPONSE, [5; 12], None, None);
        let late = it.now + Duration::from_secs(16);
        assert_eq!(it.table.route(0, to, &bytes, late).unwrap_err(), Stray::UnsolicitedResponse);
        assert_eq!(it.table.sizes().transactions, 0);
    }

    #[test]
    fn a_peer_holds_sixteen_addresses_and_the_oldest_goes_first() {
        let mut it = with_peers(1);
        for port in 1..=17 {
            it.check(0, &format!("192.0.2.1:{port}")).unwrap();
        }
        assert_eq!(it.table.sizes().addresses, MAX_ADDRESSES);
        assert_eq!(it.rtp("192.0.2.1:1").unwrap_err(), Stray::UnknownAddress);
        assert!(it.rtp("192.0.2.1:2").is_ok());
        assert!(it.rtp("192.0.2.1:17").is_ok());
    }

    #[test]
    fn a_bystander_gets_few_checks_and_a_far_end_that_answers_all() {
        let mut it = with_peers(1);
        let peer = it.peers[0].0;
        let to: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let mut sent = 0;
        for n in 0..2000_u32 {
            let now = it.now + Duration::from_micros(u64::from(n) * 2500);
            let mut id = [0; 12];
            id[..4].copy_from_slice(&n.to_be_bytes());
            // Ports of one host are one bystander.
            let to = SocketAddr::new(to.ip(), 5000 + u16::try_from(n % 7).unwrap());
            sent += usize::from(it.table.check_sent(peer, (0, to), id, 120, now));
        }
        assert!((20..=60).contains(&sent), "{sent} checks in 5 s");
        it.check(0, "192.0.2.1:5000").unwrap();
        let late = it.now + Duration::from_secs(5);
        assert!(it.table.check_sent(peer, (0, to), [7; 12], 120, late));
        it.table.route(0, to, &message(RESPONSE, [7; 12], None, None), late).unwrap();
        assert!((0..100_u8).all(|n| it.table.check_sent(peer, (0, to), [n; 12], 120, late)));
    }

    #[test]
    fn an_older_registration_does_not_take_the_newer_one_with_it() {
        let mut it = with_peers(1);
        let (peer, older) = it.peers[0].clone();
        let newer = Arc::new(Inbox::default());
        it.table.register(peer, "ufrag-0", &SecretString::from("password-0"), 0, Arc::clone(&newer));
        it.table.unregister(peer, &older);
        assert_eq!(it.table.sizes().ufrags, 1);
        it.table.unregister(peer, &newer);
        assert_eq!(it.table.sizes(), Sizes { ufrags: 0, addresses: 0, transactions: 0 });
    }

    #[test]
    fn the_end_of_a_peer_leaves_nothing_of_it() {
        let mut it = with_peers(2);
        it.check(0, "192.0.2.1:5000").unwrap();
        it.check(1, "192.0.2.1:5001").unwrap();
        let to: SocketAddr = "192.0.2.9:3478".parse().unwrap();
        for (n, (peer, _)) in it.peers.clone().into_iter().enumerate() {
            assert!(it.table.check_sent(peer, (0, to), [u8::try_from(n).unwrap(); 12], 120, it.now));
        }
        let (peer, inbox) = it.peers[0].clone();
        it.table.unregister(peer, &inbox);
        assert_eq!(it.table.sizes(), Sizes { ufrags: 1, addresses: 1, transactions: 1 });
        assert!(it.rtp("192.0.2.1:5001").is_ok());
        assert_eq!(it.table.ages.len(), 1);
    }

    #[test]
    fn what_is_no_stun_dtls_or_rtp_is_of_unknown_kind() {
        let mut it = with_peers(1);
        it.check(0, "192.0.2.1:5000").unwrap();
        for first in [4_u8, 19, 64, 127, 192, 255] {
            let from = "192.0.2.1:5000".parse().unwrap();
            assert_eq!(it.table.route(0, from, &[first; 40], it.now).unwrap_err(), Stray::UnknownKind);
        }
    }
}
