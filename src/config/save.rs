//! Changes the settings file, keeps the user's comments, and never leaves half a file: the new one is whole on
//! the disk before it takes the old one's name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::formats::{FormatError, Formats, copy_of};
use super::load::{Origin, Problem, read};
use super::migrate::raise;

/// Why settings were not saved. The old file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The settings would have mistakes.
    #[error("not saved: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// Something else than the file says what a key is.
    #[error("not saved: {key} is set from outside the settings file")]
    Fixed {
        /// The key.
        key: String,
        /// What sets it.
        origin: Origin,
    },
    /// The file is no TOML.
    #[error("not saved: {DAMAGED}")]
    Damaged,
    /// Whoever wrote the file knows more than we do.
    #[error("not saved: the settings file was {0}")]
    Newer(FormatError),
    /// The disk refused.
    #[error("not saved: {}", why(.0))]
    Storage(#[from] io::Error),
}

/// Why a file cannot be changed from here.
pub const DAMAGED: &str = "the settings file has a mistake that must be mended by hand first";

/// Why a file could not be written, for people.
#[must_use]
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "the folder of the settings file cannot be written to".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Saves what `edit` makes of the file, in today's format; the file before that is kept beside it as `.bak`, or by
/// its format if that was an older one. `judge` finds the mistakes in a text; those that were there before must not
/// keep the user from mending them one by one.
/// Blocks on the disk.
///
/// # Errors
/// When the edit makes no sense, would bring in a mistake, or cannot be written.
pub fn save(
    path: &Path,
    formats: Formats<DocumentMut>,
    edit: impl FnOnce(&mut DocumentMut) -> Result<(), SaveError>,
    judge: impl Fn(&str) -> Vec<Problem>,
) -> Result<(), SaveError> {
    // The file that a link leads to is changed, not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let old = match read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e.into()),
    };
    let mut document: DocumentMut = old.parse().map_err(|_| SaveError::Damaged)?;
    let format = raise(&mut document, formats).map_err(|error| match error {
        FormatError::Newer { .. } => SaveError::Newer(error),
        FormatError::NoFormat { .. } => SaveError::Damaged,
    })?;
    edit(&mut document)?;
    let new = document.to_string();
    if new == old {
        return Ok(());
    }
    let fresh = fresh(judge(&old), judge(&new));
    if !fresh.is_empty() {
        return Err(SaveError::Refused(fresh));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if !old.is_empty() {
        let is_older = format < formats.today();
        let before = if is_older { copy_of(&path, format) } else { path.with_extension("toml.bak") };
        replace(&before, old.as_bytes())?;
    }
    Ok(replace(&path, new.as_bytes())?)
}

/// Those mistakes that were not there before. A camera that was taken away leaves the others another number.
fn fresh(before: Vec<Problem>, after: Vec<Problem>) -> Vec<Problem> {
    let mut known: Vec<String> = before.iter().map(numberless).collect();
    let is_fresh = |problem: &Problem| match known.iter().position(|known| *known == numberless(problem)) {
        Some(index) => {
            known.swap_remove(index);
            false
        }
        None => true,
    };
    let mut after = after;
    after.retain(is_fresh);
    after
}

fn numberless(problem: &Problem) -> String {
    let text = problem.to_string();
    let mut parts = text.split("camera[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "camera[" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Sets a key, or takes it away. Keeps the comment at the end of its line.
pub(super) fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    match (value, table.get_mut(key)) {
        (None, _) => drop(table.remove(key)),
        (Some(value), Some(Item::Value(place))) => {
            let decor = place.decor().clone();
            *place = value;
            *place.decor_mut() = decor;
        }
        (Some(value), _) => drop(table.insert(key, Item::Value(value))),
    }
}

/// How the name of a file begins and ends that is not whole yet. A backup leaves them out.
pub const UNFINISHED: (&str, &str) = (".doorstep-", ".tmp");

/// Puts a whole file (mode 0600) in the place of another: written beside it, synced, renamed, the
/// folder synced. Killed at any moment, the old or the new file is there, whole. Blocks.
///
/// # Errors
/// When the disk refuses; the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const TODAY: Formats<DocumentMut> = Formats::new(&[]);
    const OLD: &str = "# my house\n[log]\nlevel = \"info\" # quiet\n";

    fn level(level: &str) -> impl FnOnce(&mut DocumentMut) -> Result<(), SaveError> {
        move |document| {
            set(document["log"].as_table_like_mut().unwrap(), "level", Some(level.into()));
            Ok(())
        }
    }

    fn loud(text: &str) -> Vec<Problem> {
        text.matches("loud").map(|_| Problem::new("camera[0].level", "is loud")).collect()
    }

    #[test]
    fn saving_keeps_the_users_comments_and_the_file_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real.toml"), folder.path().join("config.toml"));
        std::fs::write(&path, OLD).unwrap();
        symlink(&path, &link).unwrap();
        save(&link, TODAY, level("debug"), loud).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD.replace("info", "debug"));
        assert!(link.is_symlink(), "a link stays one");
        assert_eq!(std::fs::read_to_string(folder.path().join("real.toml.bak")).unwrap(), OLD);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_mistake_that_is_new_never_touches_the_file_and_an_old_one_may_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, OLD).unwrap();
        assert!(
            matches!(save(&path, TODAY, level("loud"), loud), Err(SaveError::Refused(all)) if all.len() == 1)
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let with_mistake = OLD.replace("my house", "my loud house");
        std::fs::write(&path, &with_mistake).unwrap();
        save(&path, TODAY, level("debug"), loud).unwrap();
        assert!(
            matches!(save(&path, TODAY, level("loud"), loud), Err(SaveError::Refused(all)) if all.len() == 1)
        );
    }

    #[test]
    fn a_mistake_is_known_again_when_its_camera_has_another_number() {
        let problem = |key: &str| Problem::new(key, "is the id of camera[12] already");
        let before = || vec![problem("camera[3].id")];
        assert_eq!(fresh(before(), vec![problem("camera[2].id")]), []);
        assert_eq!(fresh(before(), vec![problem("camera[2].id"), problem("camera[4].id")]).len(), 1);
        assert_eq!(fresh(before(), vec![problem("camera[3].entity")]).len(), 1);
    }

    #[test]
    fn a_file_that_is_no_toml_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[log").unwrap();
        assert!(matches!(save(&path, TODAY, |_| Ok(()), loud), Err(SaveError::Damaged)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[log");
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
