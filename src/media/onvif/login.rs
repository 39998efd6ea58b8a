//! Logs in at a camera: by UsernameToken (WS-Security, ONVIF Core 5.9.4), or by HTTP Digest where the camera
//! asks for it. A password itself is never sent: no Basic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_auth::{DigestClient, PasswordParams, parse_challenges};
use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};
use time::OffsetDateTime;
use time::macros::format_description;

use super::OnvifError;
use super::request::escape;

const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const DIGEST: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";
const BASE64: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// User and password of a camera, and how it wants them.
pub struct Login {
    user: String,
    password: SecretString,
    /// The camera has asked for HTTP Digest.
    by_http: bool,
}

impl Login {
    pub fn new((user, password): (String, SecretString)) -> Self {
        Self { user, password, by_http: false }
    }

    /// The SOAP header of a message that is created `now`, by the camera's clock.
    pub fn header(&self, now: OffsetDateTime, nonce: [u8; 16]) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let created = now.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default();
        if self.by_http || created.is_empty() {
            return String::new();
        }
        let hash = Sha1::new()
            .chain_update(nonce)
            .chain_update(&created)
            .chain_update(self.password.expose_secret())
            .finalize();
        format!(
            r#"<w:Security xmlns:w="{SECURITY}" s:mustUnderstand="1"><w:UsernameToken><w:Username>{user}</w:Username><w:Password Type="{DIGEST}">{digest}</w:Password><w:Nonce EncodingType="{BASE64}">{nonce}</w:Nonce><u:Created xmlns:u="{UTILITY}">{created}</u:Created></w:UsernameToken></w:Security>"#,
            user = escape(&self.user),
            digest = STANDARD.encode(hash),
            nonce = STANDARD.encode(nonce),
        )
    }

    /// The answer to a camera's challenges (`WWW-Authenticate`) for a `POST` to this path. From now on no
    /// UsernameToken is sent: the two must not come together.
    ///
    /// # Errors
    /// When the camera asks for no form of Digest.
    pub fn answer<'a>(
        &mut self,
        challenges: impl Iterator<Item = &'a str>,
        path: &str,
        body: &[u8],
    ) -> Result<String, OnvifError> {
        let known = challenges.flat_map(|header| parse_challenges(header).unwrap_or_default());
        let mut digest = known
            .filter_map(|challenge| DigestClient::try_from(&challenge).ok())
            .next()
            .ok_or(OnvifError::Unauthorized)?;
        self.by_http = true;
        digest
            .respond(&PasswordParams {
                username: &self.user,
                password: self.password.expose_secret(),
                uri: path,
                method: "POST",
                body: Some(body),
            })
            .map_err(|_| OnvifError::Unauthorized)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn login() -> Login {
        Login::new(("user".to_owned(), SecretString::from("userpassword".to_owned())))
    }

    #[test]
    fn the_token_is_that_of_onvifs_own_example() {
        // ONVIF Application Programmer's Guide, 6.1.1.3.
        let nonce = STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap().try_into().unwrap();
        let now = time::macros::datetime!(2010-09-16 09:50:45 +2);
        let header = login().header(now, nonce);
        assert!(header.contains(">tuOSpGlFlIXsozq4HFNeeGeFLEI=<"), "{header}");
        assert!(header.contains(">2010-09-16T07:50:45Z<") && !header.contains("userpassword"), "{header}");
    }

    #[test]
    fn a_password_is_never_sent_as_it_is() {
        let mut login = login();
        let refused = login.answer([r#"Basic realm="camera""#].into_iter(), "/onvif/media", b"");
        assert_eq!(refused, Err(OnvifError::Unauthorized));
        let both =
            [r#"Basic realm="camera""#, r#"Digest realm="camera", nonce="1", qop="auth", algorithm=MD5"#];
        let answer = login.answer(both.into_iter(), "/onvif/media", b"").unwrap();
        assert!(answer.starts_with("Digest ") && answer.contains(r#"uri="/onvif/media""#), "{answer}");
        assert!(!answer.contains("userpassword"), "{answer}");
        assert!(login.header(OffsetDateTime::UNIX_EPOCH, [0; 16]).is_empty(), "one login at a time");
    }
}
