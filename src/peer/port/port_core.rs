//! What the port's parts share, and the tasks that move datagrams.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::base::Base;
use super::bases::{BaseId, Bases};
use super::counters::Tally;
use super::outbox::Outbox;
use super::reflexive::Reflexive;
use super::remote::Proof;
use super::servers::{self, Servers};
use super::shared_socket::ReceiveBuffers;
use super::table::{Stray, Table};

/// Longest datagram that a peer reads, in bytes.
pub(super) const MAX_DATAGRAM: usize = 2000;
/// Batches read in a row before others on the thread get their turn.
const BATCHES_IN_A_ROW: u32 = 16;
/// Pause after a socket error, so that a broken socket costs no whole core.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// What the port's parts share.
#[derive(Debug)]
pub(super) struct PortCore {
    pub(super) bases: Bases,
    table: Mutex<Table>,
    pub(super) tally: Arc<Tally>,
    servers: Mutex<Servers>,
    reflexive: Mutex<Reflexive>,
    /// There may be something to ask the STUN servers.
    pub(super) ask_servers: Notify,
    /// Outboxes that hold something, for the flusher.
    unflushed: Mutex<Vec<Arc<Outbox>>>,
    flush: Notify,
    /// For TURN servers that are spoken to over TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The media runtime.
    runtime: Handle,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl PortCore {
    /// A port without bases. To be called on the media runtime.
    pub(super) fn start(tls: Option<Arc<ClientConfig>>) -> Arc<Self> {
        let core = Arc::new(Self {
            bases: Bases::default(),
            table: Mutex::default(),
            tally: Arc::default(),
            servers: Mutex::default(),
            reflexive: Mutex::default(),
            ask_servers: Notify::new(),
            unflushed: Mutex::default(),
            flush: Notify::new(),
            tls,
            runtime: Handle::current(),
            tasks: Mutex::default(),
        });
        core.spawn(flush_collected(Arc::clone(&core)));
        core.spawn(servers::ask(Arc::clone(&core)));
        core
    }

    /// Gives up what TURN servers hold for us, and ends all reading.
    pub(super) fn stop(&self) {
        for (_, base) in self.bases.all() {
            if let Some(relay) = base.relay() {
                relay.release(&self.tally);
            }
        }
        self.tasks().iter().for_each(AbortHandle::abort);
    }

    /// Runs on the media runtime until the port is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let task = self.runtime.spawn(task).abort_handle();
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.clone());
        task
    }

    /// The machine has other addresses than before.
    pub(super) fn network_changed(&self) {
        self.ask_servers.notify_one();
        for (_, base) in self.bases.all() {
            if let Some(relay) = base.relay() {
                relay.network_changed(&self.tally);
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reflexive(&self) -> MutexGuard<'_, Reflexive> {
        self.reflexive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unflushed(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the outbox flushed when the tasks that are running now have had their turn: by then the
    /// whole picture is in it.
    pub(super) fn flush_soon(&self, outbox: &Arc<Outbox>) {
        self.unflushed().push(Arc::clone(outbox));
        self.flush.notify_one();
    }

    pub(super) fn receive(&self, base: BaseId, from: SocketAddr, datagram: &[u8]) {
        self.tally.received.one();
        if datagram.len() > MAX_DATAGRAM {
            return self.tally.too_long.one();
        }
        let now = Instant::now();
        let route = self.table().route(base, from, datagram, now);
        match route {
            Ok(route) => {
                if route.rebound {
                    self.tally.rebound.one();
                }
                if route.proof == Proof::Signed {
                    route.inbox.sought.get_or_init(|| now);
                    route.inbox.meter.sought();
                }
                let (from, moved) = route.inbox.remote.source(from, route.proof, now);
                if moved {
                    route.inbox.meter.moved();
                    self.tally.moved.one();
                }
                if !route.inbox.bears(datagram, now) {
                    return self.tally.too_many_reports.one();
                }
                if !route.inbox.push(from, datagram) {
                    self.tally.queue_full.one();
                }
            }
            // No peer asked; then perhaps the port itself.
            Err(Stray::UnsolicitedResponse) if self.reflexive().answered(base, from, datagram, now) => {
                self.ask_servers.notify_one();
            }
            Err(stray) => self.count(stray),
        }
    }

    fn count(&self, stray: Stray) {
        let tally = &self.tally;
        match stray {
            Stray::UnknownKind => &tally.unknown_kind,
            Stray::MalformedStun => &tally.malformed_stun,
            Stray::UnknownUfrag => &tally.unknown_ufrag,
            Stray::BadIntegrity => &tally.bad_integrity,
            Stray::UnsolicitedResponse => &tally.unsolicited_response,
            Stray::ResponseFromElsewhere => &tally.response_from_elsewhere,
            Stray::UnknownAddress => &tally.unknown_address,
        }
        .one();
    }
}

/// Reads one socket for ever.
pub(super) async fn read(core: Arc<PortCore>, id: BaseId) {
    let Some(base) = core.bases.by_id(id) else { return };
    let Base::Host(socket) = &*base else { return };
    let mut buffers = ReceiveBuffers::new();
    let mut batches = 0;
    loop {
        let received = socket.receive(&mut buffers, |from, datagram| core.receive(id, from, datagram)).await;
        if let Err(error) = received {
            tracing::warn!(address = %socket.address(), kind = ?error.kind(), "the media port cannot read");
            tokio::time::sleep(ERROR_PAUSE).await;
        }
        batches += 1;
        if batches % BATCHES_IN_A_ROW == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn flush_collected(core: Arc<PortCore>) {
    let mut outboxes = Vec::new();
    loop {
        core.flush.notified().await;
        std::mem::swap(&mut outboxes, &mut *core.unflushed());
        for outbox in outboxes.drain(..) {
            outbox.flush();
        }
    }
}
