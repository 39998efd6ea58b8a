//! What `plugin.toml` says of the data folder is what is written there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::config::change::Change;
use crate::config::place::{OPTIONS, Place};
use crate::config::save::replace;
use crate::config::settings::Settings;
use crate::state::State;

/// As Python's `PurePath.match` has it, of which the supervisor makes use: a pattern without a slash is of
/// the name alone.
fn is_left_out(backup: &Backup, name: &str) -> bool {
    backup.leave_out.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => !start.contains(['*', '/', '?', '[']) && name.starts_with(start),
        None => name == pattern,
    })
}

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_backup_leaves_out_what_is_on_its_way_and_nothing_else() {
    let backup = Plugin::own().unwrap().backup;
    assert!(!backup.keep.iter().any(|kept| is_left_out(&backup, &kept.file)));
    assert!(!is_left_out(&backup, OPTIONS));
    let folder = tempfile::tempdir().unwrap();
    let (path, is_done) = (folder.path().join("state.json"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                replace(&path, &[b'a'; 100_000]).unwrap();
            }
        });
        let (began, mut seen) = (Instant::now(), None);
        while seen.is_none() && began.elapsed() < Duration::from_secs(20) && !writer.is_finished() {
            seen = names(folder.path()).into_iter().find(|name| name != "state.json");
        }
        is_done.store(true, Ordering::Relaxed);
        let seen = seen.expect("a file on its way");
        assert!(is_left_out(&backup, &seen), "{seen}");
    });
}

#[test]
fn what_is_kept_is_told() {
    let backup = Plugin::own().unwrap().backup;
    let folder = tempfile::tempdir().unwrap();
    let place = Place::find(None, Some(folder.path().to_owned()));
    assert_eq!(place.config, folder.path().join("config.toml"));
    std::fs::write(&place.config, "[log]\nlevel = \"info\"\n").unwrap();
    let settings = Settings::new(place, Box::new(|_| None), |_| None);
    settings.begin(Arc::new(settings.load().config));
    let louder = serde_json::json!([{"key": "log.level", "value": "debug"}]);
    settings.change(&serde_json::from_value::<Vec<Change>>(louder).unwrap()).unwrap();
    let (state, problems) = State::open(folder.path());
    assert!(problems.is_empty(), "{problems:?}");
    state.record_call(crate::state::CallRecord { id: "one".into(), ..Default::default() });
    state.flush();
    drop::<Arc<State>>(state);
    let written = names(folder.path());
    let told = |name: &String| backup.keep.iter().any(|kept| kept.file == *name) || name.contains(".format-");
    assert!(written.iter().all(told), "{written:?}");
    let named = backup.keep.iter().map(|kept| &kept.file).filter(|file| !file.contains('*'));
    let absent: Vec<&String> = named.filter(|file| !written.contains(file)).collect();
    assert!(absent.is_empty(), "{absent:?} of {written:?}");
}
