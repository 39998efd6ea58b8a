//! The hub's stream for screens that know no WebRTC: what is told of it, and where it leads.

use std::time::Duration;

use doorstep::sim::hub::{Faults, SimCamera, SimHub, SimHubOptions};
use serde_json::{Value, json};
use url::Url;

use crate::fixture::house::{House, directive_to, wait_for};
use crate::ways::{h264, still, stream};

const HOUR: Duration = Duration::from_secs(3600);
const PUBLIC: &str = "https://home.example.org";

/// A hub with one camera whose stream the settings want for screens.
struct Home {
    hub: SimHub,
    house: House,
    owner: String,
    endpoint: String,
}

impl Home {
    async fn new(camera: SimCamera, external_url: Option<&str>) -> Self {
        let options = SimHubOptions {
            cameras: vec![camera],
            external_url: external_url.map(str::to_owned),
            shortest_segment: Duration::from_millis(1_900),
            ..SimHubOptions::default()
        };
        let hub = SimHub::start(options).await.unwrap();
        let house = House::start(&format!(
            "[hub]\nurl = '{}'\ntoken = '{}'\n[[camera]]\nentity = 'camera.front_door'\nstream = true\n",
            hub.url, hub.token
        ));
        let owner = hub.issue("Owner", HOUR).unwrap();
        let endpoint = wait_for("the hub's camera", async || {
            let cameras = house.api("cameras").await;
            let endpoint = cameras["cameras"].as_array()?.first()?["endpoint_id"].clone();
            endpoint.as_str().filter(|id| id.starts_with("hub#") && !id.contains(':')).map(str::to_owned)
        })
        .await;
        Self { hub, house, owner, endpoint }
    }

    /// What the page says of the stream, once it is this.
    async fn stream(&self, how: &str) -> Value {
        wait_for(&format!("the stream to be {how}"), async || {
            let stream = &self.house.camera(&self.endpoint).await["stream"][how];
            let is_settled = !stream.as_str().is_some_and(|why| why.contains("not known yet"));
            (is_settled && !stream.is_null()).then(|| stream.clone())
        })
        .await
    }

    async fn say(&self, namespace: &str, name: &str, payload: Value) -> Value {
        self.house.directive(directive_to(namespace, &self.owner, name, &self.endpoint, payload)).await
    }

    async fn initialize(&self) -> Value {
        let wish = json!({ "protocol": "HLS", "authorizationType": "NONE", "videoCodec": "H264" });
        let payload = json!({ "cameraStreams": [wish] });
        self.say("Alexa.CameraStreamController", "InitializeCameraStreams", payload).await
    }

    async fn error(&self) -> String {
        let event = self.initialize().await;
        assert_eq!(event["event"]["header"]["namespace"], "Alexa", "{event}");
        event["event"]["payload"]["type"].as_str().unwrap().to_owned()
    }

    /// The interface as it is declared.
    async fn declared(&self) -> Option<Value> {
        let mut directive = directive_to("Alexa.Discovery", &self.owner, "Discover", "", json!({}));
        directive["directive"]["payload"] = json!({ "scope": directive["directive"]["endpoint"]["scope"] });
        let event = self.house.directive(directive).await;
        let all = event["event"]["payload"]["endpoints"][0]["capabilities"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["interface"] == "Alexa.CameraStreamController")
    }

    /// Fetches an address as a screen would, but at the hub's own port: nothing but the address opens it.
    async fn fetch(&self, address: &Value) -> (u16, Vec<u8>) {
        let address = Url::parse(address.as_str().unwrap()).unwrap();
        assert_eq!((address.host_str(), address.port()), (Some("home.example.org"), None));
        let mut here = Url::parse(self.hub.url.as_ref()).unwrap();
        here.set_path(address.path());
        here.set_query(address.query());
        let response = reqwest::get(here).await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }
}

#[actix::test]
async fn a_screen_is_led_to_the_hubs_stream_and_told_its_true_size_and_codecs() {
    let camera =
        SimCamera { hls: Some(h264()), still: Some(still()), can_be_off: true, ..SimCamera::front_door() };
    let home = Home::new(camera, Some(PUBLIC)).await;
    let offered = home.stream("offered").await;
    assert_eq!(offered, json!({ "width": 640, "height": 480, "sound": true }));
    let declared = home.declared().await.unwrap();
    let expected = json!([{
        "protocols": ["HLS"], "resolutions": [{ "width": 640, "height": 480 }],
        "authorizationTypes": ["NONE"], "videoCodecs": ["H264"], "audioCodecs": ["AAC"],
    }]);
    assert_eq!(declared["cameraStreamConfigurations"], expected);

    let event = home.initialize().await;
    let payload = &event["event"]["payload"];
    let stream = &payload["cameraStreams"][0];
    assert_eq!(stream["resolution"], json!({ "width": 640, "height": 480 }), "{event}");
    assert_eq!((&stream["videoCodec"], &stream["audioCodec"]), (&json!("H264"), &json!("AAC")));
    let (status, playlist) = home.fetch(&stream["uri"]).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8(playlist).unwrap().starts_with("#EXTM3U"));
    let (status, image) = home.fetch(&payload["imageUri"]).await;
    assert_eq!((status, &image[..2]), (200, &[0xFF, 0xD8][..]));
    // A hub changes the token of its pictures every few minutes; the new one is the one that is told.
    home.hub.rotate_tokens();
    home.hub.rotate_tokens();
    home.hub.rotate_tokens();
    let event = home.initialize().await;
    assert_eq!(home.fetch(&event["event"]["payload"]["imageUri"]).await.0, 200);

    let told = format!("{} {}", home.house.api("cameras").await, home.house.api("diagnostics").await);
    assert!(!told.contains("/api/hls/") && !told.contains("token="), "{told}");

    home.hub.set_faults(Faults { no_streams: true, ..Faults::default() });
    assert_eq!(home.error().await, "ENDPOINT_UNREACHABLE");
    home.hub.set_faults(Faults::default());
    home.say("Alexa.PowerController", "TurnOff", json!({})).await;
    assert_eq!(home.error().await, "NOT_SUPPORTED_IN_CURRENT_MODE");
    home.say("Alexa.PowerController", "TurnOn", json!({})).await;
    home.hub.go_down().await;
    wait_for("the hub to be down", async || {
        (home.house.api("status").await["hub"]["state"] == "down").then_some(())
    })
    .await;
    assert_eq!(home.error().await, "BRIDGE_UNREACHABLE");
    assert!(home.declared().await.is_some(), "a hub that restarts is no reason to forget the stream");
}

#[actix::test]
async fn what_no_screen_could_show_is_not_declared_and_the_page_and_the_probe_say_why() {
    let camera = || SimCamera { hls: Some(h264()), ..SimCamera::front_door() };
    let home = Home::new(camera(), None).await;
    assert!(home.stream("withheld").await.as_str().unwrap().contains("external URL"));
    assert!(home.declared().await.is_none());
    assert_eq!(home.error().await, "INVALID_DIRECTIVE");
    let found = home.house.probe(&home.endpoint).await;
    assert!(found["advice"].to_string().contains("external URL"), "{found}");

    let h265 = "libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error:keyint=25:bframes=0";
    let home = Home::new(SimCamera { hls: Some(stream(h265)), ..camera() }, Some(PUBLIC)).await;
    let why = home.stream("withheld").await;
    assert!(why.as_str().unwrap().contains("H.264 only") && why.as_str().unwrap().contains("hvc1"), "{why}");
    assert!(home.declared().await.is_none());
}
