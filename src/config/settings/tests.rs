#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

mod formats;

const OLD: &str = "# my house\n[hub]\nurl = \"http://hub:8123\"\ntoken = \"hub-token-canary\"\n\n\
                   [[camera]]\nid = \"a\"\nname = \"Front\" # the first one\nsource = \"rtsp://u:pass-canary@cam/1\"\n";

struct House {
    settings: Settings,
    folder: tempfile::TempDir,
}

impl House {
    fn new(text: &str, environment: &[(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            config: folder.path().join("config.toml"),
            named: false,
            data: folder.path().join("data"),
        };
        std::fs::write(&place.config, text).unwrap();
        let environment = environment.to_vec();
        let look_up = move |name: &str| {
            environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        let house = Self { settings: Settings::new(place, Box::new(look_up), |_| None), folder };
        house.begin();
        house
    }

    fn begin(&self) {
        self.settings.begin(Arc::new(self.settings.load().config));
    }

    fn change(&self, changes: Value) -> Result<Vec<&'static str>, SaveError> {
        self.settings.change(&serde_json::from_value::<Vec<Change>>(changes).unwrap())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("config.toml")).unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("config.toml"), text).unwrap();
    }

    fn key(&self, name: &str) -> Value {
        let view = serde_json::to_value(self.settings.look()).unwrap();
        view["keys"].as_array().unwrap().iter().find(|key| key["key"] == name).unwrap().clone()
    }
}

#[test]
fn what_is_shown_says_all_but_secrets() {
    let house = House::new(OLD, &[]);
    let view = serde_json::to_value(house.settings.look()).unwrap();
    assert!(!view.to_string().contains("canary"), "{view}");
    assert_eq!(view["editable"], true);
    assert_eq!(view["cameras"][0]["id"], "a");
    assert_eq!(view["cameras"][0]["values"]["source"], "rtsp://u:***@cam/1");
    let url = house.key("hub.url");
    assert_eq!(
        (&url["value"], &url["origin"], &url["set"]),
        (&json!("http://hub:8123"), &json!("file"), &json!(true))
    );
    let token = house.key("hub.token");
    assert_eq!((&token["value"], &token["set"]), (&Value::Null, &json!(true)));
    let calls = house.key("limits.calls");
    assert_eq!((&calls["value"], &calls["origin"], &calls["set"]), (&json!(16), &Value::Null, &json!(false)));
}

#[test]
fn cameras_and_the_log_hold_at_once_and_the_rest_waits_for_a_restart() {
    let house = House::new(OLD, &[]);
    let mut used = house.settings.used();
    used.mark_unchanged();
    let changes = json!([
        { "camera": { "id": "a" }, "key": "name", "value": "Porch" },
        { "key": "log.level", "value": "debug" },
        { "key": "limits.calls", "value": 3 },
    ]);
    assert_eq!(house.change(changes).unwrap(), ["limits.calls"]);
    assert!(used.has_changed().unwrap());
    let now = used.borrow().clone();
    assert_eq!((now.cameras[0].name.as_deref(), now.log.level.as_str()), (Some("Porch"), "debug"));
    assert_eq!(now.limits.calls, 16, "not before the restart");
    for kept in ["# my house", "name = \"Porch\" # the first one", "pass-canary", "hub-token-canary"] {
        assert!(house.text().contains(kept), "{kept} in {}", house.text());
    }
    assert_eq!(house.settings.look().restart, ["limits.calls"]);
    house.begin();
    assert_eq!(house.settings.look().restart, [""; 0]);
}

#[test]
fn a_mistake_is_refused_in_the_words_of_the_check_and_nothing_is_saved() {
    let house = House::new(OLD, &[]);
    for (key, value) in [
        ("log.level", json!("loud")),
        ("limits.calls", json!(0)),
        ("limits.calls", json!("many")),
        ("limits.calls", json!(1.5)),
        ("webrtc.bind", json!(["nonsense"])),
        ("door.token", json!("short")),
        ("hub.token", Value::Null),
        ("hub.ca_file", json!("/nowhere/ca.pem")),
    ] {
        let changes = json!([{ "key": "log.level", "value": "warn" }, { "key": key, "value": value }]);
        let Err(SaveError::Refused(refused)) = house.change(changes) else { panic!("{key} = {value}") };
        assert_eq!(house.text(), OLD);
        let mut document: toml_edit::DocumentMut = OLD.parse().unwrap();
        let change: Change = serde_json::from_value(json!({ "key": key, "value": value })).unwrap();
        change.apply(&mut document).unwrap();
        let checked = House::new(&document.to_string(), &[]).settings.load().problems;
        assert_eq!(refused, checked, "{key} = {value}");
        assert!(!refused.is_empty());
    }
}

#[test]
fn mistakes_that_are_there_can_be_mended_one_by_one() {
    let bad = "[log]\nlevel = \"loud\"\n[limits]\ncalls = 0\n";
    let house = House::new(bad, &[]);
    assert!(house.settings.look().editable && house.settings.look().problems.len() == 2);
    house.change(json!([{ "key": "limits.calls", "value": 4 }])).unwrap();
    assert_eq!(house.settings.problems().len(), 2, "{:?}", house.settings.problems());
    assert!(house.settings.instead().is_some(), "what was saved does not hold yet");
    house.change(json!([{ "key": "log.level", "value": null }])).unwrap();
    assert_eq!(house.settings.problems(), [""; 0]);
    assert!(house.settings.instead().is_none());
    assert_eq!(house.settings.look().restart, ["limits.calls"]);
}

#[test]
fn what_is_set_from_outside_cannot_be_changed_here() {
    let environment = [("DOORSTEP_HUB_TOKEN", "env-token-canary"), ("DOORSTEP_LOG", "debug")];
    let house = House::new(OLD, &environment);
    for (key, origin) in [("hub.token", "DOORSTEP_HUB_TOKEN"), ("log.level", "DOORSTEP_LOG")] {
        assert_eq!(
            (&house.key(key)["origin"], &house.key(key)["fixed"]),
            (&json!({ "environment": origin }), &json!(true))
        );
        let error = house.change(json!([{ "key": key, "value": "debug" }])).unwrap_err();
        assert!(matches!(&error, SaveError::Fixed { key: fixed, .. } if fixed == key), "{error}");
        assert!(!error.to_string().contains("canary"));
    }
    assert_eq!(house.text(), OLD);

    let supervised = House::new("", &[("SUPERVISOR_TOKEN", "supervisor-canary")]);
    std::fs::create_dir_all(supervised.settings.data()).unwrap();
    std::fs::write(supervised.settings.data().join("options.json"), r#"{"log_level": "warn"}"#).unwrap();
    assert_eq!(supervised.key("log.level")["origin"], "options");
    assert!(matches!(
        supervised.change(json!([{ "key": "log.level", "value": "debug" }])),
        Err(SaveError::Fixed { origin: Origin::Options, .. })
    ));
    assert_eq!(supervised.key("hub.url")["value"], "http://homeassistant:8123");
    assert_eq!(supervised.key("door.listen")["default"], "");
    supervised.change(json!([{ "key": "hub.url", "value": "http://other:8123" }])).unwrap();
    assert_eq!(supervised.key("hub.url")["value"], "http://other:8123");
}

#[test]
fn the_demo_keeps_what_it_cannot_do_without() {
    let demo = toml::toml! {
        [hub]
        url = "http://127.0.0.1:1"
        token = "demo-token-canary"
        [webrtc]
        udp_port = 0
    };
    let house = House::new("webrtc = { udp_port = 5, max_kbps = 900 }\n", &[]);
    let House { settings, folder } = house;
    let house = House { settings: settings.with_demo(demo), folder };
    house.begin();
    assert_eq!(
        (&house.key("webrtc.udp_port")["value"], &house.key("webrtc.udp_port")["origin"]),
        (&json!(0), &json!("demo"))
    );
    assert_eq!(house.key("webrtc.max_kbps")["value"], 900);
    assert_eq!(house.key("hub.token")["origin"], "demo");
    let refused = house.change(json!([{ "key": "hub.url", "value": "http://x:1" }]));
    assert!(matches!(refused, Err(SaveError::Fixed { origin: Origin::Demo, .. })));
    assert_eq!(
        house.change(json!([{ "key": "webrtc.max_kbps", "value": 800 }])).unwrap(),
        ["webrtc.max_kbps"]
    );
    assert!(house.settings.look().problems.is_empty(), "the demo's hub needs no token in the file");
}

#[test]
fn nothing_is_lost_when_several_save_at_once_or_by_hand_in_between() {
    let house = House::new(OLD, &[]);
    assert!(house.settings.look().editable);
    house.write(&OLD.replace("# my house", "# our house\nlimits.calls = 5"));
    std::thread::scope(|scope| {
        for n in 0..8 {
            let house = &house;
            scope.spawn(move || {
                let camera = json!({ "id": format!("c{n}") });
                let changes = json!([
                    { "camera": camera, "key": "source", "value": "test:" },
                    { "camera": camera, "key": "name", "value": format!("Camera {n}") },
                ]);
                house.change(changes).unwrap();
            });
        }
    });
    let text = house.text();
    assert!(text.contains("# our house") && text.contains("pass-canary"), "{text}");
    let config = house.settings.load().config;
    assert_eq!((config.cameras.len(), config.limits.calls), (9, 5));
    assert_eq!(house.settings.used().borrow().cameras.len(), 9);
}

#[test]
fn a_file_that_cannot_be_changed_says_why_and_stays() {
    let house = House::new("[log\nlevel = \"canary\"", &[]);
    let view = house.settings.look();
    assert_eq!((view.editable, view.why_not.as_deref()), (false, Some(DAMAGED)));
    assert!(matches!(
        house.change(json!([{ "key": "log.level", "value": "debug" }])),
        Err(SaveError::Damaged)
    ));
    assert!(house.text().starts_with("[log\n"));
    // A folder in which nobody, not even root, can make a file.
    let nowhere =
        Place { config: "/proc/1/config.toml".into(), named: false, data: house.folder.path().to_owned() };
    let nowhere = Settings::new(nowhere, Box::new(|_| None), |_| None);
    assert!(nowhere.look().why_not.is_some());
    let change: Change = serde_json::from_value(json!({ "key": "log.level", "value": "debug" })).unwrap();
    assert!(matches!(nowhere.change(&[change]), Err(SaveError::Storage(_))));
}

#[test]
fn a_house_that_had_no_settings_file_gets_one() {
    let house = House::new("", &[]);
    std::fs::remove_file(house.folder.path().join("config.toml")).unwrap();
    assert!(house.settings.look().editable);
    house.change(json!([{ "key": "ui.token", "value": "a-login-token-canary" }])).unwrap();
    assert_eq!(house.text(), "[ui]\ntoken = \"a-login-token-canary\"\n");
}
