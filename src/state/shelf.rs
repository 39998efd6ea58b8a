//! `state.json` with its copies: reads it, or what takes its place when it is damaged, older or newer.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::kept::Kept;
use super::migrate::{Document, merge, raise};
use crate::config::formats::{FormatError, Formats, copy_of};
use crate::config::save::replace;

const FILE: &str = "state.json";
const GOOD: &str = "state.json.good";
const DAMAGED: &str = "state.json.damaged";

/// Largest file that is read, bytes.
const MAX: u64 = 4 << 20;

/// `state.json` in a data folder. Beside it lies its copy, and of each other format that took its place or whose
/// place it took, what that said last.
#[derive(Clone)]
pub(super) struct Shelf {
    file: PathBuf,
    good: PathBuf,
    formats: Formats<Document>,
}

/// What was found.
pub(super) struct Found {
    pub(super) kept: Kept,
    /// The disk does not hold it yet.
    pub(super) is_news: bool,
    /// Why nothing may be written in the place of what lies there, for people.
    pub(super) untouchable: Option<String>,
}

/// A file that can be used.
struct Sheet {
    /// In which it was written.
    format: u64,
    bytes: Vec<u8>,
    /// In today's format.
    document: Document,
    kept: Kept,
}

/// Why a file cannot be used.
enum Unusable {
    Absent,
    /// The disk keeps it from us.
    Unreadable(io::Error),
    Damaged(String),
    Newer {
        format: u64,
        why: FormatError,
        bytes: Vec<u8>,
    },
}

impl Shelf {
    pub(super) fn new(folder: &Path, formats: Formats<Document>) -> Self {
        Self { file: folder.join(FILE), good: folder.join(GOOD), formats }
    }

    /// Reads the state, or what takes its place; `problems` say what was wrong, for people.
    pub(super) fn open(&self, problems: &mut Vec<String>) -> Found {
        let path = self.file.display();
        let (trouble, untouchable) = match read(&self.file, self.formats) {
            Ok(sheet) if sheet.format == self.formats.today() => return Found::on_disk(sheet.kept),
            Ok(sheet) => return self.upgrade(sheet),
            Err(Unusable::Newer { format, why, bytes }) => {
                return self.downgrade(format, why, &bytes, problems);
            }
            Err(Unusable::Absent) if !self.good.exists() => {
                return Found { is_news: true, ..Found::on_disk(Kept::fresh(self.formats.today())) };
            }
            Err(Unusable::Absent) => (format!("{path} is gone"), None),
            Err(Unusable::Unreadable(error)) => {
                let why = format!("{path} cannot be read ({error})");
                (why.clone(), Some(why + ", so nothing is written in its place"))
            }
            Err(Unusable::Damaged(why)) => (self.put_aside(&why), None),
        };
        let kept = match self.good_copy(true) {
            Some(copy) => {
                problems.push(trouble + "; its copy is used");
                copy.kept
            }
            None => {
                problems.push(trouble + "; links and the door token are new");
                self.closed()
            }
        };
        Found { kept, is_news: true, untouchable }
    }

    /// Reads the file without mending anything.
    pub(super) fn peek(&self) -> Option<Kept> {
        read(&self.file, self.formats).ok().map(|sheet| sheet.kept)
    }

    /// Replaces the file, then its copy.
    pub(super) fn write(&self, text: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        replace(&self.file, text)?;
        replace(&self.good, text)
    }

    /// The file is of an older format. If that version took over from this one meanwhile, what this one left is there
    /// still, and what the older one changed since holds.
    fn upgrade(&self, sheet: Sheet) -> Found {
        let today = self.formats.today();
        let (copy, own_path) = (copy_of(&self.file, sheet.format), copy_of(&self.file, today));
        let of = |path: &Path, format: u64| read(path, self.formats).ok().filter(|one| one.format == format);
        let own = of(&own_path, today).zip(of(&copy, sheet.format));
        let merged = own.and_then(|(own, before)| {
            let document = merge(own.document, &before.document, &sheet.document);
            serde_json::from_value::<Kept>(document.into()).ok()
        });
        let result = self.forget(sheet.format + 1..today).and_then(|()| match &merged {
            // What the older one began with goes last: without it nobody knows what it changed.
            Some(merged) => self
                .write(&merged.to_text())
                .and_then(|()| replace(&copy, &sheet.bytes))
                .and_then(|()| std::fs::remove_file(&own_path)),
            None => replace(&copy, &sheet.bytes).and_then(|()| self.write(&sheet.kept.to_text())),
        });
        tracing::info!(from = sheet.format, to = today, "the state is brought to another format");
        let untouchable = result.err().map(|error| {
            format!("{} stays in its older format, its copy cannot be written ({error})", self.file.display())
        });
        Found { kept: merged.unwrap_or(sheet.kept), is_news: untouchable.is_some(), untouchable }
    }

    /// Takes away what versions between two said before the older one took over: a user whom that one revoked is
    /// linked there still.
    fn forget(&self, formats: Range<u64>) -> io::Result<()> {
        for format in formats {
            match std::fs::remove_file(copy_of(&self.file, format)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The file is of a newer format: it is kept for who wrote it, and what it said before is used.
    fn downgrade(&self, format: u64, why: FormatError, bytes: &[u8], problems: &mut Vec<String>) -> Found {
        let aside = copy_of(&self.file, format);
        let trouble = format!("{} was {why} and is kept as {}", self.file.display(), aside.display());
        let kept = match self.good_copy(false).or_else(|| self.before()) {
            Some(copy) => {
                problems.push(trouble + "; its copy from before is used: look at who is linked");
                copy.kept
            }
            None => {
                problems.push(trouble + "; links and the door token are new");
                self.closed()
            }
        };
        let text = kept.to_text();
        let result = replace(&aside, bytes)
            .and_then(|()| replace(&copy_of(&self.file, self.formats.today()), &text))
            .and_then(|()| self.write(&text));
        let untouchable = result
            .err()
            .map(|error| format!("{} cannot be kept as {} ({error})", self.file.display(), aside.display()));
        Found { kept, is_news: untouchable.is_some(), untouchable }
    }

    /// The copy, or if a newer version wrote it, what was there before that; `keep` it then for who wrote it.
    fn good_copy(&self, keep: bool) -> Option<Sheet> {
        match read(&self.good, self.formats) {
            Ok(sheet) => Some(sheet),
            Err(Unusable::Newer { format, bytes, .. }) => {
                if keep && let Err(error) = replace(&copy_of(&self.file, format), &bytes) {
                    tracing::error!(%error, "a newer version's copy of the state is not kept");
                }
                self.before()
            }
            Err(_) => None,
        }
    }

    /// What the last format that is known here said last.
    fn before(&self) -> Option<Sheet> {
        let copies = (1..=self.formats.today()).rev().map(|format| copy_of(&self.file, format));
        copies.into_iter().find_map(|copy| read(&copy, self.formats).ok())
    }

    /// Nothing is known of the past, but that there was one: whoever damaged it must not win an open door by it.
    fn closed(&self) -> Kept {
        let mut kept = Kept::fresh(self.formats.today());
        kept.was_linked = true;
        kept
    }

    fn put_aside(&self, why: &str) -> String {
        let aside = self.file.with_file_name(DAMAGED);
        let is_kept = std::fs::rename(&self.file, &aside).is_ok();
        let kept = if is_kept { format!(", it is kept as {}", aside.display()) } else { String::new() };
        format!("{} cannot be used ({why}){kept}", self.file.display())
    }
}

impl Found {
    fn on_disk(kept: Kept) -> Self {
        Self { kept, is_news: false, untouchable: None }
    }
}

fn read(path: &Path, formats: Formats<Document>) -> Result<Sheet, Unusable> {
    match std::fs::metadata(path) {
        Err(e) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&e.kind()) => {
            return Err(Unusable::Absent);
        }
        Err(e) => return Err(Unusable::Unreadable(e)),
        Ok(file) if file.len() > MAX => return Err(Unusable::Damaged("too large".into())),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(Unusable::Unreadable)?;
    // Not the parser's own texts: they may quote a token.
    let damaged = |e: serde_json::Error| Unusable::Damaged(format!("damaged at line {}", e.line()));
    let mut document: Document = serde_json::from_slice(&bytes).map_err(damaged)?;
    let format = match raise(&mut document, formats) {
        Ok(format) => format,
        Err(why @ FormatError::Newer { found, .. }) => {
            return Err(Unusable::Newer { format: found, why, bytes });
        }
        Err(why @ FormatError::NoFormat { .. }) => {
            return Err(Unusable::Damaged(format!("its format {why}")));
        }
    };
    let kept: Kept = serde_json::from_value(document.clone().into())
        .map_err(|_| Unusable::Damaged("what it holds is of the wrong kind".into()))?;
    if kept.door_token.is_empty() {
        return Err(Unusable::Damaged("it holds no door token".into()));
    }
    Ok(Sheet { format, bytes, document, kept })
}
