//! What of a camera's address matters for RTSP.

use std::fmt;

use secrecy::SecretString;
use url::Url;

use super::BackChannelError;
use crate::media::scrub::percent_decoded;

/// An RTSP address, taken apart.
#[derive(Clone)]
pub struct StreamUrl {
    uri: String,
    is_secure: bool,
    user: Option<(String, SecretString)>,
}

impl StreamUrl {
    /// Of a camera's whole address.
    ///
    /// # Errors
    /// When it is not an RTSP one.
    pub fn parse(address: &str) -> Result<Self, BackChannelError> {
        let mut url = Url::parse(address).map_err(|_| BackChannelError::NotRtspAddress)?;
        let is_secure = match url.scheme() {
            "rtsp" => false,
            "rtsps" => true,
            _ => return Err(BackChannelError::NotRtspAddress),
        };
        let user = percent_decoded(url.username());
        let password = SecretString::from(percent_decoded(url.password().unwrap_or_default()));
        let bare = url.set_username("").and_then(|()| url.set_password(None));
        bare.map_err(|()| BackChannelError::NotRtspAddress)?;
        url.set_fragment(None);
        let user = Some((user, password)).filter(|(user, _)| !user.is_empty());
        Ok(Self { uri: url.into(), is_secure, user })
    }

    /// The request URI: without user and password.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// True over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// User and password.
    pub(super) fn user(&self) -> Option<&(String, SecretString)> {
        self.user.as_ref()
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StreamUrl").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn user_and_password_are_what_they_stand_for_and_are_not_in_the_request() {
        let url = StreamUrl::parse("rtsps://ad%40min:p%3Ass+w@camera.lan:322/live?x=1&y=a%20b#here").unwrap();
        assert_eq!(url.uri(), "rtsps://camera.lan:322/live?x=1&y=a%20b");
        let (user, password) = url.user().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ad@min", "p:ss+w"));
        assert!(url.is_secure() && !format!("{url:?}").contains("ss+w"));
        assert!(StreamUrl::parse("rtsp://10.0.0.2/1").unwrap().user().is_none());
        assert_eq!(StreamUrl::parse("http://10.0.0.2/1").unwrap_err(), BackChannelError::NotRtspAddress);
    }
}
