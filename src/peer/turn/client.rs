//! One allocation at a TURN server.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use rtc::stun::attributes::{ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, Getter, METHOD_DATA, METHOD_SEND,
    Message, MessageType, TransactionId,
};
use rtc::stun::xoraddr::XorMappedAddress;
use rtc::turn::proto::data::Data;
use rtc::turn::proto::lifetime::Lifetime;
use rtc::turn::proto::peeraddr::PeerAddress;
use secrecy::SecretString;

use super::TurnError;
use super::ask::Ask;
use super::auth::Auth;
use super::pending::Pending;
use super::permits::Permits;
use crate::peer::local_candidate::sendable;

/// How often the allocation is refreshed: keeps a NAT's mapping, and shows soon that it is lost.
const REFRESH: Duration = Duration::from_secs(25);
/// What the server says of lifetimes counts between these.
const LIFETIMES: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(3600)];
/// Times that one request is signed anew before the credentials count as wrong.
const CHALLENGES: u32 = 3;

/// What came from a far end through the server.
pub type Received<'a> = (SocketAddr, Cow<'a, [u8]>);

/// Holds an allocation: makes it, keeps it, and wraps what goes through it. Reads no clock and no
/// socket: whoever owns it calls [`tick`](Self::tick) at [`deadline`](Self::deadline), and sends what
/// [`poll_message`](Self::poll_message) gives.
#[derive(Debug)]
pub struct TurnClient {
    auth: Auth,
    /// ChannelData is padded on a stream.
    stream: bool,
    pending: Pending,
    permits: Permits,
    messages: VecDeque<Vec<u8>>,
    allocation: Option<Allocation>,
    failure: Option<TurnError>,
}

#[derive(Debug, Clone, Copy)]
struct Allocation {
    relayed: SocketAddrV4,
    mapped: Option<SocketAddrV4>,
    refresh_at: Option<Instant>,
}

impl TurnClient {
    /// A client that has asked for its allocation. `stream`: the server is spoken to over TCP or TLS.
    ///
    /// # Errors
    /// When there is no cryptography.
    pub fn allocate(
        username: String,
        password: SecretString,
        stream: bool,
        now: Instant,
    ) -> Result<Self, TurnError> {
        let mut client = Self {
            auth: Auth::new(username, password)?,
            stream,
            pending: Pending::new(stream),
            permits: Permits::default(),
            messages: VecDeque::new(),
            allocation: None,
            failure: None,
        };
        client.ask(Ask::Allocate, 0, now);
        Ok(client)
    }

    /// Where far ends reach us, once there is an allocation.
    #[must_use]
    pub fn relayed(&self) -> Option<SocketAddrV4> {
        self.allocation.map(|allocation| allocation.relayed)
    }

    /// From where the server sees us.
    #[must_use]
    pub fn mapped(&self) -> Option<SocketAddrV4> {
        self.allocation?.mapped
    }

    /// Why the allocation is no more, or never came. Nothing revives it.
    #[must_use]
    pub fn failure(&self) -> Option<TurnError> {
        self.failure
    }

    /// The next message for the server.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.messages.pop_front()
    }

    /// When to call [`tick`](Self::tick).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let refresh = self.allocation.and_then(|allocation| allocation.refresh_at);
        [refresh, self.pending.deadline(), self.permits.deadline()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        let messages = &mut self.messages;
        for ask in self.pending.tick(now, |message| messages.push_back(message)) {
            match ask {
                Ask::Allocate | Ask::Refresh => self.fail(TurnError::Silent),
                Ask::Permission(host) => self.permits.host_refused(host, now, true),
                Ask::Channel(_, to) => self.permits.channel_refused(to, now),
                Ask::Release => {}
            }
        }
        if self.allocation.is_some_and(|allocation| allocation.refresh_at.is_some_and(|at| at <= now)) {
            self.refresh(now);
        }
        let (hosts, channels) = self.permits.tick(now);
        hosts.into_iter().for_each(|host| self.ask(Ask::Permission(host), 0, now));
        channels.into_iter().for_each(|(number, to)| self.ask(Ask::Channel(number, to), 0, now));
    }

    /// Asks whether the allocation is still there: the network has changed.
    pub fn refresh(&mut self, now: Instant) {
        if let Some(allocation) = &mut self.allocation {
            allocation.refresh_at = None;
            if !self.pending.is_asking(Ask::Refresh) {
                self.ask(Ask::Refresh, 0, now);
            }
        }
    }

    /// Gives the allocation up. Nobody waits for the response.
    pub fn release(&mut self, now: Instant) {
        if self.allocation.take().is_some() {
            self.ask(Ask::Release, 0, now);
        }
    }

    /// Asks for the permission to exchange datagrams with this far end, if there is none. True once
    /// there is.
    pub fn permit(&mut self, to: SocketAddr, now: Instant) -> bool {
        let IpAddr::V4(host) = to.ip() else { return false };
        if self.allocation.is_none() {
            return false;
        }
        let (good, ask) = self.permits.use_host(host, now);
        if ask {
            self.ask(Ask::Permission(host), 0, now);
        }
        good
    }

    /// Appends a datagram for `to`, wrapped for the server. False if it cannot be sent (yet).
    /// `channel`: much will follow, so that a short header is worth while.
    pub fn wrap(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        channel: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        let (SocketAddr::V4(far), Ok(length)) = (to, u16::try_from(datagram.len())) else { return false };
        if !self.permit(to, now) {
            return false;
        }
        let (bound, ask) = self.permits.use_channel(far, channel, now);
        if let Some(number) = ask {
            self.ask(Ask::Channel(number, far), 0, now);
        }
        if let Some(number) = bound {
            out.extend(number.to_be_bytes());
            out.extend(length.to_be_bytes());
            out.extend_from_slice(datagram);
            if self.stream {
                out.resize(out.len() + (datagram.len().next_multiple_of(4) - datagram.len()), 0);
            }
            return true;
        }
        let mut message = Message::new();
        let written = message.build(&[
            Box::new(MessageType::new(METHOD_SEND, CLASS_INDICATION)),
            Box::new(TransactionId(rand::random())),
            Box::new(PeerAddress { ip: to.ip(), port: to.port() }),
            Box::new(Data(datagram.to_vec())),
        ]);
        if written.is_ok() {
            out.extend(message.raw);
        }
        written.is_ok()
    }

    /// Takes one message of the server's; returns what a far end sent with it.
    pub fn receive<'a>(&mut self, message: &'a [u8], now: Instant) -> Option<Received<'a>> {
        if let &[first @ 0x40..=0x4F, second, high, low, ref rest @ ..] = message {
            let far = self.permits.channel(u16::from_be_bytes([first, second]))?;
            let datagram = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
            return Some((SocketAddr::V4(far), Cow::Borrowed(datagram)));
        }
        let mut read = Message::new();
        read.raw = message.to_vec();
        read.decode().ok()?;
        if read.raw.len() != 20 + usize::try_from(read.length).ok()? {
            return None;
        }
        match (read.typ.class, read.typ.method) {
            (CLASS_INDICATION, METHOD_DATA) => self.unwrap(&read, now),
            (CLASS_SUCCESS_RESPONSE | CLASS_ERROR_RESPONSE, _) => {
                self.answered(read, now);
                None
            }
            _ => None,
        }
    }

    fn unwrap(&self, indication: &Message, now: Instant) -> Option<Received<'static>> {
        let mut from = PeerAddress::default();
        let mut data = Data::default();
        from.get_from(indication).and_then(|()| data.get_from(indication)).ok()?;
        let IpAddr::V4(host) = from.ip else { return None };
        // No server of good faith relays from a host without permission.
        self.permits.has_host(host, now).then(|| (SocketAddr::new(from.ip, from.port), Cow::Owned(data.0)))
    }

    fn answered(&mut self, mut response: Message, now: Instant) {
        let id = response.transaction_id;
        let Some(request) = self.pending.remove(id) else { return };
        if response.typ.method != request.ask.method() {
            self.pending.put_back(id, request);
        } else if response.typ.class == CLASS_ERROR_RESPONSE {
            let mut error = ErrorCodeAttribute::default();
            let code = error.get_from(&response).map_or(0, |()| error.code.0);
            self.refused(request.ask, request.challenged, code, &response, now);
        } else if self.auth.is_genuine(&mut response) {
            self.granted(request.ask, &response, now);
        } else {
            self.pending.put_back(id, request);
        }
    }

    fn granted(&mut self, ask: Ask, response: &Message, now: Instant) {
        let mut lifetime = Lifetime::default();
        let lifetime = lifetime.get_from(response).map_or(LIFETIMES[1], |()| lifetime.0);
        let refresh_at = now + (lifetime.clamp(LIFETIMES[0], LIFETIMES[1]) / 2).min(REFRESH);
        match ask {
            Ask::Allocate => match address(response, ATTR_XOR_RELAYED_ADDRESS) {
                Some(relayed) => {
                    let mapped = address(response, ATTR_XORMAPPED_ADDRESS);
                    self.allocation = Some(Allocation { relayed, mapped, refresh_at: Some(refresh_at) });
                }
                None => self.fail(TurnError::Malformed),
            },
            Ask::Refresh => {
                if let Some(allocation) = &mut self.allocation {
                    allocation.refresh_at = Some(refresh_at);
                }
            }
            Ask::Permission(host) => self.permits.host_granted(host, now),
            Ask::Channel(_, to) => self.permits.channel_granted(to, now),
            Ask::Release => {}
        }
    }

    fn refused(&mut self, ask: Ask, challenged: u32, code: u16, response: &Message, now: Instant) {
        if matches!(code, 401 | 438) && challenged < CHALLENGES && self.auth.learn(response) {
            return self.ask(ask, challenged + 1, now);
        }
        match (ask, code) {
            (Ask::Release, _) => {}
            (_, 437) => self.fail(TurnError::Mismatch),
            (Ask::Permission(host), _) => self.permits.host_refused(host, now, false),
            (Ask::Channel(_, to), _) => self.permits.channel_refused(to, now),
            (_, 401 | 438 | 441) => self.fail(TurnError::Credentials),
            (_, 486 | 508) => self.fail(TurnError::Full),
            _ => self.fail(TurnError::Refused(code)),
        }
    }

    fn fail(&mut self, why: TurnError) {
        self.allocation = None;
        self.failure = Some(why);
    }

    fn ask(&mut self, ask: Ask, challenged: u32, now: Instant) {
        match ask.write(&self.auth) {
            Ok((id, message)) if self.pending.has_room() => {
                self.messages.push_back(message.clone());
                self.pending.insert(id, ask, challenged, message, now);
            }
            // Nothing is lost but time: it is asked for again when it is needed.
            Ok(_) => match ask {
                Ask::Permission(host) => self.permits.host_refused(host, now, false),
                Ask::Channel(_, to) => self.permits.channel_refused(to, now),
                _ => self.fail(TurnError::Silent),
            },
            Err(error) => self.fail(error),
        }
    }
}

/// An IPv4 address that somebody could send to.
fn address(response: &Message, attribute: AttrType) -> Option<SocketAddrV4> {
    let mut found = XorMappedAddress::default();
    found.get_from_as(response, attribute).ok()?;
    match found.ip {
        IpAddr::V4(ip) => sendable(SocketAddrV4::new(ip, found.port)),
        IpAddr::V6(_) => None,
    }
}
