//! The link to the hub: one WebSocket, one task that owns it, one actor that answers for it.
//!
//! | part | what it holds |
//! |---|---|
//! | `link` | the task: dials, speaks, is lost, waits, dials again |
//! | `dialer` | sockets, TLS, and why one did not come about |
//! | `desk` | what others in the house want of the link, and what it has for them |
//! | `identify`, `users`, `service`, `camera` | what the actor can be asked |
//! | `trial` | a hub that is tried before anything of it is kept |
//! | `clock` | the link's time |
//!
//! The task's loop waits for nobody but the hub: it feeds the [`Model`], puts each new snapshot
//! where the actor finds it, and wakes whoever pulls. A hub drops clients that read too slowly.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult, Recipient};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use url::Url;

use super::model::Model;
use super::ties::HandTie;
use super::{HubError, HubSnapshot, Link, Press};
use crate::seat::Retire;
use clock::Clock;
use desk::{Ask, Counter, Desk};
use dialer::Dialer;

mod camera;
mod clock;
mod desk;
mod dialer;
mod identify;
mod link;
mod service;
mod trial;
mod users;

pub use camera::{FindState, FindStill, HubAddress, IceServers, OpenRelay, OpenStream, RelayWishes};
pub use identify::Identify;
pub use service::CallService;
pub use trial::{TrialError, TriedHub, try_hub};
pub use users::FindUser;

/// Between two wakes.
const WAKE_EVERY: Duration = Duration::from_millis(100);

/// Where the hub is and who we are there.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// Base address (`http`, `https`) or WebSocket address (`ws`, `wss`).
    pub url: Url,
    /// Our token.
    pub token: SecretString,
    /// Extra certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// The hub's own base address, where `url` leads to the Supervisor's proxy: foreign tokens and
    /// streams need it. `None`: `url` is the hub itself.
    pub direct: Option<Url>,
}

/// Wake: the hub's cameras or the link are not what they were. Sent at most ten times a second;
/// whoever gets it pulls with [`Snapshot`].
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
pub struct HubChanged;

/// Note: what is tied by hand from now on, in the place of what was before.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct TieByHand(pub Vec<HandTie>);

/// Ask: how the hub stands. Answered from memory.
#[derive(Debug, actix::Message)]
#[rtype(result = "HubSnapshot")]
pub struct Snapshot;

/// The actor that answers for the hub. Dropping it ends its tasks.
pub struct HubBridge {
    dialer: Arc<Dialer>,
    ties: Vec<HandTie>,
    /// Whom to wake; shared with the task that wakes.
    wake: Recipient<HubChanged>,
    presses: mpsc::Sender<Press>,
    /// Where the link's task is met, once it runs.
    counter: Option<Counter>,
    identifying: Arc<Semaphore>,
    tasks: Vec<AbortOnDrop>,
}

impl HubBridge {
    /// A bridge that connects once it is started. `wake` is woken after every change; presses that
    /// do not fit into `presses` are dropped and counted.
    #[must_use]
    pub fn new(config: BridgeConfig, wake: Recipient<HubChanged>, presses: mpsc::Sender<Press>) -> Self {
        Self::over(Dialer::new(config, dialer::over_tcp(), Clock::System), wake, presses)
    }

    fn over(dialer: Dialer, wake: Recipient<HubChanged>, presses: mpsc::Sender<Press>) -> Self {
        Self {
            dialer: Arc::new(dialer),
            ties: Vec::new(),
            wake,
            presses,
            counter: None,
            identifying: Arc::new(Semaphore::new(identify::MOST_IDENTIFYING)),
            tasks: Vec::new(),
        }
    }

    /// Ties bells and motion by hand.
    #[must_use]
    pub fn with_ties(mut self, ties: Vec<HandTie>) -> Self {
        self.ties = ties;
        self
    }

    /// Asks the hub one thing; the answer comes within 10 s.
    fn ask(
        &self,
        kind: &'static str,
        fields: Map<String, Value>,
    ) -> impl Future<Output = Result<Value, HubError>> + use<> {
        let (reply, answer) = oneshot::channel();
        let asks = self.counter.as_ref().map(|counter| counter.asks.clone());
        async move {
            asks.ok_or_else(lost)?.try_send(Ask { kind, fields, reply }).map_err(crowded)?;
            answer.await.map_err(|_| lost())?
        }
    }
}

fn lost() -> HubError {
    HubError::Down("the link is not there".into())
}

fn crowded<T>(_: T) -> HubError {
    HubError::Down("too many questions at once".into())
}

impl Actor for HubBridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let model = Box::new(Model::new(std::mem::take(&mut self.ties)));
        let (desk, counter) = Desk::new(model.snapshot().clone(), self.presses.clone());
        let waker = tokio::spawn(wake(self.wake.clone(), counter.snapshot.clone()));
        let link = tokio::spawn(link::hold(self.dialer.clone(), model, desk));
        self.counter = Some(counter);
        self.tasks = vec![AbortOnDrop(waker.abort_handle()), AbortOnDrop(link.abort_handle())];
        // Not a future of the context: that would keep the actor alive when nobody has its address.
        let actor = ctx.address().downgrade();
        tokio::spawn(async move {
            let end = link.await;
            if let Some(actor) = actor.upgrade() {
                tracing::error!(panicked = end.is_err_and(|end| end.is_panic()), "the hub's link has died");
                // If it died first, all is said.
                actor.send(LinkDied).await.unwrap_or(());
            }
        });
    }
}

/// Note of the link's task: it has ended, which only a mistake of ours does. The actor goes with it,
/// and its owner builds a new one.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct LinkDied;

impl Handler<LinkDied> for HubBridge {
    type Result = ();

    fn handle(&mut self, _: LinkDied, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Retire> for HubBridge {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<TieByHand> for HubBridge {
    type Result = ();

    fn handle(&mut self, TieByHand(ties): TieByHand, _: &mut Self::Context) {
        if let Some(counter) = &self.counter {
            counter.ties.send_replace(ties);
        }
    }
}

impl Handler<Snapshot> for HubBridge {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _: &mut Self::Context) -> Self::Result {
        let snapshot = self.counter.as_ref().map(|counter| HubSnapshot::clone(&counter.snapshot.borrow()));
        MessageResult(
            snapshot.unwrap_or_else(|| HubSnapshot::without_cameras(Link::Down("not started".into()))),
        )
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Wakes after every change, at most so often, and again if there was no room.
async fn wake(recipient: Recipient<HubChanged>, mut snapshot: watch::Receiver<Arc<HubSnapshot>>) {
    while snapshot.changed().await.is_ok() {
        loop {
            let sent = recipient.try_send(HubChanged);
            sleep(WAKE_EVERY).await;
            if !matches!(sent, Err(actix::dev::SendError::Full(_))) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
