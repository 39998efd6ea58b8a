//! What an access token of the hub says of itself. Nothing here is proof: only the hub has the key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Longest token that is read, bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The claims that are needed before the hub is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    /// When it runs out, seconds since 1970.
    pub(super) expires: u64,
    /// Who made it: the hub's id of the login that it belongs to. Cannot be guessed.
    pub(super) issuer: String,
}

impl Claims {
    /// Reads a JSON web token's claims; `None` if it has not that form.
    pub(super) fn read(token: &SecretString) -> Option<Self> {
        let token = token.expose_secret();
        let mut parts = token.split('.');
        let (head, claims, seal) = (parts.next()?, parts.next()?, parts.next()?);
        if token.len() > MAX_TOKEN || parts.next().is_some() || seal.is_empty() {
            return None;
        }
        let object = |part: &str| -> Option<Value> {
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok().filter(Value::is_object)
        };
        object(head)?;
        URL_SAFE_NO_PAD.decode(seal).ok()?;
        let claims = object(claims)?;
        let issuer = claims.get("iss").and_then(Value::as_str)?.to_owned();
        let expires = claims.get("exp")?;
        // Some makers write a fraction.
        let expires = expires.as_u64().or_else(|| expires.as_f64().map(|e| e as u64))?;
        Some(Self { expires, issuer })
    }
}

#[cfg(test)]
pub(super) fn token_for_tests(issuer: &str, expires: u64) -> SecretString {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(serde_json::json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part(serde_json::json!({ "iss": issuer, "iat": 1, "exp": expires }));
    format!("{head}.{claims}.c2VhbA").into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_claims_of_a_token_are_read() {
        let claims = Claims::read(&token_for_tests("login", 1_900_000_000)).unwrap();
        assert_eq!(claims, Claims { expires: 1_900_000_000, issuer: "login".into() });
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        let good = token_for_tests("login", 1_900_000_000).expose_secret().to_owned();
        let (rest, _) = good.rsplit_once('.').unwrap();
        for text in
            ["", "a", "a.b.c", "..", &format!("{good}.x"), rest, &format!("{rest}."), &format!("{rest}.%")]
        {
            assert_eq!(Claims::read(&text.into()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _claims = Claims::read(&text.as_str().into());
        }
    }
}
