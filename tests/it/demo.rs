//! `doorstep demo` as a user starts it: what it prints, what it serves, how it ends.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

fn demo(ui: &str, door: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_doorstep"))
        .args(["demo", "--ui", ui, "--door", door])
        .env("DOORSTEP_MEDIA", env!("CARGO_BIN_EXE_doorstep-media"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn discover(door: &str, token: &str) -> Value {
    let directive = json!({"directive": {
        "header": {"namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "demo-1"},
        "payload": {"scope": {"type": "BearerToken", "token": token}},
    }});
    let client = reqwest::Client::new();
    let reply = client.post(format!("{door}/api/alexa/smart_home")).bearer_auth(token).json(&directive);
    reply.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_demo_prints_three_lines_shows_its_hubs_cameras_and_ends_when_told() {
    let mut child = demo("127.0.0.1:0", "127.0.0.1:0");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for name in ["ui", "door", "token"] {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        said.push(line.strip_prefix(&format!("{name} ")).unwrap_or_else(|| panic!("{line}")).to_owned());
    }
    let [ui, door, token] = said.try_into().unwrap();

    let page = reqwest::get(&ui).await.unwrap();
    assert!(page.status().is_success());
    let started = Instant::now();
    let cameras = loop {
        let reply = discover(&door, &token).await;
        let found = reply["event"]["payload"]["endpoints"].as_array().unwrap().clone();
        // The cameras are the hub's, and come once the link to it stands.
        if found.len() == 2 && found.iter().all(|c| c["endpointId"].as_str().unwrap().starts_with("hub#")) {
            break found;
        }
        assert!(started.elapsed() < SOON, "{reply}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut names: Vec<&str> = cameras.iter().map(|c| c["friendlyName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Front door", "Garden"]);
    let bell = cameras.iter().find(|c| c["friendlyName"] == "Front door").unwrap();
    assert!(bell["displayCategories"].as_array().unwrap().contains(&json!("DOORBELL")));

    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    assert!(killed.success());
    let ended = timeout(Duration::from_secs(5), child.wait()).await.expect("it did not end").unwrap();
    assert_eq!(ended.code(), Some(0));
    assert_eq!(lines.next_line().await.unwrap(), None, "three lines and no more");
}

#[tokio::test]
async fn a_demo_whose_port_is_taken_says_which_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut child = demo(&address, "127.0.0.1:0");
    let ended = timeout(SOON, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
    assert!(text.contains(&format!("{address} is taken")) && text.contains("--ui"), "{text}");
}
