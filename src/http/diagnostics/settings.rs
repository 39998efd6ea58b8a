//! The settings as others may see them.

use serde_json::{Map, Value, json};
use url::Url;

use crate::config::Config;
use crate::config::key::TURN;
use crate::config::settings::View;

/// Every key with its value and its origin; of a secret whether it is set.
pub(super) fn shown(view: &View) -> Value {
    let view = json!(view);
    let all = |name: &str| view[name].as_array().cloned().unwrap_or_default();
    let keys: Map<String, Value> = all("keys").iter().map(key).collect();
    let cameras: Vec<Value> = all("cameras").into_iter().map(camera).collect();
    json!({ "file": view["file"], "restart": view["restart"], "problems": view["problems"], "keys": keys, "cameras": cameras })
}

fn key(key: &Value) -> (String, Value) {
    let name = key["key"].as_str().unwrap_or_default();
    let mut value = key["value"].clone();
    match (&mut value, name) {
        _ if key["kind"] == "secret" => value = set(&key["set"]),
        (Value::Array(servers), TURN) => {
            servers.iter_mut().for_each(|server| server["username"] = "set".into())
        }
        (Value::String(text), _) if name.ends_with("url") => *text = bare(text),
        _ => {}
    }
    let origin = if key["origin"].is_null() { json!("default") } else { key["origin"].clone() };
    (name.to_owned(), json!({ "value": value, "origin": origin }))
}

fn camera(mut camera: Value) -> Value {
    if let Value::String(source) = &mut camera["values"]["source"] {
        *source = without_path(&bare(source));
    }
    camera
}

fn set(is_set: &Value) -> Value {
    if is_set == true { "set".into() } else { "not set".into() }
}

/// An address without user, password and query.
fn bare(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return "not an address".to_owned() };
    // What has no host has no user either.
    let _none = url.set_password(None).and_then(|()| url.set_username(""));
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Longest path of a camera's address that is shown.
const PATH_SHOWN: usize = 8;

/// Cameras are given keys and passwords in paths as well.
fn without_path(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    if url.path().len() > PATH_SHOWN {
        url.set_path("/...");
    }
    url.into()
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
    use crate::config::place::Place;
    use crate::config::settings::Settings;

    #[test]
    fn settings_are_shown_with_their_origins_and_without_any_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(
            &file,
            "hub = { url = 'http://my.home.example:8123', token = 'canary' }\n\
             door = { token = 'canary-canary-canary-canary-canary', public_url = 'https://door.example' }\n\
             ui.token = 'canary-canary-canary-canary'\nalexa = { client_id = 'amzn1.x', client_secret = 'canary', region = 'eu' }\n\
             webrtc.turn = [{ url = 'turn:t:1', username = 'canary', password = 'canary' }]\n\
             [[camera]]\nid = 'a'\nkind = 'doorbell'\nsource = 'rtsp://canary:canary@10.0.0.2:554/1?token=canary'\n\
             [[camera]]\nid = 'b'\nsource = 'test:'\n\
             [[camera]]\nid = 'c'\nsource = 'rtsps://10.0.0.3:7441/canarycanary?enableSrtp'\n",
        )
        .unwrap();
        let place = Place { config: file, named: true, data: folder.path().to_owned() };
        let settings = Settings::new(place, Box::new(|_| None), |_| None);
        let shown = shown(&settings.look());
        assert!(!shown.to_string().contains("canary"), "{shown}");
        for (key, value) in [
            ("/keys/hub.url", json!({ "value": "http://my.home.example:8123/", "origin": "file" })),
            ("/keys/hub.token", json!({ "value": "set", "origin": "file" })),
            ("/keys/door.tls_key", json!({ "value": null, "origin": "default" })),
            ("/keys/alexa.region", json!({ "value": "eu", "origin": "file" })),
            ("/keys/limits.calls", json!({ "value": 16, "origin": "default" })),
            ("/cameras/0/values/source", json!("rtsp://10.0.0.2:554/1")),
            ("/cameras/1/values/source", json!("test:")),
            ("/cameras/2/values/source", json!("rtsps://10.0.0.3:7441/***")),
        ] {
            assert_eq!(shown.pointer(key), Some(&value), "{key}: {shown}");
        }
        let names = own_names(&settings.load().config);
        assert_eq!(names, ["door.example", "my.home.example"]);
        assert!(!is_of_internet("homeassistant.local") && !is_of_internet("homeassistant"));
    }
}
