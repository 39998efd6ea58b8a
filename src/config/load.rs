//! Reads the layers. Every key is tried by itself, so that one mistake hides no other, and a
//! settings file that cannot be used is replaced by the last good one.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use toml::Table;
use toml_edit::DocumentMut;

use super::draft::Draft;
use super::formats::Formats;
use super::migrate::FORMAT;
use super::place::Place;
use super::{Config, save};

/// Environment variable that overrides `log.level`: a level, or filters like `doorstep=debug,rtc=warn`.
pub const LOG_VARIABLE: &str = "DOORSTEP_LOG";

/// Largest settings file or secret file, bytes.
const MAX_FILE: u64 = 1 << 20;

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: `camera[1].source`; empty when the whole file is meant.
    pub key: String,
    /// What, for people, without secrets.
    pub text: String,
}

impl Problem {
    /// A problem of one key.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.text) } else { write!(f, "{}: {}", self.key, self.text) }
    }
}

/// Where the value of a key comes from, when it is no default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The settings file.
    File,
    /// The hub's options page.
    Options,
    /// The environment variable of that name.
    Environment(String),
    /// The demo, which cannot do without.
    Demo,
}

impl Origin {
    /// The settings file cannot say anything else.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self {
            Self::Options | Self::Demo => true,
            // The supervisor's hub is only the one that holds unless the user names another.
            Self::Environment(name) => name != SUPERVISOR_TOKEN,
            Self::File => false,
        }
    }
}

/// Looks up an environment variable.
pub type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variable with the supervisor's token.
pub(super) const SUPERVISOR_TOKEN: &str = "SUPERVISOR_TOKEN";

/// What was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings to use.
    pub config: Config,
    /// All that is wrong with the settings file; empty = all is well.
    pub problems: Vec<Problem>,
    /// Key paths that are no defaults, and where they come from.
    pub origins: BTreeMap<String, Origin>,
    /// The settings file.
    pub path: PathBuf,
    /// What is used in the place of a settings file with mistakes, for people.
    pub instead: Option<&'static str>,
    /// The settings file as text when all of it is well, to be kept by [`Loaded::keep`].
    good: Option<SecretString>,
}

impl Loaded {
    /// Keeps a good settings file as the last good copy. Blocks on the disk.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn keep(&self, place: &Place) -> std::io::Result<()> {
        match self.good.as_ref().map(ExposeSecret::expose_secret) {
            Some(text) if std::fs::read_to_string(place.good()).ok().as_deref() != Some(text) => {
                std::fs::create_dir_all(&place.data)?;
                save::replace(&place.good(), text.as_bytes())
            }
            _ => Ok(()),
        }
    }
}

/// Reads all layers; `env` looks up an environment variable. Always gives settings that can be
/// used: the file's, or if that has mistakes the last good copy's, or what is usable of the file.
pub fn load(place: &Place, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    lay(place, &Around::look(place, env), true)
}

/// Lays the file into what is around it. With `fallback`, the last good copy takes the place of a file with
/// mistakes.
pub(super) fn lay(place: &Place, around: &Around, fallback: bool) -> Loaded {
    let mut problems = around.problems.clone();
    let text = match read(&place.config) {
        Ok(text) => Some(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !place.named => None,
        Err(e) => {
            problems.push(Problem::new("", format!("{} cannot be read: {e}", place.config.display())));
            None
        }
    };
    let unreadable = text.is_none() && place.config.exists();
    let mut draft = Draft::read(text.as_deref().unwrap_or_default(), around);
    problems.append(&mut draft.problems);
    let damaged = draft.damaged || unreadable;
    let good = text.filter(|_| !damaged).map(SecretString::from);
    let mut instead = None;
    if draft.newer {
        let advice = advice(place, around);
        problems.iter_mut().filter(|p| p.key == FORMAT).for_each(|p| p.text.push_str(&advice));
    }
    if damaged && fallback {
        let newer = draft.newer;
        instead = Some(match good_copy(place, around) {
            Some((copy, from)) => {
                draft = copy;
                let more: Vec<Problem> = draft.problems.drain(..).filter(|p| !problems.contains(p)).collect();
                problems.extend(more);
                from
            }
            None if newer => "nothing but the defaults holds until this is mended",
            None => "the rest of the settings is used until this is mended",
        });
    }
    let (config, origins) = draft.finish();
    Loaded { config, problems, origins, path: place.config.clone(), instead, good }
}

/// The last good settings, and what they are called: the last good copy, or if a newer version made that one too, the
/// file that it found here at first.
fn good_copy(place: &Place, around: &Around) -> Option<(Draft, &'static str)> {
    let draft = |path: &Path| read(path).ok().map(|text| Draft::read(&text, around));
    let copy = draft(&place.good());
    let by_newer = copy.as_ref().is_none_or(|copy| copy.newer);
    if let Some(copy) = copy.filter(|copy| !copy.damaged) {
        return Some((copy, "the last good copy of the settings is used until this is mended"));
    }
    let before = place.before(around.formats).filter(|_| by_newer);
    let copy = before.and_then(|path| draft(&path)).filter(|copy| !copy.damaged)?;
    Some((copy, "the settings from before that version are used until this is mended"))
}

/// What to do about a file that a newer version wrote.
fn advice(place: &Place, around: &Around) -> String {
    let or = match place.before(around.formats) {
        Some(before) => format!("put {} in its place", before.display()),
        None => "put one in its place that this version wrote".to_owned(),
    };
    format!(": install that version, or {or}")
}

/// What holds without a settings file.
pub(super) fn defaults(around: &Around) -> Config {
    Draft::read("", around).finish().0
}

/// All that is wrong with the text of a settings file, with what is around it.
pub(super) fn judge(text: &str, around: &Around, more: fn(&Config) -> Option<Problem>) -> Vec<Problem> {
    let mut draft = Draft::read(text, around);
    let mut problems = std::mem::take(&mut draft.problems);
    problems.extend(more(&draft.finish().0));
    problems
}

/// The layers around the file.
#[derive(Default)]
pub(super) struct Around {
    pub(super) level: Option<(String, Origin)>,
    pub(super) hub_token: Option<(SecretString, Origin)>,
    pub(super) supervisor: Option<SecretString>,
    /// The container's name.
    pub(super) host: Option<String>,
    /// [`LOG_VARIABLE`] says what is logged.
    pub(super) log_is_overridden: bool,
    /// What the demo cannot do without.
    pub(super) demo: Table,
    /// What the file may be written in.
    pub(super) formats: Formats<DocumentMut>,
    pub(super) problems: Vec<Problem>,
}

impl Around {
    pub(super) fn look(place: &Place, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let token = |name: &str| set(name).map(|t| (SecretString::from(t), Origin::Environment(name.into())));
        let mut around = Self {
            hub_token: token("DOORSTEP_HUB_TOKEN"),
            supervisor: set(SUPERVISOR_TOKEN).map(Into::into),
            host: set("HOSTNAME"),
            log_is_overridden: set(LOG_VARIABLE).is_some(),
            ..Self::default()
        };
        if let Ok(text) = read(&place.options()) {
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(options) => {
                    let level = options.get("log_level").and_then(|level| level.as_str());
                    around.level = level.map(|level| (level.to_owned(), Origin::Options));
                }
                Err(_) => around.problems.push(Problem::new(
                    "",
                    format!(
                        "{} is no JSON: save the add-on's options at the hub anew",
                        place.options().display()
                    ),
                )),
            }
        }
        around
    }
}

/// Reads a small text file.
pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_FILE {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
