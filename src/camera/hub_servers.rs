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
/// After a failure it is tried again in another way, each time later than before.
const AGAIN: Duration = Duration::from_secs(5);
const LATEST_AGAIN: u32 = 120;
/// The hub has 10 s for its answer.
const ANSWER: Duration = Duration::from_secs(12);

/// Asks the hub when its link has come up and from time to time, and has `peers` use what it says; after
/// a failure they keep what they have. `changed` tells that the hub is not what it was; this ends with it.
pub async fn follow(bridge: Seat<HubBridge>, peers: Peers, mut changed: watch::Receiver<()>) {
    let mut schedule = Schedule::default();
    let mut known = None;
    loop {
        let snapshot = bridge.ask(Snapshot, ANSWER).await.ok();
        if let Some(ask) = snapshot.and_then(|snapshot| schedule.next(&snapshot, Instant::now())) {
            let is_camera = ask.entity_id.is_some();
            match bridge.ask(ask, ANSWER).await {
                // One with servers of its own may be told of none.
                Ok(Ok(servers)) if servers.is_empty() && is_camera => schedule.failed(Instant::now()),
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
                    debug!(%error, "the hub names no STUN and TURN servers");
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

/// When to ask, and for what. Pure.
#[derive(Debug, Default)]
struct Schedule {
    /// `None`: as soon as the hub is there.
    due: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// What the hub is to be asked now: first for its own servers, then, if it does not tell those, for
    /// what it tells sessions at its cameras.
    fn next(&mut self, snapshot: &HubSnapshot, now: Instant) -> Option<IceServers> {
        if snapshot.link != Link::Running {
            *self = Self::default();
            return None;
        }
        if self.due.is_some_and(|due| now < due) {
            return None;
        }
        let entities = snapshot.cameras.iter().flat_map(|camera| &camera.entities);
        let able = entities.filter(|entity| entity.ways.is_some_and(|ways| ways.relay));
        let cameras: Vec<&String> = able.map(|entity| &entity.entity_id).collect();
        let turn = usize::try_from(self.failures).unwrap_or_default() % (1 + cameras.len());
        let entity_id = turn.checked_sub(1).map(|index| cameras[index].clone());
        Some(IceServers { entity_id })
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
            name: String::new(),
            available: true,
            streams: true,
            switches: false,
            off: false,
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

    fn ask(entity_id: Option<&str>) -> Option<IceServers> {
        Some(IceServers { entity_id: entity_id.map(str::to_owned) })
    }

    #[test]
    fn the_hub_is_asked_when_it_is_there_when_it_returns_and_from_time_to_time() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let (up, down) = (hub(Link::Running, &CAMERAS), hub(Link::Starting, &CAMERAS));
        assert_eq!(schedule.next(&down, now), None);
        assert_eq!(schedule.next(&up, now), ask(None));
        schedule.answered(now);
        assert_eq!(schedule.next(&up, now + EVERY - AGAIN), None);
        assert_eq!(schedule.due, Some(now + EVERY));
        assert!(EVERY <= Duration::from_secs(3600) && schedule.next(&up, now + EVERY).is_some());
        schedule.answered(now);
        assert_eq!((schedule.next(&down, now), schedule.due), (None, None));
        assert_eq!(schedule.next(&up, now), ask(None));
    }

    #[test]
    fn a_hub_that_does_not_tell_is_asked_at_its_cameras_later_and_later() {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let up = hub(Link::Running, &CAMERAS);
        for (asked, wait) in [(None, 5), (Some("camera.a"), 10), (Some("camera.b"), 15), (None, 20)] {
            assert_eq!(schedule.next(&up, now), ask(asked));
            schedule.failed(now);
            assert_eq!(schedule.due, Some(now + Duration::from_secs(wait)));
            assert_eq!(schedule.next(&up, now), None);
            now += Duration::from_secs(wait);
        }
        (0..1000).for_each(|_| schedule.failed(now));
        assert_eq!(schedule.due, Some(now + Duration::from_secs(600)));
        assert_eq!(schedule.next(&hub(Link::Running, &[]), now + Duration::from_secs(600)), ask(None));
    }
}
