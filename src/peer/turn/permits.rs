//! To whom the server relays: permissions for hosts, channels for far ends.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// A permission lives for 5 minutes (RFC 8656 9), a channel for 10 (RFC 8656 12).
const REFRESH_PERMISSION: Duration = Duration::from_secs(240);
const PERMISSION: Duration = Duration::from_secs(300);
const REFRESH_CHANNEL: Duration = Duration::from_secs(540);
const CHANNEL: Duration = Duration::from_secs(600);
/// For so long after its end a channel's number must not name another far end.
const CHANNEL_REST: Duration = Duration::from_secs(300);
/// What nobody sent to for so long is not kept up.
const UNUSED: Duration = Duration::from_secs(120);
/// After a refusal the server is left alone for so long.
const REFUSED: Duration = Duration::from_secs(60);
/// Hosts and far ends at once.
const MOST: usize = 512;
const FIRST_NUMBER: u16 = 0x4000;
const LAST_NUMBER: u16 = 0x4FFF;

/// One permission or one channel.
#[derive(Debug, Clone, Copy)]
struct Permit {
    used: Instant,
    /// Good until then; `None` while it is not granted.
    until: Option<Instant>,
    /// When to ask again; `None` while the answer is awaited.
    ask_at: Option<Instant>,
}

impl Permit {
    fn new(now: Instant) -> Self {
        Self { used: now, until: None, ask_at: Some(now) }
    }

    fn is_good(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// True if the server has to be asked now.
    fn take_ask(&mut self, now: Instant) -> bool {
        let is_due = self.ask_at.is_some_and(|at| at <= now);
        if is_due {
            self.ask_at = None;
        }
        is_due
    }

    fn is_used(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < UNUSED
    }
}

/// All permissions and channels of one allocation.
#[derive(Debug, Default)]
pub(super) struct Permits {
    hosts: HashMap<Ipv4Addr, Permit>,
    channels: HashMap<SocketAddrV4, (u16, Permit)>,
    numbers: HashMap<u16, SocketAddrV4>,
}

impl Permits {
    /// Notes that somebody sends to this host. Says whether that is allowed by now, and whether the
    /// server has to be asked.
    pub(super) fn use_host(&mut self, host: Ipv4Addr, now: Instant) -> (bool, bool) {
        if self.hosts.len() >= MOST && !self.hosts.contains_key(&host) {
            return (false, false);
        }
        let permit = self.hosts.entry(host).or_insert_with(|| Permit::new(now));
        permit.used = now;
        (permit.is_good(now), permit.take_ask(now))
    }

    /// True if datagrams from this host may come.
    pub(super) fn has_host(&self, host: Ipv4Addr, now: Instant) -> bool {
        self.hosts.get(&host).is_some_and(|permit| permit.is_good(now))
    }

    /// The channel to a far end: its number once it is bound, and one to ask for.
    pub(super) fn use_channel(
        &mut self,
        to: SocketAddrV4,
        wanted: bool,
        now: Instant,
    ) -> (Option<u16>, Option<u16>) {
        if !self.channels.contains_key(&to) {
            let free = (FIRST_NUMBER..=LAST_NUMBER).find(|number| !self.numbers.contains_key(number));
            let Some(number) = free.filter(|_| wanted && self.channels.len() < MOST) else {
                return (None, None);
            };
            self.numbers.insert(number, to);
            self.channels.insert(to, (number, Permit::new(now)));
        }
        let Some((number, permit)) = self.channels.get_mut(&to) else { return (None, None) };
        permit.used = now;
        let ask = permit.take_ask(now);
        (permit.is_good(now).then_some(*number), ask.then_some(*number))
    }

    /// Whose channel it is.
    pub(super) fn channel(&self, number: u16) -> Option<SocketAddrV4> {
        self.numbers.get(&number).copied()
    }

    pub(super) fn host_granted(&mut self, host: Ipv4Addr, now: Instant) {
        if let Some(permit) = self.hosts.get_mut(&host) {
            permit.until = Some(now + PERMISSION);
            permit.ask_at = Some(now + REFRESH_PERMISSION);
        }
    }

    pub(super) fn channel_granted(&mut self, to: SocketAddrV4, now: Instant) {
        // A channel is a permission as well.
        self.host_granted(*to.ip(), now);
        if let Some((_, permit)) = self.channels.get_mut(&to) {
            permit.until = Some(now + CHANNEL);
            permit.ask_at = Some(now + REFRESH_CHANNEL);
        }
    }

    /// The server said no, or nothing.
    pub(super) fn host_refused(&mut self, host: Ipv4Addr, now: Instant, silent: bool) {
        if let Some(permit) = self.hosts.get_mut(&host) {
            permit.ask_at = Some(if silent { now } else { now + REFUSED });
        }
    }

    pub(super) fn channel_refused(&mut self, to: SocketAddrV4, now: Instant) {
        if let Some((_, permit)) = self.channels.get_mut(&to) {
            permit.ask_at = Some(now + REFUSED);
        }
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let hosts = self.hosts.values().filter_map(|permit| permit.ask_at);
        hosts.chain(self.channels.values().filter_map(|(_, permit)| permit.ask_at)).min()
    }

    /// Forgets what nobody uses any more; returns what has to be asked for anew.
    pub(super) fn tick(&mut self, now: Instant) -> (Vec<Ipv4Addr>, Vec<(u16, SocketAddrV4)>) {
        let mut hosts = Vec::new();
        self.hosts.retain(|host, permit| {
            if permit.ask_at.is_none_or(|at| at > now) {
                return true;
            }
            let keep = permit.is_used(now);
            if keep && permit.take_ask(now) {
                hosts.push(*host);
            }
            keep
        });
        let mut channels = Vec::new();
        let numbers = &mut self.numbers;
        self.channels.retain(|to, (number, permit)| {
            if permit.ask_at.is_none_or(|at| at > now) {
                return true;
            }
            if permit.is_used(now) {
                if permit.take_ask(now) {
                    channels.push((*number, *to));
                }
                return true;
            }
            // Its number has to rest.
            let rested = permit.until.unwrap_or(now) + CHANNEL_REST;
            permit.ask_at = Some(rested);
            if rested > now {
                return true;
            }
            numbers.remove(number);
            false
        });
        (hosts, channels)
    }
}
