//! Secrets in every place that has one, everything that goes wrong, and what can be read of it afterwards: in the
//! log at each level, in the page's API, in the file of diagnostics, on the disk.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorstep::sim::alexa::AlexaDouble;
use doorstep::sim::hub::{SimHub, SimHubOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::events::accept_grant;
use crate::fixture::house::{rtc, wait_for};
use crate::fixture::network::{ADD_ON, Network};
use crate::fixture::offers::offer;
use crate::fixture::program::free_address;
use crate::fixture::supervised::Supervised;
use crate::fixture::{AiortcPeer, PeerOptions, Reply, RtspScript};

const HOUR: Duration = Duration::from_secs(3600);
const UI: &str = "canary-ui-token-0123456789-abcdef";
const DOOR: &str = "canary-door-token-0123456789-abcdef";
const TURN: &str = "canary-turn-password";
const USER: &str = "canaryuser";
const CAMERA_USER: &str = "the camera's user";
const PASSWORD: &str = "canary-camera:p@ss%2Fword";
const QUERY: &str = "canary-query-token";
const WRONG: &str = "canary-wrong-token-0123456789-abcdef";

/// A process with a canary in every place for a secret.
struct Home {
    hub: SimHub,
    alexa: AlexaDouble,
    camera: RtspScript,
    child: Child,
    folder: tempfile::TempDir,
    ui: String,
    door: String,
    client: reqwest::Client,
    /// All that must be read nowhere.
    secrets: Vec<(&'static str, String)>,
}

/// Refuses whoever comes, and says with what he came.
fn refuses(_: usize, request: &str) -> Reply {
    let line =
        |name: &str| request.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let (number, shown) = (line("CSeq: "), line("Authorization: "));
    let asked = request.split(' ').nth(1).unwrap_or_default();
    let challenge = if shown.is_empty() { "WWW-Authenticate: Basic realm=\"canary\"\r\n" } else { "" };
    let said = format!("no {asked} rtsp://{USER}:{PASSWORD}@cam/ for {shown}");
    Reply::Says(format!("RTSP/1.0 401 {said}\r\nCSeq: {number}\r\n{challenge}\r\n"))
}

impl Home {
    async fn start(level: &str, variable: Option<&str>) -> Self {
        let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
        let alexa = AlexaDouble::start().await.unwrap();
        let camera = RtspScript::start(refuses, None).await;
        let folder = tempfile::tempdir().unwrap();
        let (ui, door) = (free_address(), free_address());
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{text}\n")).unwrap();
            path.display().to_string()
        };
        let settings = format!(
            "log.level = '{level}'\nhub = {{ url = '{}', token_file = '{}' }}\n\
             door = {{ listen = '{door}', token_file = '{}', public_url = 'https://canary.example' }}\n\
             ui = {{ listen = '{ui}', token = '{UI}' }}\n\
             alexa = {{ client_id = '{}', client_secret_file = '{}', token_url = '{}', events_url = '{}' }}\n\
             webrtc = {{ udp_port = 0, bind = ['127.0.0.1'], allow_loopback = true, advertise = ['203.0.113.77'],\n\
             turn = [{{ url = 'turn:127.0.0.1:9', username = 'turn', password = '{TURN}' }}] }}\n\
             [[camera]]\nid = 'shed'\nsource = 'test:'\nwarm = true\n\
             [[camera]]\nid = 'refuses'\nwarm = true\n\
             source = 'rtsp://{USER}:canary-camera:p%40ss%252Fword@127.0.0.1:{}/1?token={QUERY}'\n",
            hub.url,
            file("hub.secret", &hub.token),
            file("door.secret", DOOR),
            alexa.client_id(),
            file("alexa.secret", alexa.client_secret()),
            alexa.token_url(),
            alexa.events_url(),
            camera.port(),
        );
        file("config.toml", &settings);
        let child = Command::new(env!("CARGO_BIN_EXE_doorstep"))
            .args(["run", "--data"])
            .arg(folder.path())
            .env("DOORSTEP_MEDIA", env!("CARGO_BIN_EXE_doorstep-media"))
            .envs(variable.map(|filters| ("DOORSTEP_LOG", filters)))
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("out.log")).unwrap())
            .stderr(File::create(folder.path().join("log.log")).unwrap())
            .spawn()
            .unwrap();
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(70));
        let secrets = vec![
            ("hub.token", hub.token.clone()),
            ("door.token", DOOR.into()),
            ("ui.token", UI.into()),
            ("a wrong token", WRONG.into()),
            ("client_secret", alexa.client_secret().into()),
            ("the TURN password", TURN.into()),
            (CAMERA_USER, USER.into()),
            ("the camera's password", "p@ss".into()),
            ("the camera's password, encoded", "p%40ss".into()),
            ("the camera's login", STANDARD.encode(format!("{USER}:{PASSWORD}"))),
            ("the camera's query", QUERY.into()),
        ];
        let home =
            Self { hub, alexa, camera, child, folder, ui, door, client: client.build().unwrap(), secrets };
        wait_for("the hub", async || {
            (home.get("status").await?.1["hub"]["state"] == "running").then_some(())
        })
        .await;
        home
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.ui)
    }

    async fn get(&self, path: &str) -> Option<(StatusCode, Value)> {
        let reply = self.client.get(self.url(&format!("api/v1/{path}"))).bearer_auth(UI).send().await.ok()?;
        Some((reply.status(), reply.json().await.ok()?))
    }

    async fn post(&self, path: &str, content: Value) -> Value {
        let request = self.client.post(self.url(&format!("api/v1/{path}"))).bearer_auth(UI).json(&content);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Posts to the door whatever it is.
    async fn knock(&self, token: &str, body: impl Into<reqwest::Body>) -> String {
        let request = self.client.post(format!("http://{}/api/alexa/smart_home", self.door));
        request.bearer_auth(token).body(body).send().await.unwrap().text().await.unwrap()
    }

    /// All that a home lives through, good and bad.
    async fn live(&mut self, with_a_call: bool) {
        let owner = self.hub.issue("Owner", HOUR).unwrap();
        let stranger = self.hub.issue("Family", HOUR).unwrap();
        let code = self.alexa.make_code();
        let sdp = offer("g3-2023");
        self.keep_secrets_of(&sdp);
        for (name, secret) in
            [("a user's token", &owner), ("a stranger's token", &stranger), ("a grant's code", &code)]
        {
            self.secrets.push((name, secret.clone()));
        }
        let granted = self.knock(&owner, accept_grant(&owner, &code).to_string()).await;
        assert!(granted.contains("AcceptGrant.Response"), "{granted}");
        self.knock(&owner, accept_grant(&owner, &format!("{code}x")).to_string()).await;

        let payload = json!({ "sessionId": "s-1", "offer": { "format": "SDP", "value": sdp } });
        for (token, camera) in
            [(&owner, "shed"), (&owner, "refuses"), (&owner, "nobody"), (&stranger, "shed")]
        {
            let answer = self
                .knock(token, rtc(token, "InitiateSessionWithOffer", camera, payload.clone()).to_string());
            self.keep_secrets_of(&answer.await.replace("\\r\\n", "\n"));
        }
        let wish = json!({ "endpoint_id": "shed", "name": "InitiateSessionWithOffer",
            "payload": { "sessionId": "s-2", "offer": { "format": "SDP", "value": sdp } } });
        let event = self.post("echo", wish).await;
        let answer =
            event["event"]["payload"]["answer"]["value"].as_str().unwrap_or_else(|| panic!("{event}"));
        self.keep_secrets_of(answer);
        if with_a_call {
            let options = PeerOptions::new(&format!("http://{}", self.door), &owner, "shed").seconds(3.0);
            let outcome = AiortcPeer::run(options).await;
            assert!(outcome.summary().connected, "{:?}", outcome.summary());
            self.keep_secrets_of(&outcome.answer().offer);
            self.keep_secrets_of(&outcome.answer().sdp);
        }

        let scoped =
            rtc(WRONG, "ReportState", "shed", json!({ "token": WRONG, "password": WRONG })).to_string();
        for body in
            [&scoped[..], "{", &scoped.replace("\"3\"", "3"), &scoped.replace(':', " "), WRONG, &owner]
        {
            self.knock(WRONG, body.to_owned()).await;
            self.knock(DOOR, body.to_owned()).await;
        }
        let wrong = self
            .client
            .get(self.url("api/v1/status"))
            .bearer_auth(WRONG)
            .header("Cookie", format!("doorstep_login=1.{WRONG}"));
        assert_eq!(wrong.send().await.unwrap().status(), 401);
        self.client.post(self.url("api/v1/login")).json(&json!({ "token": WRONG })).send().await.unwrap();
        let form = self.client.post(self.url("api/v1/login")).body(format!("token={UI}"));
        form.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap();
        let source = format!(
            "rtsp://{USER}:canary-camera:p%40ss%252Fword@127.0.0.1:{}/2?token={QUERY}",
            self.camera.port()
        );
        let found = self.post("probe", json!({ "source": source })).await;
        assert!(!found.to_string().contains("p%40ss") && !found.to_string().contains(QUERY), "{found}");
        self.camera
            .wait_for("a login", |happened| {
                happened.requests.iter().any(|one| one.contains("Authorization: Basic"))
            })
            .await;

        self.hub.refuse_tokens(true);
        self.hub.drop_links();
        wait_for("a refusal by the hub", async || {
            (self.get("status").await?.1["hub"]["state"] == "refused").then_some(())
        })
        .await;
        for token in self.alexa.tokens() {
            self.secrets.push(("a token of Alexa's", token));
        }
    }

    fn keep_secrets_of(&mut self, sdp: &str) {
        for line in sdp.lines() {
            for (name, sign) in [("an ice-pwd", "a=ice-pwd:"), ("a fingerprint", "a=fingerprint:sha-256 ")] {
                if let Some(secret) = line.trim().strip_prefix(sign) {
                    self.secrets.push((name, secret.to_owned()));
                }
            }
        }
    }

    /// All that can be read of it: by name.
    async fn readable(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for path in [
            "api/v1/me",
            "api/v1/status",
            "api/v1/cameras",
            "api/v1/calls",
            "api/v1/set_up",
            "api/v1/settings",
            "api/v1/versions",
            "api/v1/logs",
            "api/v1/diagnostics",
            "metrics",
            "",
            "api/v1/nothing",
        ] {
            let reply = self.client.get(self.url(path)).bearer_auth(UI).send().await.unwrap();
            all.push((
                format!("GET /{path}"),
                format!("{:?} {}", reply.headers().clone(), reply.text().await.unwrap()),
            ));
        }
        let refused = self.client.get(self.url("api/v1/status")).bearer_auth(WRONG).send().await.unwrap();
        all.push(("a refusal".into(), refused.text().await.unwrap()));
        let mut told = self.client.get(self.url("api/v1/changes")).bearer_auth(UI).send().await.unwrap();
        let first = told.chunk().await.unwrap().unwrap();
        all.push(("GET /changes".into(), String::from_utf8_lossy(&first).into_owned()));
        files(self.folder.path(), &mut all);
        all
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Everything on the disk but what is there to hold secrets: settings, token files, and what must survive.
fn files(folder: &Path, all: &mut Vec<(String, String)>) {
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if file.is_dir() {
            files(&file, all);
        } else if !name.ends_with(".toml")
            && !name.ends_with(".good")
            && !name.ends_with(".secret")
            && !name.starts_with("state.json")
        {
            all.push((name, String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned()));
        }
    }
}

/// Where something that is secret can be read, in whatever form.
fn leaks(secrets: &[(&'static str, String)], readable: &[(String, String)]) -> Vec<String> {
    let mut leaks = Vec::new();
    for (place, text) in readable {
        for (name, secret) in secrets {
            // Whoever may change the address sees it, but for its password.
            if *name == CAMERA_USER && place == "GET /api/v1/settings" {
                continue;
            }
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let inside = STANDARD.encode(secret);
            let coded = inside.trim_end_matches('=');
            for form in [secret.as_str(), &hex, &coded[..coded.len().saturating_sub(2)]] {
                if form.len() > 3
                    && let Some(at) = text.find(form)
                {
                    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
                    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                    let shown: String = text[line..end].chars().take(600).collect();
                    leaks.push(format!("{name} in {place}: {shown}"));
                }
            }
        }
    }
    leaks
}

async fn no_canary_sings(level: &str, variable: Option<&str>, with_a_call: bool) {
    let mut home = Home::start(level, variable).await;
    home.live(with_a_call).await;
    let readable = home.readable().await;
    let leaks = leaks(&home.secrets, &readable);
    assert!(leaks.is_empty(), "at {level}, {variable:?}:\n{}", leaks.join("\n"));
    // There was something to read, and the secrets are those that were used.
    let read = |place: &str| readable.iter().find(|(name, _)| name == place).unwrap().1.clone();
    assert!(home.secrets.len() > 20, "{}", home.secrets.len());
    if ["debug", "trace"].contains(&level) {
        assert!(read("log.log").lines().count() > 20, "{}", read("log.log"));
    }
    let file: Value = home.get("diagnostics").await.unwrap().1;
    let text = file.to_string();
    for here in ["203.0.113.77", "canary.example"] {
        assert!(!text.contains(here), "where the home is: {here}");
    }
    assert!(file["log"].as_array().unwrap().len() > 20, "whatever the level on stderr");
    assert!(text.contains("a=ice-ufrag:***") && text.contains("a=fingerprint:sha-256 ***"), "{text}");
    assert!(
        file["calls"].as_array().unwrap().iter().any(|call| call["answer"].is_array()),
        "{}",
        file["calls"]
    );
    for sign in ["ufrag:", "ufrag "] {
        assert!(text.split(sign).skip(1).all(|rest| rest.starts_with("***")), "a ufrag");
    }
    assert_eq!(file["settings"]["keys"]["ui.token"]["value"], "set", "{}", file["settings"]);
    assert!(file["versions"]["ffmpeg"].as_str().unwrap().contains('.'), "{}", file["versions"]);
}

#[actix::test]
async fn no_secret_is_read_anywhere_after_a_home_has_lived_at_level_trace() {
    no_canary_sings("trace", None, true).await;
}

#[actix::test]
async fn no_secret_is_read_anywhere_when_all_crates_below_us_talk_as_well() {
    no_canary_sings("info", Some("trace"), true).await;
}

#[actix::test]
async fn no_secret_is_read_anywhere_at_any_other_level() {
    for level in ["error", "warn", "info", "debug"] {
        no_canary_sings(level, None, false).await;
    }
}

#[actix::test]
async fn what_the_supervisor_gives_an_add_on_is_read_nowhere() {
    let home = Supervised::start(Network::start()).await;
    let add_on = home.add_on(Some("log.level = 'trace'\n"));
    let ask = async |path: &str| {
        let request = reqwest::Client::new().get(format!("http://{ADD_ON}:8099/{path}"));
        let request = request.header("X-Remote-User-Id", "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
        home.network.supervisor.ask(request.header("Cookie", "ingress_session=canary-session")).await.ok()
    };
    let running = async || (ask("api/v1/status").await?.1["hub"]["state"] == "running").then_some(());
    wait_for("the hub", running).await;
    home.hub.go_down().await;
    wait_for("a problem", async || {
        ask("api/v1/status").await?.1["problems"].to_string().contains("supervisor").then_some(())
    })
    .await;
    home.hub.come_up().await;
    wait_for("the hub again", running).await;
    let mut readable = vec![("the log".to_owned(), add_on.log())];
    for path in ["api/v1/status", "api/v1/settings", "api/v1/logs", "api/v1/diagnostics"] {
        let answer = async || ask(path).await.filter(|(status, _)| *status == StatusCode::OK);
        let (_, body) = wait_for(path, answer).await;
        readable.push((path.to_owned(), body.to_string()));
    }
    let secrets = [("the supervisor's token", home.token.clone()), ("a cookie", "canary-session".to_owned())];
    let leaks = leaks(&secrets, &readable);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(add_on.log().lines().count() > 3, "{}", add_on.log());
}
