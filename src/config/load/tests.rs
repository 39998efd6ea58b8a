#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use secrecy::ExposeSecret;

use super::*;

/// The design's example, every key set, as one installation could have it.
const EVERY_KEY: &str = r#"
[log]
level = "debug"
[hub]
url = "http://homeassistant.local:8123"   # the WebSocket address is derived
token = "hub-token-canary"
ca_file = "CA"
[door]
listen = "127.0.0.1:8098"                 # "" = off
token = "door-token-canary-0123456789"
public_url = "https://door.example.org"
tls_cert = "CA"
tls_key = "CA"
forward_to_hub = false
[ui]
listen = "127.0.0.1:8099"
token = "ui-token-canary"
[alexa]
client_id = "amzn1.application-oa2-client.1"
client_secret = "client-secret-canary"
region = "auto"
token_url = "http://127.0.0.1:1/token"
events_url = "http://127.0.0.1:1"
[webrtc]
udp_port = 8555
bind = ["192.168.1.10"]
advertise = ["203.0.113.7"]
stun = ["stun.example.org:3478"]
turn = [{ url = "turn:turn.example.org:3478", username = "u", password = "turn-canary" }]
allow_loopback = false
max_kbps = 2500
[limits]
calls = 16
calls_per_camera = 4
transcodes = 0
call_minutes = 120
[[camera]]
id = "front_door"
name = "Front door"
kind = "doorbell"
bell = "event.front_door"
motion = "binary_sensor.front_door_motion"
source = "rtsp://user:pass-canary@host/stream"
prefer = "auto"
talk = "auto"
echo_cancel = "auto"
warm = false
alexa = true
[[camera]]
entity = "camera.garden"
source = "test:"
"#;

struct House {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl House {
    fn new(config: Option<&str>) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() };
        if let Some(text) = config {
            house.write("config.toml", text);
        }
        house
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn place(&self) -> Place {
        let data = self.folder.path().to_owned();
        Place { config: data.join("config.toml"), named: false, data }
    }

    fn load(&self) -> Loaded {
        let env = |name: &str| self.env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        load(&self.place(), &env)
    }
}

fn keys(loaded: &Loaded) -> Vec<&str> {
    loaded.problems.iter().map(|p| p.key.as_str()).collect()
}

#[test]
fn every_key_of_the_design_is_taken_and_no_secret_is_shown() {
    let house = House::new(None);
    house.write("ca", "pem");
    let ca = house.folder.path().join("ca");
    house.write("config.toml", &EVERY_KEY.replace("\"CA\"", &format!("{:?}", ca.display())));
    let loaded = house.load();
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.config.cameras.len(), 2);
    assert_eq!(loaded.origins.get("camera[0].source"), Some(&Origin::File));
    assert!(!format!("{loaded:?}").contains("canary"), "{loaded:?}");
    let secrets = loaded.config.secrets();
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets.iter().filter(|s| s.contains("canary")).count(), 6, "{}", secrets.len());
}

#[test]
fn nothing_set_is_no_problem() {
    let loaded = House::new(None).load();
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.config.door.listen, "127.0.0.1:8098");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_key() {
    let loaded = House::new(Some(
        r#"
            colour = "blue"
            [log]
            level = "loud"
            [hub]
            url = "ftp://hub"
            token = 12345678
            [door]
            listen = "8098"
            tls_cert = "/nowhere"
            [webrtc]
            bind = ["1.2.3.4", "nonsense"]
            max_kbps = 1
            turn = [{ url = "turn:a:1", username = "u" }]
            [limits]
            calls = 0
            call_minutes = -5
            [[camera]]
            id = "front door"
            source = "rtsp://h/"
            [[camera]]
            id = "b"
            source = "ftp://user:canary@h/"
            warm = "yes"
            [[camera]]
            id = "b"
            entity = "light.x"
            nme = "x"
            [[camera]]
            id = "c"
            entity = "light.x"
            source = "ftp://user:canary@h/"
            [[camera]]
            id = "c"
            source = "rtsp://h/"
            "#,
    ))
    .load();
    let found = keys(&loaded);
    for key in [
        "colour",
        "log.level",
        "hub.url",
        "hub.token",
        "door.listen",
        "door.tls_key",
        "webrtc.bind[1]",
        "webrtc.max_kbps",
        "webrtc.turn[0]",
        "limits.calls",
        "limits.call_minutes",
        "camera[0].id",
        "camera[1].warm",
        "camera[2].nme",
        "camera[3].entity",
        "camera[3].source",
        "camera[4].id",
    ] {
        assert!(found.contains(&key), "{key} in {found:?}");
    }
    let text = format!("{:?}", loaded.problems);
    assert!(!text.contains("canary") && !text.contains("12345678"), "{text}");
    assert!(text.contains(r#"scheme \"ftp\" is not allowed"#), "{text}");
}

#[test]
fn m11_a_source_where_no_camera_can_be_is_refused_with_its_key() {
    let loaded = House::new(Some(
        r#"
            [hub]
            url = "http://hub.lan:8123"
            token = "t"
            [ui]
            listen = "127.0.0.1:8099"
            [door]
            listen = "0.0.0.0:8098"
            [[camera]]
            id = "metadata"
            source = "http://169.254.169.254/canary"
            [[camera]]
            id = "pages"
            source = "http://localhost:8099/canary"
            [[camera]]
            id = "door"
            source = "rtsp://127.0.0.1:8098/canary"
            [[camera]]
            id = "file"
            source = "file:///canary"
            [[camera]]
            id = "hub"
            source = "http://Hub.lan:8123/canary"
            [[camera]]
            id = "go2rtc_of_the_hub"
            source = "rtsp://hub.lan:8554/front_door"
            [[camera]]
            id = "go2rtc"
            source = "rtsp://127.0.0.1:18554/front_door"
            "#,
    ))
    .load();
    let expected = [0, 1, 2, 3, 4].map(|index| format!("camera[{index}].source"));
    assert_eq!(keys(&loaded), expected);
    let text = format!("{:?}", loaded.problems);
    assert!(["ui.listen", "door.listen", "hub.url"].iter().all(|key| text.contains(key)), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn events_need_a_client_with_its_secret_and_addresses_that_nobody_reads_along() {
    for (settings, wrong) in [
        ("client_id = 'i'", &["alexa.client_secret"][..]),
        ("client_secret = 'canary'", &["alexa.client_id"]),
        ("client_id = 'i'\nclient_secret = 'canary'", &[]),
        (
            "token_url = 'http://tokens.lan/'\nevents_url = 'http://10.0.0.1/'",
            &["alexa.token_url", "alexa.events_url"],
        ),
        ("token_url = 'http://127.0.0.1:5/t'\nevents_url = 'http://localhost:5/'", &[]),
        ("token_url = 'https://tokens.example/t'\nevents_url = 'https://10.0.0.1/'", &[]),
    ] {
        let loaded = House::new(Some(&format!("[alexa]\n{settings}\n"))).load();
        assert_eq!(keys(&loaded), wrong, "{settings}");
        assert!(!format!("{:?}", loaded.problems).contains("canary"), "{settings}");
    }
}

#[test]
fn a_damaged_file_gives_way_to_the_last_good_copy() {
    let house = House::new(Some("[[camera]]\nid = \"a\"\nsource = \"test:\"\n"));
    house.load().keep(&house.place()).unwrap();
    for damage in
        ["[[camera]\ntoken = \"canary\"", "[future]\nkey = 1\n", "[limits]\ncalls = 0\n", "\u{0}\u{1}"]
    {
        house.write("config.toml", damage);
        let loaded = house.load();
        assert_eq!(loaded.config.cameras.len(), 1, "{damage}");
        assert!(
            !loaded.problems.is_empty()
                && loaded.instead.is_some()
                && !format!("{loaded:?}").contains("canary"),
            "{loaded:?}"
        );
        loaded.keep(&house.place()).unwrap();
    }
    assert!(std::fs::read_to_string(house.place().good()).unwrap().contains("test:"));
    house.write("config.toml", "");
    assert_eq!(house.load().problems, []);
}

#[test]
fn a_door_that_was_to_have_tls_is_not_opened_without() {
    let listen = "[door]\nlisten = '0.0.0.0:8098'\n";
    for tls in [
        "tls_cert = '/c.pem'",
        "tls_key = '/k.pem'",
        "tls_cert = 5\ntls_key = '/k.pem'",
        "tls_cert = 5\ntls_key = 5",
    ] {
        let loaded = House::new(Some(&format!("{listen}{tls}\n"))).load();
        assert!(loaded.config.door.listen.is_empty() && !loaded.problems.is_empty(), "{tls}: {loaded:?}");
    }
    assert_eq!(House::new(Some(listen)).load().config.door.listen, "0.0.0.0:8098");
}

#[test]
fn options_of_the_hub_that_are_no_json_are_named_and_the_rest_holds() {
    let mut house = House::new(None);
    house.env = vec![("SUPERVISOR_TOKEN", "supervisor")];
    house.write("options.json", "{log_level");
    let loaded = house.load();
    assert!(loaded.config.supervised && loaded.config.log.level == "info");
    assert!(loaded.problems[0].text.contains("options.json is no JSON"), "{:?}", loaded.problems);
}

#[test]
fn a_camera_with_a_mistake_is_left_out_and_the_others_stay() {
    let loaded = House::new(Some(
            "[[camera]]\nid = \"a\"\nsource = \"test:\"\nalexa = \"no\"\n[[camera]]\nid = \"b\"\nsource = \"test:\"\n",
        ))
        .load();
    assert_eq!(loaded.config.cameras.len(), 1);
    assert_eq!(loaded.config.cameras[0].id.as_deref(), Some("b"));
}

#[test]
fn a_value_that_cannot_be_used_gives_way_to_the_default() {
    let loaded = House::new(Some(
        "[log]\nlevel = \"loud\"\n[limits]\ncalls = 0\ncall_minutes = 5\n[hub]\nurl = \"http://u:canary@hub/\"\n",
    ))
    .load();
    let config = &loaded.config;
    assert_eq!((config.log.level.as_str(), config.limits.calls, config.limits.call_minutes), ("info", 16, 5));
    assert!(!format!("{loaded:?}").contains("canary"));
}

#[test]
fn tokens_come_from_files_and_the_environment_wins() {
    let mut house = House::new(None);
    house.write("hub", "from-file\n");
    house.write("door", "short");
    let file = |name: &str| house.folder.path().join(name).display().to_string();
    house.write(
            "config.toml",
            &format!(
                "[hub]\nurl = \"http://hub:8123\"\ntoken_file = {:?}\n[door]\ntoken_file = {:?}\n[ui]\ntoken_file = {:?}\n",
                file("hub"),
                file("door"),
                file("none")
            ),
        );
    let loaded = house.load();
    assert_eq!(loaded.config.hub.token.unwrap().expose_secret(), "from-file");
    assert_eq!(
        loaded.problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(),
        ["ui.token_file", "door.token_file"]
    );
    house.env = vec![("DOORSTEP_HUB_TOKEN", "from-env"), ("SUPERVISOR_TOKEN", "supervisor")];
    let loaded = house.load();
    assert_eq!(loaded.config.hub.token.unwrap().expose_secret(), "from-env");
    assert_eq!(loaded.config.hub.url.unwrap().host_str(), Some("hub"));
}

#[test]
fn the_supervisor_brings_its_own_hub_and_defaults() {
    let mut house = House::new(None);
    house.env = vec![("SUPERVISOR_TOKEN", "supervisor"), ("HOSTNAME", "a0b1c2d3-doorstep")];
    house.write("options.json", r#"{"log_level": "trace"}"#);
    let loaded = house.load();
    assert_eq!(loaded.problems, []);
    let config = loaded.config;
    assert!(config.supervised && config.door.listen.is_empty() && config.log.level == "trace");
    assert_eq!(config.hub.url.unwrap().as_str(), "ws://supervisor/core/websocket");
    assert_eq!(config.hub.direct.unwrap().as_str(), "http://homeassistant:8123/");
    assert_eq!(config.hub.token.unwrap().expose_secret(), "supervisor");
    assert_eq!(config.ui.listen, "0.0.0.0:8099");
    assert_eq!(config.add_on.as_deref(), Some("a0b1c2d3_doorstep"));
    assert_eq!(loaded.origins.get("log.level"), Some(&Origin::Options));
    house.write("config.toml", "[door]\nlisten = \"0.0.0.0:8098\"\n");
    assert_eq!(house.load().config.door.listen, "0.0.0.0:8098");
}

#[test]
fn the_supervisors_token_goes_to_the_supervisor_alone_and_a_users_token_to_the_hub_alone() {
    let hub = |config: &str, env: &[(&'static str, &'static str)]| {
        let mut house = House::new(Some(config));
        house.env = env.to_vec();
        house.env.push(("SUPERVISOR_TOKEN", "supervisor"));
        let loaded = house.load();
        assert_eq!(loaded.problems, [], "{config}");
        let hub = loaded.config.hub;
        let host = |url: Option<url::Url>| url.map(|url| url.host_str().unwrap().to_owned());
        (host(hub.url).unwrap(), host(hub.direct), hub.token.unwrap().expose_secret().to_owned())
    };
    let own = "token = 'users-own-token'";
    for (config, env, url, direct, token) in [
        ("".to_owned(), &[][..], "supervisor", Some("homeassistant"), "supervisor"),
        ("hub.url = 'https://tls:8123'".into(), &[], "supervisor", Some("tls"), "supervisor"),
        (format!("hub.url = 'http://other:1'\nhub.{own}"), &[], "other", None, "users-own-token"),
        (format!("hub.{own}"), &[], "homeassistant", None, "users-own-token"),
        ("".into(), &[("DOORSTEP_HUB_TOKEN", "from-env")], "homeassistant", None, "from-env"),
    ] {
        let expected = (url.to_owned(), direct.map(str::to_owned), token.to_owned());
        assert_eq!(hub(&config, env), expected, "{config} {env:?}");
    }
}

#[test]
fn an_address_of_the_hub_that_cannot_be_used_is_a_mistake_under_the_supervisor_too() {
    let mut house = House::new(Some("[hub]\nurl = \"ftp://u:canary@hub/\"\n"));
    house.env = vec![("SUPERVISOR_TOKEN", "supervisor")];
    let loaded = house.load();
    assert_eq!(keys(&loaded), ["hub.url", "hub.url"]);
    assert_eq!(loaded.config.hub.direct.unwrap().as_str(), "http://homeassistant:8123/");
    assert!(!format!("{:?}", loaded.problems).contains("canary"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_loading_fail(text in "[\\PC\n]{0,200}", cut in 0usize..1500) {
        let house = House::new(None);
        let mut all = EVERY_KEY.to_owned();
        all.insert_str(all.floor_char_boundary(cut % all.len()), &text);
        house.write("config.toml", &all);
        let loaded = house.load();
        let shown = format!("{:?}", loaded.problems);
        proptest::prop_assert!(!shown.contains("-canary"), "{}", shown);
    }
}

#[test]
fn a_stream_for_screens_is_taken_for_a_camera_of_the_hub_and_for_no_other() {
    let problems = |camera: &str| {
        let loaded = House::new(Some(&format!("[[camera]]\n{camera}\nstream = true\n"))).load();
        loaded.problems.into_iter().map(|problem| problem.key).collect::<Vec<_>>()
    };
    assert!(!problems("entity = 'camera.door'").contains(&"camera[0].stream".to_owned()));
    assert!(problems("id = 'door'\nsource = 'test:'").contains(&"camera[0].stream".to_owned()));
}
