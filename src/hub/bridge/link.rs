//! The task that owns the link: it dials, speaks, is lost, waits, and dials again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::AbortOnDrop;
use super::desk::Desk;
use super::dialer::{Dialer, Lost, Socket};
use crate::hub::model::{Model, Outgoing};
use crate::hub::retry::Retry;
use crate::hub::{Link, protocol};
use crate::runtime::release_memory;
use crate::telemetry;

/// Frames that may wait for a hub that does not read.
const MOST_UNSENT: usize = 256;
/// A large home's lists are large, bytes.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// Frames from this size on are read on another thread, bytes.
const LARGE_FRAME: usize = 64 * 1024;
/// Reading a frame of this size takes so much memory that it is worth giving back, bytes.
const HUGE_FRAME: usize = 1024 * 1024;
/// Far enough away to be never, where the model waits for nothing.
const NEVER: Duration = Duration::from_secs(3600);

/// Holds the link for as long as the actor lives.
pub(super) async fn hold(dialer: Arc<Dialer>, mut model: Box<Model>, mut desk: Desk) {
    let (clock, mut retry) = (&dialer.clock, Retry::default());
    loop {
        retry.trying(clock.now());
        let lost = match dial_and_answer(&dialer, &mut model, &mut desk).await {
            Ok(socket) => {
                let lost;
                (model, lost) = converse(socket, model, &mut desk, &dialer, &mut retry).await;
                lost
            }
            Err(lost) => lost,
        };
        model.on_lost(&lost.reason, lost.forbidden);
        desk.settle(&mut model, clock.now());
        let next = retry.next(clock.now(), model.refused(), rand::random());
        let pause = next.saturating_duration_since(clock.now());
        if model.refused() {
            tracing::error!(reason = lost.reason, pause_s = pause.as_secs(), "the hub does not let us in");
        } else {
            tracing::warn!(reason = lost.reason, pause_ms = pause.as_millis() as u64, "no link to the hub");
        }
        let again = clock.sleep_until(next);
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => break,
                wish = desk.next() => match wish {
                    Some(wish) => desk.fulfil(wish, &mut model, clock.now()),
                    None => return,
                },
            }
            desk.settle(&mut model, clock.now());
        }
    }
}

/// Opens the socket; questions that come meanwhile are told that there is no link.
async fn dial_and_answer(dialer: &Dialer, model: &mut Model, desk: &mut Desk) -> Result<Socket, Lost> {
    let dial = dialer.dial(&dialer.config.url, LONGEST_MESSAGE);
    tokio::pin!(dial);
    loop {
        tokio::select! {
            opened = &mut dial => return opened,
            Some(wish) = desk.next() => desk.fulfil(wish, model, dialer.clock.now()),
        }
        desk.settle(model, dialer.clock.now());
    }
}

/// Speaks with the hub until one of both ends it.
async fn converse(
    socket: Socket,
    mut model: Box<Model>,
    desk: &mut Desk,
    dialer: &Dialer,
    retry: &mut Retry,
) -> (Box<Model>, Lost) {
    let (clock, token) = (&dialer.clock, &dialer.config.token);
    let (sink, mut stream) = socket.split();
    let (unsent, queue) = mpsc::channel(MOST_UNSENT);
    // A hub that does not read must not keep us from reading.
    let writer = tokio::spawn(write(sink, queue));
    let _writer = AbortOnDrop(writer.abort_handle());
    model.on_open(clock.now());
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
        desk.settle(&mut model, clock.now());
        if !is_complete && model.snapshot().link == Link::Running {
            is_complete = true;
            retry.reached();
            telemetry::hub_connected();
            tracing::info!(cameras = model.snapshot().cameras.len(), "the hub is connected");
        }
        let wake_at = model.next_timeout().unwrap_or_else(|| clock.now() + NEVER);
        tokio::select! {
            received = next_text(&mut stream, token) => match received {
                Ok(Some(text)) => model = match read(model, text, clock.now()).await {
                    Ok(model) => model,
                    // The thread that read has panicked, and the state went with it.
                    Err(panic) => std::panic::resume_unwind(panic),
                },
                Ok(None) => model.on_other_frame(),
                Err(lost) => return (model, lost),
            },
            Some(wish) = desk.next() => desk.fulfil(wish, &mut model, clock.now()),
            () = clock.sleep_until(wake_at) => model.on_timeout(clock.now()),
        }
    }
}

/// Long texts are read on another thread: a big home's lists take longer than actors should wait.
async fn read(
    mut model: Box<Model>,
    text: String,
    now: Instant,
) -> Result<Box<Model>, Box<dyn std::any::Any + Send>> {
    let (is_large, is_huge) = (text.len() >= LARGE_FRAME, text.len() >= HUGE_FRAME);
    let take_in = move || {
        model.on_message(&text, now);
        model
    };
    if is_large {
        let take_in = move || {
            let model = take_in();
            if is_huge {
                // Reading took several times of what is kept.
                release_memory();
            }
            model
        };
        tokio::task::spawn_blocking(take_in).await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => panic,
            Err(cancelled) => Box::new(cancelled),
        })
    } else {
        Ok(take_in())
    }
}

/// The next text frame, without our token; nothing for a frame of another kind.
pub(super) async fn next_text(
    stream: &mut SplitStream<Socket>,
    token: &SecretString,
) -> Result<Option<String>, Lost> {
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
