//! The STUN and TURN servers that the hub hands out. Pure.

use secrecy::SecretString;
use serde_json::Value;

/// Most servers that are taken of one answer.
const MOST: usize = 8;
/// Longest address, user name or password, in bytes.
const LONGEST: usize = 512;

/// One address of a server, as the hub names it; nothing of it has been checked.
#[derive(Debug, Clone)]
pub struct HubIceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp` and the like.
    pub url: String,
    /// User name at a TURN server. With time-limited credentials it is half of the secret.
    pub username: Option<SecretString>,
    /// Password at a TURN server.
    pub credential: Option<SecretString>,
}

/// The servers in an answer to `web_rtc/ice_servers` or `camera/webrtc/get_client_config`, at most eight
/// addresses; what makes no sense is left out. `None` if there is not even an empty list in it.
#[must_use]
pub fn ice_servers(answer: &Value) -> Option<Vec<HubIceServer>> {
    let servers = answer.as_array().or_else(|| answer.pointer("/configuration/iceServers")?.as_array())?;
    Some(servers.iter().flat_map(addresses).take(MOST).collect())
}

/// The addresses of one server, one or a list.
fn addresses(server: &Value) -> impl Iterator<Item = HubIceServer> {
    let short = |value: &Value| value.as_str().filter(|text| text.len() <= LONGEST).map(str::to_owned);
    let secret = |key: &str| server.get(key).and_then(short).map(SecretString::from);
    let (username, credential) = (secret("username"), secret("credential"));
    let urls = match server.get("urls") {
        Some(Value::Array(urls)) => urls.as_slice(),
        Some(url) => std::slice::from_ref(url),
        None => &[],
    };
    let address = move |url| HubIceServer { url, username: username.clone(), credential: credential.clone() };
    urls.iter().filter_map(short).map(address)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    /// What is read is the same in both answers.
    fn told(servers: Value) -> Option<Vec<HubIceServer>> {
        let both = [ice_servers(&servers), ice_servers(&json!({"configuration": {"iceServers": servers}}))];
        let urls = both.iter().map(|read| {
            let servers = read.as_ref()?.iter();
            Some(servers.map(|server| server.url.clone()).collect::<Vec<_>>())
        });
        let urls: Vec<_> = urls.collect();
        assert_eq!(urls[0], urls[1]);
        let [of_hub, _] = both;
        of_hub
    }

    fn urls(servers: Value) -> Vec<String> {
        told(servers).unwrap().into_iter().map(|server| server.url).collect()
    }

    #[test]
    fn a_hub_names_one_address_or_several_with_credentials_or_without() {
        let servers = told(json!([
            {"urls": ["stun:stun.example.org:3478", "stun:stun.example.org:80"]},
            {"urls": "turn:turn.example.org", "username": "1763999:guest", "credential": "hidden"},
        ]))
        .unwrap();
        let [first, second, turn] = &servers[..] else { panic!("{servers:?}") };
        assert_eq!([&first.url, &second.url], ["stun:stun.example.org:3478", "stun:stun.example.org:80"]);
        assert!(first.username.is_none() && first.credential.is_none());
        let expose = |secret: &Option<SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
        assert_eq!(
            (expose(&turn.username), expose(&turn.credential)),
            ("1763999:guest".into(), "hidden".into())
        );
        let text = format!("{servers:?}");
        assert!(!text.contains("guest") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_a_flood_is_cut() {
        assert_eq!(urls(json!([7, null, {}, {"urls": 7}, {"urls": [7, "stun:a", null]}])), ["stun:a"]);
        assert_eq!(urls(json!([{"urls": "x".repeat(513)}])), Vec::<String>::new());
        assert_eq!(urls(json!([{"urls": vec!["stun:a"; 100]}, {"urls": "stun:b"}])).len(), 8);
        let long = json!([{"urls": "turn:a", "username": 7, "credential": "x".repeat(513)}]);
        let server = told(long).unwrap().remove(0);
        assert!(server.username.is_none() && server.credential.is_none());
    }

    #[test]
    fn an_empty_list_is_an_answer_and_no_list_is_none() {
        assert!(told(json!([])).unwrap().is_empty());
        for answer in [json!(null), json!({}), json!({"configuration": {}}), json!({"iceServers": []})] {
            assert!(ice_servers(&answer).is_none(), "{answer}");
        }
        assert!(told(json!("stun:a")).is_none());
    }

    proptest! {
        #[test]
        fn no_answer_upsets_the_reader(text in r#"[\[\]{},:"a-z0-9]{0,60}"#) {
            let servers = serde_json::from_str(&text).unwrap_or(Value::String(text));
            prop_assert!(told(servers).is_none_or(|servers| servers.len() <= MOST));
        }
    }
}
