//! The link to the hub: one WebSocket, one task that owns it, one actor that answers for it.
//!
//! The task's loop waits for nobody but the hub: it feeds the [`Model`], puts each new snapshot
//! where the actor finds it, and wakes whoever pulls. A hub drops clients that read too slowly.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseFuture};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, Semaphore, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::entity::HandTie;
use super::lines::{LineId, LineNews};
use super::model::{Model, Outgoing, Ticket};
use super::protocol::{self, Incoming};
use super::retry::Retry;
use super::{HubError, HubSnapshot, HubUser, Link, Press, RelayLine, RelayNews, trust};

mod camera;
mod users;

pub use camera::{FindStill, OpenRelay, OpenStream, RelayWishes, StillAddress};
pub use users::FindUser;

/// From nothing to an open WebSocket.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// For the whole question who holds a token.
const IDENTIFY_WITHIN: Duration = Duration::from_secs(3);
/// Questions who holds a token, at once.
const MOST_IDENTIFYING: usize = 4;
/// Between two wakes.
const WAKE_EVERY: Duration = Duration::from_millis(100);
/// Frames that may wait for a hub that does not read.
const MOST_UNSENT: usize = 256;
/// Sessions at cameras that wait to be opened or ended.
const MOST_OPENING: usize = 64;
/// What the hub says of one session that may wait for its reader.
const LINE_NEWS: usize = 64;
/// Frames from this size on are read on another thread, bytes.
const LARGE_FRAME: usize = 64 * 1024;

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

/// Ask: how the hub stands. Answered from memory.
#[derive(Debug, actix::Message)]
#[rtype(result = "HubSnapshot")]
pub struct Snapshot;

/// Ask: whose token this is. Takes at most 3 s. Nothing is cached here.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<HubUser, HubError>")]
pub struct Identify {
    /// The token.
    pub token: SecretString,
}

/// Ask: call a service of the hub; the answer comes when the service has ended, within 10 s.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<Value, HubError>")]
pub struct CallService {
    /// `button`
    pub domain: String,
    /// `press`
    pub service: String,
    /// `{"entity_id": …}`, or null.
    pub target: Value,
    /// The service's own data, or null.
    pub data: Value,
}

/// The actor that answers for the hub. Dropping it ends its tasks.
pub struct HubBridge {
    dialer: Arc<Dialer>,
    ties: Vec<HandTie>,
    /// Whom to wake; shared with the task that wakes.
    wake: Recipient<HubChanged>,
    presses: mpsc::Sender<Press>,
    /// What the link's task published last.
    snapshot: Option<watch::Receiver<Arc<HubSnapshot>>>,
    /// To the link's task.
    asks: Option<mpsc::Sender<Ask>>,
    /// To the link's task: sessions at cameras.
    lines: Option<mpsc::Sender<OpenLine>>,
    identifying: Arc<Semaphore>,
    tasks: Vec<AbortOnDrop>,
}

impl HubBridge {
    /// A bridge that connects once it is started. `wake` is woken after every change; presses that
    /// do not fit into `presses` are dropped and counted.
    #[must_use]
    pub fn new(config: BridgeConfig, wake: Recipient<HubChanged>, presses: mpsc::Sender<Press>) -> Self {
        Self {
            dialer: Arc::new(Dialer { config, tls: OnceCell::new() }),
            ties: Vec::new(),
            wake,
            presses,
            snapshot: None,
            asks: None,
            lines: None,
            identifying: Arc::new(Semaphore::new(MOST_IDENTIFYING)),
            tasks: Vec::new(),
        }
    }

    /// Ties bells and motion by hand.
    #[must_use]
    pub fn with_ties(mut self, ties: Vec<HandTie>) -> Self {
        self.ties = ties;
        self
    }
}

impl Actor for HubBridge {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let model = Box::new(Model::new(std::mem::take(&mut self.ties)));
        let (publish, snapshot) = watch::channel(model.snapshot().clone());
        let (asks, asked) = mpsc::channel(64);
        let (lines, opening) = mpsc::channel(MOST_OPENING);
        let (hang_up, hung_up) = mpsc::channel(MOST_OPENING);
        let waker = tokio::spawn(wake(self.wake.clone(), snapshot.clone()));
        self.snapshot = Some(snapshot);
        self.asks = Some(asks);
        self.lines = Some(lines);
        let desk = Desk {
            publish,
            presses: self.presses.clone(),
            asked,
            waiting: HashMap::new(),
            last_ticket: 0,
            opening,
            hung_up,
            hang_up,
            lines: HashMap::new(),
            last_line: 0,
        };
        let link = tokio::spawn(hold(self.dialer.clone(), model, desk));
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

impl Handler<Snapshot> for HubBridge {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _: &mut Self::Context) -> Self::Result {
        let snapshot = self.snapshot.as_ref().map(|snapshot| HubSnapshot::clone(&snapshot.borrow()));
        MessageResult(snapshot.unwrap_or_else(|| HubSnapshot {
            link: Link::Down("not started".into()),
            version: String::new(),
            cameras: Vec::new(),
        }))
    }
}

impl Handler<CallService> for HubBridge {
    type Result = ResponseFuture<Result<Value, HubError>>;

    fn handle(&mut self, call: CallService, _: &mut Self::Context) -> Self::Result {
        let mut fields = Map::new();
        fields.insert("domain".into(), call.domain.into());
        fields.insert("service".into(), call.service.into());
        for (key, value) in [("target", call.target), ("service_data", call.data)] {
            if !value.is_null() {
                fields.insert(key.into(), value);
            }
        }
        let (reply, answer) = oneshot::channel();
        let asks = self.asks.clone();
        Box::pin(async move {
            let lost = || HubError::Down("the link is not there".into());
            let asks = asks.ok_or_else(lost)?;
            asks.try_send(Ask { kind: "call_service", fields, reply })
                .map_err(|_| HubError::Down("too many questions at once".into()))?;
            answer.await.map_err(|_| lost())?
        })
    }
}

impl Handler<Identify> for HubBridge {
    type Result = ResponseFuture<Result<HubUser, HubError>>;

    fn handle(&mut self, Identify { token }: Identify, _: &mut Self::Context) -> Self::Result {
        let (dialer, places) = (self.dialer.clone(), self.identifying.clone());
        Box::pin(async move {
            let question = async {
                let _place = places.acquire().await.map_err(|_| HubError::Down("closing".into()))?;
                identify(&dialer, &token).await
            };
            timeout(IDENTIFY_WITHIN, question)
                .await
                .unwrap_or_else(|_| Err(HubError::Down("no answer in time".into())))
        })
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A question of the actor to the link's task.
struct Ask {
    kind: &'static str,
    fields: Map<String, Value>,
    reply: oneshot::Sender<Result<Value, HubError>>,
}

/// A session at a camera that is to be opened.
struct OpenLine {
    fields: Map<String, Value>,
    reply: oneshot::Sender<Result<RelayLine, HubError>>,
}

/// A session at a camera.
struct Line {
    /// Until the hub has taken the offer.
    reply: Option<oneshot::Sender<Result<RelayLine, HubError>>>,
    opened: Option<RelayLine>,
    news: mpsc::Sender<RelayNews>,
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

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket that did not come about or has ended.
struct Lost {
    reason: String,
    /// The hub turns our address away, whatever we say.
    forbidden: bool,
}

impl Lost {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), forbidden: false }
    }
}

impl From<tungstenite::Error> for Lost {
    fn from(error: tungstenite::Error) -> Self {
        use tungstenite::Error;
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::because("closed by the hub"),
            Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                Self::because("the connection was cut")
            }
            Error::Http(response) => {
                let status = response.status();
                Self {
                    reason: format!("the hub answers HTTP {status}"),
                    forbidden: matches!(status.as_u16(), 401 | 403),
                }
            }
            Error::Io(error) => Self::because(error.to_string()),
            error => Self::because(error.to_string().chars().take(200).collect::<String>()),
        }
    }
}

impl From<Lost> for HubError {
    fn from(lost: Lost) -> Self {
        if lost.forbidden { Self::Refused } else { Self::Down(lost.reason) }
    }
}

/// Opens sockets to the hub.
struct Dialer {
    config: BridgeConfig,
    tls: OnceCell<Arc<rustls::ClientConfig>>,
}

impl Dialer {
    async fn dial(&self, base: &Url) -> Result<Socket, Lost> {
        let address = protocol::websocket_address(base).map_err(|error| Lost::because(error.to_string()))?;
        let connector = if address.scheme() == "wss" {
            let ca_file = self.config.ca_file.clone();
            let load = || async {
                tokio::task::spawn_blocking(move || trust::client_config(ca_file.as_deref()))
                    .await
                    .unwrap_or_else(|_| Err(HubError::Down("certificates could not be read".into())))
            };
            let tls =
                self.tls.get_or_try_init(load).await.map_err(|error| Lost::because(error.to_string()))?;
            Connector::Rustls(tls.clone())
        } else {
            Connector::Plain
        };
        // The hub sends each message as one frame, and a large home's lists are large.
        let limits = WebSocketConfig::default()
            .max_message_size(Some(16 << 20))
            .max_frame_size(Some(16 << 20))
            .max_write_buffer_size(1 << 20);
        let open = connect_async_tls_with_config(address.as_str(), Some(limits), true, Some(connector));
        match timeout(CONNECT_WITHIN, open).await {
            Ok(opened) => Ok(opened?.0),
            Err(_) => Err(Lost::because("no answer in time")),
        }
    }
}

/// What somebody in the house wants of the link.
enum Wish {
    Ask(Ask),
    Open(OpenLine),
    HangUp(LineId),
}

/// The outside of the link's task.
struct Desk {
    publish: watch::Sender<Arc<HubSnapshot>>,
    presses: mpsc::Sender<Press>,
    asked: mpsc::Receiver<Ask>,
    waiting: HashMap<Ticket, oneshot::Sender<Result<Value, HubError>>>,
    last_ticket: Ticket,
    opening: mpsc::Receiver<OpenLine>,
    /// Lines whose other end was dropped.
    hung_up: mpsc::Receiver<LineId>,
    hang_up: mpsc::Sender<LineId>,
    lines: HashMap<LineId, Line>,
    last_line: LineId,
}

impl Desk {
    /// Hands out what the model has for others.
    fn settle(&mut self, model: &mut Model) {
        self.publish.send_if_modified(|current| {
            let is_new = !Arc::ptr_eq(current, model.snapshot());
            if is_new {
                current.clone_from(model.snapshot());
            }
            is_new
        });
        for press in model.presses() {
            if self.presses.try_send(press).is_err() {
                metrics::counter!("doorstep_hub_presses_dropped_total").increment(1);
                tracing::warn!("a press at the door was dropped: nobody takes them");
            }
        }
        for (line, news) in model.line_news() {
            self.tell(line, news);
        }
        for (ticket, reply) in model.replies() {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Whoever asked may have given up.
                drop(waiting.send(reply));
            }
        }
    }

    /// The next thing that somebody in the house wants; nothing once the actor is gone.
    async fn next(&mut self) -> Option<Wish> {
        tokio::select! {
            ask = self.asked.recv() => ask.map(Wish::Ask),
            Some(open) = self.opening.recv() => Some(Wish::Open(open)),
            Some(line) = self.hung_up.recv() => Some(Wish::HangUp(line)),
        }
    }

    fn fulfil(&mut self, wish: Wish, model: &mut Model) {
        match wish {
            Wish::Ask(ask) => self.ask(ask, model),
            Wish::Open(open) => self.open(open, model),
            Wish::HangUp(line) => {
                self.lines.remove(&line);
                model.close_line(line, Instant::now());
            }
        }
    }

    fn open(&mut self, OpenLine { fields, reply }: OpenLine, model: &mut Model) {
        self.last_line += 1;
        let line = self.last_line;
        let (news, received) = mpsc::channel(LINE_NEWS);
        let dropped = CancellationToken::new();
        let opened = RelayLine { news: received, _hangs_up: dropped.clone().drop_guard() };
        let hang_up = self.hang_up.clone();
        tokio::spawn(async move {
            dropped.cancelled().await;
            // A link's task that is gone has nothing to hang up.
            hang_up.send(line).await.ok();
        });
        self.lines.insert(line, Line { reply: Some(reply), opened: Some(opened), news });
        model.open_line(line, fields, Instant::now());
    }

    fn tell(&mut self, line: LineId, news: LineNews) {
        let Some(known) = self.lines.get_mut(&line) else { return };
        let fits = match news {
            LineNews::Opened => {
                if let (Some(reply), Some(opened)) = (known.reply.take(), known.opened.take()) {
                    // Whoever asked may have given up: then the line is dropped, which hangs up.
                    drop(reply.send(Ok(opened)));
                }
                true
            }
            LineNews::Relay(news) => known.news.try_send(news).is_ok(),
            LineNews::Ended(error) => {
                if let Some(reply) = known.reply.take() {
                    drop(reply.send(Err(error)));
                }
                false
            }
        };
        if !fits {
            // The reader sees the end of it.
            self.lines.remove(&line);
        }
    }

    fn ask(&mut self, ask: Ask, model: &mut Model) {
        self.last_ticket += 1;
        self.waiting.insert(self.last_ticket, ask.reply);
        model.ask(self.last_ticket, ask.kind, ask.fields, Instant::now());
    }
}

/// Holds the link for as long as the actor lives.
async fn hold(dialer: Arc<Dialer>, mut model: Box<Model>, mut desk: Desk) {
    let mut retry = Retry::default();
    loop {
        retry.trying(Instant::now());
        let lost = match dial_and_answer(&dialer, &mut model, &mut desk).await {
            Ok(socket) => {
                let lost;
                (model, lost) = converse(socket, model, &mut desk, &dialer.config.token, &mut retry).await;
                lost
            }
            Err(lost) => lost,
        };
        model.on_lost(&lost.reason, lost.forbidden);
        desk.settle(&mut model);
        let next = retry.next(Instant::now(), model.refused(), rand::random());
        let pause = next.saturating_duration_since(Instant::now());
        if model.refused() {
            tracing::error!(reason = lost.reason, pause_s = pause.as_secs(), "the hub does not let us in");
        } else {
            tracing::warn!(reason = lost.reason, pause_ms = pause.as_millis() as u64, "no link to the hub");
        }
        let again = sleep_until(next.into());
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => break,
                wish = desk.next() => match wish {
                    Some(wish) => desk.fulfil(wish, &mut model),
                    None => return,
                },
            }
            desk.settle(&mut model);
        }
    }
}

/// Opens the socket; questions that come meanwhile are told that there is no link.
async fn dial_and_answer(dialer: &Dialer, model: &mut Model, desk: &mut Desk) -> Result<Socket, Lost> {
    let dial = dialer.dial(&dialer.config.url);
    tokio::pin!(dial);
    loop {
        tokio::select! {
            opened = &mut dial => return opened,
            Some(wish) = desk.next() => desk.fulfil(wish, model),
        }
        desk.settle(model);
    }
}

/// Speaks with the hub until one of both ends it.
async fn converse(
    socket: Socket,
    mut model: Box<Model>,
    desk: &mut Desk,
    token: &SecretString,
    retry: &mut Retry,
) -> (Box<Model>, Lost) {
    let (sink, mut stream) = socket.split();
    let (unsent, queue) = mpsc::channel(MOST_UNSENT);
    // A hub that does not read must not keep us from reading.
    let writer = tokio::spawn(write(sink, queue));
    let _writer = AbortOnDrop(writer.abort_handle());
    model.on_open(Instant::now());
    let mut is_complete = false;
    loop {
        for outgoing in model.outgoing() {
            let text = match outgoing {
                Outgoing::Auth => protocol::auth(token.expose_secret()),
                Outgoing::Text(text) => text,
                Outgoing::Close(reason) => return (model, Lost::because(reason)),
            };
            if unsent.try_send(Message::text(text)).is_err() {
                return (model, Lost::because("the hub does not read"));
            }
        }
        desk.settle(&mut model);
        if !is_complete && model.snapshot().link == Link::Running {
            is_complete = true;
            retry.reached();
            tracing::info!(cameras = model.snapshot().cameras.len(), "the hub is connected");
        }
        // Far enough away to be never, where the model waits for nothing.
        let wake_at = model.next_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            received = next_text(&mut stream, token) => match received {
                Ok(Some(text)) => model = match read(model, text).await {
                    Ok(model) => model,
                    // The thread that read has panicked, and the state went with it.
                    Err(panic) => std::panic::resume_unwind(panic),
                },
                Ok(None) => model.on_other_frame(),
                Err(lost) => return (model, lost),
            },
            Some(wish) = desk.next() => desk.fulfil(wish, &mut model),
            () = sleep_until(wake_at.into()) => model.on_timeout(Instant::now()),
        }
    }
}

/// Long texts are read on another thread: a big home's lists take longer than actors should wait.
async fn read(mut model: Box<Model>, text: String) -> Result<Box<Model>, Box<dyn std::any::Any + Send>> {
    let is_large = text.len() >= LARGE_FRAME;
    let take_in = move || {
        model.on_message(&text, Instant::now());
        model
    };
    if is_large {
        tokio::task::spawn_blocking(take_in).await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => panic,
            Err(cancelled) => Box::new(cancelled),
        })
    } else {
        Ok(take_in())
    }
}

/// The next text frame, without our token; nothing for a frame of another kind.
async fn next_text(stream: &mut SplitStream<Socket>, token: &SecretString) -> Result<Option<String>, Lost> {
    match stream.next().await {
        Some(Ok(Message::Text(text))) => {
            let redacted = protocol::redact(&text, token.expose_secret());
            Ok(Some(redacted.unwrap_or_else(|| text.as_str().to_owned())))
        }
        Some(Ok(Message::Close(_))) | None => Err(Lost::because("closed by the hub")),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(error.into()),
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        if sink.send(message).await.is_err() {
            // The reader learns of it by itself.
            return;
        }
    }
}

/// Asks the hub, over a socket of its own, who holds a token.
async fn identify(dialer: &Dialer, token: &SecretString) -> Result<HubUser, HubError> {
    let config = &dialer.config;
    // The Supervisor's proxy takes its own token only.
    let dial = dialer.dial(config.direct.as_ref().unwrap_or(&config.url));
    // A hub that turns our address away has not looked at the token.
    let (mut sink, mut stream) = dial.await.map_err(|lost| HubError::Down(lost.reason))?.split();
    loop {
        let Some(text) = next_text(&mut stream, token).await? else { continue };
        for message in protocol::parse(&text).messages {
            let reply = match message {
                Incoming::AuthRequired => protocol::auth(token.expose_secret()),
                Incoming::AuthOk(_) => protocol::command(1, "auth/current_user", Map::new()),
                Incoming::AuthInvalid => return Err(HubError::Refused),
                Incoming::Result { id: 1, outcome } => {
                    let user = user(&outcome?)?;
                    // The hub forgets a socket that is closed; nothing depends on its goodbye.
                    drop(sink.close().await);
                    return Ok(user);
                }
                _ => continue,
            };
            sink.send(Message::text(reply)).await.map_err(Lost::from)?;
        }
    }
}

fn user(user: &Value) -> Result<HubUser, HubError> {
    let nobody = || HubError::Protocol("a user without id".into());
    let user = user.as_object().ok_or_else(nobody)?;
    Ok(HubUser {
        id: protocol::some_text(user, "id", 128).ok_or_else(nobody)?,
        name: protocol::text(user, "name", 128),
        is_admin: user.get("is_admin").and_then(Value::as_bool).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
