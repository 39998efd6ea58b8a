//! The STUN and TURN servers in use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::base::Base;
use super::bases::BaseId;
use super::paths::ServerPath;
use super::port_core::PortCore;
use super::relay::{self, Relay, TurnServer};
use super::resolve::resolve;
use crate::peer::ice_server::IceServer;

/// A server's name is looked up anew after this time, and sooner when that failed.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(300);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Servers of a kind; a hub that names more gets the first ones.
const MOST: usize = 8;

/// The servers, each with what runs for it.
#[derive(Debug, Default)]
pub(super) struct Servers(Vec<(IceServer, Running)>);

#[derive(Debug)]
enum Running {
    /// Follows the name of a STUN server.
    Stun(AbortHandle),
    /// Holds the allocation at a TURN server.
    Turn(BaseId, Arc<Relay>),
}

impl Servers {
    /// Takes up those that are new and lets those go that are not in `wanted`.
    pub(super) fn replace(&mut self, core: &Arc<PortCore>, wanted: Vec<IceServer>) {
        let (kept, gone) = std::mem::take(&mut self.0).into_iter().partition(|(old, _)| wanted.contains(old));
        self.0 = kept;
        for (server, running) in gone {
            end(core, &server, running);
        }
        for server in wanted {
            let is_stun = |server: &IceServer| matches!(server, IceServer::Stun { .. });
            let like = self.0.iter().filter(|(old, _)| is_stun(old) == is_stun(&server)).count();
            if like < MOST && self.0.iter().all(|(old, _)| *old != server) {
                let running = start(core, &server);
                self.0.push((server, running));
            }
        }
        core.ask_servers.notify_one();
    }

    /// What is known of each.
    pub(super) fn paths(&self, core: &PortCore) -> Vec<ServerPath> {
        let said: Vec<_> = core.reflexive().servers().map(|(name, error)| (name.to_owned(), error)).collect();
        let path = |(server, running): &(IceServer, Running)| {
            let (relayed, error) = match running {
                Running::Stun(_) => {
                    let said = said.iter().find(|(name, _)| name == server.address());
                    (None, said.and_then(|(_, error)| error.clone()))
                }
                Running::Turn(_, relay) => (relay.relayed().map(|(relayed, _)| relayed), relay.error()),
            };
            ServerPath { server: server.to_string(), relayed, error }
        };
        self.0.iter().map(path).collect()
    }
}

fn start(core: &Arc<PortCore>, server: &IceServer) -> Running {
    match server.clone() {
        IceServer::Stun { address } => {
            core.reflexive().add(&address);
            Running::Stun(core.spawn(follow_name(Arc::clone(core), address)))
        }
        IceServer::Turn { address, transport, username, password } => {
            let server = TurnServer { address, transport, username, password };
            let id = core.bases.number();
            let relay = Arc::new(Relay::new(id, server));
            core.bases.add(id, Base::Relay(Arc::clone(&relay)));
            core.spawn(relay::hold(Arc::clone(core), id, Arc::clone(&relay)));
            Running::Turn(id, relay)
        }
    }
}

fn end(core: &PortCore, server: &IceServer, running: Running) {
    match running {
        Running::Stun(task) => {
            task.abort();
            core.reflexive().remove(server.address());
        }
        Running::Turn(id, relay) => {
            relay.retire();
            if core.bases.remove_unused(id) {
                relay.release(&core.tally);
            }
        }
    }
}

async fn follow_name(core: Arc<PortCore>, address: String) {
    let mut failures = 0;
    loop {
        let found = resolve(&address).await;
        let again =
            if found.is_ok() { LOOK_UP_AGAIN } else { (AFTER_FAILURE * (failures + 1)).min(LOOK_UP_AGAIN) };
        failures = if found.is_ok() { 0 } else { failures + 1 };
        core.reflexive().locate(&address, found);
        core.ask_servers.notify_one();
        tokio::time::sleep(again).await;
    }
}

/// Asks the STUN servers whenever it is time.
pub(super) async fn ask(core: Arc<PortCore>) {
    loop {
        let hosts = core.bases.hosts();
        let (due, next) = {
            let mut reflexive = core.reflexive();
            (reflexive.due(&hosts, Instant::now()), reflexive.deadline())
        };
        for (base, to, request) in due {
            if let Some(base) = core.bases.by_id(base) {
                base.send(to, &request, request.len(), &core.tally);
            }
        }
        let time = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = core.ask_servers.notified() => {}
        }
    }
}
