//! The handle of a simulated hub: start, what happens in the home, faults on demand, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use url::Url;

pub use super::camera::{SimCamera, SimProfile, SimStill};
use super::commands::Later;
use super::core::Core;
pub use super::flavour::Flavour;
pub use super::office::SimUser;
use super::office::{End, Office};

/// Version that the simulated hub says it has.
pub const VERSION: &str = "2026.11.0";

/// Lifetime of the tokens that [`SimHub::start`] makes: ten years, as the hub's long-lived ones.
const LONG_LIVED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What a simulated hub is like.
#[derive(Debug, Clone)]
pub struct SimHubOptions {
    /// Where it listens; port 0 = any free port.
    pub addr: SocketAddr,
    /// Its cameras.
    pub cameras: Vec<SimCamera>,
    /// Which hub it stands for.
    pub flavour: Flavour,
    /// Its people; the first one is the owner, whose token is [`SimHub::token`].
    pub users: Vec<SimUser>,
    /// How long a client may take to say who it is.
    pub auth_limit: Duration,
    /// Pause between new access tokens of all cameras.
    pub token_rotation: Duration,
    /// How long the motion that comes with a press lasts.
    pub motion_for: Duration,
    /// After a restart: from the open port to the entities.
    pub entities_after: Duration,
    /// After a restart: from the entities to `RUNNING`.
    pub running_after: Duration,
    /// From enabling an entity to the real one.
    pub reload_delay: Duration,
    /// Failed logins that ban everybody (all clients have one address here); `None`: no ban.
    pub ban_after: Option<u32>,
}

impl Default for SimHubOptions {
    fn default() -> Self {
        let user = |id: &str, name: &str, admin| SimUser { id: id.into(), name: name.into(), admin };
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            cameras: vec![SimCamera::front_door(), SimCamera::garden()],
            flavour: Flavour::Now,
            users: vec![
                user("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "Owner", true),
                user("f9e8d7c6b5a493827160f5e4d3c2b1a0", "Family", false),
            ],
            auth_limit: Duration::from_secs(10),
            token_rotation: Duration::from_secs(300),
            motion_for: Duration::from_secs(2),
            entities_after: Duration::from_millis(300),
            running_after: Duration::from_millis(300),
            reload_delay: Duration::from_millis(500),
            ban_after: None,
        }
    }
}

/// A simulated hub that listens. Dropping it stops it.
pub struct SimHub {
    /// Base address, as for `hub.url`.
    pub url: Url,
    /// A token of the first user.
    pub token: String,
    core: Arc<Core>,
}

impl SimHub {
    /// Starts on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened at, or there is no user.
    pub async fn start(options: SimHubOptions) -> std::io::Result<Self> {
        let listener = TcpListener::bind(options.addr).await?;
        let addr = listener.local_addr()?;
        let mut office = Office::new(&options);
        let owner = options.users.first().map(|user| user.id.clone()).unwrap_or_default();
        let no_user = || std::io::Error::other("a simulated hub needs a user");
        let token = office.issue(&owner, LONG_LIVED).ok_or_else(no_user)?;
        let core = Arc::new(Core::new(office, options));
        let url = Url::parse(&format!("http://{addr}")).map_err(std::io::Error::other)?;
        core.begin(listener, addr);
        Ok(Self { url, token, core })
    }

    /// A new token for the user of this id or name.
    #[must_use]
    pub fn issue(&self, user: &str, lifetime: Duration) -> Option<String> {
        self.core.office().issue(user, lifetime)
    }

    /// Takes a token back; what was opened with it is closed with 1000 and no word.
    pub fn revoke(&self, token: &str) -> bool {
        self.core.office().revoke(token)
    }

    /// Every token is refused from now on, or no longer. Open connections stay.
    pub fn refuse_tokens(&self, refuse: bool) {
        self.core.office().faults.refuse_tokens = refuse;
    }

    /// Somebody presses the bell of `front_door`; motion comes with it and goes by itself.
    pub fn press(&self, key: &str) {
        self.core.change(|world| world.press(key, None));
        self.core.follow_up(vec![Later::MotionOff(key.to_owned())]);
    }

    /// Sets an entity's state: `unavailable`, `on`, `streaming`. False if it has none.
    pub fn set_state(&self, entity_id: &str, value: &str) -> bool {
        let mut office = self.core.office();
        let heard = office.world.set(entity_id, value, None);
        let known = heard.is_some();
        office.publish(heard);
        known
    }

    /// Sets an entity's state and all its attributes.
    pub fn write_state(&self, entity_id: &str, value: &str, attributes: Map<String, Value>) {
        self.core.change(|world| world.write(entity_id, value, attributes, None));
    }

    /// An entity's state at this moment.
    #[must_use]
    pub fn state(&self, entity_id: &str) -> Option<String> {
        Some(self.core.office().world.entity(entity_id)?.state.as_ref()?.value.clone())
    }

    /// A camera with all its entities is added to the home.
    pub fn add_camera(&self, camera: &SimCamera) {
        self.core.change(|world| world.add_camera(camera));
    }

    /// A camera's device goes, with all its entities.
    pub fn remove_camera(&self, key: &str) {
        self.core.change(|world| world.remove_camera(key));
    }

    /// An entity gets another entity id.
    pub fn rename(&self, entity_id: &str, to: &str) {
        self.core.change(|world| world.rename(entity_id, to));
    }

    /// An entity is disabled by the user, or enabled: first restored and unavailable, then real.
    pub fn disable(&self, entity_id: &str, disabled: bool) {
        if disabled {
            self.core.change(|world| world.disable(entity_id, "user"));
        } else {
            self.core.change(|world| world.enable(entity_id));
            self.core.follow_up(vec![Later::Revive(entity_id.to_owned())]);
        }
    }

    /// Cuts every connection without a word, as when a cable is pulled and the far end resets.
    pub fn drop_links(&self) {
        self.core.office().end_all(End::Cut);
    }

    /// Closes every connection with 1000.
    pub fn close_links(&self) {
        self.core.office().end_all(End::Close);
    }

    /// Connections stay open, and nothing is read or said any more: a half-open link.
    pub fn go_silent(&self, silent: bool) {
        let mut office = self.core.office();
        office.faults.silent = silent;
        office.wake_all();
    }

    /// Restarts the hub: connections closed with 1000, port refused for `down_for`. Returns when the
    /// port is open again; entities and `RUNNING` come later (see [`SimHubOptions`]).
    pub async fn restart(&self, down_for: Duration) {
        self.go_down().await;
        tokio::time::sleep(down_for).await;
        self.come_up().await;
    }

    /// The hub goes down: connections closed with 1000, port refused.
    pub async fn go_down(&self) {
        self.core.go_down().await;
    }

    /// The hub comes up again on the same port.
    pub async fn come_up(&self) {
        self.core.come_up().await;
    }

    /// Clients that are logged in now.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.core.office().clients()
    }

    /// When each WebSocket was opened, logged in or not.
    #[must_use]
    pub fn connects(&self) -> Vec<Instant> {
        self.core.office().connects.clone()
    }

    /// How often a command of this type came.
    #[must_use]
    pub fn commands(&self, kind: &str) -> u64 {
        self.core.office().commands.get(kind).copied().unwrap_or_default()
    }

    /// Tokens that were refused, over WebSocket or HTTP.
    #[must_use]
    pub fn failed_logins(&self) -> u32 {
        self.core.office().failed_logins
    }

    /// What the programs behind a camera's WebRTC sessions reported, oldest first; the last thousand.
    #[must_use]
    pub fn relay_reports(&self, entity_id: &str) -> Vec<Value> {
        self.core.office().relays.reports(entity_id)
    }

    /// Every WebRTC session at a camera fails after all: its client is told, its program ends. False if
    /// there was none.
    pub fn fail_relays(&self, entity_id: &str, code: &str, message: &str) -> bool {
        self.core.office().fail_relays(entity_id, code, message)
    }

    /// Candidates of WebRTC sessions come before the answer from now on, or after it.
    pub fn candidates_first(&self, first: bool) {
        self.core.office().relays.candidates_first = first;
    }

    /// Stops: connections are dropped, the port is free, no program is left.
    pub async fn stop(self) {
        self.core.office().end_all(End::Close);
        self.core.gate(false).await;
        self.core.end().await;
    }
}

impl Drop for SimHub {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}
