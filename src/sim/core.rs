//! What a simulated hub's tasks share: its desk, its port, what happens by itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::commands::Later;
use super::desk::{End, Way};
use super::ingress::Ingress;
use super::link;
use super::office::Office;
use super::options::SimHubOptions;
use super::supervisor::Supervisor;
use super::world::{Change, Phase, World};

/// Between two waves of a flood.
const FLOOD_TICK: Duration = Duration::from_millis(10);

/// What a simulated hub's tasks share.
pub(super) struct Core {
    office: Mutex<Office>,
    pub(super) options: SimHubOptions,
    pub(super) supervisor: Supervisor,
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
            supervisor: Supervisor::new(),
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

    /// Serves the Supervisor's port until the hub stops; does nothing if it is served.
    pub(super) async fn supervise(self: &Arc<Self>) -> std::io::Result<SocketAddr> {
        if let Some(addr) = self.supervisor.addr.get() {
            return Ok(*addr);
        }
        let listener = TcpListener::bind(self.options.supervisor_addr).await?;
        let bound = listener.local_addr()?;
        let addr = *self.supervisor.addr.get_or_init(|| bound);
        self.office().ingress = Some(Ingress::new(self.options.ingress_lives)?);
        let core = self.clone();
        self.spawn(self.clone().until_stop(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    core.welcome(stream, Way::Proxy);
                }
            }
        }));
        Ok(addr)
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, way: Way) {
        drop(stream.set_nodelay(true));
        self.spawn(self.clone().until_stop(link::serve(self.clone(), stream, way)));
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
                Later::Stream(stream) => self.spawn(stream.run(core)),
                deed => self.spawn(self.clone().until_stop(async move { core.carry_out(deed).await })),
            }
        }
    }

    async fn carry_out(self: &Arc<Self>, deed: Later) {
        match deed {
            Later::MotionOff(key) => {
                tokio::time::sleep(self.options.motion_for).await;
                self.change(|world| world.move_before(&key, "off"));
            }
            Later::Revive(entity_id) => {
                tokio::time::sleep(self.options.reload_delay).await;
                self.change(|world| world.revive(&entity_id));
            }
            Later::Restart => {
                self.go_down().await;
                tokio::time::sleep(self.options.restart_down).await;
                self.come_up().await;
            }
            Later::Relay(_) | Later::Stream(_) => {}
        }
    }

    /// Changes the home and tells the subscribers.
    pub(super) fn change<C: IntoIterator<Item = Change>>(&self, deed: impl FnOnce(&mut World) -> C) {
        let mut office = self.office();
        let heard = deed(&mut office.world);
        office.publish(heard);
    }

    /// Adds entities bit by bit, so that clients can follow.
    pub(super) async fn add_strangers(&self, entities: usize) {
        for _ in 0..entities.div_ceil(10) {
            self.change(World::add_stranger);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets states change, evenly spread over the time.
    pub(super) fn flood(self: &Arc<Self>, globs: Vec<String>, per_second: u32, lasting: Duration) {
        let core = self.clone();
        self.spawn(self.clone().until_stop(async move {
            let began = Instant::now();
            let (mut nth, mut ticks) = (0_u64, interval(FLOOD_TICK));
            while began.elapsed() < lasting {
                ticks.tick().await;
                let due = (began.elapsed().as_secs_f64() * f64::from(per_second)) as u64;
                if due > nth {
                    core.change(|world| world.ripple(&globs, nth..due));
                    nth = due;
                }
            }
        }));
    }

    /// The hub goes down: connections closed with 1000, port refused.
    pub(super) async fn go_down(&self) {
        {
            let mut office = self.office();
            office.world.go_down();
            office.streams.end_all();
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
            let (entities_after, running_after) = core.office().start_takes;
            tokio::time::sleep(entities_after).await;
            core.change(World::come_back);
            tokio::time::sleep(running_after).await;
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
                    core.welcome(stream, Way::Direct);
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
