//! WebRTC sessions at the hub's cameras, as the link sees them: one subscription each. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::protocol::{for_people, text};
use super::{HubError, RelayNews};

/// Name of a line, given by whoever opens it.
pub type LineId = u64;

/// Sessions at once.
const MOST_LINES: usize = 64;
/// Ended ones whose last events may still come.
const MOST_ENDED: usize = 256;
/// Longest answer or candidate, in characters.
const LONGEST: usize = 64 * 1024;

/// What is told of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineNews {
    /// The hub has taken the offer.
    Opened,
    /// The hub says something of the session.
    Relay(RelayNews),
    /// It is over: refused, or the link is lost.
    Ended(HubError),
}

/// The lines of one connection.
#[derive(Debug, Default)]
pub struct Lines {
    /// By the id of the command that opened them.
    open: BTreeMap<u64, LineId>,
    /// Ids of lines that were ended here.
    ended: VecDeque<u64>,
    news: Vec<(LineId, LineNews)>,
}

impl Lines {
    /// True while one more may be opened.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.open.len() < MOST_LINES
    }

    /// The command with this id opens a line.
    pub fn open(&mut self, id: u64, line: LineId) {
        self.open.insert(id, line);
    }

    /// The hub has answered the command.
    pub fn answered(&mut self, line: LineId, outcome: Result<Value, HubError>) {
        match outcome {
            Ok(_) => self.news.push((line, LineNews::Opened)),
            Err(error) => self.end(line, error),
        }
    }

    /// Tells that a line is over.
    pub fn end(&mut self, line: LineId, error: HubError) {
        self.open.retain(|_, open| *open != line);
        self.news.push((line, LineNews::Ended(error)));
    }

    /// An event; false if it belongs to no line, neither now nor before.
    pub fn event(&mut self, id: u64, event: &Value) -> bool {
        let Some(line) = self.open.get(&id) else { return self.ended.contains(&id) };
        if let Some(news) = news_of(event) {
            self.news.push((*line, LineNews::Relay(news)));
        }
        true
    }

    /// Whoever opened the line has left: the subscription to be ended, if it is still there.
    pub fn hang_up(&mut self, line: LineId) -> Option<u64> {
        let id = self.open.iter().find(|(_, open)| **open == line).map(|(id, _)| *id)?;
        self.open.remove(&id);
        if self.ended.len() == MOST_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
        Some(id)
    }

    /// The connection is lost, and the hub has ended every session of it.
    pub fn lost(&mut self) {
        let over = |line| (line, LineNews::Ended(HubError::Down("the link was lost".into())));
        self.news.extend(std::mem::take(&mut self.open).into_values().map(over));
        self.ended.clear();
    }

    /// What is to be told, in order.
    pub fn news(&mut self) -> Vec<(LineId, LineNews)> {
        std::mem::take(&mut self.news)
    }
}

/// Nothing for what is of no use here: the session's name, kinds that are not known.
fn news_of(event: &Value) -> Option<RelayNews> {
    let event = event.as_object()?;
    match event.get("type")?.as_str()? {
        "answer" => Some(RelayNews::Answer(text(event, "answer", LONGEST))),
        "candidate" => {
            let candidate = event.get("candidate")?;
            // Younger hubs wrap it.
            let candidate = match candidate.as_object() {
                Some(wrapped) => text(wrapped, "candidate", LONGEST),
                None => candidate.as_str()?.chars().take(LONGEST).collect(),
            };
            Some(RelayNews::Candidate(candidate))
        }
        "error" => Some(RelayNews::Failed { code: text(event, "code", 100), message: for_people(event) }),
        _ => None,
    }
}
