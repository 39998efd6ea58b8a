//! The hub's own STUN servers help calls where the settings name none.

use std::net::SocketAddr;
use std::time::Duration;

use doorstep::sim::hub::{SimHub, SimHubOptions};
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fixture::house::{House, rtc, wait_for};
use crate::fixture::offers::offer;

const SOON: Duration = Duration::from_secs(40);
/// Where the STUN servers here say that everybody is.
const MAPPED: &str = "203.0.113.9:40000";

/// A STUN server on loopback that says [`MAPPED`] to all (RFC 8489 5 and 14.2), and tells who asked.
async fn stun_server() -> (SocketAddr, mpsc::UnboundedReceiver<SocketAddr>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut datagram = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
            assert!(length >= 20 && datagram[..2] == [0, 1], "a binding request: {:?}", &datagram[..length]);
            let mut response = [&[1, 1, 0, 12][..], &datagram[4..20]].concat();
            let SocketAddr::V4(mapped) = MAPPED.parse().unwrap() else { unreachable!() };
            response.extend([0, 0x20, 0, 8, 0, 1]);
            response.extend((mapped.port() ^ 0x2112).to_be_bytes());
            response.extend((u32::from(*mapped.ip()) ^ 0x2112_A442).to_be_bytes());
            socket.send_to(&response, from).await.unwrap();
            tell.send(from).ok();
        }
    });
    (address, asked)
}

fn settings(hub: &SimHub, more: &str) -> String {
    format!("{more}\n[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token)
}

#[actix::test]
async fn an_add_on_without_servers_of_its_own_asks_those_of_the_hub_and_follows_their_change() {
    let (first, mut first_asked) = stun_server().await;
    let (second, mut second_asked) = stun_server().await;
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    // What is of no use is passed over.
    hub.set_ice_servers(json!([
        {"urls": "turn:127.0.0.1:9"},
        {"urls": ["http://127.0.0.1", format!("stun:{first}")]},
    ]));
    let house = House::start(&settings(&hub, ""));
    timeout(SOON, first_asked.recv()).await.expect("the hub's server is asked").unwrap();
    // The answer names what the server said.
    let endpoint = wait_for("a camera of the hub", async || {
        let cameras = house.api("cameras").await;
        let found =
            cameras["cameras"].as_array()?.iter().find(|camera| camera["name"] == "Front door")?.clone();
        Some(found["endpoint_id"].as_str()?.to_owned())
    })
    .await;
    wait_for("an answer with the mapped address", async || {
        let payload =
            json!({ "sessionId": "mapped", "offer": { "format": "SDP", "value": offer("g3-2023") } });
        let begins = rtc(&hub.token, "InitiateSessionWithOffer", &endpoint, payload);
        let answer = house.directive(begins).await.to_string();
        let ends = rtc(&hub.token, "SessionDisconnected", &endpoint, json!({ "sessionId": "mapped" }));
        house.directive(ends).await;
        answer.contains("203.0.113.9 40000 typ srflx").then_some(())
    })
    .await;

    hub.set_ice_servers(json!([{"urls": [format!("stun:{second}")], "username": null}]));
    hub.restart(Duration::from_millis(100)).await;
    timeout(SOON, second_asked.recv()).await.expect("the new server is asked").unwrap();
}

#[actix::test]
async fn the_settings_own_servers_come_before_those_of_the_hub() {
    let (own, mut asked) = stun_server().await;
    let (of_hub, mut hub_asked) = stun_server().await;
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    hub.set_ice_servers(json!([{"urls": format!("stun:{of_hub}")}]));
    let house = House::start(&settings(&hub, &format!("webrtc.stun = ['{own}']")));
    timeout(SOON, asked.recv()).await.expect("the own server is asked").unwrap();
    wait_for("the hub's cameras and their ways", async || {
        let known = house.api("cameras").await["cameras"].as_array()?.len();
        (known == 2 && hub.commands("camera/capabilities") == 2).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(hub.commands("web_rtc/ice_servers") + hub.commands("camera/webrtc/get_client_config"), 0);
    assert!(hub_asked.try_recv().is_err());
}
