//! The handle of a simulated hub: start, what happens in the home, faults on demand, stop.

mod seen;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use url::Url;

pub use super::camera::{SimCamera, SimProfile, SimStill};
use super::commands::Later;
use super::control;
use super::core::Core;
use super::desk::End;
pub use super::faults::Faults;
pub use super::flavour::Flavour;
use super::office::Office;
pub use super::office::SimUser;
pub use super::options::SimHubOptions;
use super::visitor::server;
use super::world::{Update, World};

/// Version that the simulated hub says it has.
pub const VERSION: &str = "2026.11.0";

/// Lifetime of the tokens that [`SimHub::start`] makes: ten years, as the hub's long-lived ones.
const LONG_LIVED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A simulated hub that listens. Dropping it stops it.
pub struct SimHub {
    /// Base address, as for `hub.url`.
    pub url: Url,
    /// A token of the first user.
    pub token: String,
    core: Arc<Core>,
    /// Stops the hub; the control address has none.
    stop: Option<DropGuard>,
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
        if core.options.flavour == Flavour::Supervised {
            core.supervise().await?;
        }
        let stop = Some(core.stop.clone().drop_guard());
        Ok(Self { url, token, core, stop })
    }

    /// Lets others drive the hub over HTTP ([`super::control`]); says where. Only this machine may.
    ///
    /// # Errors
    /// When the address is not a loopback one, or cannot be listened at.
    pub async fn control(&self, addr: SocketAddr) -> std::io::Result<SocketAddr> {
        if !addr.ip().is_loopback() {
            return Err(std::io::Error::other("the control address must be a loopback one"));
        }
        let listener = TcpListener::bind(addr).await?;
        let bound = listener.local_addr()?;
        self.core.spawn(self.core.clone().until_stop(control::serve(Arc::new(self.handle()), listener)));
        Ok(bound)
    }

    /// Serves the visitor's page, whose browser plays `side_door`; says where. `house`: where its link back leads.
    /// Only this machine may open it: browsers give camera and microphone to no other without HTTPS.
    ///
    /// # Errors
    /// When no port of this machine can be listened at.
    pub async fn visitor(&self, house: Url) -> std::io::Result<Url> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?;
        let url = Url::parse(&format!("http://{own}")).map_err(std::io::Error::other)?;
        let core = self.core.clone();
        self.core.spawn(self.core.clone().until_stop(server::serve(core, listener, own, house)));
        Ok(url)
    }

    /// The same hub once more; it does not stop when this is dropped.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self { url: self.url.clone(), token: self.token.clone(), core: self.core.clone(), stop: None }
    }

    /// Puts a Supervisor before the hub, if there is none yet; says where, and what an add-on finds as
    /// `SUPERVISOR_TOKEN`. A [`Flavour::Supervised`] hub has one from the start.
    ///
    /// # Errors
    /// When its address cannot be listened at.
    pub async fn supervisor(&self) -> std::io::Result<(Url, String)> {
        let addr = self.core.supervise().await?;
        let url = Url::parse(&format!("http://{addr}")).map_err(std::io::Error::other)?;
        Ok((url, self.core.supervisor.token.clone()))
    }

    /// Installs an add-on whose pages are at this address, behind the Supervisor's ingress. False if there is
    /// no Supervisor.
    pub fn install(&self, slug: &str, pages: SocketAddr) -> bool {
        self.core.office().ingress.as_mut().map(|ingress| ingress.install(slug, pages)).is_some()
    }

    /// Takes the add-on away.
    pub fn uninstall(&self) {
        if let Some(ingress) = &mut self.core.office().ingress {
            ingress.uninstall();
        }
    }

    /// All sessions of the Supervisor's ingress are over.
    pub fn end_ingress_sessions(&self) {
        if let Some(ingress) = &mut self.core.office().ingress {
            ingress.end_sessions();
        }
    }

    /// These faults, and no others, from now on.
    pub fn set_faults(&self, faults: Faults) {
        let mut office = self.core.office();
        office.faults = faults;
        office.wake_all();
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

    /// A camera with all its entities is added to the home.
    pub fn add_camera(&self, camera: &SimCamera) {
        self.core.change(|world| world.add_camera(camera));
    }

    /// A helper comes into the home: `input_button.show_drive`.
    pub fn add_button(&self, entity_id: &str) {
        self.core.change(|world| world.add_button(entity_id));
    }

    /// A camera's device goes, with all its entities.
    pub fn remove_camera(&self, key: &str) {
        self.core.change(|world| world.remove_camera(key));
    }

    /// An entity gets another entity id.
    pub fn rename(&self, entity_id: &str, to: &str) {
        self.core
            .change(|world| world.update(entity_id, &Update { entity_id: Some(to), ..Update::default() }));
    }

    /// An entity gets a name of its own, or loses it.
    pub fn name(&self, entity_id: &str, name: Option<&str>) {
        self.core.change(|world| world.update(entity_id, &Update { name: Some(name), ..Update::default() }));
    }

    /// Every camera gets a new access token.
    pub fn rotate_tokens(&self) {
        self.core.change(World::rotate_tokens);
    }

    /// At least so many further entities come into the home, ten at a time, which have nothing to do with cameras.
    pub async fn add_strangers(&self, entities: usize) {
        self.core.add_strangers(entities).await;
    }

    /// States change so many times a second, one entity after the other, until the hub stops or for `lasting`:
    /// those of all entities that fit one of the globs.
    pub fn flood(&self, globs: Vec<String>, per_second: u32, lasting: Duration) {
        self.core.flood(globs, per_second, lasting);
    }

    /// A camera's stream ends: its address is good no longer. False if there was none.
    pub fn end_stream(&self, entity_id: &str) -> bool {
        self.core.office().streams.end(entity_id)
    }

    /// An entity is disabled by the user, or enabled: first restored and unavailable, then real.
    pub fn disable(&self, entity_id: &str, disabled: bool) {
        let disabled_by = Some(Some("user").filter(|_| disabled));
        self.core.change(|world| world.update(entity_id, &Update { disabled_by, ..Update::default() }));
        if !disabled {
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

    /// What a start takes from now on: from the open port to the entities, and from there to `RUNNING`.
    pub fn start_takes(&self, entities_after: Duration, running_after: Duration) {
        self.core.office().start_takes = (entities_after, running_after);
    }

    /// It is another hub from its next start on.
    pub fn become_flavour(&self, flavour: Flavour) {
        let mut office = self.core.office();
        office.flavour = flavour;
        office.world.become_flavour(flavour);
    }

    /// Every WebRTC session at a camera fails after all: its client is told, its program ends. False if
    /// there was none.
    pub fn fail_relays(&self, entity_id: &str, code: &str, message: &str) -> bool {
        self.core.office().fail_relays(entity_id, code, message)
    }

    /// Candidates of WebRTC sessions come before the answer from now on, or after it.
    pub fn candidates_first(&self, first: bool) {
        self.core.office().faults.candidates_first = first;
    }

    /// Clients are told of these STUN and TURN servers from now on: a list of `{"urls": ...}`.
    pub fn set_ice_servers(&self, servers: Value) {
        self.core.office().ice_servers = servers;
    }

    /// Stops: connections are dropped, the port is free, no program is left.
    pub async fn stop(mut self) {
        let _guard = self.stop.take();
        self.core.office().end_all(End::Close);
        self.core.gate(false).await;
        self.core.end().await;
    }
}
