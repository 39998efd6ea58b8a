//! Settings that are changed in the page: what holds at once, what a restart takes, and what is refused.

use std::process::Command;
use std::time::{Duration, Instant};

use doorstep::sim::hub::{SimHub, SimHubOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::house::{House, wait_for};
use crate::fixture::program::{Program, free_address};
use crate::fixture::workers::{descriptors, signal, workers_of};
use crate::fixture::{AiortcPeer, PeerOptions};

const CAMERAS: &str = "[[camera]]\nid = 'porch'\nname = 'Porch' # the first\nsource = 'test:'\n\
                       [[camera]]\nid = 'yard'\nname = 'Yard'\nsource = 'test:'\n";
/// The page is told within this time that a restart is over.
const RESTART: Duration = Duration::from_secs(20);

async fn put(house: &House, changes: Value) -> (u16, Value) {
    house.ask(Method::PUT, "settings", json!({ "changes": changes })).await
}

async fn save(program: &Program, changes: Value) -> (u16, Value) {
    program.ask(Method::PUT, "settings", json!({ "changes": changes })).await.unwrap()
}

/// What Alexa is told of cameras: their ids and names.
async fn discovered(house: &House) -> Vec<(String, String)> {
    let reply = house
        .directive(json!({ "directive": {
            "header": { "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "m" },
            "payload": { "scope": { "type": "BearerToken", "token": house.token } },
        }}))
        .await;
    let endpoints = reply["event"]["payload"]["endpoints"].as_array().unwrap().clone();
    let text = |endpoint: &Value, key: &str| endpoint[key].as_str().unwrap().to_owned();
    endpoints.iter().map(|endpoint| (text(endpoint, "endpointId"), text(endpoint, "friendlyName"))).collect()
}

async fn known_as(house: &House, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect();
    wait_for("cameras as they are set", async || (discovered(house).await == expected).then_some(())).await;
}

#[actix::test]
async fn cameras_are_renamed_added_and_taken_away_at_once_and_a_call_elsewhere_goes_on() {
    let house = House::start(CAMERAS);
    let options =
        PeerOptions::new(&format!("http://{}", house.door), &house.token, "yard").session("goes-on");
    let call = AiortcPeer::run(options.seconds(8.0));
    let changes = async {
        house.call_record("goes-on", |call| call["stages"]["first_video_sent"].is_u64()).await;
        let porch = json!({ "id": "porch" });
        let (status, saved) =
            put(&house, json!([{ "camera": porch, "key": "name", "value": "Front" }])).await;
        assert_eq!((status, &saved), (200, &json!({ "saved": true, "restart": [] })));
        known_as(&house, &[("porch", "Front"), ("yard", "Yard")]).await;
        assert_eq!(house.camera("porch").await["name"], "Front");

        let shed = json!({ "id": "shed" });
        let added = json!([
            { "camera": shed, "key": "source", "value": "test:" },
            { "camera": shed, "key": "name", "value": "Shed" },
            { "camera": { "id": "yard" }, "key": "name", "value": "Back yard" },
            { "camera": porch, "remove": true },
        ]);
        assert_eq!(put(&house, added).await.0, 200);
        known_as(&house, &[("shed", "Shed"), ("yard", "Back yard")]).await;
        assert_eq!(put(&house, json!([{ "camera": shed, "key": "alexa", "value": false }])).await.0, 200);
        known_as(&house, &[("yard", "Back yard")]).await;
        house.call_record("goes-on", |call| call["ended"].is_null()).await;
    };
    let (outcome, ()) = futures_util::future::join(call, changes).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 40, "{summary:?}");
    let record = house.call_record("goes-on", |call| call["ended"].is_string()).await;
    assert_eq!(record["end_reason"], "hung up");
}

#[actix::test]
async fn a_camera_that_gets_another_address_is_opened_there_and_a_call_at_one_that_is_taken_away_ends() {
    let house = House::start(CAMERAS);
    let porch = json!({ "id": "porch" });
    let warm = json!([{ "camera": porch, "key": "warm", "value": true }]);
    assert_eq!(put(&house, warm).await.0, 200);
    let width = async |expected: u64| {
        wait_for("the picture of that address", async || {
            (house.camera("porch").await["live"]["video"]["width"] == expected).then_some(())
        })
        .await;
    };
    width(1280).await;
    let moved = json!([{ "camera": porch, "key": "source", "value": "test:?size=640x480" }]);
    assert_eq!(put(&house, moved).await.0, 200);
    width(640).await;

    let options = PeerOptions::new(&format!("http://{}", house.door), &house.token, "yard").session("ends");
    let call = AiortcPeer::run(options.seconds(6.0));
    let removal = async {
        house.call_record("ends", |call| call["stages"]["first_video_sent"].is_u64()).await;
        assert_eq!(put(&house, json!([{ "camera": { "id": "yard" }, "remove": true }])).await.0, 200);
        house.call_record("ends", |call| call["ended"].is_string()).await
    };
    let (_outcome, record) = futures_util::future::join(call, removal).await;
    assert_ne!(record["end_reason"], "hung up", "{record}");
}

#[actix::test]
async fn a_bell_of_the_hub_is_tied_and_untied_at_once() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    hub.add_button("input_button.show_garden");
    let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
    let garden = async || {
        let cameras = house.api("cameras").await;
        cameras["cameras"].as_array().unwrap().iter().find(|camera| camera["name"] == "Garden").cloned()
    };
    let is_doorbell = async |expected: bool| {
        wait_for("the garden as it is tied", async || {
            (garden().await?["doorbell"] == expected).then_some(())
        })
        .await;
    };
    is_doorbell(false).await;
    let tie =
        |bell: Value| json!([{ "camera": { "entity": "camera.garden" }, "key": "bell", "value": bell }]);
    assert_eq!(put(&house, tie(json!("input_button.show_garden"))).await.0, 200);
    is_doorbell(true).await;
    assert_eq!(put(&house, tie(Value::Null)).await.0, 200);
    is_doorbell(false).await;
}

#[actix::test]
async fn a_bad_value_is_refused_in_the_words_of_doorstep_check_and_comments_stay() {
    let program = Program::start(CAMERAS).await;
    let before = std::fs::read_to_string(program.settings()).unwrap();
    let bad = json!([
        { "key": "limits.calls", "value": 0 },
        { "camera": { "id": "yard" }, "key": "source", "value": "ftp://u:pass-canary@cam/" },
    ]);
    let (status, refused) = save(&program, bad).await;
    assert_eq!(status, 422, "{refused}");
    assert_eq!(std::fs::read_to_string(program.settings()).unwrap(), before);

    let by_hand = before
        .replace("name = 'Yard'\nsource = 'test:'", "name = 'Yard'\nsource = 'ftp://u:pass-canary@cam/'");
    let copy = program.settings().with_file_name("copy.toml");
    std::fs::write(&copy, format!("limits.calls = 0\n{by_hand}")).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_doorstep")).arg("check").arg("--config").arg(&copy).output();
    let checked = String::from_utf8(check.unwrap().stdout).unwrap();
    let told: Vec<String> = refused["problems"].as_array().unwrap().iter().map(problem).collect();
    assert_eq!(told.len(), 2, "{refused}");
    for line in &told {
        assert!(checked.lines().any(|checked| checked == line), "{line} in {checked}");
    }
    assert!(!refused.to_string().contains("canary"), "{refused}");

    let good = json!([{ "key": "limits.calls", "value": 5 }, { "camera": { "id": "porch" }, "key": "name", "value": "Gate" }]);
    assert_eq!(save(&program, good).await, (200, json!({ "saved": true, "restart": ["limits.calls"] })));
    let after = std::fs::read_to_string(program.settings()).unwrap();
    assert!(after.contains("name = \"Gate\" # the first"), "{after}");
    let settings = program.api("settings").await;
    assert_eq!(settings["restart"], json!(["limits.calls"]));
}

fn problem(problem: &Value) -> String {
    format!("{}: {}", problem["key"].as_str().unwrap(), problem["text"].as_str().unwrap())
}

#[actix::test]
async fn a_key_of_the_environment_is_refused_and_no_secret_is_in_any_answer_or_log() {
    let environment = [("DOORSTEP_HUB_TOKEN", "env-token-canary")];
    let cameras = "hub.url = 'http://127.0.0.1:9'\n[[camera]]\nid = 'porch'\nsource = 'rtsp://u:pass-canary@127.0.0.1:10/1'\n";
    let program = Program::start_with(cameras, &environment).await;
    let token = json!([{ "key": "hub.token", "value": "other-token-canary" }]);
    let (status, fixed) = save(&program, token).await;
    assert_eq!((status, &fixed["origin"]), (409, &json!({ "environment": "DOORSTEP_HUB_TOKEN" })), "{fixed}");

    let settings = program.api("settings").await;
    let masked = settings["cameras"][0]["values"]["source"].clone();
    assert_eq!(masked, "rtsp://u:***@127.0.0.1:10/1");
    let unchanged = json!([
        { "camera": { "id": "porch" }, "key": "source", "value": masked },
        { "key": "log.level", "value": "debug" },
        { "key": "ui.token", "value": "page canary with spaces" },
    ]);
    let (status, refused) = save(&program, unchanged.clone()).await;
    assert_eq!((status, &refused["problems"][0]["key"]), (422, &json!("ui.token")), "{refused}");
    let changes = json!([
        unchanged[0],
        unchanged[1],
        { "key": "door.token", "value": "a-door-token-canary-0123456789" },
        { "key": "webrtc.turn", "value": [{ "url": "turn:a.example:3478", "username": "u", "password": "turn-canary" }] },
    ]);
    let (status, saved) = save(&program, changes).await;
    assert_eq!(status, 200, "{saved}");
    let file = std::fs::read_to_string(program.settings()).unwrap();
    assert!(file.contains("pass-canary") && file.contains("turn-canary"), "{file}");
    let answers =
        [fixed, settings, refused, saved, program.api("settings").await, program.api("status").await];
    for answer in answers {
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    wait_for("the log at its new level", async || program.log().contains("DEBUG").then_some(())).await;
    assert!(!program.log().contains("canary"), "{}", program.log());
}

/// Threads of a process.
fn threads(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

async fn restart(program: &Program) {
    // Before it is asked for: a house may be quicker than whoever looks.
    let logged = program.log().matches("built anew").count();
    assert_eq!(program.ask(Method::POST, "restart", json!({})).await.unwrap().0, 202);
    wait_for("a house that is built anew", async || {
        (program.log().matches("built anew").count() > logged).then_some(())
    })
    .await;
}

#[actix::test]
async fn twenty_restarts_leave_nothing_behind_and_what_was_set_holds_after_them() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let warm = "[[camera]]\nid = 'porch'\nsource = 'test:'\nwarm = true\n";
    let program =
        Program::start(&format!("hub = {{ url = '{}', token = '{}' }}\n{warm}", hub.url, hub.token)).await;
    let pid = program.pid();
    let is_settled = async || {
        wait_for("a warm camera and the hub's", async || {
            let cameras = program.ask(Method::GET, "cameras", json!({})).await?.1;
            let cameras = cameras["cameras"].as_array()?.clone();
            let is_warm = |camera: &Value| camera["live"]["picture"] == true;
            (cameras.len() == 3 && cameras.iter().any(is_warm) && workers_of(pid).len() == 1).then_some(())
        })
        .await;
    };
    is_settled().await;
    assert_eq!(save(&program, json!([{ "key": "limits.calls", "value": 7 }])).await.0, 200);
    // What is made at the first use stays.
    restart(&program).await;
    is_settled().await;
    assert_eq!(program.api("settings").await["restart"], json!([]));
    let before = (threads(pid), descriptors(pid));
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        restart(&program).await;
        longest = longest.max(began.elapsed());
        is_settled().await;
    }
    println!("the longest of 20 restarts took {longest:?}; {before:?} threads and descriptors before");
    wait_for("no more threads and descriptors than before", async || {
        let now = (threads(pid), descriptors(pid));
        println!("{now:?}");
        (now.0 <= before.0 + 1 && now.1 <= before.1 + 2).then_some(())
    })
    .await;
    assert_eq!(workers_of(pid).len(), 1);
    assert!(longest < RESTART);
}

#[actix::test]
async fn settings_that_no_house_can_be_built_with_give_way_to_those_of_before() {
    let program = Program::start(CAMERAS).await;
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(save(&program, json!([{ "key": "ui.listen", "value": address }])).await.0, 200);
    assert_eq!(program.ask(Method::POST, "restart", json!({})).await.unwrap().0, 202);
    let problems = wait_for("the house with a problem", async || {
        let status = program.ask(Method::GET, "status", json!({})).await?.1;
        let problems = status["problems"].to_string();
        problems.contains("could not be used").then_some(problems)
    })
    .await;
    assert!(problems.contains(&address) && problems.contains("ui.listen"), "{problems}");
    assert_eq!(program.api("settings").await["restart"], json!(["ui.listen"]));
    drop(taken);
    assert_eq!(
        save(
            &program,
            json!([{ "key": "ui.listen", "value": program.page().trim_start_matches("http://") }])
        )
        .await
        .0,
        200
    );
    restart(&program).await;
    let status = program.api("status").await;
    assert!(!status["problems"].to_string().contains("could not be used"), "{status}");
}

#[actix::test]
async fn a_signal_in_the_middle_of_a_restart_ends_the_process_in_three_seconds() {
    for pause in [0, 5, 50, 200] {
        let mut program = Program::start(CAMERAS).await;
        assert_eq!(program.ask(Method::POST, "restart", json!({})).await.unwrap().0, 202);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let began = Instant::now();
        signal(program.pid(), libc::SIGTERM);
        let code = actix_web::web::block(move || program.ended()).await.unwrap();
        println!("after {pause} ms: ended in {:?}", began.elapsed());
        assert_eq!(code, Some(0));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}
