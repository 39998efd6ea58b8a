//! Which endpoints Alexa knows, against those that it should know.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::list::List;
use super::parcel::Content;
use super::reported::Reported;
use crate::alexa::discovery::MAX_ENDPOINTS;
use crate::alexa::reports::MAX_REPORT;

/// The list has to be left alone for so long before Alexa is told of it.
const QUIET: Duration = Duration::from_secs(10);
/// A list that never is left alone is told after so long.
const LONGEST: Duration = Duration::from_secs(60);
/// What a report needs besides its endpoints, bytes: most of it the token.
const FRAME: usize = 16 * 1024;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Which endpoints Alexa knows, against those that it should know.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) reported: Reported,
    /// Endpoints of which Alexa may know more or less than is reported: an answer was lost.
    doubtful: BTreeSet<String>,
    /// Endpoints that Alexa knows and that are gone, since when. The first list after a start
    /// proves nothing: a hub may have come up with half of its cameras.
    absent: BTreeMap<String, Instant>,
    first_list_came: bool,
    /// What Alexa takes for wrong is not told again: the print of the endpoint, `None` its deletion.
    refused: BTreeMap<String, Option<String>>,
    unrest: Option<Unrest>,
    batch: VecDeque<Chunk>,
    backoff: Backoff,
}

/// Changes of the list of which Alexa was not told yet.
#[derive(Debug, Clone, Copy)]
struct Unrest {
    first: Instant,
    last: Instant,
}

impl Unrest {
    fn ends(self) -> Instant {
        (self.last + QUIET).min(self.first + LONGEST)
    }
}

/// Endpoints that are told in one report, by id. What is told of them is looked up at the last moment.
#[derive(Debug)]
enum Chunk {
    Add(Vec<String>),
    Delete(Vec<String>),
}

/// What a report on its way says.
#[derive(Debug)]
pub(super) enum Told {
    /// The endpoints and the prints of their descriptions.
    Added(Vec<(String, String)>),
    /// Ids.
    Deleted(Vec<String>),
}

impl Registration {
    pub(super) fn new(reported: Reported) -> Self {
        Self {
            reported,
            doubtful: BTreeSet::new(),
            absent: BTreeMap::new(),
            first_list_came: false,
            refused: BTreeMap::new(),
            unrest: None,
            batch: VecDeque::new(),
            backoff: Backoff::new(FIRST_PAUSE),
        }
    }

    /// A list came; `changed` if it differs from the one before.
    pub(super) fn listed(&mut self, list: &List, changed: bool, now: Instant) {
        if changed {
            self.refused.retain(|id, print| list.contains(id) == print.is_some());
            self.stir(now);
        }
        if self.first_list_came {
            self.look_for_absent(list, now);
        }
        self.first_list_came = true;
    }

    /// Alexa may have forgotten everything.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.reported.doubt();
        self.refused.clear();
        self.backoff = Backoff::new(FIRST_PAUSE);
        self.stir(now);
    }

    fn stir(&mut self, now: Instant) {
        let first = self.unrest.map_or(now, |unrest| unrest.first);
        self.unrest = Some(Unrest { first, last: now });
    }

    fn look_for_absent(&mut self, list: &List, now: Instant) {
        let (reported, doubtful) = (&self.reported, &self.doubtful);
        self.absent.retain(|id, _| !list.contains(id) && (reported.contains(id) || doubtful.contains(id)));
        let before = self.absent.len();
        for id in reported.ids().chain(doubtful).filter(|id| !list.contains(id)) {
            self.absent.entry(id.clone()).or_insert(now);
        }
        if self.absent.len() > before {
            self.stir(now);
        }
    }

    /// True if Alexa knows this description, or will not have it.
    pub(super) fn is_described(&self, id: &str, print: &str) -> bool {
        let refused = || self.refused.get(id).is_some_and(|refused| refused.as_deref() == Some(print));
        (self.reported.knows(id, print) && !self.doubtful.contains(id)) || refused()
    }

    fn may_delete(&self, id: &str) -> bool {
        self.absent.contains_key(id) && !self.refused.get(id).is_some_and(Option::is_none)
    }

    /// The next report, if it is time for one and none is under way.
    pub(super) fn take(&mut self, list: &List, now: Instant) -> Option<(Content, Told)> {
        loop {
            // Also when what waited turned out to be nothing.
            if self.batch.is_empty() && self.unrest.is_some_and(|unrest| unrest.ends() <= now) {
                self.gather(list, now);
            }
            if self.backoff.pausing(now).is_some() {
                return None;
            }
            let report = match self.batch.pop_front()? {
                Chunk::Add(ids) => self.add(ids, list),
                Chunk::Delete(ids) => self.delete(ids),
            };
            if report.is_some() {
                return report;
            }
        }
    }

    fn gather(&mut self, list: &List, now: Instant) {
        let add: Vec<String> = list
            .iter()
            .filter(|(id, entry)| !self.is_described(id, &entry.print))
            .map(|(id, _)| id.clone())
            .collect();
        let (old, young): (Vec<_>, Vec<_>) = self
            .absent
            .iter()
            .filter(|(id, _)| self.may_delete(id))
            .partition(|(_, since)| **since + QUIET <= now);
        let delete: Vec<String> = old.into_iter().map(|(id, _)| id.clone()).collect();
        // An absence that is too young to be believed goes on being watched.
        self.unrest =
            young.into_iter().map(|(_, since)| *since).max().map(|last| Unrest { first: last, last });
        self.batch.push_back(Chunk::Add(add));
        self.batch.extend(delete.chunks(MAX_ENDPOINTS).map(|ids| Chunk::Delete(ids.to_vec())));
    }

    /// As many of `ids` as one report takes; the rest goes back.
    fn add(&mut self, ids: Vec<String>, list: &List) -> Option<(Content, Told)> {
        let (mut endpoints, mut prints, mut size) = (Vec::new(), Vec::new(), FRAME);
        let mut ids = ids.into_iter();
        for id in ids.by_ref() {
            let Some(entry) = list.get(&id).filter(|entry| !self.is_described(&id, &entry.print)) else {
                continue;
            };
            let described = entry.described();
            size += described.to_string().len() + 1;
            if size > MAX_REPORT && !endpoints.is_empty() {
                let rest = std::iter::once(id).chain(ids).collect();
                self.batch.push_front(Chunk::Add(rest));
                break;
            }
            endpoints.push(described);
            prints.push((id, entry.print.clone()));
        }
        (!endpoints.is_empty()).then_some((Content::Add { endpoints }, Told::Added(prints)))
    }

    fn delete(&mut self, mut ids: Vec<String>) -> Option<(Content, Told)> {
        ids.retain(|id| self.may_delete(id));
        (!ids.is_empty()).then(|| (Content::Delete { ids: ids.clone() }, Told::Deleted(ids)))
    }

    /// Alexa knows it now.
    pub(super) fn delivered(&mut self, told: Told, list: &List, now: Instant) {
        self.backoff.delivered();
        for id in told.ids() {
            self.doubtful.remove(&id);
        }
        match told {
            Told::Added(prints) => prints.into_iter().for_each(|(id, print)| self.reported.added(id, print)),
            Told::Deleted(ids) => ids.iter().for_each(|id| self.reported.deleted(id)),
        }
        // What was added may be gone again by now.
        if self.first_list_came {
            self.look_for_absent(list, now);
        }
    }

    /// Alexa takes it for wrong.
    fn refused(&mut self, told: Told) {
        for id in told.ids() {
            self.doubtful.remove(&id);
        }
        match told {
            Told::Added(prints) => {
                self.refused.extend(prints.into_iter().map(|(id, print)| (id, Some(print))));
            }
            Told::Deleted(ids) => {
                // What it did not know either needs no deletion.
                let known = ids.into_iter().filter(|id| self.reported.contains(id));
                self.refused.extend(known.map(|id| (id, None)));
            }
        }
    }

    /// It was too large, or wrong. False if it cannot be split: it will not be told again.
    pub(super) fn split(&mut self, told: Told) -> bool {
        let mut first = told.ids();
        if first.len() < 2 {
            self.refused(told);
            return false;
        }
        let second = first.split_off(first.len() / 2);
        for half in [second, first] {
            self.batch.push_front(told.chunk(half));
        }
        true
    }

    /// It may have arrived all the same. What is in doubt is told again, or deleted.
    pub(super) fn lost(&mut self, told: &Told) {
        self.doubtful.extend(told.ids());
        while self.doubtful.len() > MAX_ENDPOINTS {
            self.doubtful.pop_first();
        }
    }

    /// It shall be told again.
    pub(super) fn put_back(&mut self, told: &Told) {
        self.batch.push_front(told.chunk(told.ids()));
    }

    /// Nothing is told for a while.
    pub(super) fn failed(&mut self, now: Instant, chance: f64) {
        self.backoff.failed(now, chance);
    }

    /// When there may be something to do, if nothing new comes and none is under way.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        if self.batch.is_empty() { self.unrest.map(Unrest::ends) } else { self.backoff.pausing(now) }
    }

    /// Endpoints that Alexa should know otherwise.
    pub(super) fn waiting(&self, list: &List) -> usize {
        let add = list.iter().filter(|(id, entry)| !self.is_described(id, &entry.print)).count();
        add + self.absent.keys().filter(|id| self.may_delete(id)).count()
    }
}

impl Told {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Added(_) => "AddOrUpdateReport",
            Self::Deleted(_) => "DeleteReport",
        }
    }

    /// The endpoint, if it is a single one.
    pub(super) fn endpoint_id(&self) -> Option<String> {
        let ids = self.ids();
        if ids.len() == 1 { ids.into_iter().next() } else { None }
    }

    fn ids(&self) -> Vec<String> {
        match self {
            Self::Added(prints) => prints.iter().map(|(id, _)| id.clone()).collect(),
            Self::Deleted(ids) => ids.clone(),
        }
    }

    fn chunk(&self, ids: Vec<String>) -> Chunk {
        match self {
            Self::Added(_) => Chunk::Add(ids),
            Self::Deleted(_) => Chunk::Delete(ids),
        }
    }
}
