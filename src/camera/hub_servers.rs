//! The hub's own STUN and TURN servers help calls where the settings name none.

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use tokio::sync::watch;
use tracing::{debug, info};

use crate::hub::bridge::{HubBridge, IceServers, Snapshot};
use crate::hub::ice_server::HubIceServer;
use crate::hub::{HubSnapshot, Link};
use crate::peer::connection::Peers;
use crate::peer::ice_server::IceServer;
use crate::seat::Seat;

/// Time-limited credentials of TURN servers are good for an hour and more.
const EVERY: Duration = Duration::from_secs(30 * 60);
/// After a failure it is tried again, each time later than before, at another camera if there is one.
const AGAIN: Duration = Duration::from_secs(5);
const LATEST_AGAIN: u32 = 24;
/// The hub has 10 s for its answer.
const ANSWER: Duration = Duration::from_secs(12);

/// Asks the hub when its link has come up and from time to time, and has `peers` use what it says; after
/// a failure they keep what they have. `changed` tells that the hub is not what it was; this ends with it.
pub async fn follow(bridge: Seat<HubBridge>, peers: Peers, mut changed: watch::Receiver<()>) {
    let mut schedule = Schedule::default();
    let mut known = None;
    loop {
        let snapshot = bridge.ask(Snapshot, ANSWER).await.ok();
        if let Some(entity_id) = snapshot.and_then(|snapshot| schedule.next(&snapshot, Instant::now())) {
            let asked = bridge.ask(IceServers { entity_id: entity_id.clone() }, ANSWER).await;
            match asked {
                Ok(Ok(servers)) => {
                    let servers = usable(servers);
                    if known.as_ref() != Some(&servers) {
                        info!(?servers, "the hub's own servers help calls");
                        peers.use_servers(servers.clone());
                        known = Some(servers);
                    }
                    schedule.answered(Instant::now());
                }
                Ok(Err(error)) => {
                    debug!(entity_id, %error, "the hub names no STUN and TURN servers");
                    schedule.failed(Instant::now());
                }
                Err(error) => {
                    debug!(%error, "the hub could not be asked for STUN and TURN servers");
                    schedule.failed(Instant::now());
                }
            }
        }
        let due = async {
            match schedule.due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            changed = changed.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

fn usable(servers: Vec<HubIceServer>) -> Vec<IceServer> {
    let read = |server: HubIceServer| {
        let username = server.username.as_ref().map(ExposeSecret::expose_secret);
        let read = IceServer::parse(&server.url, username, server.credential.as_ref());
        read.inspect_err(|error| debug!(%error, "a server that the hub names is of no use")).ok()
    };
    servers.into_iter().filter_map(read).collect()
}

/// When to ask, and at which camera. Pure.
#[derive(Debug, Default)]
struct Schedule {
    /// `None`: as soon as the hub is there.
    due: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// The camera at which the hub is to be asked now, if it is.
    fn next(&mut self, snapshot: &HubSnapshot, now: Instant) -> Option<String> {
        if snapshot.link != Link::Running {
            *self = Self::default();
            return None;
        }
        if self.due.is_some_and(|due| now < due) {
            return None;
        }
        let entities = snapshot.cameras.iter().flat_map(|camera| &camera.entities);
        let able: Vec<&String> = entities
            .filter(|entity| entity.ways.is_some_and(|ways| ways.relay))
            .map(|entity| &entity.entity_id)
            .collect();
        // Without any, the next change tells more.
        self.due = None;
        let turn = usize::try_from(self.failures).unwrap_or_default();
        able.get(turn.checked_rem(able.len())?).map(|entity_id| (*entity_id).clone())
    }

    fn answered(&mut self, now: Instant) {
        *self = Self { due: Some(now + EVERY), failures: 0 };
    }

    fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now + AGAIN * self.failures.min(LATEST_AGAIN));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::hub::{HubCamera, HubCameraEntity, StreamWays};

    fn hub(link: Link, cameras: &[(&str, bool)]) -> HubSnapshot {
        let entity = |&(entity_id, relay): &(&str, bool)| HubCameraEntity {
            registry_id: entity_id.to_owned(),
            entity_id: entity_id.to_owned(),
            available: true,
            streams: true,
            ways: Some(StreamWays { relay, ..StreamWays::default() }),
        };
        let camera = |of: &(&str, bool)| HubCamera {
            endpoint_id: format!("hub#{}", of.0),
            name: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            entities: vec![entity(of)],
            bell: None,
            motion: None,
        };
        let cameras = cameras.iter().map(camera).collect();
        HubSnapshot { cameras, ..HubSnapshot::without_cameras(link) }
    }

    const CAMERAS: [(&str, bool); 3] = [("camera.still", false), ("camera.a", true), ("camera.b", true)];

    #[test]
    fn the_hub_is_asked_when_it_is_there_when_it_returns_and_from_time_to_time() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let (up, down) = (hub(Link::Running, &CAMERAS), hub(Link::Starting, &CAMERAS));
        assert_eq!(schedule.next(&down, now), None);
        assert_eq!(schedule.next(&up, now).as_deref(), Some("camera.a"));
        schedule.answered(now);
        assert_eq!(schedule.next(&up, now + EVERY - AGAIN), None);
        assert_eq!(schedule.due, Some(now + EVERY));
        assert!(EVERY <= Duration::from_secs(3600) && schedule.next(&up, now + EVERY).is_some());
        schedule.answered(now);
        assert_eq!((schedule.next(&down, now), schedule.due), (None, None));
        assert_eq!(schedule.next(&up, now).as_deref(), Some("camera.a"));
    }

    #[test]
    fn after_a_failure_another_camera_is_asked_later_and_later() {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let up = hub(Link::Running, &CAMERAS);
        for (asked, wait) in [("camera.a", 5), ("camera.b", 10), ("camera.a", 15)] {
            assert_eq!(schedule.next(&up, now).as_deref(), Some(asked));
            schedule.failed(now);
            assert_eq!(schedule.due, Some(now + Duration::from_secs(wait)));
            now += Duration::from_secs(wait);
        }
        (0..100).for_each(|_| schedule.failed(now));
        assert_eq!(schedule.due, Some(now + Duration::from_secs(120)));
    }

    #[test]
    fn without_a_camera_for_webrtc_nothing_is_asked_before_something_changes() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        assert_eq!(schedule.next(&hub(Link::Running, &CAMERAS[..1]), now), None);
        assert_eq!((schedule.next(&hub(Link::Running, &[]), now), schedule.due), (None, None));
        assert!(schedule.next(&hub(Link::Running, &CAMERAS), now).is_some());
    }
}
