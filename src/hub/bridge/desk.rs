//! What others in the house want of the link, and what the link has for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::hub::lines::{LineId, LineNews};
use crate::hub::model::{Model, Ticket};
use crate::hub::ties::HandTie;
use crate::hub::{HubError, HubSnapshot, Press, RelayLine, RelayNews};

/// Questions that wait for the link's task.
const MOST_ASKED: usize = 64;
/// Sessions at cameras that wait to be opened or ended.
const MOST_OPENING: usize = 64;
/// What the hub says of one session that may wait for its reader.
const LINE_NEWS: usize = 64;

/// A question to the hub.
pub(super) struct Ask {
    pub(super) kind: &'static str,
    pub(super) fields: Map<String, Value>,
    pub(super) reply: oneshot::Sender<Result<Value, HubError>>,
}

/// A session at a camera that is to be opened.
pub(super) struct OpenLine {
    pub(super) fields: Map<String, Value>,
    pub(super) reply: oneshot::Sender<Result<RelayLine, HubError>>,
}

/// What somebody in the house wants of the link.
pub(super) enum Wish {
    Ask(Ask),
    Open(OpenLine),
    HangUp(LineId),
    Tie(Vec<HandTie>),
}

/// A session at a camera.
struct Line {
    /// Until the hub has taken the offer.
    reply: Option<oneshot::Sender<Result<RelayLine, HubError>>>,
    opened: Option<RelayLine>,
    news: mpsc::Sender<RelayNews>,
}

/// The actor's side of the [`Desk`].
pub(super) struct Counter {
    /// What the link published last.
    pub(super) snapshot: watch::Receiver<Arc<HubSnapshot>>,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) lines: mpsc::Sender<OpenLine>,
    /// What is tied by hand.
    pub(super) ties: watch::Sender<Vec<HandTie>>,
}

/// The outside of the link's task.
pub(super) struct Desk {
    publish: watch::Sender<Arc<HubSnapshot>>,
    presses: mpsc::Sender<Press>,
    asked: mpsc::Receiver<Ask>,
    waiting: HashMap<Ticket, oneshot::Sender<Result<Value, HubError>>>,
    last_ticket: Ticket,
    opening: mpsc::Receiver<OpenLine>,
    /// Lines whose other end was dropped.
    hung_up: mpsc::Receiver<LineId>,
    hang_up: mpsc::Sender<LineId>,
    ties: watch::Receiver<Vec<HandTie>>,
    lines: HashMap<LineId, Line>,
    last_line: LineId,
}

impl Desk {
    /// A desk, and the counter at which the actor stands.
    pub(super) fn new(first: Arc<HubSnapshot>, presses: mpsc::Sender<Press>) -> (Self, Counter) {
        let (publish, snapshot) = watch::channel(first);
        let (asks, asked) = mpsc::channel(MOST_ASKED);
        let (lines, opening) = mpsc::channel(MOST_OPENING);
        let (hang_up, hung_up) = mpsc::channel(MOST_OPENING);
        let (tie, ties) = watch::channel(Vec::new());
        let desk = Self {
            publish,
            presses,
            asked,
            waiting: HashMap::new(),
            last_ticket: 0,
            opening,
            hung_up,
            hang_up,
            ties,
            lines: HashMap::new(),
            last_line: 0,
        };
        (desk, Counter { snapshot, asks, lines, ties: tie })
    }

    /// Hands out what the model has for others.
    pub(super) fn settle(&mut self, model: &mut Model, now: Instant) {
        self.publish.send_if_modified(|current| {
            let is_new = !Arc::ptr_eq(current, model.snapshot());
            if is_new {
                current.clone_from(model.snapshot());
            }
            is_new
        });
        for ring in model.presses() {
            let press = Press { at: told(ring.at, now), endpoint_id: ring.endpoint_id, cause: ring.cause };
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
    pub(super) async fn next(&mut self) -> Option<Wish> {
        tokio::select! {
            ask = self.asked.recv() => ask.map(Wish::Ask),
            Some(open) = self.opening.recv() => Some(Wish::Open(open)),
            Some(line) = self.hung_up.recv() => Some(Wish::HangUp(line)),
            Ok(()) = self.ties.changed() => Some(Wish::Tie(self.ties.borrow_and_update().clone())),
        }
    }

    pub(super) fn fulfil(&mut self, wish: Wish, model: &mut Model, now: Instant) {
        match wish {
            Wish::Ask(Ask { kind, fields, reply }) => {
                self.last_ticket += 1;
                self.waiting.insert(self.last_ticket, reply);
                model.ask(self.last_ticket, kind, fields, now);
            }
            Wish::Open(open) => self.open(open, model, now),
            Wish::Tie(ties) => model.tie_by_hand(ties, now),
            Wish::HangUp(line) => {
                self.lines.remove(&line);
                model.close_line(line, now);
            }
        }
    }

    fn open(&mut self, OpenLine { fields, reply }: OpenLine, model: &mut Model, now: Instant) {
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
        model.open_line(line, fields, now);
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
}

/// How a moment is told.
fn told(at: Instant, now: Instant) -> String {
    let moment = OffsetDateTime::now_utc() - now.saturating_duration_since(at);
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    // No year that a clock shows has five digits.
    whole.format(&Rfc3339).unwrap_or_default()
}
