//! A model with a hub that answers from recorded traffic, on a clock of its own.

use std::collections::HashMap;

use super::*;

/// One recorded conversation.
pub(super) struct Transcript(Vec<Value>);

impl Transcript {
    pub(super) fn read(name: &str) -> Self {
        let path = format!("{}/tests/transcripts/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let transcript: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self(transcript["frames"].as_array().unwrap().clone())
    }

    fn frames(&self, direction: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |frame| frame["dir"] == direction).map(|frame| &frame["msg"])
    }

    /// The hub's messages, taken out of their arrays.
    pub(super) fn messages(&self) -> impl Iterator<Item = Value> {
        self.frames("in").flat_map(|frame| frame.as_array().cloned().unwrap_or_else(|| vec![frame.clone()]))
    }

    /// What the hub answered to a command.
    pub(super) fn answer(&self, kind: &str) -> Value {
        let command = self.frames("out").find(|message| message["type"] == kind).unwrap();
        let is_answer = |message: &Value| message["id"] == command["id"] && message.get("result").is_some();
        self.messages().find(is_answer).unwrap()["result"].clone()
    }

    /// The commands of this type.
    pub(super) fn commands(&self, kind: &str) -> impl Iterator<Item = Value> {
        self.frames("out").filter(move |message| message["type"] == kind).cloned()
    }

    /// The events of the subscription with this id.
    pub(super) fn events(&self, id: u64) -> Vec<Value> {
        let is_event = |message: &Value| message["type"] == "event" && message["id"] == id;
        self.messages().filter(is_event).map(|message| message["event"].clone()).collect()
    }
}

/// A model with a hub that answers from a table, on a clock of its own.
pub(super) struct Play {
    pub(super) model: Model,
    pub(super) now: Instant,
    /// By command type: what the hub answers. What is not here is answered with null.
    pub(super) answers: HashMap<&'static str, Result<Value, &'static str>>,
    /// Every command of this connection.
    pub(super) commands: Vec<Value>,
    pub(super) closed: Option<String>,
    pub(super) presses: Vec<Ring>,
    pub(super) replies: Vec<(Ticket, Result<Value, HubError>)>,
    pub(super) lines: Vec<(LineId, LineNews)>,
    /// Every snapshot that could be seen.
    pub(super) seen: Vec<Arc<HubSnapshot>>,
}

impl Play {
    pub(super) fn new() -> Self {
        let registries = Transcript::read("registries");
        let mut answers = HashMap::new();
        for step in [Step::Display, Step::Ids, Step::Full, Step::Devices] {
            answers.insert(step.command(), Ok(registries.answer(step.command())));
        }
        answers.insert("get_config", Ok(json!({"state": "RUNNING"})));
        Self {
            model: Model::new(Vec::new()),
            now: Instant::now(),
            answers,
            commands: Vec::new(),
            closed: None,
            presses: Vec::new(),
            replies: Vec::new(),
            lines: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// A model that is complete, with the states of the recording.
    pub(super) fn running() -> Self {
        Self::tied(Vec::new())
    }

    /// The same, with ties made by hand.
    pub(super) fn tied(ties: Vec<HandTie>) -> Self {
        let mut play = Self::new();
        play.model = Model::new(ties);
        play.connect();
        play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
        assert_eq!(play.snapshot().link, Link::Running);
        play
    }

    pub(super) fn connect(&mut self) {
        self.closed = None;
        self.commands.clear();
        self.model.on_open(self.now);
        self.says(&json!({"type": "auth_required", "ha_version": "2026.11.0"}));
        self.says(&json!({"type": "auth_ok", "ha_version": "2026.11.0"}));
    }

    pub(super) fn says(&mut self, message: &Value) {
        self.model.on_message(&message.to_string(), self.now);
        self.pump();
    }

    pub(super) fn pump(&mut self) {
        loop {
            self.presses.extend(self.model.presses());
            self.replies.extend(self.model.replies());
            self.lines.extend(self.model.line_news());
            self.seen.push(self.model.snapshot().clone());
            let outgoing = self.model.outgoing();
            if outgoing.is_empty() {
                return;
            }
            for outgoing in outgoing {
                match outgoing {
                    Outgoing::Auth => {}
                    Outgoing::Close(reason) => self.closed = Some(reason),
                    Outgoing::Text(text) => self.answer(serde_json::from_str(&text).unwrap()),
                }
            }
        }
    }

    fn answer(&mut self, command: Value) {
        let id = command["id"].as_u64().unwrap();
        let last = self.commands.last().map_or(0, |last| last["id"].as_u64().unwrap());
        assert!(id > last, "ids must grow");
        let kind = command["type"].as_str().unwrap().to_owned();
        let answer = match self.answers.get(kind.as_str()) {
            // A key more would be an error.
            _ if kind == "ping" && command.as_object().unwrap().len() == 2 => {
                json!({"id": id, "type": "pong"})
            }
            Some(Ok(result)) => json!({"id": id, "type": "result", "success": true, "result": result}),
            Some(Err("silent")) => return self.commands.push(command),
            Some(Err(code)) => {
                json!({"id": id, "type": "result", "success": false, "error": {"code": code, "message": "No."}})
            }
            None => json!({"id": id, "type": "result", "success": true, "result": null}),
        };
        self.commands.push(command);
        self.model.on_message(&answer.to_string(), self.now);
    }

    pub(super) fn id_of(&self, is_it: impl Fn(&Value) -> bool) -> u64 {
        self.commands.iter().rfind(|command| is_it(command)).unwrap()["id"].as_u64().unwrap()
    }

    pub(super) fn entities(&mut self, event: &Value) {
        let id = self.id_of(|command| command["type"] == "subscribe_entities");
        self.says(&json!({"type": "event", "event": event, "id": id}));
    }

    pub(super) fn registry_event(&mut self, event: &Value) {
        let id = self.id_of(|command| command["event_type"] == event["event_type"]);
        self.says(&json!({"type": "event", "event": event, "id": id}));
    }

    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.model.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.model.on_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    pub(super) fn snapshot(&self) -> &HubSnapshot {
        self.model.snapshot()
    }

    /// Who was rung for so far, and what rang.
    pub(super) fn rung(&self) -> Vec<(&str, Cause)> {
        self.presses.iter().map(|ring| (ring.endpoint_id.as_str(), ring.cause)).collect()
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.commands.iter().filter(|command| command["type"] == kind).count()
    }
}
