//! The records of calls, in memory and in `calls.jsonl`: one a line, rewritten when it has grown to twice what is kept.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use time::OffsetDateTime;

use super::{CALLS_KEPT, CallRecord, Outcome, State, UNANSWERED_KEPT, Work, lock, stamp};
use crate::config::save::replace;

const FILE: &str = "calls.jsonl";

/// Offers to one camera within a minute that leave a record though they got no answer.
pub(super) const UNANSWERED_A_MINUTE: usize = 3;

/// Bytes that are read from the end of the file.
const MAX: u64 = 8 << 20;

/// The file, on the writer's thread.
pub(super) struct CallLog {
    path: PathBuf,
    file: Option<File>,
    lines: usize,
    /// The last line has no end: it was cut off.
    torn: bool,
}

impl State {
    /// Keeps the record of a call; one with the same id is replaced. Never blocks on the disk.
    pub fn record_call(&self, record: CallRecord) {
        if self.shared.closed.load(Ordering::Acquire) {
            return;
        }
        let mut calls = lock(&self.shared.calls);
        put(&mut calls, record.clone());
        drop(calls);
        if !self.give(Work::Call(Box::new(record))) {
            self.shared.calls_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps the record of an offer that got no answer, unless this camera has just left some of them.
    pub fn record_unanswered(&self, record: CallRecord) {
        let minute_ago = stamp(OffsetDateTime::now_utc() - Duration::from_secs(60));
        let calls = lock(&self.shared.calls);
        // RFC 3339 in UTC sorts as text.
        let of_late = calls.iter().rev().filter(|call| call.started > minute_ago && call.is_unanswered());
        let count = of_late.filter(|call| call.endpoint_id == record.endpoint_id).count();
        drop(calls);
        if count < UNANSWERED_A_MINUTE {
            self.record_call(record);
        } else {
            tracing::debug!(
                endpoint = record.endpoint_id,
                "one more offer without an answer leaves no record"
            );
        }
    }

    /// The calls that ended last, newest first, at most `limit`.
    #[must_use]
    pub fn calls(&self, limit: usize) -> Vec<CallRecord> {
        lock(&self.shared.calls).iter().rev().take(limit).cloned().collect()
    }

    /// Looks at the records of calls, oldest first, without copying them.
    pub fn with_calls<T>(&self, look: impl FnOnce(&VecDeque<CallRecord>) -> T) -> T {
        look(&lock(&self.shared.calls))
    }

    /// The last call of each camera that ended, by endpoint id.
    #[must_use]
    pub fn last_calls(&self) -> BTreeMap<String, CallRecord> {
        let calls = lock(&self.shared.calls);
        let mut last: BTreeMap<&str, &CallRecord> = BTreeMap::new();
        // The newest one stays.
        last.extend(calls.iter().map(|call| (call.endpoint_id.as_str(), call)));
        last.into_iter().map(|(id, call)| (id.to_owned(), call.clone())).collect()
    }

    /// Those that ended before the call of that id; none if it is not known.
    #[must_use]
    pub fn calls_before(&self, id: &str, limit: usize) -> Vec<CallRecord> {
        let calls = lock(&self.shared.calls);
        calls.iter().rev().skip_while(|call| call.id != id).skip(1).take(limit).cloned().collect()
    }

    /// Those that ended after the call of that id, the last one first; of many those that came next. None if it is not
    /// known.
    #[must_use]
    pub fn calls_after(&self, id: &str, limit: usize) -> Vec<CallRecord> {
        let calls = lock(&self.shared.calls);
        let mut next: Vec<_> =
            calls.iter().skip_while(|call| call.id != id).skip(1).take(limit).cloned().collect();
        next.reverse();
        next
    }

    /// The call of that id.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<CallRecord> {
        lock(&self.shared.calls).iter().rev().find(|call| call.id == id).cloned()
    }

    /// Records of calls that are in memory only, because the disk was too slow.
    #[must_use]
    pub fn calls_dropped(&self) -> u64 {
        self.shared.calls_dropped.load(Ordering::Relaxed)
    }
}

/// Puts a record in the place of one with the same id, or at the end.
pub(super) fn put(calls: &mut VecDeque<CallRecord>, record: CallRecord) {
    match calls.iter_mut().rev().find(|call| call.id == record.id) {
        Some(call) => *call = record,
        None => {
            let mut unanswered = calls.iter().enumerate().filter(|(_, call)| call.is_unanswered());
            let oldest = unanswered.next().map(|(place, _)| place);
            if record.is_unanswered() && unanswered.count() + 1 >= UNANSWERED_KEPT {
                oldest.and_then(|place| calls.remove(place));
            } else if calls.len() >= CALLS_KEPT {
                calls.pop_front();
            }
            calls.push_back(record);
        }
    }
}

impl CallLog {
    /// Reads what there is; damaged lines are left out.
    pub(super) fn open(folder: &Path, problems: &mut Vec<String>) -> (Self, VecDeque<CallRecord>) {
        let mut log = Self { path: folder.join(FILE), file: None, lines: 0, torn: false };
        let mut calls = VecDeque::new();
        let bytes = match log.tail() {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => {
                problems.push(format!("{} cannot be read: {e}", log.path.display()));
                Vec::new()
            }
        };
        let mut damaged = 0;
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            log.lines += 1;
            match serde_json::from_slice::<CallRecord>(line) {
                Ok(mut record) if !record.id.is_empty() => {
                    record.outcome =
                        record.outcome.or_else(|| record.ended.as_ref().map(|_| Outcome::Unknown));
                    put(&mut calls, record);
                }
                _ => damaged += 1,
            }
        }
        log.torn = bytes.last().is_some_and(|b| *b != b'\n');
        if damaged > 0 {
            problems.push(format!("{damaged} damaged lines of {} were left out", log.path.display()));
        }
        (log, calls)
    }

    fn tail(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MAX)))?;
        let mut bytes = Vec::new();
        file.take(MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn append(&mut self, record: &CallRecord) -> io::Result<()> {
        let mut line = if self.torn { b"\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut line, record)?;
        line.push(b'\n');
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let open = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
                self.file.insert(open)
            }
        };
        // Half a line may be there when this fails.
        self.torn = true;
        file.write_all(&line)?;
        file.sync_data()?;
        self.torn = false;
        self.lines += 1;
        Ok(())
    }

    pub(super) fn is_long(&self) -> bool {
        self.lines > 2 * CALLS_KEPT
    }

    pub(super) fn rewrite(&mut self, calls: &VecDeque<CallRecord>) -> io::Result<()> {
        let mut text = Vec::new();
        for call in calls {
            serde_json::to_writer(&mut text, call)?;
            text.push(b'\n');
        }
        self.file = None;
        replace(&self.path, &text)?;
        self.lines = calls.len();
        self.torn = false;
        Ok(())
    }
}
