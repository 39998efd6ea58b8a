//! A WebRTC session of the simulated hub: a program that is not ours, or the visitor's page, plays the media end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::core::Core;
use super::far_end::FarEnd;
use super::office::Office;
use super::visitor::Line;

/// Candidates of the client that may wait for the far end.
const MOST_WAITING: usize = 64;
/// Reports that are kept of each camera.
const MOST_REPORTS: usize = 1000;

/// The code of a session that failed at the hub's go2rtc.
const GO2RTC_FAILED: &str = "go2rtc_webrtc_offer_failed";
/// The code of a session that failed at a camera that speaks WebRTC itself.
const NATIVE_FAILED: &str = "webrtc_offer_failed";

/// A client's session. Dropping it ends the far end's.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) entity_id: String,
    pub(super) session_id: String,
    to_far_end: mpsc::Sender<Value>,
    end: Option<DropGuard>,
}

impl Relay {
    /// Hands a candidate of the client's to the far end; one too many is lost.
    pub(super) fn candidate(&self, candidate: &str) {
        drop(self.to_far_end.try_send(json!({"candidate": candidate})));
    }

    /// Ends the far end's; the client's subscription stays.
    pub(super) fn hang_up(&mut self) {
        self.end = None;
    }
}

/// What is kept of all sessions.
#[derive(Debug, Default)]
pub(super) struct Relays {
    reports: HashMap<String, VecDeque<Value>>,
}

impl Relays {
    fn report(&mut self, entity_id: &str, report: Value) {
        let kept = self.reports.entry(entity_id.to_owned()).or_default();
        kept.push_back(report);
        if kept.len() > MOST_REPORTS {
            kept.pop_front();
        }
    }

    /// What the far ends of a camera reported, oldest first.
    pub(super) fn reports(&self, entity_id: &str) -> Vec<Value> {
        self.reports.get(entity_id).into_iter().flatten().cloned().collect()
    }
}

/// What is to be done for a session.
#[derive(Debug)]
pub(super) struct Session {
    client: u64,
    subscription: u64,
    entity_id: String,
    native: bool,
    program: Option<Vec<String>>,
    visitor: Option<Line>,
    /// The visitor's page is the far end.
    is_visited: bool,
    offer: String,
    inbox: mpsc::Receiver<Value>,
    end: CancellationToken,
}

/// A session of a client's at a camera.
pub(super) fn open(
    office: &mut Office,
    (client, subscription): (u64, u64),
    entity_id: &str,
    offer: &str,
) -> (Relay, Session) {
    let (to_far_end, inbox) = mpsc::channel(MOST_WAITING);
    let end = office.stop.child_token();
    let camera = office.world.entity(entity_id).and_then(|entity| entity.camera()).cloned();
    let relay = Relay {
        entity_id: entity_id.to_owned(),
        session_id: session_id(),
        to_far_end,
        end: Some(end.clone().drop_guard()),
    };
    let is_visited = camera.as_ref().is_some_and(|camera| camera.visitor);
    let session = Session {
        client,
        subscription,
        entity_id: entity_id.to_owned(),
        native: camera.as_ref().is_some_and(|camera| camera.is_native()),
        program: camera.and_then(|camera| camera.relay.clone()),
        visitor: if is_visited { office.visitor.open(&relay.session_id) } else { None },
        is_visited,
        offer: offer.to_owned(),
        inbox,
        end,
    };
    (relay, session)
}

/// 26 digits of Crockford's base 32, as the hub's.
fn session_id() -> String {
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut rest: u128 = rand::random();
    let mut id = String::from("01");
    for _ in 0..24 {
        id.push(char::from(digits[usize::try_from(rest & 31).unwrap_or_default()]));
        rest >>= 5;
    }
    id
}

impl Session {
    /// Plays the session until the client, the hub or the far end ends it.
    pub(super) async fn run(mut self, core: Arc<Core>) {
        let mut teller = Teller { core, answered: false, early: Vec::new(), held: None, ufrag: None };
        let mut far_end = match self.far_end() {
            Ok(far_end) => far_end,
            Err((code, text)) => return teller.fail(&self, code, &text),
        };
        self.converse(&mut teller, &mut far_end).await;
        far_end.end().await;
    }

    /// Whoever plays the camera; or why nobody does.
    fn far_end(&mut self) -> Result<FarEnd, (&'static str, String)> {
        let arguments = match (self.visitor.take(), self.program.take()) {
            (Some(line), _) => return Ok(FarEnd::Visitor(line)),
            (None, Some(arguments)) => arguments,
            _ if self.is_visited => return Err((NATIVE_FAILED, "Nobody plays the visitor".into())),
            _ if self.native => return Err((NATIVE_FAILED, "The camera refused the offer".into())),
            _ => {
                let text = "webrtc: streams: dial tcp 127.0.0.1:554: connect: connection refused";
                return Err((GO2RTC_FAILED, text.into()));
            }
        };
        if !self.offer.starts_with("v=0") {
            let first = self.offer.chars().next().unwrap_or(' ');
            return Err((GO2RTC_FAILED, format!("webrtc: sdp: syntax error at pos 1: \"{first}\"")));
        }
        FarEnd::start(&arguments).map_err(|error| (GO2RTC_FAILED, format!("webrtc: streams: exec: {error}")))
    }

    async fn converse(&mut self, teller: &mut Teller, far_end: &mut FarEnd) {
        if !far_end.tell(json!({"offer": self.offer})).await {
            return teller.fail(self, GO2RTC_FAILED, "webrtc: streams: the source does not read");
        }
        loop {
            tokio::select! {
                () = self.end.cancelled() => return,
                said = far_end.hear() => match said {
                    Some(said) => teller.take(self, said),
                    None => break,
                },
                Some(message) = self.inbox.recv() => if !far_end.tell(message).await { break },
            }
        }
        if let Some(answer) = teller.held.take() {
            teller.tell_answer(self, &answer);
        } else if self.is_visited {
            teller.fail(self, NATIVE_FAILED, "The visitor has left");
        } else if !teller.answered {
            teller.fail(self, GO2RTC_FAILED, "webrtc: streams: EOF");
        }
    }
}

/// Tells the client what the far end says, in the hub's order.
struct Teller {
    core: Arc<Core>,
    answered: bool,
    /// Candidates that came before the answer.
    early: Vec<String>,
    /// An answer that waits for the first candidate.
    held: Option<String>,
    ufrag: Option<String>,
}

impl Teller {
    fn take(&mut self, session: &Session, said: Value) {
        if let Some(answer) = said.get("answer").and_then(Value::as_str) {
            self.answer(session, answer);
        } else if let Some(candidate) = said.get("candidate").and_then(Value::as_str) {
            if self.answered {
                self.candidate(session, candidate);
            } else if let Some(answer) = self.held.take() {
                self.candidate(session, candidate);
                self.tell_answer(session, &answer);
            } else if self.early.len() < MOST_WAITING {
                self.early.push(candidate.to_owned());
            }
        } else if let Some(error) = said.get("error") {
            let text = |key: &str| error.get(key).and_then(Value::as_str);
            self.fail(session, text("code").unwrap_or(GO2RTC_FAILED), text("message").unwrap_or_default());
        } else {
            self.core.office().relays.report(&session.entity_id, said);
        }
    }

    fn answer(&mut self, session: &Session, answer: &str) {
        self.ufrag = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::to_owned);
        let early = std::mem::take(&mut self.early);
        if !self.core.office().faults.candidates_first {
            self.tell_answer(session, answer);
            early.iter().for_each(|candidate| self.candidate(session, candidate));
        } else if early.is_empty() {
            self.held = Some(answer.to_owned());
        } else {
            early.iter().for_each(|candidate| self.candidate(session, candidate));
            self.tell_answer(session, answer);
        }
    }

    fn tell_answer(&mut self, session: &Session, answer: &str) {
        self.answered = true;
        self.say(session, json!({"answer": answer, "type": "answer"}));
    }

    /// go2rtc tells each candidate twice, the second time with the name of its ICE session.
    fn candidate(&self, session: &Session, candidate: &str) {
        let told = |candidate: &str| {
            let mut inner = json!({"candidate": candidate, "sdpMLineIndex": 0});
            if session.native {
                inner["sdpMid"] = "0".into();
            }
            self.say(session, json!({"type": "candidate", "candidate": inner}));
        };
        told(candidate);
        match &self.ufrag {
            Some(ufrag) if !session.native && !candidate.contains(" ufrag ") => {
                told(&format!("{candidate} ufrag {ufrag}"));
            }
            _ if !session.native => told(candidate),
            _ => {}
        }
    }

    fn fail(&mut self, session: &Session, code: &str, message: &str) {
        self.answered = true;
        self.say(session, json!({"code": code, "message": message, "type": "error"}));
    }

    fn say(&self, session: &Session, event: Value) {
        self.core.office().tell_relay(session.client, session.subscription, &event);
    }
}
