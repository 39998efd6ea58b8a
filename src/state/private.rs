//! The data folder is nobody else's: who may read it, and what must not lie about in it.

use std::fs::{DirBuilder, DirEntry, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::config::save::UNFINISHED;

/// How the names of files begin that hold secrets, or who called whom.
const SECRET: [&str; 3] = ["state.json", "config.toml", "calls.jsonl"];

/// Age of a file from which on nobody is still writing it.
const FORGOTTEN: Duration = Duration::from_secs(60);

pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Takes away the rights of others, as a restored backup may have given them, and what a process that was killed had
/// not finished.
pub(super) fn tidy(folder: &Path, problems: &mut Vec<String>) {
    let (mut mended, mut open) = (Vec::new(), Vec::new());
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1) && is_forgotten(&file) {
            if let Err(error) = std::fs::remove_file(file.path()) {
                tracing::warn!(%error, name, "an unfinished file stays");
            }
        } else if SECRET.iter().any(|start| name.starts_with(start)) && is_open(&file) {
            match std::fs::set_permissions(file.path(), Permissions::from_mode(0o600)) {
                Ok(()) => mended.push(name),
                Err(error) => open.push(format!("{name} ({error})")),
            }
        }
    }
    let mut tell = |mut names: Vec<String>, what| {
        names.sort();
        if !names.is_empty() {
            let names = names.join(", ");
            problems.push(format!("others could read secrets in {}: {names}; {what}", folder.display()));
        }
    };
    tell(mended, "that is mended");
    tell(open, "and that cannot be changed");
}

fn is_open(file: &DirEntry) -> bool {
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
}

fn is_forgotten(file: &DirEntry) -> bool {
    let changed = file.metadata().and_then(|file| file.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > FORGOTTEN))
}
