//! Changes single keys of the settings file, keeps the user's comments, and never leaves half a
//! file: the new one is whole on the disk before it takes the old one's name.

use std::io::{self, Write};
use std::path::Path;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::load::{Problem, mistakes_in, read};
use crate::error::ErrorKind;

/// One change.
#[derive(Debug, Clone)]
pub struct Edit {
    /// `section.key`, `camera[2].key`, or `camera[2]` (to take it away). The index after the last
    /// camera's makes a new one.
    pub key: String,
    /// The new value; `None` takes the key away.
    pub value: Option<Value>,
}

/// Why settings were not saved. The old file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The settings would have mistakes.
    #[error("not saved: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// The disk refused.
    #[error("not saved: {0}")]
    Storage(#[from] io::Error),
}

impl SaveError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(_) => ErrorKind::InvalidValue,
            Self::Storage(_) => ErrorKind::Storage,
        }
    }
}

/// Saves changes; the file before them is kept beside it as `.bak`. Blocks on the disk.
///
/// # Errors
/// When a change makes no sense, would bring in a mistake, or cannot be written.
pub fn save(path: &Path, edits: &[Edit]) -> Result<(), SaveError> {
    let old = match read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e.into()),
    };
    let new = edited(&old, edits)?;
    if new == old {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if !old.is_empty() {
        replace(&path.with_extension("toml.bak"), old.as_bytes())?;
    }
    Ok(replace(path, new.as_bytes())?)
}

fn edited(old: &str, edits: &[Edit]) -> Result<String, SaveError> {
    let refuse = |key: &str, text: &str| SaveError::Refused(vec![Problem::new(key, text)]);
    let mut document: DocumentMut = old
        .parse()
        .map_err(|_| refuse("", "the settings file has a mistake that must be mended by hand first"))?;
    for edit in edits {
        apply(&mut document, edit).ok_or_else(|| refuse(&edit.key, "is no key that can be set"))?;
    }
    let new = document.to_string();
    // Mistakes that are there already must not keep the user from mending them one by one.
    let known = mistakes_in(old);
    let fresh: Vec<Problem> = mistakes_in(&new).into_iter().filter(|p| !known.contains(p)).collect();
    if fresh.is_empty() { Ok(new) } else { Err(SaveError::Refused(fresh)) }
}

fn apply(document: &mut DocumentMut, edit: &Edit) -> Option<()> {
    let (section, key) = match edit.key.split_once('.') {
        Some((section, key)) if !key.is_empty() => (section, Some(key)),
        Some(_) => return None,
        None => (edit.key.as_str(), None),
    };
    let table: &mut Table = match section.strip_prefix("camera[") {
        Some(rest) => {
            let index: usize = rest.strip_suffix(']')?.parse().ok()?;
            let cameras = document
                .entry("camera")
                .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
                .as_array_of_tables_mut()?;
            if key.is_none() {
                (edit.value.is_none() && index < cameras.len()).then(|| cameras.remove(index))?;
                return Some(());
            }
            if index == cameras.len() {
                cameras.push(Table::new());
            }
            cameras.get_mut(index)?
        }
        None => document.entry(section).or_insert_with(|| Item::Table(Table::new())).as_table_mut()?,
    };
    let key = key?;
    match (&edit.value, table.get_mut(key)) {
        (None, _) => drop(table.remove(key)),
        (Some(value), Some(Item::Value(place))) => {
            // The decor holds the comment at the end of the line.
            let decor = place.decor().clone();
            *place = value.clone();
            *place.decor_mut() = decor;
        }
        (Some(value), _) => drop(table.insert(key, Item::Value(value.clone()))),
    }
    Some(())
}

/// Puts a whole file (mode 0600) in the place of another: written beside it, synced, renamed, the
/// folder synced. Killed at any moment, the old or the new file is there, whole. Blocks.
///
/// # Errors
/// When the disk refuses; the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".doorstep-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OLD: &str = "# my house\n[log]\nlevel = \"info\" # quiet\n\n# the front\n[[camera]]\nid = \"a\"\nsource = \"test:\"\n";

    fn edit(key: &str, value: impl Into<Value>) -> Edit {
        Edit { key: key.into(), value: Some(value.into()) }
    }

    fn drop_key(key: &str) -> Edit {
        Edit { key: key.into(), value: None }
    }

    #[test]
    fn saving_keeps_the_users_comments_and_the_file_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, OLD).unwrap();
        let edits = [
            edit("log.level", "debug"),
            edit("camera[0].name", "Front"),
            edit("camera[1].id", "b"),
            edit("camera[1].source", "test:"),
            edit("limits.calls", 3),
        ];
        save(&path, &edits).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        for kept in [
            "# my house",
            "level = \"debug\" # quiet",
            "# the front",
            "name = \"Front\"",
            "id = \"b\"",
            "calls = 3",
        ] {
            assert!(new.contains(kept), "{kept} in {new}");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("config.toml.bak")).unwrap(), OLD);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        save(&path, &[drop_key("camera[0]"), drop_key("limits.calls")]).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        assert!(!new.contains("id = \"a\"") && new.contains("id = \"b\"") && !new.contains("calls"), "{new}");
    }

    #[test]
    fn a_bad_change_never_touches_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, OLD).unwrap();
        for bad in [
            edit("log.level", "loud"),
            edit("log.colour", "blue"),
            edit("camera[0].source", "ftp://x/"),
            edit("camera[7].id", "x"),
            edit("camera[0", "x"),
            edit("log", "x"),
            edit("", "x"),
        ] {
            let error = save(&path, &[edit("limits.calls", 5), bad.clone()]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidValue, "{bad:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn readers_never_see_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let whole = |n: usize| vec![b'a' + (n % 26) as u8; 200_000];
        replace(&path, &whole(0)).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..100 {
                    replace(&path, &whole(n)).unwrap();
                }
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let seen = std::fs::read(&path).unwrap();
                assert!(seen.len() == 200_000 && seen.iter().all(|b| *b == seen[0]));
            }
        });
    }
}
