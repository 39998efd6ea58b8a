//! A data folder that is copied while the house writes, restored, or left behind by a newer version.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorstep::config::load::load;
use doorstep::config::place::Place;
use doorstep::config::save::replace;
use doorstep::state::{Grant, State};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::fixture::house::{rtc, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::program::free_address;

/// Copies that are made while the house writes.
const COPIES: usize = 60;

/// The program, as it is installed: all that it has lies in one folder. Dropping it kills it.
struct Installed {
    child: Child,
    client: reqwest::Client,
    ui: String,
    door: String,
}

impl Installed {
    async fn start(data: &Path) -> Self {
        let text = std::fs::read_to_string(data.join("config.toml")).unwrap_or_default();
        let settings: toml::Table = text.parse().unwrap();
        let of = |section: &str, default: &str| {
            let address = settings.get(section).and_then(|section| section.get("listen")?.as_str());
            format!("http://{}", address.unwrap_or(default))
        };
        let log = tempfile::tempfile().unwrap();
        let child = doorstep().arg("run").arg("--data").arg(data).stderr(log).spawn().unwrap();
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(8));
        let (ui, door) = (of("ui", "127.0.0.1:8099"), of("door", "127.0.0.1:8098"));
        let house = Self { child, client: client.build().unwrap(), ui, door };
        wait_for("a running house", async || {
            house.client.get(format!("{}/healthz", house.ui)).send().await.ok()
        })
        .await;
        house
    }

    async fn ask(&self, method: Method, path: &str, content: Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}/api/v1/{path}", self.ui)).json(&content);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}/api/v1/{path}", self.ui)).send().await.unwrap().json().await.unwrap()
    }

    async fn door_token(&self) -> String {
        self.ask(Method::POST, "door/token", json!({})).await.1["token"].as_str().unwrap().to_owned()
    }

    async fn problems(&self) -> String {
        self.get("status").await["problems"].as_array().unwrap().iter().map(|p| format!("{p}\n")).collect()
    }

    async fn directive(&self, directive: Value) {
        let token = directive["directive"]["endpoint"]["scope"]["token"].as_str().unwrap();
        let request = self.client.post(format!("{}/api/alexa/smart_home", self.door)).bearer_auth(token);
        assert_eq!(request.json(&directive).send().await.unwrap().status(), 200);
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn doorstep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorstep"));
    command.env("DOORSTEP_MEDIA", env!("CARGO_BIN_EXE_doorstep-media"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A folder with what a house has gathered; gives its door token.
fn gathered() -> (tempfile::TempDir, String) {
    let data = tempfile::tempdir().unwrap();
    let settings = format!(
        "# my house\ndoor.listen = '{}'\nui.listen = '{}'\n\
         webrtc = {{ udp_port = 0, bind = ['127.0.0.1'], allow_loopback = true }}\n\
         [[camera]]\nid = 'porch'\nname = 'Porch 0' # the first\nsource = 'test:'\n\
         [[camera]]\nid = 'yard'\nsource = 'test:'\n[[camera]]\nid = 'shed'\nsource = 'test:'\n",
        free_address(),
        free_address()
    );
    replace(&data.path().join("config.toml"), settings.as_bytes()).unwrap();
    let (state, problems) = State::open(data.path());
    assert_eq!(problems, [""; 0]);
    assert!(state.link("ann", "Ann"));
    assert!(state.keep_grant(Grant {
        refresh_token: "refresh".to_owned().into(),
        user: Some("ann".into()),
        since: doorstep::state::now(),
        ..Grant::default()
    }));
    assert!(state.learn("camera.porch", |learned| learned.see("h264", (1280, 720), true)));
    state.switch("yard", false);
    assert!(state.close());
    let token = state.door_token().expose_secret().to_owned();
    (data, token)
}

/// What a backup leaves out, as the hub is told it.
fn left_out(name: &str) -> bool {
    let plugin: toml::Table = include_str!("../../plugin.toml").parse().unwrap();
    let patterns = plugin["backup"]["leave_out"].as_array().unwrap();
    patterns.iter().any(|pattern| match pattern.as_str().unwrap().strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern.as_str().unwrap(),
    })
}

/// Copies a folder as a backup does that asks nobody to hold still.
fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap().map(|file| file.unwrap()) {
        let name = file.file_name();
        if left_out(name.to_str().unwrap()) {
            continue;
        }
        // It may be gone by now.
        if let Ok(mut source) = File::open(file.path()) {
            std::io::copy(&mut source, &mut File::create(to.join(name)).unwrap()).unwrap();
        }
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

fn lock_up(folder: &Path) {
    names(folder)
        .iter()
        .for_each(|file| std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap());
}

/// All that [`gathered`] put there is there.
fn whole(folder: &Path, door_token: &str) {
    let place = Place { config: folder.join("config.toml"), named: true, data: folder.to_owned() };
    let loaded = load(&place, &|_| None);
    assert_eq!((loaded.problems, loaded.config.cameras.len()), (vec![], 3));
    assert!(loaded.config.cameras[0].name.as_ref().unwrap().starts_with("Porch "));
    let (state, problems) = State::open(folder);
    // A record that was just being written is no whole line yet.
    assert!(problems.iter().all(|problem| problem.contains("were left out")), "{problems:?}");
    assert_eq!(state.door_token().expose_secret(), door_token);
    assert!(state.is_linked("ann") && state.links().len() == 1 && !state.linking_open());
    assert_eq!(state.grant().unwrap().refresh_token.expose_secret(), "refresh");
    assert_eq!(state.learned()["camera.porch"].codec, "h264");
    assert!(state.switched_off().contains("yard"));
}

#[actix::test]
async fn a_house_that_is_copied_while_it_writes_is_whole_where_the_copy_is_restored() {
    let (data, token) = gathered();
    let house = Installed::start(data.path()).await;
    let copies = tempfile::tempdir().unwrap();
    let copying = {
        let (from, to) = (data.path().to_owned(), copies.path().to_owned());
        std::thread::spawn(move || {
            for n in 0..COPIES {
                let folder = to.join(n.to_string());
                std::fs::create_dir(&folder).unwrap();
                copy(&from, &folder);
                std::thread::sleep(Duration::from_millis(50));
            }
        })
    };
    let mut round = 0;
    while !copying.is_finished() {
        round += 1;
        let name = json!([{ "camera": { "id": "porch" }, "key": "name", "value": format!("Porch {round}") }]);
        assert_eq!(house.ask(Method::PUT, "settings", json!({ "changes": name })).await.0, 200);
        assert_eq!(
            house.ask(Method::POST, "cameras/shed/power", json!({ "on": round % 2 == 0 })).await.0,
            200
        );
        let session = format!("call-{round}");
        let content =
            json!({ "sessionId": session, "offer": { "format": "SDP", "value": offer("g3-2023") } });
        house.directive(rtc(&token, "InitiateSessionWithOffer", "porch", content)).await;
        house.directive(rtc(&token, "SessionDisconnected", "porch", json!({ "sessionId": session }))).await;
    }
    copying.join().unwrap();
    let last = tempfile::tempdir().unwrap();
    wait_for("the last call's record", async || {
        (house.get("calls").await["calls"].as_array()?.len() >= round.min(3)).then_some(())
    })
    .await;
    house.stop();
    copy(data.path(), last.path());

    println!("{round} rounds of settings, switch and call within {COPIES} copies");
    assert!(round > 20, "{round}: nothing was written meanwhile");
    for n in 0..COPIES {
        let folder = copies.path().join(n.to_string());
        let is_unfinished = |file: &PathBuf| file.to_string_lossy().contains("/.doorstep-");
        assert!(!names(&folder).iter().any(is_unfinished), "{:?}", names(&folder));
        lock_up(&folder);
        whole(&folder, &token);
    }
    // The rights that a restored file has are those of who restored it.
    names(last.path()).iter().for_each(|file| {
        std::fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    });
    let house = Installed::start(last.path()).await;
    assert_eq!(house.door_token().await, token);
    let cameras = house.get("cameras").await;
    assert!(cameras.to_string().contains(&format!("Porch {round}")), "{cameras}");
    assert_eq!(house.get("status").await["links"][0]["user_id"], "ann");
    assert!(!house.get("calls").await["calls"].as_array().unwrap().is_empty());
    let problems = house.problems().await;
    assert!(problems.contains("others could read secrets") && problems.contains("state.json"), "{problems}");
    house.stop();
    for file in names(last.path()) {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
    whole(last.path(), &token);
}

#[actix::test]
async fn what_a_newer_version_left_is_refused_kept_and_told_and_the_house_runs_as_before() {
    let (data, token) = gathered();
    Installed::start(data.path()).await.stop();
    let file = |name: &str| data.path().join(name);
    let settings = std::fs::read_to_string(file("config.toml")).unwrap();
    let newer_settings = format!("format = 2\n{settings}[rooms]\nhall = 1\n");
    let newer_state = r#"{"format": 2, "tokens": {"door": "canary"}}"#;
    std::fs::copy(file("state.json"), file("state.json.format-1")).unwrap();
    for (name, text) in [
        ("config.toml", newer_settings.as_str()),
        ("state.json", newer_state),
        ("state.json.good", newer_state),
    ] {
        replace(&file(name), text.as_bytes()).unwrap();
    }

    let check =
        doorstep().arg("check").arg("--config").arg(file("config.toml")).stdout(Stdio::piped()).output();
    let check = check.unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1));
    assert!(said.starts_with("format: written by a newer Doorstep (format 2; this one knows 1)"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let house = Installed::start(data.path()).await;
    assert_eq!(house.door_token().await, token);
    assert_eq!(house.get("cameras").await["cameras"].as_array().unwrap().len(), 3);
    assert_eq!(house.get("status").await["links"][0]["user_id"], "ann");
    let problems = house.problems().await;
    for told in [
        "last good copy",
        "format: written by a newer Doorstep",
        "state.json was written by a newer Doorstep",
    ] {
        assert!(problems.contains(told), "{told} in {problems}");
    }
    assert!(!problems.contains("canary"), "{problems}");
    let view = house.get("settings").await;
    assert_eq!((&view["editable"], &view["format"]), (&json!(false), &json!(1)));
    assert!(view["why_not"].as_str().unwrap().contains("newer Doorstep"), "{view}");
    let change = json!({ "changes": [{ "key": "limits.calls", "value": 3 }] });
    let (status, refused) = house.ask(Method::PUT, "settings", change).await;
    assert!(status == 409 && refused.to_string().contains("newer Doorstep"), "{status} {refused}");
    assert_eq!(house.ask(Method::POST, "cameras/shed/power", json!({ "on": false })).await.0, 200);
    house.stop();
    assert_eq!(std::fs::read_to_string(file("config.toml")).unwrap(), newer_settings);
    assert_eq!(std::fs::read_to_string(file("state.json.format-2")).unwrap(), newer_state);
    assert!(State::switched_off_in(data.path()).contains("shed"));
}
