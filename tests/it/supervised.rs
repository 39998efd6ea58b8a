//! The add-on as the hub's supervisor runs it: in a network of its own behind masquerade, with one
//! published UDP port, the supervisor's proxy before the hub, and its ingress before the pages.

use std::time::Duration;

use doorstep::sim::hub::{SimCamera, SimStill};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::fixture::add_on::AddOn;
use crate::fixture::house::wait_for;
use crate::fixture::network::{ADD_ON, FAR_END, MACHINE, Network, OUTSIDE};
use crate::fixture::supervised::Supervised as Home;
use crate::fixture::{AiortcPeer, CameraPeer, Outcome, PeerOptions};

const HOUR: Duration = Duration::from_secs(3600);
const OWNER: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const FAMILY: &str = "f9e8d7c6b5a493827160f5e4d3c2b1a0";

/// A request as the ingress passes it on; `user` is who opened it, by the hub's id.
fn ingress(method: Method, path: &str, user: Option<&str>) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(8)).build().unwrap();
    let request = client.request(method, format!("http://{ADD_ON}:8099/{path}"));
    let request = request.header("X-Ingress-Path", "/api/hassio_ingress/aBcDeF");
    match user {
        Some(user) => request.header("X-Remote-User-Id", user),
        None => request,
    }
}

impl Home {
    /// The ingress, opened by a user.
    async fn page(&self, method: Method, path: &str, user: &str) -> (StatusCode, Value) {
        let request = ingress(method, path, Some(user)).json(&json!({}));
        self.network.supervisor.ask(request).await.unwrap()
    }

    async fn status(&self) -> Option<Value> {
        let request = ingress(Method::GET, "api/v1/status", Some(OWNER));
        Some(self.network.supervisor.ask(request).await.ok()?.1)
    }

    async fn link_is(&self, state: &str) -> Value {
        wait_for(&format!("the hub to be {state}"), async || {
            self.status().await.filter(|status| status["hub"]["state"] == state)
        })
        .await
    }

    /// Endpoint id of a camera that can be shown.
    async fn endpoint(&self, name: &str) -> String {
        wait_for(name, async || {
            let (_, cameras) = self.page(Method::GET, "api/v1/cameras", OWNER).await;
            let cameras = cameras["cameras"].as_array().unwrap().clone();
            let camera = cameras.into_iter().find(|camera| camera["name"] == name)?;
            (camera["reachable"] == true).then(|| camera["endpoint_id"].as_str().map(str::to_owned))?
        })
        .await
    }

    /// An Echo somewhere outside calls through the published ports.
    async fn call(&self, endpoint: &str, more: impl FnOnce(PeerOptions) -> PeerOptions) -> Outcome {
        let token = self.hub.issue("Owner", HOUR).unwrap();
        let options = PeerOptions::new(&format!("http://{OUTSIDE}:8098"), &token, endpoint);
        let options = more(options.with("--address", FAR_END).seconds(5.0));
        let peer = self.network.far_end.run(async { AiortcPeer::start(options) }).await;
        peer.outcome().await
    }

    /// The record of the last call.
    async fn record(&self) -> Value {
        wait_for("the call's record", async || {
            let (_, calls) = self.page(Method::GET, "api/v1/calls", OWNER).await;
            calls["calls"].get(0).filter(|call| call["ended"].is_string()).cloned()
        })
        .await
    }
}

fn settings(advertise: &str) -> String {
    format!(
        "door.listen = '0.0.0.0:8098'\nwebrtc.advertise = [{advertise}]\n
         [[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n"
    )
}

/// The picture came, and the answer named the published port and nothing else.
fn assert_connected(outcome: &Outcome) {
    let summary = outcome.summary();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert!(summary.connected && summary.frames > 50 && summary.audio_packets > 100, "{summary:?}");
    let answer = outcome.events.iter().find(|event| event["event"] == "answer").unwrap();
    let candidates: Vec<&str> =
        answer["sdp"].as_str().unwrap().lines().filter(|line| line.starts_with("a=candidate:")).collect();
    let published = format!(" {OUTSIDE} 8555 typ host");
    assert!(
        !candidates.is_empty() && candidates.iter().all(|one| one.contains(&published)),
        "{candidates:?}"
    );
}

#[actix::test]
async fn an_add_on_behind_masquerade_connects_a_call_over_its_one_published_port() {
    let home = Home::start(Network::start()).await;
    let _add_on = home.add_on(Some(&settings(&format!("'{OUTSIDE}'"))));
    home.link_is("running").await;
    assert_connected(&home.call("front_door", |peer| peer.talk(1000)).await);
    let record = home.record().await;
    assert_eq!(record["end_reason"], "hung up", "{record}");
    assert!(record["counters"]["talk_packets"].as_u64().unwrap() > 100, "{record}");
}

#[actix::test]
async fn a_far_end_that_takes_answers_only_is_reached_when_the_published_address_is_advertised() {
    let home = Home::start(Network::start_strict()).await;
    let add_on = home.add_on(Some(&settings("")));
    home.link_is("running").await;
    let outcome = home.call("front_door", |peer| peer.with("--connect-seconds", 8)).await;
    assert!(!outcome.summary().connected, "nothing but the published port leads in: {:?}", outcome.summary());
    drop(add_on);

    let _add_on = home.add_on(Some(&settings(&format!("'{OUTSIDE}'"))));
    home.link_is("running").await;
    assert_connected(&home.call("front_door", |peer| peer).await);
}

#[actix::test]
async fn without_settings_an_add_on_finds_its_hub_and_serves_the_ingress_alone() {
    let home = Home::start(Network::start()).await;
    let _add_on = home.add_on(None);
    let status = home.link_is("running").await;
    assert_eq!(status["door"]["listening"], Value::Null, "the door is off until the user opens it");
    let problems = status["problems"].to_string();
    assert!(problems.contains("webrtc.advertise") && problems.contains("8555"), "{problems}");
    wait_for("the hub's cameras", async || {
        let (_, cameras) = home.page(Method::GET, "api/v1/cameras", FAMILY).await;
        (cameras["cameras"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;

    // Whoever else is in the network, whatever he says that he is.
    for path in ["", "api/v1/status", "healthz", "metrics"] {
        let request = ingress(Method::GET, path, Some(OWNER));
        let (status, body) = home.network.machine.ask(request).await.unwrap();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
    }
    let nameless = ingress(Method::GET, "api/v1/status", None);
    assert_eq!(home.network.supervisor.ask(nameless).await.unwrap().0, StatusCode::FORBIDDEN);
    let door = reqwest::Client::new().get(format!("http://{ADD_ON}:8098/healthz"));
    assert!(home.network.machine.ask(door).await.unwrap_err().is_connect());

    // Who is an admin is asked of the hub, through the proxy.
    assert_eq!(home.page(Method::POST, "api/v1/links/open", FAMILY).await.0, StatusCode::FORBIDDEN);
    assert_eq!(home.page(Method::POST, "api/v1/links/open", OWNER).await.0, StatusCode::OK);
    // The watchdog names nobody.
    let watchdog = ingress(Method::GET, "healthz", None);
    assert_eq!(home.network.supervisor.ask(watchdog).await.unwrap().0, StatusCode::OK);
}

/// Discovers through the ingress that a user opened, with a token in both places.
async fn discover(home: &Home, user: &str, token: &str) -> Value {
    let directive = json!({ "directive": {
        "header": {
            "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "m-1",
        },
        "payload": { "scope": { "type": "BearerToken", "token": token } },
    }});
    let request = ingress(Method::POST, "api/alexa/smart_home", Some(user));
    let request = request.bearer_auth(token).json(&directive);
    let (status, event) = home.network.supervisor.ask(request).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{event}");
    event["event"]["payload"]["endpoints"].clone()
}

#[actix::test]
async fn whose_token_a_directive_carries_is_asked_of_the_hub_itself_and_not_of_the_proxy() {
    let home = Home::start(Network::start()).await;
    let settings = "[[camera]]\nid = 'shed'\nsource = 'test:'\n";
    let add_on = home.add_on(Some(settings));
    home.link_is("running").await;
    let (owner, family) = (home.hub.issue("Owner", HOUR).unwrap(), home.hub.issue("Family", HOUR).unwrap());
    assert_eq!(discover(&home, FAMILY, &owner).await, json!([]), "through another user's session");
    assert_eq!(discover(&home, OWNER, &owner).await.as_array().unwrap().len(), 1, "the first one is linked");
    assert_eq!(
        discover(&home, FAMILY, &family).await,
        json!([]),
        "a good token of somebody who is not linked"
    );
    assert_eq!(home.hub.commands("auth/current_user"), 2);
    assert_eq!(home.hub.failed_logins(), 0);

    // A hub that is found elsewhere than where the supervisor's ones are is named.
    home.hub.go_down().await;
    let stranger = home.hub.issue("Owner", HOUR).unwrap();
    discover(&home, OWNER, &stranger).await;
    wait_for("the hub's own address in the log", async || {
        add_on.log().contains("http://homeassistant:8123/ (another address goes into hub.url)").then_some(())
    })
    .await;
    for secret in [&home.token, &owner, &family, &stranger] {
        assert!(!add_on.log().contains(secret));
    }
}

#[actix::test]
async fn what_is_not_ours_goes_on_to_the_hub_itself_and_not_through_the_proxy() {
    let home = Home::start(Network::start()).await;
    let _add_on = home.add_on(Some("door.forward_to_hub = true\n"));
    home.link_is("running").await;
    let owner = home.hub.issue("Owner", HOUR).unwrap();
    let found = discover(&home, OWNER, &owner).await.to_string();
    assert!(found.contains("event#front_door_ring") && !found.contains("camera#front_door"), "{found}");
    let bearers: Vec<String> = home.hub.directives().into_iter().map(|(bearer, _)| bearer).collect();
    assert_eq!(bearers, [owner]);
}

#[actix::test]
async fn the_proxy_that_has_no_hub_behind_it_or_knows_no_such_add_on_is_told_apart() {
    let home = Home::start(Network::start()).await;
    let add_on = home.add_on(None);
    home.link_is("running").await;
    home.hub.go_down().await;
    wait_for("the proxy to be named", async || {
        let problems = home.status().await?["problems"].to_string();
        (problems.contains("through its supervisor") && problems.contains("502")).then_some(())
    })
    .await;
    home.hub.come_up().await;
    home.link_is("running").await;
    drop(add_on);

    let before = home.hub.connects().len();
    let _add_on = AddOn::start(&home.network.add_on, "a-token-of-no-add-on", None);
    let status = home.link_is("refused").await;
    assert!(status["problems"].to_string().contains("start the add-on anew"), "{status}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(home.hub.connects().len(), before + 1, "no tries in a loop");
}

/// What it takes to be reached, and nothing else.
fn reach() -> String {
    format!("door.listen = '0.0.0.0:8098'\nwebrtc.advertise = ['{OUTSIDE}']\n")
}

/// A program of the simulated hub's.
fn ffmpeg(arguments: &str) -> Vec<String> {
    format!("ffmpeg -v error -nostdin {arguments} -").split_whitespace().map(str::to_owned).collect()
}

#[actix::test]
async fn the_hubs_cameras_are_shown_without_a_word_in_the_settings_by_stream_and_by_stills() {
    let stream = ffmpeg(
        "-re -f lavfi -i testsrc2=s=640x480:r=25 -c:v libx264 -preset ultrafast -tune zerolatency -g 50 \
         -profile:v baseline -pix_fmt yuv420p -f mp4 -movflags +frag_every_frame+empty_moov+default_base_moof",
    );
    let still = ffmpeg("-f lavfi -i testsrc2=s=1280x960 -frames:v 1 -c:v mjpeg -f image2pipe");
    let cameras = vec![
        // Parts of a stream come from the hub itself: its proxy hands out whole answers only.
        SimCamera { hls: Some(stream), ..SimCamera::front_door() },
        // Stills come through the proxy, whose token is the only one that an add-on has.
        SimCamera { stream_types: Vec::new(), still: Some(SimStill::Program(still)), ..SimCamera::garden() },
    ];
    let home = Home::with_cameras(Network::start(), cameras).await;
    let _add_on = home.add_on(Some(&reach()));
    home.link_is("running").await;
    for (name, from, size) in
        [("Front door", "the hub's stream", (640, 480)), ("Garden", "the hub's stills", (960, 720))]
    {
        let outcome = home.call(&home.endpoint(name).await, |peer| peer.seconds(12.0)).await;
        let (summary, record) = (outcome.summary(), home.record().await);
        assert!(
            summary.problems.is_empty() && summary.connected && summary.frames > 15,
            "{summary:?} {record}"
        );
        assert_eq!((summary.width, summary.height), (Some(size.0), Some(size.1)), "{record}");
        assert_eq!(record["video"]["from"], from, "{record}");
    }
}

#[actix::test]
async fn the_relay_in_the_machines_network_and_the_add_on_in_its_own_find_each_other() {
    let network = Network::start();
    let camera = CameraPeer::behind("door", &["--address", &MACHINE.to_string()]);
    let relay = camera.relay.map(|program| network.machine.entered(program));
    let home = Home::with_cameras(network, vec![SimCamera { relay, ..camera }]).await;
    let _add_on = home.add_on(Some(&reach()));
    home.link_is("running").await;
    let outcome = home.call(&home.endpoint("door").await, |peer| peer).await;
    let record = home.record().await;
    assert_connected(&outcome);
    assert_eq!(record["video"]["from"], "the hub's relay", "{record}");
}
