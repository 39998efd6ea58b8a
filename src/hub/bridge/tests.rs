#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! The bridge over real sockets, against a few lines of a hub.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actix::Addr;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::identify::IDENTIFY_WITHIN;
use super::*;
use crate::hub::{Cause, HubUser};
use few_lines::{Mood, TOKEN, TestHub, camera_is, serve};

mod few_lines;
mod script;

/// Counts wakes, as the registry would get them.
struct Woken(Arc<AtomicUsize>);

impl Actor for Woken {
    type Context = Context<Self>;
}

impl Handler<HubChanged> for Woken {
    type Result = ();

    fn handle(&mut self, _: HubChanged, _: &mut Self::Context) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bridge {
    addr: Addr<HubBridge>,
    presses: mpsc::Receiver<Press>,
    wakes: Arc<AtomicUsize>,
}

impl Bridge {
    fn to(hub: &TestHub) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let woken = Woken(wakes.clone()).start();
        let (sender, presses) = mpsc::channel(2);
        let config = BridgeConfig {
            url: hub.url.clone(),
            token: SecretString::from(TOKEN),
            ca_file: None,
            direct: None,
        };
        Self { addr: HubBridge::new(config, woken.recipient(), sender).start(), presses, wakes }
    }

    async fn snapshot(&self) -> HubSnapshot {
        self.addr.send(Snapshot).await.unwrap()
    }

    async fn until(&self, is_it: impl Fn(&HubSnapshot) -> bool) -> HubSnapshot {
        for _ in 0..1500 {
            let snapshot = self.snapshot().await;
            if is_it(&snapshot) {
                return snapshot;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 15 s; last: {:?}", self.snapshot().await)
    }

    async fn running(&self) -> HubSnapshot {
        self.until(|snapshot| snapshot.link == Link::Running).await
    }

    async fn identify(&self, token: &str) -> Result<HubUser, HubError> {
        self.addr.send(Identify { token: SecretString::from(token) }).await.unwrap()
    }

    async fn call(&self, service: &str) -> Result<Value, HubError> {
        let call = CallService {
            domain: "button".into(),
            service: service.into(),
            target: json!({"entity_id": "button.x"}),
            data: Value::Null,
        };
        self.addr.send(call).await.unwrap()
    }
}

fn press_at(second: u64) -> String {
    let stamp = format!("2026-11-22T14:50:{second:02}.000+00:00");
    json!({"type": "event", "id": 4, "event": {"c": {"event.door": {"+": {"s": stamp, "lc": 1_795_359_000 + second}}}}})
        .to_string()
}

#[actix::test]
async fn cameras_presses_and_calls_come_over_one_link() {
    let metrics = crate::telemetry::metrics();
    let hub = TestHub::start(Mood::Good).await;
    let mut bridge = Bridge::to(&hub);
    let snapshot = bridge.running().await;
    assert_eq!((snapshot.cameras.len(), snapshot.version.as_str()), (1, "2026.11.0"));
    assert_eq!(
        (snapshot.cameras[0].endpoint_id.as_str(), snapshot.cameras[0].model.as_str()),
        ("hub#d1", "M")
    );

    let counted = metrics.render();
    let links = counted.lines().find_map(|line| line.strip_prefix("doorstep_hub_connects_total "));
    assert!(links.unwrap().parse::<u64>().unwrap() >= 1);

    hub.say.send(press_at(10)).unwrap();
    let press = timeout(Duration::from_secs(10), bridge.presses.recv()).await.unwrap().unwrap();
    assert_eq!((press.endpoint_id.as_str(), press.cause), ("hub#d1", Cause::Bell));
    // That hub's clock stands still, and no press is told by it.
    let at = time::OffsetDateTime::parse(&press.at, &time::format_description::well_known::Rfc3339).unwrap();
    let age = (time::OffsetDateTime::now_utc() - at).as_seconds_f64();
    assert!((0.0..10.0).contains(&age) && press.at.len() == "2026-11-22T14:50:10Z".len(), "{}", press.at);

    assert_eq!(bridge.call("press").await, Ok(json!({"target": {"entity_id": "button.x"}})));
    sleep(WAKE_EVERY * 3).await;
    assert!((1..=4).contains(&bridge.wakes.load(Ordering::SeqCst)));
    assert_eq!(hub.tries.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn a_message_of_12_mib_is_read_and_the_actor_answers_meanwhile() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    let mut large: Value = serde_json::from_str(&camera_is("unavailable")).unwrap();
    large["event"]["c"]["camera.door"]["+"]["a"] = json!({"filler": "x".repeat(12 << 20)});
    hub.say.send(large.to_string()).unwrap();
    bridge.until(|snapshot| !snapshot.cameras[0].entities[0].available).await;
    assert_eq!(hub.tries.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn a_token_that_the_hub_repeats_is_seen_by_nobody() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    let error = bridge.call("nonsense").await.unwrap_err();
    assert_eq!(error.to_string(), "hub: not_found: no such thing, ***");
    assert!(
        !format!(
            "{:?}",
            BridgeConfig { url: hub.url.clone(), token: TOKEN.into(), ca_file: None, direct: None }
        )
        .contains(TOKEN)
    );
}

#[actix::test]
async fn presses_that_nobody_takes_are_dropped_and_the_link_goes_on() {
    let hub = TestHub::start(Mood::Good).await;
    let mut bridge = Bridge::to(&hub);
    bridge.running().await;
    for second in 10..20 {
        hub.say.send(press_at(second)).unwrap();
    }
    assert!(bridge.call("press").await.is_ok());
    let mut taken = 0;
    while bridge.presses.try_recv().is_ok() {
        taken += 1;
    }
    assert_eq!((taken, bridge.snapshot().await.link), (2, Link::Running));
}

#[actix::test]
async fn a_lost_hub_leaves_its_cameras_and_is_found_again() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    hub.is_now(Mood::ClosesAtOnce);
    hub.say.send("close".into()).unwrap();
    let lost = bridge.until(|snapshot| matches!(snapshot.link, Link::Down(_))).await;
    assert_eq!(lost.cameras.len(), 1);
    assert!(matches!(bridge.call("press").await, Err(HubError::Down(_))));
    sleep(Duration::from_secs(2)).await;
    hub.is_now(Mood::Good);
    let wakes = bridge.wakes.load(Ordering::SeqCst);
    bridge.running().await;
    sleep(WAKE_EVERY * 2).await;
    assert!(bridge.wakes.load(Ordering::SeqCst) > wakes);
}

#[actix::test]
async fn a_hub_that_closes_at_once_is_left_in_peace_between_tries() {
    let hub = TestHub::start(Mood::ClosesAtOnce).await;
    let _bridge = Bridge::to(&hub);
    sleep(Duration::from_secs(4)).await;
    assert!((2..=4).contains(&hub.tries.load(Ordering::SeqCst)));
}

#[actix::test]
async fn a_refused_token_is_shown_once_and_not_again_soon() {
    for mood in [Mood::RefusesTokens, Mood::Forbids] {
        let hub = TestHub::start(mood).await;
        let bridge = Bridge::to(&hub);
        bridge.until(|snapshot| matches!(snapshot.link, Link::Refused(_))).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(hub.tries.load(Ordering::SeqCst), 1);
    }
}

#[actix::test]
async fn who_holds_a_token_is_asked_over_a_socket_that_is_closed_again() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    let user = HubUser { id: "u1".into(), name: "Owner".into(), is_admin: true };
    assert_eq!(bridge.identify("another good token").await, Ok(user));
    assert_eq!(bridge.identify("a bad token").await, Err(HubError::Refused));
    sleep(Duration::from_millis(300)).await;
    assert_eq!(hub.open.load(Ordering::SeqCst), 1);
    // Somebody else's bad token says nothing of ours.
    assert_eq!(bridge.snapshot().await.link, Link::Running);
}

#[actix::test]
async fn a_hub_that_says_nothing_costs_a_question_three_seconds() {
    let hub = TestHub::start(Mood::SaysNothing).await;
    let bridge = Bridge::to(&hub);
    let asked = Instant::now();
    assert!(matches!(bridge.identify("a good token").await, Err(HubError::Down(_))));
    assert!(asked.elapsed() >= IDENTIFY_WITHIN);
    // The actor has answered others meanwhile, and still does.
    assert!(matches!(bridge.snapshot().await.link, Link::Down(_)));
}

#[actix::test]
async fn dropping_the_bridge_ends_its_socket() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    assert_eq!(hub.open.load(Ordering::SeqCst), 1);
    drop(bridge);
    for _ in 0..500 {
        if hub.open.load(Ordering::SeqCst) == 0 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the socket is still open");
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct KillLink;

impl Handler<KillLink> for HubBridge {
    type Result = ();

    fn handle(&mut self, _: KillLink, _: &mut Self::Context) {
        self.tasks.clear();
    }
}

#[actix::test]
async fn a_bridge_whose_link_has_died_dies_too_so_that_its_owner_notices() {
    let hub = TestHub::start(Mood::Good).await;
    let bridge = Bridge::to(&hub);
    bridge.running().await;
    bridge.addr.send(KillLink).await.unwrap();
    for _ in 0..500 {
        if !bridge.addr.connected() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it lives on without a link");
}
