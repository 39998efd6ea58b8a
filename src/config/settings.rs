//! The settings while a house runs: which are in use, what lies in the file, and who may change what.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use toml::Table;
use toml_edit::DocumentMut;

use super::Config;
use super::change::Change;
use super::formats::{FormatError, Formats};
use super::key::{KEYS, Key, KeyKind};
use super::load::{Around, Environment, Loaded, Origin, Problem, defaults, judge, lay, read};
use super::migrate::format_of;
use super::place::Place;
use super::save::{DAMAGED, SaveError, save, why};

/// Finds what is wrong with settings beside what [`super::validate`] finds.
pub type Judge = fn(&Config) -> Option<Problem>;

/// Owns the settings file. One for the life of a process, shared by all that read or change it.
pub struct Settings {
    place: Place,
    environment: Box<Environment>,
    /// What the demo cannot do without.
    demo: Table,
    judge: Judge,
    formats: Formats<DocumentMut>,
    /// One save at a time.
    saving: Mutex<()>,
    used: watch::Sender<Arc<Config>>,
    saves: AtomicU64,
    notes: Mutex<Notes>,
}

/// What people should know.
#[derive(Default)]
struct Notes {
    /// What is wrong with the file.
    file: Vec<String>,
    /// What is used in the place of the file, which has mistakes.
    instead: Option<&'static str>,
    /// Why the file's settings could not be used.
    unusable: Option<String>,
}

/// What there is to be set, and what it is set to. Holds no secret.
#[derive(Debug, Serialize)]
pub struct View {
    /// The settings file.
    pub file: String,
    /// Format in which it is written from here.
    pub format: u64,
    /// It can be changed from here.
    pub editable: bool,
    /// Why not, for people.
    pub why_not: Option<String>,
    /// Keys of the file that hold after a restart only; `camera` for any of a camera's.
    pub restart: Vec<&'static str>,
    /// What is wrong with the file.
    pub problems: Vec<Problem>,
    /// All keys but those of cameras.
    pub keys: Vec<KeyView>,
    /// All cameras of the file.
    pub cameras: Vec<Value>,
}

/// One key.
#[derive(Debug, Serialize)]
pub struct KeyView {
    key: &'static str,
    kind: KeyKind,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices: &'static [&'static str],
    default: Value,
    value: Value,
    set: bool,
    origin: Option<Origin>,
    /// Set from outside: the file cannot say anything else.
    fixed: bool,
    needs_restart: bool,
}

impl Settings {
    /// Settings that nobody has read yet. `environment` looks up a variable.
    #[must_use]
    pub fn new(place: Place, environment: Box<Environment>, judge: Judge) -> Self {
        Self {
            place,
            environment,
            demo: Table::new(),
            judge,
            formats: Formats::default(),
            saving: Mutex::default(),
            used: watch::Sender::new(Arc::default()),
            saves: AtomicU64::default(),
            notes: Mutex::default(),
        }
    }

    /// Settings of a demo: `keys` are as it needs them, whatever the file says.
    #[must_use]
    pub fn with_demo(self, keys: Table) -> Self {
        Self { demo: keys, ..self }
    }

    /// The folder for what survives a restart.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.place.data
    }

    /// Reads the settings that a house is to start with, brings a file of an older format to today's, and keeps
    /// them as the last good ones if all of them are well. Blocks on the disk.
    pub fn load(&self) -> Loaded {
        let migrated = self.migrate();
        let loaded = lay(&self.place, &self.around(), true);
        let mut notes: Vec<String> = loaded.instead.iter().map(|text| (*text).to_owned()).collect();
        if let Err(error) = migrated {
            notes.push(format!("the settings hold, but their file stays in its older format: {error}"));
        }
        notes.extend(loaded.problems.iter().map(ToString::to_string));
        if let Err(error) = loaded.keep(&self.place) {
            notes.push(format!("the last good copy of the settings cannot be kept: {}", why(&error)));
        }
        let mut known = self.notes();
        (known.file, known.instead) = (notes, loaded.instead);
        drop(known);
        loaded
    }

    fn migrate(&self) -> Result<(), SaveError> {
        let document = read(&self.place.config).ok().and_then(|text| text.parse::<DocumentMut>().ok());
        match document.map(|document| format_of(&document, self.formats)) {
            Some(Ok(format)) if format < self.formats.today() => {
                save(&self.place.config, self.formats, |_| Ok(()), |_| Vec::new())
            }
            _ => Ok(()),
        }
    }

    /// A house runs with these from now on.
    pub fn begin(&self, config: Arc<Config>) {
        self.used.send_replace(config);
    }

    /// Says why no house could be built with the settings of the file; `None`: one was.
    pub fn could_not_be_used(&self, why: Option<String>) {
        self.notes().unusable = why;
    }

    /// What was used in the place of a file with mistakes when it was read last: what is saved there does not hold yet.
    #[must_use]
    pub fn instead(&self) -> Option<&'static str> {
        self.notes().instead
    }

    /// What the house runs with, kept up to date.
    #[must_use]
    pub fn used(&self) -> watch::Receiver<Arc<Config>> {
        self.used.subscribe()
    }

    /// How often somebody has saved so far: when it changes, [`Settings::look`] is worth it.
    #[must_use]
    pub fn saves(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }

    /// What people should know of the settings.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let notes = self.notes();
        notes.unusable.iter().chain(&notes.file).cloned().collect()
    }

    /// What there is, what it is set to, and by whom. Blocks on the disk.
    #[must_use]
    pub fn look(&self) -> View {
        let around = self.around();
        let mut file = lay(&self.place, &around, false);
        file.problems.extend((self.judge)(&file.config));
        let without = defaults(&around);
        let view = |key: &'static Key| {
            let origin = file.origins.get(key.name).cloned();
            KeyView {
                key: key.name,
                kind: key.kind,
                choices: key.choices,
                default: key.shown(&without),
                value: key.shown(&file.config),
                set: origin.is_some(),
                fixed: origin.as_ref().is_some_and(Origin::is_fixed),
                origin,
                needs_restart: !key.is_live,
            }
        };
        let cameras = file.config.cameras.iter();
        let why_not = self.why_not();
        View {
            file: self.place.config.display().to_string(),
            format: self.formats.today(),
            editable: why_not.is_none(),
            why_not,
            restart: self.waiting(&lay(&self.place, &around, true).config),
            keys: KEYS.iter().map(view).collect(),
            cameras: cameras
                .map(|camera| json!({ "id": camera.id, "entity": camera.entity, "values": camera.shown() }))
                .collect(),
            problems: file.problems,
        }
    }

    /// Saves changes: all of them or none. Those that can hold at once do, unless the file has had a mistake before:
    /// [`Settings::instead`] tells. Gives the keys that wait for a
    /// restart. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be changed, or would have a mistake that it does not have yet.
    pub fn change(&self, changes: &[Change]) -> Result<Vec<&'static str>, SaveError> {
        let _one = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let around = self.around();
        let origins = lay(&self.place, &around, false).origins;
        for change in changes.iter().filter(|change| change.camera.is_none()) {
            let key = change.name();
            if let Some(origin) = origins.get(&key).filter(|origin| origin.is_fixed()) {
                return Err(SaveError::Fixed { key, origin: origin.clone() });
            }
        }
        let edit = |document: &mut _| changes.iter().try_for_each(|change| change.apply(document));
        save(&self.place.config, self.formats, edit, |text| judge(text, &around, self.judge))?;
        let loaded = self.load();
        self.saves.fetch_add(1, Ordering::Relaxed);
        self.used.send_modify(|used| {
            let mut now = Config::clone(used);
            now.cameras.clone_from(&loaded.config.cameras);
            now.log.clone_from(&loaded.config.log);
            *used = Arc::new(now);
        });
        Ok(self.waiting(&loaded.config))
    }

    /// Keys that the house runs with another value of.
    fn waiting(&self, file: &Config) -> Vec<&'static str> {
        let used = self.used.borrow();
        let mut waiting: Vec<&str> =
            KEYS.iter().filter(|key| key.differs(&used, file)).map(|key| key.name).collect();
        let is_same = used.cameras.len() == file.cameras.len()
            && used.cameras.iter().zip(&file.cameras).all(|(used, file)| !used.differs(file));
        if !is_same {
            waiting.push("camera");
        }
        waiting
    }

    /// Why the file cannot be changed.
    fn why_not(&self) -> Option<String> {
        let path = std::fs::canonicalize(&self.place.config).unwrap_or_else(|_| self.place.config.clone());
        match std::fs::read_to_string(&path).map(|text| text.parse::<DocumentMut>()) {
            Ok(Err(_)) => return Some(DAMAGED.to_owned()),
            Ok(Ok(document)) => match format_of(&document, self.formats) {
                Ok(_) => {}
                Err(error @ FormatError::Newer { .. }) => {
                    return Some(format!("the settings file was {error}"));
                }
                Err(FormatError::NoFormat { .. }) => return Some(DAMAGED.to_owned()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Some(format!("{} cannot be read: {error}", path.display())),
        }
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        // Nothing but the disk itself knows.
        tempfile::tempfile_in(folder).err().map(|error| why(&error))
    }

    fn around(&self) -> Around {
        Around {
            demo: self.demo.clone(),
            formats: self.formats,
            ..Around::look(&self.place, &*self.environment)
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
