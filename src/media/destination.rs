//! Where a worker connects.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config::camera_address::{CameraAddress, forbidden};

/// A camera's address and the one IP address at which it is opened. `doorstep` gets one from an
/// [`AddressPolicy`](super::AddressPolicy) alone; the worker, over the pipe, where it is judged again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Raw", try_from = "Raw")]
pub struct Destination {
    address: CameraAddress,
    ip: IpAddr,
}

impl Destination {
    pub(super) fn new(address: CameraAddress, ip: IpAddr) -> Result<Self, String> {
        let ip = ip.to_canonical();
        match forbidden(ip) {
            Some(why) => Err(format!("leads to {why}, where no camera is")),
            None => Ok(Self { address, ip }),
        }
    }

    /// What is opened, password included.
    #[must_use]
    pub fn address(&self) -> &CameraAddress {
        &self.address
    }

    /// Where.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }
}

/// As it travels.
#[derive(Serialize, Deserialize)]
struct Raw {
    address: String,
    ip: IpAddr,
}

impl From<Destination> for Raw {
    fn from(destination: Destination) -> Self {
        Self { address: destination.address.expose().to_owned(), ip: destination.ip }
    }
}

impl TryFrom<Raw> for Destination {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        Self::new(CameraAddress::parse(&raw.address)?, raw.ip)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_comes_over_the_pipe_is_judged_again() {
        let judge = |json: &str| serde_json::from_str::<Destination>(json);
        let good = judge(r#"{"address":"rtsp://u:p@cam/1","ip":"10.0.0.2"}"#).unwrap();
        assert_eq!(judge(&serde_json::to_string(&good).unwrap()).unwrap(), good);
        for bad in [
            r#"{"address":"rtsp://cam/1","ip":"169.254.169.254"}"#,
            r#"{"address":"rtsp://cam/1","ip":"::ffff:169.254.169.254"}"#,
            r#"{"address":"file:///etc/passwd","ip":"10.0.0.2"}"#,
        ] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }
}
