//! The requests to a TURN server.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rtc::stun::message::{
    METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Method, TransactionId,
};
use rtc::turn::proto::PROTO_UDP;
use rtc::turn::proto::channum::ChannelNumber;
use rtc::turn::proto::lifetime::Lifetime;
use rtc::turn::proto::peeraddr::PeerAddress;
use rtc::turn::proto::reqtrans::RequestedTransport;

use super::TurnError;
use super::auth::Auth;

/// What a request asks the server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A relayed address.
    Allocate,
    /// To keep it.
    Refresh,
    /// To give it up.
    Release,
    /// To relay to and from this host.
    Permission(Ipv4Addr),
    /// A short header for this far end.
    Channel(u16, SocketAddrV4),
}

impl Ask {
    /// The request's method.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Allocate => METHOD_ALLOCATE,
            Self::Refresh | Self::Release => METHOD_REFRESH,
            Self::Permission(_) => METHOD_CREATE_PERMISSION,
            Self::Channel(..) => METHOD_CHANNEL_BIND,
        }
    }

    /// Writes it, signed if the server has asked for that.
    pub(super) fn write(self, auth: &Auth) -> Result<(TransactionId, Vec<u8>), TurnError> {
        let peer = |ip: Ipv4Addr, port| PeerAddress { ip: IpAddr::V4(ip), port };
        let method = self.method();
        match self {
            Self::Allocate => auth.request(method, &[&RequestedTransport { protocol: PROTO_UDP }]),
            Self::Refresh => auth.request(method, &[]),
            Self::Release => auth.request(method, &[&Lifetime(Duration::ZERO)]),
            Self::Permission(host) => auth.request(method, &[&peer(host, 0)]),
            Self::Channel(number, to) => {
                auth.request(method, &[&ChannelNumber(number), &peer(*to.ip(), to.port())])
            }
        }
    }
}
