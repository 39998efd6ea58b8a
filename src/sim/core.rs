//! What a simulated hub's tasks share: its desk, its port, what happens by itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::commands::Later;
use super::hub::SimHubOptions;
use super::link;
use super::office::{End, Office};
use super::world::{Change, Phase, World};

/// What a simulated hub's tasks share.
pub(super) struct Core {
    office: Mutex<Office>,
    pub(super) options: SimHubOptions,
    pub(super) stop: CancellationToken,
    /// What is wanted: the port open or closed.
    gate: watch::Sender<bool>,
    /// What is: the port open or closed.
    opened: watch::Sender<bool>,
    /// What ends only after it has cleaned up.
    tasks: Mutex<JoinSet<()>>,
    /// Ends the plain HTTP connections of now.
    http: Mutex<CancellationToken>,
}

impl Core {
    pub(super) fn new(office: Office, options: SimHubOptions) -> Self {
        let stop = office.stop.clone();
        Self {
            office: Mutex::new(office),
            options,
            http: Mutex::new(stop.child_token()),
            stop,
            gate: watch::Sender::new(true),
            opened: watch::Sender::new(true),
            tasks: Mutex::default(),
        }
    }

    pub(super) fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves the port and rotates tokens until the hub stops.
    pub(super) fn begin(self: &Arc<Self>, listener: TcpListener, addr: SocketAddr) {
        self.spawn(self.clone().until_stop(listen(self.clone(), listener, addr)));
        self.spawn(self.clone().until_stop(rotate(self.clone())));
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(super) async fn until_stop(self: Arc<Self>, work: impl Future<Output = ()>) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = work => {}
        }
    }

    /// Stops everything, and returns when no task and no program is left.
    pub(super) async fn end(&self) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.join_all().await;
    }

    /// Lets happen later what a command or a press leads to.
    pub(super) fn follow_up(self: &Arc<Self>, later: Vec<Later>) {
        for deed in later {
            let core = self.clone();
            match deed {
                Later::Relay(session) => self.spawn(session.run(core)),
                deed => self.spawn(self.clone().until_stop(async move { core.carry_out(deed).await })),
            }
        }
    }

    async fn carry_out(self: &Arc<Self>, deed: Later) {
        match deed {
            Later::MotionOff(key) => {
                tokio::time::sleep(self.options.motion_for).await;
                self.change(|world| world.set(&format!("binary_sensor.{key}_motion"), "off", None));
            }
            Later::Revive(entity_id) => {
                tokio::time::sleep(self.options.reload_delay).await;
                self.change(|world| world.revive(&entity_id));
            }
            Later::Restart => {
                self.go_down().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.come_up().await;
            }
            Later::Relay(_) => {}
        }
    }

    /// Changes the home and tells the subscribers.
    pub(super) fn change<C: IntoIterator<Item = Change>>(&self, deed: impl FnOnce(&mut World) -> C) {
        let mut office = self.office();
        let heard = deed(&mut office.world);
        office.publish(heard);
    }

    /// The hub goes down: connections closed with 1000, port refused.
    pub(super) async fn go_down(&self) {
        {
            let mut office = self.office();
            office.world.go_down();
            office.end_all(End::Close);
        }
        self.gate(false).await;
        // Whoever logged in meanwhile goes too.
        self.office().end_all(End::Close);
        self.hang_up();
    }

    /// Opens the port at once; entities and `RUNNING` follow by themselves.
    pub(super) async fn come_up(self: &Arc<Self>) {
        self.gate(true).await;
        let core = self.clone();
        self.spawn(self.clone().until_stop(async move {
            tokio::time::sleep(core.options.entities_after).await;
            core.change(World::come_back);
            tokio::time::sleep(core.options.running_after).await;
            core.change(|world| {
                world.phase = Phase::Running;
                [Change::Event { event_type: "homeassistant_started", data: json!({}) }]
            });
        }));
    }

    /// Opens or closes the port; connections stay.
    pub(super) async fn gate(&self, open: bool) {
        self.gate.send_replace(open);
        let mut opened = self.opened.subscribe();
        tokio::select! {
            () = self.stop.cancelled() => {}
            _ = opened.wait_for(|now| *now == open) => {}
        }
    }

    /// Whether the port is open.
    pub(super) fn listens(&self) -> bool {
        *self.opened.borrow()
    }

    /// Ends all plain HTTP connections in the middle of whatever they do.
    pub(super) fn hang_up(&self) {
        let mut http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *http, self.stop.child_token()).cancel();
    }

    /// Cancelled by the next [`hang_up`](Self::hang_up).
    pub(super) fn hung_up(&self) -> CancellationToken {
        self.http.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn listen(core: Arc<Core>, first: TcpListener, addr: SocketAddr) {
    let mut wanted = core.gate.subscribe();
    let mut listener = Some(first);
    loop {
        match &listener {
            Some(open) => tokio::select! {
                _ = wanted.wait_for(|open| !*open) => {
                    listener = None;
                    core.opened.send_replace(false);
                }
                accepted = open.accept() => if let Ok((stream, _)) = accepted {
                    drop(stream.set_nodelay(true));
                    core.spawn(core.clone().until_stop(link::serve(core.clone(), stream)));
                },
            },
            None => {
                drop(wanted.wait_for(|open| *open).await);
                match TcpListener::bind(addr).await {
                    Ok(open) => {
                        listener = Some(open);
                        core.opened.send_replace(true);
                    }
                    Err(_in_use) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }
    }
}

async fn rotate(core: Arc<Core>) {
    loop {
        tokio::time::sleep(core.options.token_rotation).await;
        core.change(World::rotate_tokens);
    }
}
