//! The settings as others may see them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::config::{Camera, Config};

/// Every key with its value; of a secret whether it is set.
pub(super) fn shown(config: &Config) -> Value {
    let Config { log, hub, door, ui, alexa, webrtc, limits, cameras, supervised } = config;
    let url = |url: &Option<Url>| url.as_ref().map(bare);
    let turn =
        webrtc.turn.iter().map(|turn| json!({ "url": turn.url, "username": "set", "password": "set" }));
    json!({
        "supervised": supervised,
        "log.level": log.level,
        "hub.url": url(&hub.url),
        "hub.direct": url(&hub.direct),
        "hub.token": set(&hub.token),
        "hub.token_file": hub.token_file,
        "hub.ca_file": hub.ca_file,
        "door.listen": door.listen,
        "door.public_url": url(&door.public_url),
        "door.token": set(&door.token),
        "door.token_file": door.token_file,
        "door.tls_cert": door.tls_cert,
        "door.tls_key": door.tls_key,
        "door.forward_to_hub": door.forward_to_hub,
        "ui.listen": ui.listen,
        "ui.token": set(&ui.token),
        "ui.token_file": ui.token_file,
        "alexa.client_id": alexa.client_id,
        "alexa.client_secret": set(&alexa.client_secret),
        "alexa.client_secret_file": alexa.client_secret_file,
        "alexa.region": format!("{:?}", alexa.region).to_lowercase(),
        "alexa.token_url": url(&alexa.token_url),
        "alexa.events_url": url(&alexa.events_url),
        "webrtc.udp_port": webrtc.udp_port,
        "webrtc.bind": webrtc.bind,
        "webrtc.advertise": webrtc.advertise,
        "webrtc.stun": webrtc.stun,
        "webrtc.turn": turn.collect::<Value>(),
        "webrtc.allow_loopback": webrtc.allow_loopback,
        "webrtc.max_kbps": webrtc.max_kbps,
        "limits.calls": limits.calls,
        "limits.calls_per_camera": limits.calls_per_camera,
        "limits.transcodes": limits.transcodes,
        "limits.call_minutes": limits.call_minutes,
        "camera": cameras.iter().map(camera).collect::<Value>(),
    })
}

fn camera(camera: &Camera) -> Value {
    json!({
        "id": camera.id,
        "name": camera.name,
        "kind": camera.kind.map(|kind| format!("{kind:?}").to_lowercase()),
        "entity": camera.entity,
        "bell": camera.bell,
        "motion": camera.motion,
        "source": camera.source.as_ref().map(|source| match Url::parse(source.expose_secret()) {
            Ok(url) => bare(&url),
            Err(_) => "not an address".to_owned(),
        }),
        "prefer": format!("{:?}", camera.prefer).to_lowercase(),
        "talk": format!("{:?}", camera.talk).to_lowercase(),
        "echo_cancel": format!("{:?}", camera.echo_cancel).to_lowercase(),
        "warm": camera.warm,
        "stream": camera.stream,
        "alexa": camera.alexa,
    })
}

/// An address without user, password and query.
fn bare(url: &Url) -> String {
    let mut url = url.clone();
    // What has no host has no user either.
    let _none = url.set_password(None).and_then(|()| url.set_username(""));
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn set(secret: &Option<SecretString>) -> &'static str {
    if secret.is_some() { "set" } else { "not set" }
}

/// Names by which this home is found in the internet.
pub(super) fn own_names(config: &Config) -> Vec<String> {
    let urls = [&config.door.public_url, &config.hub.url, &config.hub.direct];
    let names = urls.into_iter().flatten().filter_map(|url| url.domain());
    names.filter(|name| is_of_internet(name)).map(str::to_owned).collect()
}

/// False for what only the own network knows.
fn is_of_internet(name: &str) -> bool {
    let inner = ["local", "localhost", "lan", "home", "internal", "arpa", "box"];
    name.rsplit_once('.').is_some_and(|(_, last)| !inner.contains(&last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_are_shown_without_any_secret() {
        let config: Config = toml::from_str(
            "hub = { url = 'http://canary:canary@my.home.example/?x=canary', token = 'canary' }\n\
             door = { token = 'canary', public_url = 'https://door.example' }\nui.token = 'canary'\n\
             alexa = { client_secret = 'canary', region = 'eu' }\n\
             webrtc.turn = [{ url = 'turn:t:1', username = 'canary', password = 'canary' }]\n\
             [[camera]]\nid = 'a'\nkind = 'doorbell'\nsource = 'rtsp://canary:canary@10.0.0.2:554/1?token=canary#canary'\n\
             [[camera]]\nid = 'b'\nsource = 'test:?size=canary'\n[[camera]]\nid = 'c'\nsource = 'canary@x'\n",
        )
        .unwrap();
        let shown = shown(&config);
        assert!(!shown.to_string().contains("canary"), "{shown}");
        for (key, value) in [
            ("/hub.url", json!("http://my.home.example/")),
            ("/hub.token", json!("set")),
            ("/ui.token_file", json!(null)),
            ("/alexa.region", json!("eu")),
            ("/camera/0/source", json!("rtsp://10.0.0.2:554/1")),
            ("/camera/0/kind", json!("doorbell")),
            ("/camera/1/source", json!("test:")),
        ] {
            assert_eq!(shown.pointer(key), Some(&value), "{key}: {shown}");
        }
        assert_eq!(own_names(&config), ["door.example", "my.home.example"]);
        assert!(!is_of_internet("homeassistant.local") && !is_of_internet("homeassistant"));
    }
}
