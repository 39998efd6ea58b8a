//! What of a camera's RTSP address matters for asking the camera.

use std::net::IpAddr;

use secrecy::SecretString;
use url::Url;

use super::OnvifError;
use crate::media::Destination;
use crate::media::scrub::percent_decoded;

/// Where the camera is, which of its streams is shown, and who may ask.
pub struct Target {
    pub ip: IpAddr,
    /// It is shown over TLS, so it may serve ONVIF over TLS.
    pub tls: bool,
    pub stream: StreamPath,
    pub user: Option<(String, SecretString)>,
}

impl Target {
    /// `None` for what is no RTSP address.
    pub fn of(camera: &Destination) -> Option<Self> {
        let url = Url::parse(camera.address().expose()).ok()?;
        let tls = match url.scheme() {
            "rtsp" => false,
            "rtsps" => true,
            _ => return None,
        };
        let user = percent_decoded(url.username());
        let password = SecretString::from(percent_decoded(url.password().unwrap_or_default()));
        let user = Some((user, password)).filter(|(user, _)| !user.is_empty());
        Some(Self { ip: camera.ip(), tls, stream: StreamPath::of(&url), user })
    }
}

/// Path and query of a stream's address: host and port may be others behind a translated address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPath {
    path: String,
    query: Vec<(String, String)>,
}

impl StreamPath {
    fn of(url: &Url) -> Self {
        let query = url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        Self { path: url.path().trim_end_matches('/').to_owned(), query }
    }

    /// Of an address that a camera gave.
    pub fn parse(uri: &str) -> Option<Self> {
        Url::parse(uri).ok().map(|url| Self::of(&url))
    }

    /// Which of the camera's own addresses stands for this stream: the same one, or the only one that says
    /// everything this one says. Some makers add parameters of their own to what they give out.
    pub fn find(&self, given: &[Option<Self>]) -> Result<usize, OnvifError> {
        if given.len() == 1 {
            return Ok(0);
        }
        if let Some(same) = given.iter().position(|other| other.as_ref() == Some(self)) {
            return Ok(same);
        }
        let says_all = |other: &Self| {
            other.path == self.path && self.query.iter().all(|pair| other.query.contains(pair))
        };
        let mut fitting = given.iter().enumerate().filter(|(_, other)| other.as_ref().is_some_and(says_all));
        match (fitting.next(), fitting.next()) {
            (Some((place, _)), None) => Ok(place),
            _ => Err(OnvifError::NoProfile),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::camera_address::CameraAddress;

    fn of(address: &str) -> Option<Target> {
        let address = CameraAddress::parse(address).unwrap();
        Target::of(&Destination::new(address, [192, 0, 2, 7].into()).unwrap())
    }

    #[test]
    fn user_and_password_are_what_they_stand_for() {
        let target = of("rtsps://ad%40min:p%3Ass%2B+w@camera.lan:322/live?x=1").unwrap();
        let (user, password) = target.user.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ad@min", "p:ss++w"));
        assert!(target.tls && target.ip == IpAddr::from([192, 0, 2, 7]));
        assert!(of("rtsp://camera.lan/1").unwrap().user.is_none());
        assert!(of("http://camera.lan/1").is_none());
    }

    #[test]
    fn only_the_stream_that_is_shown_is_found() {
        let cases: [(&str, &[&str], Option<usize>); 9] = [
            ("/sub", &["/main", "/sub"], Some(1)),
            ("/sub/", &["/main", "/sub"], Some(1)),
            (
                "/cam?channel=1&subtype=1",
                &["/cam?channel=1&subtype=0", "/cam?subtype=1&channel=1&proto=Onvif"],
                Some(1),
            ),
            ("/Channels/101", &["/Channels/101?profile=1", "/Channels/102?profile=2"], Some(0)),
            ("/cam", &["/cam?channel=1", "/cam?channel=2"], None),
            ("/cam?channel=3", &["/cam?channel=1", "/cam?channel=2"], None),
            ("/other", &["/main", "/sub"], None),
            ("/other", &["/main"], Some(0)),
            ("/other", &[], None),
        ];
        for (own, given, found) in cases {
            let path = |path: &&str| StreamPath::parse(&format!("rtsp://10.0.0.9:1554{path}"));
            let own = StreamPath::parse(&format!("rtsp://u:p@camera.lan{own}")).unwrap();
            let given: Vec<_> = given.iter().map(path).collect();
            assert_eq!(own.find(&given).ok(), found, "{own:?} among {given:?}");
        }
    }
}
