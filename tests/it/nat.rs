//! Calls through a home's router, and what becomes of them when its addresses change.
//!
//! The far end takes answers only. One that takes what comes would be reached by our own checks from behind any
//! router: STUN and TURN would prove nothing.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::fixture::Outcome;
use crate::fixture::add_on::{AddOn, Outfit};
use crate::fixture::authority::Authority;
use crate::fixture::home::{FAR_END, HOUSE, Home, Nat, OUTSIDE, ROUTER, SERVER, SERVER_NAME};
use crate::fixture::host::Host;
use crate::fixture::house::wait_for;
use crate::fixture::offers::offer;
use crate::fixture::turn_server::{PASSWORD, PORT, TLS_PORT, TurnServer, USERNAME};

/// A call that nobody connects ends after 60 to 65 s.
const NEVER: Duration = Duration::from_secs(75);
/// Row P10.
const NEW_ADDRESS: Duration = Duration::from_secs(5);

/// How the house finds a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By itself.
    Alone,
    Stun,
    Turn,
    TurnOverTls,
}

impl Way {
    fn settings(self) -> String {
        let turn = |url: String| {
            format!("webrtc.turn = [{{ url = '{url}', username = '{USERNAME}', password = '{PASSWORD}' }}]")
        };
        match self {
            Self::Alone => String::new(),
            Self::Stun => format!("webrtc.stun = ['{SERVER_NAME}:{PORT}']"),
            Self::Turn => turn(format!("turn:{SERVER_NAME}:{PORT}")),
            Self::TurnOverTls => turn(format!("turns:{SERVER_NAME}:{TLS_PORT}")),
        }
    }
}

/// A home with a server outside, and the program in it.
struct Scene {
    home: Home,
    _program: AddOn,
    server: TurnServer,
}

impl Scene {
    async fn start(nat: Nat, way: Way) -> Self {
        Self::at(Home::start(nat), way).await
    }

    /// Behind a router that lets no UDP out.
    async fn without_udp(nat: Nat, way: Way) -> Self {
        let home = Home::start(nat);
        home.block_udp();
        Self::at(home, way).await
    }

    async fn at(home: Home, way: Way) -> Self {
        let authority = Authority::new(SERVER_NAME);
        let server = TurnServer::start(&home.server, SERVER, &authority).await;
        let root = authority.file("root.pem");
        let outfit = Outfit { authority: Some(&root), ..Outfit::default() };
        let program = home.doorstep(&way.settings(), outfit).await;
        Self { home, _program: program, server }
    }
}

fn candidates(answer: &str) -> Vec<&str> {
    answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

/// The picture came, and the answer had a candidate of each of these kinds.
fn assert_connected(outcome: &Outcome, kinds: &[&str]) {
    let summary = outcome.summary();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    let candidates = candidates(&outcome.answer().sdp);
    assert!(
        summary.connected && summary.frames > 30 && summary.audio_packets > 60,
        "{candidates:?} {summary:?}"
    );
    for kind in kinds {
        assert!(candidates.iter().any(|one| one.contains(kind)), "{kind}: {candidates:?}");
    }
}

#[actix::test]
async fn the_routers_of_these_tests_are_of_their_kinds() {
    let socket = |host: &Host, address: Ipv4Addr| {
        host.call(move || {
            let socket = UdpSocket::bind((address, 5_000)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            socket
        })
    };
    for (nat, keeps_its_port, lets_strangers_in) in
        [(Nat::FullCone, true, true), (Nat::PortRestricted, true, false), (Nat::Symmetric, false, false)]
    {
        let home = Home::with_open_far_end(nat);
        let (house, server, far_end) =
            (socket(&home.house, HOUSE), socket(&home.server, SERVER), socket(&home.far_end, FAR_END));
        let mut buffer = [0; 16];
        house.send_to(b"one", (SERVER, 5_000)).unwrap();
        let (_, outer) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(outer.ip(), OUTSIDE);

        far_end.send_to(b"stranger", outer).unwrap();
        let came = house.recv_from(&mut buffer).is_ok();
        assert_eq!(came, lets_strangers_in, "{nat:?}");

        house.send_to(b"two", (FAR_END, 5_000)).unwrap();
        let (_, other) = far_end.recv_from(&mut buffer).unwrap();
        assert_eq!(other == outer, keeps_its_port, "{nat:?}: {other} and {outer}");
        far_end.send_to(b"answer", other).unwrap();
        let (_, from) = house.recv_from(&mut buffer).unwrap();
        assert_eq!(from, SocketAddr::from((FAR_END, 5_000)), "{nat:?}");
    }
}

#[actix::test]
async fn behind_any_nat_outgoing_datagrams_are_enough_for_a_far_end_that_takes_what_comes() {
    async fn connects(nat: Nat) {
        let home = Home::with_open_far_end(nat);
        let _program = home.doorstep("", Outfit::default()).await;
        let outcome = home.call(|peer| peer).await;
        // An address that nobody outside can reach.
        assert_connected(&outcome, &[&format!(" {HOUSE} 8555 typ host")]);
        assert_eq!(candidates(&outcome.answer().sdp).len(), 2, "the one address, in both sections");
    }
    join_all([Nat::FullCone, Nat::PortRestricted, Nat::Symmetric].map(connects)).await;
}

#[actix::test]
async fn by_stun_a_call_crosses_a_nat_that_keeps_its_port() {
    async fn connects(nat: Nat) {
        let scene = Scene::start(nat, Way::Stun).await;
        let outcome = scene.home.call(|peer| peer).await;
        assert_connected(&outcome, &[&format!(" {OUTSIDE} 8555 typ srflx")]);
    }
    join_all([Nat::FullCone, Nat::PortRestricted].map(connects)).await;
}

/// Picture and talk went through the server.
async fn assert_relayed(scene: &Scene, outcome: &Outcome) {
    assert_connected(outcome, &[&format!(" {SERVER} "), " typ relay"]);
    let (direct, relayed) = (scene.home.router.counted("direct"), scene.home.router.counted("relayed"));
    assert!(relayed.bytes > 50_000 && direct.bytes < 20_000, "{direct:?} {relayed:?} {}", scene.server.log());
    let session = &outcome.summary().session;
    let record = wait_for("the call's record", async || scene.home.record(session).await).await;
    assert!(record["counters"]["talk_packets"].as_u64().unwrap() > 60, "{record}");
}

#[actix::test]
async fn by_turn_a_call_crosses_a_nat_that_gives_any_port() {
    let scene = Scene::start(Nat::Symmetric, Way::Turn).await;
    let outcome = scene.home.call(|peer| peer.talk(1_000)).await;
    assert_relayed(&scene, &outcome).await;
}

#[actix::test]
async fn by_turn_over_tls_a_call_leaves_a_network_that_lets_no_udp_out() {
    let scene = Scene::without_udp(Nat::Symmetric, Way::TurnOverTls).await;
    let outcome = scene.home.call(|peer| peer.talk(1_000)).await;
    assert_relayed(&scene, &outcome).await;
}

#[actix::test]
async fn a_turn_server_that_is_of_no_use_is_named_with_the_reason_and_without_the_password() {
    const WRONG: &str = "no such password";
    let authority = Authority::new(SERVER_NAME);
    let home = Home::start(Nat::Symmetric);
    let _server = TurnServer::start(&home.server, SERVER, &authority).await;
    let wrong_password = Way::Turn.settings().replace(PASSWORD, WRONG);
    // Nobody told the program of this authority.
    for (settings, reason) in [(wrong_password, "password"), (Way::TurnOverTls.settings(), "certificate")] {
        let program = home.doorstep(&settings, Outfit::default()).await;
        let log = wait_for("a warning", async || {
            let log = program.log();
            log.contains("is of no use").then_some(log)
        })
        .await;
        let warning = log.lines().find(|line| line.contains("is of no use")).unwrap();
        assert!(warning.contains(SERVER_NAME) && warning.contains(reason), "{warning}");
        assert!(!log.contains(PASSWORD) && !log.contains(WRONG), "{log}");
    }
}

/// Calls in vain, until the record says so.
async fn never_connects(scene: Scene) {
    // Whoever hung up would be the reason why it ended.
    let waits = scene.home.call(|peer| peer.with("--connect-seconds", 8).flag("--no-disconnect"));
    let outcome = waits.await;
    assert!(!outcome.summary().connected, "{:?}", outcome.summary());
    let ended = async {
        loop {
            match scene.home.record(&outcome.summary().session).await {
                Some(record) => break record,
                None => sleep(Duration::from_millis(500)).await,
            }
        }
    };
    let record: Value = timeout(NEVER, ended).await.expect("the call ends");
    assert!(record["end_reason"].as_str().unwrap().contains("never connected"), "{record}");
    assert!(record["stages"]["ice_connected"].is_null(), "{record}");
}

#[actix::test]
async fn without_what_crosses_its_nat_a_call_never_connects_and_its_record_says_so() {
    // Side by side: each takes a minute.
    let scenes = [
        Scene::start(Nat::FullCone, Way::Alone).await,
        Scene::start(Nat::PortRestricted, Way::Alone).await,
        Scene::start(Nat::Symmetric, Way::Stun).await,
        Scene::without_udp(Nat::Symmetric, Way::Turn).await,
    ];
    join_all(scenes.map(never_connects)).await;
}

/// What an answer says now, without a call; nothing while there is none.
async fn offered(home: &Home) -> Vec<Ipv4Addr> {
    let session = Uuid::new_v4().to_string();
    let event = home.offer("front_door", &session, &offer("g3-2023")).await;
    let Some(answer) = event["event"]["payload"]["answer"]["value"].as_str() else { return Vec::new() };
    home.hang_up("front_door", &session).await;
    let address = |candidate: &&str| candidate.split(' ').nth(4).unwrap().parse().unwrap();
    candidates(answer).iter().map(address).collect()
}

/// Waits until answers fit.
async fn answers_fit(home: &Home, fit: impl Fn(&[Ipv4Addr]) -> bool) {
    let changed = Instant::now();
    loop {
        let addresses = offered(home).await;
        if fit(&addresses) {
            break;
        }
        assert!(changed.elapsed() < NEW_ADDRESS, "{addresses:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

#[actix::test]
async fn p10_new_calls_use_new_addresses_and_a_call_at_another_address_goes_on() {
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 9);
    let home = Home::with_open_far_end(Nat::PortRestricted);
    let _program = home.doorstep("", Outfit::default()).await;
    let mut peer = home.ring(|peer| peer.seconds(9.0)).await;
    peer.wait_for("first_frame").await;
    home.house.address("eth0", &format!("{OTHER}/24"));
    answers_fit(&home, |addresses| addresses.contains(&OTHER) && addresses.contains(&HOUSE)).await;
    home.house.ip(&format!("address del {OTHER}/24 dev eth0"));
    answers_fit(&home, |addresses| !addresses.contains(&OTHER) && addresses.contains(&HOUSE)).await;
    let outcome = peer.outcome().await;
    assert_connected(&outcome, &[&format!(" {HOUSE} 8555 typ host")]);
    let summary = outcome.summary();
    assert!(summary.ended == "time" && summary.longest_gap_ms(0.0) < 1_000.0, "{summary:?}");

    // All that it had is gone, as with another lease.
    home.house.ip("address flush dev eth0");
    home.house.address("eth0", &format!("{OTHER}/24"));
    home.house.ip(&format!("route add default via {ROUTER}"));
    home.router.filter("flush chain ip nat arriving");
    home.router.filter(&format!("add rule ip nat arriving iifname wan tcp dport 8098 dnat to {OTHER}"));
    answers_fit(&home, |addresses| addresses == [OTHER, OTHER]).await;
    assert_connected(&home.call(|peer| peer).await, &[&format!(" {OTHER} 8555 typ host")]);
}

#[actix::test]
#[ignore = "a figure, takes more than a minute: benches/README.md"]
async fn figure_calls_that_connect_behind_each_kind_of_nat() {
    const CALLS: u32 = 20;
    let mut failed = Vec::new();
    for (nat, way, udp) in [
        (Nat::FullCone, Way::Stun, true),
        (Nat::PortRestricted, Way::Stun, true),
        (Nat::Symmetric, Way::Turn, true),
        (Nat::Symmetric, Way::TurnOverTls, false),
    ] {
        let scene = match udp {
            true => Scene::start(nat, way).await,
            false => Scene::without_udp(nat, way).await,
        };
        let outcome = scene.home.call(|peer| peer.calls(CALLS, 2).seconds(1.0)).await;
        let at = |kind| outcome.events.iter().filter(move |event| event["event"] == kind);
        let mut ms: Vec<f64> = at("connected").map(|event| event["ms"].as_f64().unwrap()).collect();
        ms.sort_by(f64::total_cmp);
        let shown = outcome.summaries.iter().filter(|summary| summary.frames > 0).count();
        println!(
            "{nat:?}, {way:?}{}: {} of {CALLS} calls connect, {shown} show the picture; connected after \
             {:.0} ms (median), {:.0} ms (longest)",
            if udp { "" } else { ", no UDP" },
            ms.len(),
            ms.get(ms.len() / 2).unwrap_or(&f64::NAN),
            ms.last().unwrap_or(&f64::NAN),
        );
        if shown < CALLS as usize {
            failed.push((nat, way));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
