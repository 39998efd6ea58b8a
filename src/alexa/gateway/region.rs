//! Which event gateway is the user's: it is set, or Alexa is asked.

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use super::http;
use crate::config;

/// Alexa's own hosts are here.
const DOMAIN: &str = ".amazonalexa.com";
/// North America; this one knows all users.
const NA: &str = "https://api.amazonalexa.com/";
/// Europe and India.
const EU: &str = "https://api.eu.amazonalexa.com/";
/// Far East and Australia.
const FE: &str = "https://api.fe.amazonalexa.com/";

/// Which event gateway is the user's.
#[derive(Debug)]
pub(super) enum Region {
    /// The settings say it.
    Set(Url),
    /// Alexa says it, asked at this address.
    Asked(Url),
}

/// Why it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RegionError {
    #[error("Alexa refuses the token")]
    TokenBad,
    #[error("Alexa answers the question for the region with status {0}; alexa.region can be set instead")]
    Trouble(u16),
    #[error("Alexa is not reached")]
    Unreachable,
    #[error("Alexa names no host of its own for the region; alexa.region can be set instead")]
    Unbelievable,
}

impl Region {
    /// As the settings have it; `None` if an address is none.
    pub(super) fn of(settings: &config::Alexa) -> Option<Self> {
        let own = settings.events_url.clone();
        let known = |address: &str| own.clone().or_else(|| Url::parse(address).ok());
        Some(match settings.region {
            config::Region::Auto => Self::Asked(known(NA)?),
            config::Region::Na => Self::Set(known(NA)?),
            config::Region::Eu => Self::Set(known(EU)?),
            config::Region::Fe => Self::Set(known(FE)?),
        })
    }

    /// Base address of the event gateway. `found` is what was found earlier.
    pub(super) fn base(&self, found: Option<&str>) -> Option<Url> {
        match self {
            Self::Set(base) => Some(base.clone()),
            Self::Asked(at) => believe(found?, at),
        }
    }

    /// Asks Alexa; gives the base address.
    pub(super) async fn ask(http: &Client, at: &Url, token: &SecretString) -> Result<Url, RegionError> {
        let question = under(at, "v1/alexaApiEndpoint").ok_or(RegionError::Unbelievable)?;
        let request = http.get(question).bearer_auth(token.expose_secret());
        let answer = request.send().await.map_err(|_| RegionError::Unreachable)?;
        match answer.status().as_u16() {
            200 => {
                let body = http::body(answer).await.ok_or(RegionError::Unbelievable)?;
                first_host(&body).and_then(|host| believe(&host, at)).ok_or(RegionError::Unbelievable)
            }
            401 | 403 => Err(RegionError::TokenBad),
            status => Err(RegionError::Trouble(status)),
        }
    }
}

/// An address below a base address.
pub(super) fn under(base: &Url, path: &str) -> Option<Url> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    base.join(path).ok()
}

fn first_host(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        endpoints: Vec<String>,
    }
    serde_json::from_slice::<Answer>(body).ok()?.endpoints.into_iter().next()
}

/// The base address at a host, if the user's token may be sent there: one of Alexa's own, or the very
/// one that was asked.
fn believe(host: &str, asked: &Url) -> Option<Url> {
    let address = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let url = Url::parse(&address).ok()?;
    if url.origin() == asked.origin() {
        return Some(asked.clone());
    }
    let is_alexas = matches!(url.host(), Some(Host::Domain(name)) if name.ends_with(DOMAIN));
    let is_plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (url.scheme() == "https" && is_alexas && is_plain && is_bare).then_some(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_alexas_own_hosts_are_believed_and_the_one_that_was_asked() {
        let asked = Url::parse(NA).unwrap();
        for good in
            ["api.eu.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.eu.amazonalexa.com/"]
        {
            assert_eq!(believe(good, &asked).unwrap().as_str(), EU);
        }
        assert_eq!(believe("api.amazonalexa.com", &asked).unwrap().as_str(), NA);
        for bad in [
            "",
            "http://api.eu.amazonalexa.com",
            "evil.example",
            "amazonalexa.com.evil.example",
            "evilamazonalexa.com",
            "https://u:p@api.eu.amazonalexa.com",
            "https://api.eu.amazonalexa.com@evil.example",
            "api.eu.amazonalexa.com:8443",
            "https://api.eu.amazonalexa.com/path",
            "127.0.0.1",
            "http://127.0.0.1:5/",
        ] {
            assert!(believe(bad, &asked).is_none(), "{bad}");
        }
        let double = Url::parse("http://127.0.0.1:5/").unwrap();
        assert_eq!(believe("http://127.0.0.1:5", &double), Some(double.clone()));
        assert!(believe("http://127.0.0.1:6", &double).is_none());
    }

    #[test]
    fn a_region_that_is_set_needs_no_question() {
        let settings = |region| config::Alexa { region, ..config::Alexa::default() };
        let base = |region| Region::of(&settings(region)).unwrap().base(None).map(String::from);
        assert_eq!(base(config::Region::Fe).as_deref(), Some(FE));
        assert_eq!(base(config::Region::Eu).as_deref(), Some(EU));
        assert_eq!(base(config::Region::Na).as_deref(), Some(NA));
        assert_eq!(base(config::Region::Auto), None);
    }

    #[test]
    fn a_base_address_may_have_a_path() {
        for base in ["https://host/a", "https://host/a/"] {
            let base = Url::parse(base).unwrap();
            assert_eq!(under(&base, "v3/events").unwrap().as_str(), "https://host/a/v3/events");
        }
    }
}
