//! What must survive a restart: links, grants and the endpoints last reported (`state.json`, mode
//! 0600, saved atomically), and the record of calls (`calls.jsonl`, capped).
//!
//! Everything is answered from memory. One thread writes, so that nobody waits for the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

mod calls;
mod checked;
mod grant;
mod happening;
mod kept;
mod learned;
mod links;
mod migrate;
mod outcome;
mod plot;
mod private;
mod record;
mod shelf;

use calls::CallLog;
pub use checked::{Checked, CheckedCamera, CheckedDoor};
pub use grant::{AccessToken, Grant, LinkAgain};
use happening::Happenings;
pub use happening::{Happening, What};
use kept::Kept;
pub use learned::{Learned, LearnedBackChannel, LearnedStream};
use links::KnownLogin;
pub use links::{LINKING, LOGINS_KEPT, UserLink};
use migrate::Document;
pub use outcome::Outcome;
pub use plot::Plot;
pub use record::{CallRecord, Counters, NetworkRecord, Stages, TalkRecord, VideoRecord};
use shelf::{Found, Shelf};

use crate::config::formats::Formats;

/// Records of calls that are kept.
pub const CALLS_KEPT: usize = 500;

/// Of those, offers that got no answer: a flood of them must not push the calls out.
pub const UNANSWERED_KEPT: usize = 100;

/// Cameras and camera entities of which something is remembered: as many cameras as Alexa takes, and some entities of each.
const LEARNED_KEPT: usize = 2_048;

/// Pieces of work that wait for the writer; more records of calls than that are dropped.
const QUEUE: usize = 256;

/// Longest wait of [`State::flush`].
const FLUSH: Duration = Duration::from_secs(2);

/// What must survive a restart.
pub struct State {
    shared: Arc<Shared>,
    work: Option<SyncSender<Work>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    shelf: Shelf,
    /// Why [`Shared::shelf`] is left alone.
    untouchable: Option<String>,
    kept: Mutex<Kept>,
    /// `kept` is newer than the disk.
    dirty: AtomicBool,
    /// Oldest first, at most [`CALLS_KEPT`].
    calls: Mutex<VecDeque<CallRecord>>,
    calls_dropped: AtomicU64,
    happenings: Mutex<Happenings>,
    linking_until: Mutex<Option<Instant>>,
    noted: Mutex<Vec<String>>,
    hub_trouble: Mutex<Option<String>>,
    unsaved: Mutex<Option<String>>,
    /// Another house may own the folder: nothing is written any more.
    closed: AtomicBool,
}

enum Work {
    Save,
    Call(Box<CallRecord>),
    Flush(SyncSender<()>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Now, RFC 3339 in UTC.
#[must_use]
pub fn now() -> String {
    stamp(OffsetDateTime::now_utc())
}

fn stamp(at: OffsetDateTime) -> String {
    let whole_ms = at.replace_nanosecond(at.nanosecond() / 1_000_000 * 1_000_000).unwrap_or(at);
    whole_ms.format(&Rfc3339).unwrap_or_default()
}

impl State {
    /// Opens the data folder, makes it if needed, and starts the writer. Always succeeds: what is
    /// damaged or newer is put aside and the last good copy taken; a folder that cannot be written to
    /// leaves everything in memory. The texts say what was wrong, for people. Blocks on the disk.
    #[must_use]
    pub fn open(folder: &Path) -> (Arc<Self>, Vec<String>) {
        Self::open_in(folder, Formats::default())
    }

    fn open_in(folder: &Path, formats: Formats<Document>) -> (Arc<Self>, Vec<String>) {
        let mut problems = Vec::new();
        if let Err(e) = private::make(folder) {
            problems.push(format!("the data folder {} cannot be made: {e}", folder.display()));
        }
        private::tidy(folder, &mut problems);
        let shelf = Shelf::new(folder, formats);
        let Found { kept, is_news, untouchable } = shelf.open(&mut problems);
        let (log, calls) = CallLog::open(folder, &mut problems);
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            shelf,
            untouchable,
            kept: Mutex::new(kept),
            dirty: AtomicBool::new(is_news),
            calls: Mutex::new(calls),
            calls_dropped: AtomicU64::new(0),
            happenings: Mutex::default(),
            linking_until: Mutex::new(None),
            noted: Mutex::default(),
            hub_trouble: Mutex::default(),
            unsaved: Mutex::new(None),
            closed: AtomicBool::new(false),
        });
        let (work, queue) = sync_channel(QUEUE);
        let for_writer = shared.clone();
        let writer = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || write(&for_writer, log, &queue))
            .inspect_err(|e| problems.push(format!("nothing can be saved: {e}")))
            .ok();
        let state = Self { shared, work: Some(work), writer };
        state.happened(What::Started, None);
        if is_news {
            state.save();
        }
        (Arc::new(state), problems)
    }

    /// The permission to send events to Alexa, if there is one.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        lock(&self.shared.kept).grant.clone()
    }

    /// True if there is a permission to send events to Alexa.
    #[must_use]
    pub fn has_grant(&self) -> bool {
        lock(&self.shared.kept).grant.is_some()
    }

    /// Keeps a new permission in the place of the one before. Not if its user is linked no more.
    pub fn keep_grant(&self, grant: Grant) -> bool {
        let mut kept = lock(&self.shared.kept);
        let is_linked = |user: &String| kept.links.iter().any(|link| link.user_id == *user);
        if !grant.user.as_ref().is_none_or(is_linked) {
            return false;
        }
        kept.grant = Some(grant);
        drop(kept);
        self.save();
        true
    }

    /// Changes the permission, if it is still the one that `known` is a copy of.
    pub fn change_grant(&self, known: &Grant, change: impl FnOnce(&mut Grant)) -> bool {
        let mut kept = lock(&self.shared.kept);
        let Some(grant) = kept.grant.as_mut().filter(|grant| grant.is_same(known)) else { return false };
        change(grant);
        drop(kept);
        self.save();
        true
    }

    /// What Alexa was told of endpoints, as it was given to [`Self::set_reported`].
    #[must_use]
    pub fn reported(&self) -> Value {
        lock(&self.shared.kept).reported.clone()
    }

    /// Keeps what Alexa was told of endpoints.
    pub fn set_reported(&self, reported: Value) {
        let mut kept = lock(&self.shared.kept);
        if kept.reported == reported {
            return;
        }
        kept.reported = reported;
        drop(kept);
        self.save();
    }

    /// The door token that was made at the first start; the settings may name another.
    #[must_use]
    pub fn door_token(&self) -> SecretString {
        lock(&self.shared.kept).door_token.clone().into()
    }

    /// What was learned: of the hub's camera entities by registry id, of cameras by endpoint id.
    #[must_use]
    pub fn learned(&self) -> BTreeMap<String, Learned> {
        lock(&self.shared.kept).learned.clone()
    }

    /// What another process learned, as it was saved in its data folder; nothing if that cannot be read.
    /// Changes nothing there. Blocks on the disk.
    #[must_use]
    pub fn learned_in(folder: &Path) -> BTreeMap<String, Learned> {
        Self::peek(folder).map(|kept| kept.learned).unwrap_or_default()
    }

    /// Remembers what was learned of a camera entity or of a camera. True if that is news.
    pub fn learn(&self, id: &str, teach: impl FnOnce(&mut Learned)) -> bool {
        let mut kept = lock(&self.shared.kept);
        let before = kept.learned.get(id);
        if before.is_none() && kept.learned.len() >= LEARNED_KEPT {
            return false;
        }
        let mut now = before.cloned().unwrap_or_default();
        teach(&mut now);
        if before == Some(&now) {
            return false;
        }
        kept.learned.insert(id.to_owned(), now);
        drop(kept);
        self.save();
        true
    }

    /// Endpoint ids of cameras that are switched off here.
    #[must_use]
    pub fn switched_off(&self) -> BTreeSet<String> {
        lock(&self.shared.kept).switched_off.clone()
    }

    /// The same of another process, as it was saved in its data folder; see [`Self::learned_in`].
    #[must_use]
    pub fn switched_off_in(folder: &Path) -> BTreeSet<String> {
        Self::peek(folder).map(|kept| kept.switched_off).unwrap_or_default()
    }

    fn peek(folder: &Path) -> Option<Kept> {
        Shelf::new(folder, Formats::default()).peek()
    }

    /// Switches a camera off or on here.
    pub fn switch(&self, endpoint_id: &str, on: bool) {
        let mut kept = lock(&self.shared.kept);
        let is_news = match on {
            true => kept.switched_off.remove(endpoint_id),
            false => kept.switched_off.insert(endpoint_id.to_owned()),
        };
        drop(kept);
        if is_news {
            self.save();
        }
    }

    /// What was tried from the pages, and what came of it.
    #[must_use]
    pub fn checked(&self) -> Checked {
        lock(&self.shared.kept).checked.clone()
    }

    /// Keeps what a look at a camera found.
    pub fn check_camera(&self, endpoint_id: &str, fit: bool, says: Value) {
        let mut kept = lock(&self.shared.kept);
        let cameras = &mut kept.checked.cameras;
        if !cameras.contains_key(endpoint_id) && cameras.len() >= LEARNED_KEPT {
            return;
        }
        cameras.insert(endpoint_id.to_owned(), CheckedCamera { at: now(), fit, says });
        drop(kept);
        self.save();
    }

    /// Keeps what came of a try of the door's public address.
    pub fn check_door(&self, url: &str, code: &str) {
        let door = CheckedDoor { url: url.to_owned(), at: now(), code: code.to_owned() };
        lock(&self.shared.kept).checked.door = Some(door);
        self.save();
    }

    /// Remembers what was heard: of a camera, by its endpoint id and name, or of the house.
    pub fn happened(&self, what: What, camera: Option<(&str, &str)>) {
        let (endpoint_id, camera) = camera.map(|(id, name)| (id.to_owned(), name.to_owned())).unzip();
        lock(&self.shared.happenings).add(Happening { at: now(), what, endpoint_id, camera });
    }

    /// What was heard last, newest first, at most `limit`. Begins anew with each start.
    #[must_use]
    pub fn happenings(&self, limit: usize) -> Vec<Happening> {
        lock(&self.shared.happenings).last(limit)
    }

    /// What people should know is wrong: what was noted, what the hub keeps from us, and why the disk
    /// takes nothing.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let shared = &self.shared;
        let now = lock(&shared.hub_trouble).clone().into_iter().chain(lock(&shared.unsaved).clone());
        lock(&shared.noted).iter().cloned().chain(now).collect()
    }

    /// What the hub keeps from us at present, for people.
    pub fn set_hub_trouble(&self, trouble: Option<String>) {
        *lock(&self.shared.hub_trouble) = trouble;
    }

    /// Adds to what people should know until the next start.
    pub fn note(&self, problems: impl IntoIterator<Item = String>) {
        lock(&self.shared.noted).extend(problems);
    }

    /// Waits until all is on the disk, at most 2 s. Blocks: not for an actor's thread while it works.
    /// False if the time ran out or the disk refused.
    pub fn flush(&self) -> bool {
        let (done, waiting) = sync_channel(1);
        let end = Instant::now() + FLUSH;
        while !self.give(Work::Flush(done.clone())) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let in_time = waiting.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok();
        in_time && lock(&self.shared.unsaved).is_none()
    }

    /// Saves for the last time. Whoever still holds this changes nothing on the disk any more: the folder is the next
    /// house's. Blocks as [`Self::flush`] does, and gives the same.
    pub fn close(&self) -> bool {
        self.shared.closed.store(true, Ordering::Release);
        self.flush()
    }

    fn save(&self) {
        if self.shared.closed.load(Ordering::Acquire) {
            return;
        }
        self.shared.dirty.store(true, Ordering::Release);
        // When the queue is full the writer is awake and sees the mark after its next piece of work.
        if !self.give(Work::Save) {
            tracing::debug!("the disk is slow");
        }
    }

    fn give(&self, work: Work) -> bool {
        self.work.as_ref().is_some_and(|queue| queue.try_send(work).is_ok())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.work = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the state had died");
        }
    }
}

fn write(shared: &Shared, mut log: CallLog, queue: &Receiver<Work>) {
    while let Ok(work) = queue.recv() {
        let mut result = Ok(());
        let mut waiting = None;
        match work {
            Work::Save => {}
            Work::Call(record) => {
                result = log.append(&record);
                if result.is_ok() && log.is_long() {
                    let calls = lock(&shared.calls).clone();
                    result = log.rewrite(&calls);
                }
            }
            Work::Flush(done) => waiting = Some(done),
        }
        if result.is_ok() && shared.dirty.swap(false, Ordering::AcqRel) {
            let text = lock(&shared.kept).to_text();
            result = match &shared.untouchable {
                Some(why) => Err(std::io::Error::other(why.clone())),
                None => shared.shelf.write(&text),
            };
            if result.is_err() {
                shared.dirty.store(true, Ordering::Release);
            }
        }
        if let Err(e) = &result {
            let text = format!("not saved in {}: {e}", shared.folder.display());
            if lock(&shared.unsaved).replace(text.clone()).as_ref() != Some(&text) {
                tracing::warn!(reason = %e, "state is not saved");
            }
        } else if !shared.dirty.load(Ordering::Acquire) && waiting.is_none() {
            *lock(&shared.unsaved) = None;
        }
        if let Some(waiting) = waiting
            && waiting.try_send(()).is_err()
        {
            tracing::debug!("nobody waits for the disk any more");
        }
    }
}

#[cfg(test)]
mod tests;
