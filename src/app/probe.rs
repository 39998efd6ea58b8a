//! A probe without a house, from the command line: the hub is asked who its cameras are, and the camera is
//! opened by the ways that a call would take, over a UDP port of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use super::keeper::PRESSES;
use super::{bridge_config, hand_ties, http_client};
use crate::camera::catalogue::{Catalogue, KnownCamera, Learnings, catalogue, find, switch_off};
use crate::camera::probe::{Finding, probe_address, probe_feed, speaks};
use crate::camera::sentence::Sentence;
use crate::camera::talk::TalkLook;
use crate::camera::way::{Reach, Way};
use crate::config::Config;
use crate::hub::bridge::{HubBridge, HubChanged, Snapshot};
use crate::hub::{HubSnapshot, Link};
use crate::media::{AddressPolicy, FeedSpec, Source};
use crate::peer::PortConfig;
use crate::peer::connection::Peers;
use crate::runtime::MediaRuntime;
use crate::seat::Seat;

/// The hub has told its cameras within this long.
const HUB: Duration = Duration::from_secs(15);
/// How a camera can be streamed comes a moment later; what is not known is tried.
const WAYS: Duration = Duration::from_secs(3);
/// Answered from the bridge's memory.
const SNAPSHOT: Duration = Duration::from_secs(2);

/// Probes a camera that the settings or the hub know by this name, entity or endpoint id. To be called inside
/// an actix system.
///
/// # Errors
/// When there is no such camera, the hub is not reached, or a socket or a thread cannot be had; for people.
pub async fn probe(
    name: &str,
    config: &Config,
    kept: &Remembered,
    mut tell: impl FnMut(&Sentence),
) -> Result<Finding, String> {
    let own = kept.catalogue(config, None);
    if let Some(camera) = find(name, &own, config, None, &kept.learned) {
        return Visit::without_hub().probe(camera, config, tell).await;
    }
    let reached = match bridge_config(config) {
        None => Err("it is no address, and no camera of the settings is called so".to_owned()),
        Some(_) => {
            tell(&Sentence::new("asking_hub", "asking the hub for its cameras"));
            Visit::to_hub(config).await
        }
    };
    let trouble = match reached {
        Ok(visit) => match visit.find(name, config, kept).await {
            Some(camera) => return visit.probe(&camera, config, tell).await,
            None => "neither the hub nor the settings have a camera of that name, entity or id".to_owned(),
        },
        Err(trouble) => trouble,
    };
    // Settings for a camera of the hub may name an address, too.
    let is = |own: &Option<String>| own.as_deref() == Some(name);
    let mut settings = config.cameras.iter().filter(|camera| is(&camera.entity) || is(&camera.name));
    match settings.find_map(|camera| Some((camera, camera.source.as_ref()?))) {
        Some((camera, source)) => {
            let text = format!("opening its own address only: {trouble}");
            tell(&Sentence::new("own_address_only", text));
            let name = camera.name.as_deref().unwrap_or(name);
            let policy = AddressPolicy::default().with_hub(&config.hub);
            probe_address(name, source, policy, config.webrtc.max_kbps, tell).await
        }
        None => Err(format!("{name:?}: {trouble}")),
    }
}

/// A stay at the hub for as long as one camera is looked at.
struct Visit {
    bridge: Option<Seat<HubBridge>>,
    changed: Arc<Notify>,
}

impl Visit {
    fn without_hub() -> Self {
        Self { bridge: None, changed: Arc::default() }
    }

    /// Comes back when the hub has told its cameras.
    async fn to_hub(config: &Config) -> Result<Self, String> {
        let hub = bridge_config(config).ok_or("no hub is configured")?;
        let changed = Arc::<Notify>::default();
        let listener = Listener(changed.clone()).start();
        let (presses, _nobody) = mpsc::channel(PRESSES);
        let seat = Seat::default();
        let bridge = HubBridge::new(hub, listener.recipient(), presses).with_ties(hand_ties(config));
        seat.fill(bridge.start());
        let visit = Self { bridge: Some(seat), changed };
        let snapshot = visit.until(HUB, |snapshot| matches!(snapshot.link, Link::Running | Link::Refused(_)));
        match snapshot.await.map(|snapshot| snapshot.link) {
            Some(Link::Running) => Ok(visit),
            Some(Link::Refused(reason)) => Err(reason),
            Some(Link::Down(reason)) => Err(format!("the hub is not reached: {reason}")),
            Some(Link::Starting) => Err("the hub is still starting; try again in a minute".into()),
            Some(Link::None) | None => Err("the hub is not reached".into()),
        }
    }

    /// The hub as it is once `fits`, or when the time is over.
    async fn until(&self, within: Duration, fits: impl Fn(&HubSnapshot) -> bool) -> Option<HubSnapshot> {
        let end = Instant::now() + within;
        loop {
            let snapshot = self.bridge.as_ref()?.ask(Snapshot, SNAPSHOT).await.ok()?;
            if fits(&snapshot) || timeout_at(end, self.changed.notified()).await.is_err() {
                return Some(snapshot);
            }
        }
    }

    async fn find(&self, name: &str, config: &Config, kept: &Remembered) -> Option<KnownCamera> {
        let is_known = |snapshot: &HubSnapshot| {
            let known = kept.catalogue(config, Some(snapshot));
            let camera = find(name, &known, config, Some(snapshot), &kept.learned);
            let Some(camera) = camera else { return false };
            let id = camera.summary.endpoint_id.as_str();
            let mut cameras = snapshot.cameras.iter().filter(|camera| camera.endpoint_id == id);
            cameras.all(|camera| camera.entities.iter().all(|one| !one.streams || one.ways.is_some()))
        };
        let snapshot = self.until(WAYS, is_known).await?;
        let known = kept.catalogue(config, Some(&snapshot));
        find(name, &known, config, Some(&snapshot), &kept.learned).cloned()
    }

    async fn probe(
        &self,
        camera: &KnownCamera,
        config: &Config,
        tell: impl FnMut(&Sentence),
    ) -> Result<Finding, String> {
        let name = &camera.summary.name;
        if !camera.summary.on {
            return Ok(Finding::switched_off(name));
        }
        if camera.ways.is_empty() {
            let reason = camera.summary.reason.clone().unwrap_or_default();
            return Ok(Finding::refused(name, Sentence::quoted(reason)));
        }
        let media = MediaRuntime::start().map_err(|error| error.to_string())?;
        let webrtc = &config.webrtc;
        // The port of the settings may be taken by the house itself.
        let port = PortConfig {
            udp_port: 0,
            bind: webrtc.bind.clone(),
            advertise: Vec::new(),
            allow_loopback: webrtc.allow_loopback,
            ..PortConfig::default()
        };
        let peers = media.handle().spawn(async move { Peers::open(&port) }).await;
        let peers = peers.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let http = http_client(config.hub.ca_file.clone()).await.map_err(|error| error.to_string())?;
        let reach = Reach { peers, bridge: self.bridge.clone(), http };
        let open = |way: &Way| Some((way.source(name, camera.talk.asks_relay, &reach)?, way.kind()));
        let (sources, ways) = camera.ways.iter().filter_map(open).unzip();
        let speaker = camera.talk.speaker(name, &reach);
        let spec = FeedSpec { camera: name.clone(), sources, max_kbps: webrtc.max_kbps, speaker };
        let policy = AddressPolicy::default().with_hub(&config.hub);
        let (talk, why) = match camera.talk.looks.first() {
            Some(TalkLook::BackChannel(address)) if camera.talk.way.is_none() => {
                let (talk, why) = speaks(Some(Source::Address(address.clone())), policy.clone()).await;
                (talk, vec![why])
            }
            _ => (camera.talk.way.is_some(), camera.talk.reasons.clone()),
        };
        let finding = probe_feed(&media, spec, ways, policy, tell).await;
        media.stop().await;
        finding.map(|finding| finding.with_talk(talk, why).with_stream(camera.summary.stream.as_ref()))
    }
}

/// What the house remembers of its cameras.
#[derive(Debug, Default)]
pub struct Remembered {
    /// What calls taught it.
    pub learned: Learnings,
    /// Endpoint ids of cameras that are switched off there.
    pub switched_off: BTreeSet<String>,
}

impl Remembered {
    fn catalogue(&self, config: &Config, hub: Option<&HubSnapshot>) -> Catalogue {
        let mut catalogue = catalogue(config, hub, &self.learned);
        switch_off(&mut catalogue, &self.switched_off);
        catalogue
    }
}

/// Hears that the hub's cameras have changed.
struct Listener(Arc<Notify>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<HubChanged> for Listener {
    type Result = ();

    fn handle(&mut self, _: HubChanged, _: &mut Self::Context) {
        self.0.notify_one();
    }
}
