//! A settings file on its way to typed settings, with everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};
use toml_edit::DocumentMut;

use super::formats::FormatError;
use super::load::{Around, LOG_VARIABLE, Origin, Problem, SUPERVISOR_TOKEN};
use super::migrate::{FORMAT, raise};
use super::{Config, validate};

/// Where the supervisor passes on what we say to the hub; it documents no other address.
const SUPERVISORS_PROXY: &str = "ws://supervisor/core/websocket";
/// The hub's name in the supervisor's network, with the port that it has unless the user says otherwise.
const HUB_OF_SUPERVISOR: &str = "http://homeassistant:8123";

/// A settings file on its way to a [`Config`].
pub(super) struct Draft {
    table: Table,
    config: Config,
    origins: BTreeMap<String, Origin>,
    pub(super) problems: Vec<Problem>,
    /// The file itself is at fault, not something around it.
    pub(super) damaged: bool,
    /// A newer version wrote the file: nothing of it is used.
    pub(super) newer: bool,
    /// Cameras with a mistake, which are left out when the rest is used.
    broken: BTreeSet<usize>,
    /// Keys that name files which cannot be used.
    missing: BTreeSet<String>,
}

impl Draft {
    pub(super) fn read(text: &str, around: &Around) -> Self {
        let mut draft = Self {
            table: Table::new(),
            config: Config::default(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
            damaged: false,
            newer: false,
            broken: BTreeSet::new(),
            missing: BTreeSet::new(),
        };
        match text.parse::<DocumentMut>() {
            Ok(document) => draft.try_document(document, around),
            Err(e) => {
                // Not the error's own text: it quotes the line, and the line may hold a token.
                let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                draft.problems.push(Problem::new("", format!("line {line}: {}", e.message())));
            }
        }
        draft.lay_demo_over(&around.demo);
        match Config::deserialize_table(draft.table.clone()) {
            Ok(config) => draft.config = config,
            Err(e) => draft.problems.push(Problem::new("", plain(&e))),
        }
        draft.lay_around(around);
        let broken = draft.broken.clone();
        draft.problems.extend(validate::all(&draft.config, &broken));
        draft.damaged = draft.problems.iter().any(|problem| draft.is_mistake(problem));
        let own = validate::indexed(&draft.problems);
        draft.broken.extend(own);
        draft.prune(around);
        let outside = validate::read_files(&mut draft.config);
        draft.missing = outside.iter().map(|problem| problem.key.clone()).collect();
        draft.problems.extend(outside);
        draft
    }

    /// False for what comes from around the file, or may yet come from there: another settings
    /// file would not mend it.
    pub(super) fn is_mistake(&self, problem: &Problem) -> bool {
        let may_come = ["hub.url", "hub.token"].contains(&problem.key.as_str());
        match self.origins.get(&problem.key) {
            Some(Origin::File) => !self.missing.contains(&problem.key),
            Some(_) => false,
            None => !may_come,
        }
    }

    /// Puts defaults in the place of values that are mistakes.
    fn prune(&mut self, around: &Around) {
        let mut table = self.table.clone();
        for problem in self.problems.iter().filter(|problem| self.is_mistake(problem)) {
            let Some((section, key)) = problem.key.split_once('.') else { continue };
            let key = key.split(['.', '[']).next().unwrap_or_default();
            if let Some(Value::Table(keys)) = table.get_mut(section) {
                keys.remove(key);
            }
        }
        if table != self.table
            && let Ok(config) = Config::deserialize_table(table)
        {
            self.config = config;
            self.lay_around(around);
        }
        if self.problems.iter().any(|p| p.key.starts_with("door.tls_") && self.is_mistake(p)) {
            // A door that was to have TLS is not opened without.
            self.config.door.listen.clear();
        }
    }

    fn lay_demo_over(&mut self, demo: &Table) {
        for (section, keys) in demo {
            let place = self.table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            for (key, value) in keys.as_table().into_iter().flatten() {
                if let Value::Table(place) = place {
                    place.insert(key.clone(), value.clone());
                }
                self.origins.insert(format!("{section}.{key}"), Origin::Demo);
            }
        }
    }

    fn try_document(&mut self, mut document: DocumentMut, around: &Around) {
        if let Err(error) = raise(&mut document, around.formats) {
            self.problems.push(Problem::new(FORMAT, error.to_string()));
            self.newer = matches!(error, FormatError::Newer { .. });
        }
        if self.newer {
            return;
        }
        document.remove(FORMAT);
        match document.to_string().parse::<Table>() {
            Ok(table) => self.try_all(table),
            Err(error) => self.problems.push(Problem::new("", error.message())),
        }
    }

    fn try_all(&mut self, table: Table) {
        for (section, value) in table {
            match value {
                Value::Table(keys) if section != "camera" => {
                    let wrap = |v: Table| Table::from_iter([(section.clone(), Value::Table(v))]);
                    let good = self.try_keys(&section, keys, &wrap);
                    self.table.insert(section, Value::Table(good));
                }
                Value::Array(cameras) if section == "camera" => {
                    let mut good = Vec::new();
                    for (index, camera) in cameras.into_iter().enumerate() {
                        good.push(Value::Table(self.try_camera(index, camera)));
                    }
                    self.table.insert(section, Value::Array(good));
                }
                Value::Table(_) => {
                    self.problems.push(Problem::new(section, "is a list: write [[camera]], not [camera]"));
                }
                other => {
                    if let Err(e) = Config::deserialize_table(Table::from_iter([(section.clone(), other)])) {
                        self.problems.push(Problem::new(section, plain(&e)));
                    }
                }
            }
        }
    }

    fn try_camera(&mut self, index: usize, camera: Value) -> Table {
        let path = format!("camera[{index}]");
        let Value::Table(keys) = camera else {
            self.problems.push(Problem::new(path, "is no table"));
            self.broken.insert(index);
            return Table::new();
        };
        let wrap = |v: Table| Table::from_iter([("camera".to_owned(), Value::Array(vec![Value::Table(v)]))]);
        let before = self.problems.len();
        let good = self.try_keys(&path, keys, &wrap);
        if self.problems.len() > before {
            self.broken.insert(index);
        }
        good
    }

    /// Every key has a default, so each can be judged alone.
    fn try_keys(&mut self, path: &str, keys: Table, wrap: &dyn Fn(Table) -> Table) -> Table {
        let alone = |key: &str, value: &Value| {
            Config::deserialize_table(wrap(Table::from_iter([(key.to_owned(), value.clone())]))).err()
        };
        if keys.is_empty()
            && let Err(e) = Config::deserialize_table(wrap(Table::new()))
        {
            self.problems.push(Problem::new(path, plain(&e)));
        }
        let mut good = Table::new();
        for (key, value) in keys {
            let full = format!("{path}.{key}");
            let Some(error) = alone(&key, &value) else {
                self.origins.insert(full, Origin::File);
                good.insert(key, value);
                continue;
            };
            let mut found = Vec::new();
            for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                if let Some(e) = alone(&key, &Value::Array(vec![element.clone()])) {
                    found.push(Problem::new(format!("{full}[{index}]"), plain(&e)));
                }
            }
            if found.is_empty() {
                let unknown_section = error.contains(&format!("unknown field `{path}`"));
                found.push(Problem::new(if unknown_section { path } else { &full }, plain(&error)));
            }
            self.problems.extend(found);
        }
        good
    }

    fn lay_around(&mut self, around: &Around) {
        let in_file = |key: &str| self.origins.get(key) == Some(&Origin::File);
        let own_token = around.hub_token.is_some() || in_file("hub.token") || in_file("hub.token_file");
        let supervised = around.supervisor.is_some();
        if supervised && !in_file("door.listen") {
            self.config.door.listen = String::new();
        }
        if supervised && !in_file("ui.listen") {
            // All addresses, because the hub's ingress comes over its inner network; others are refused.
            self.config.ui.listen = "0.0.0.0:8099".into();
        }
        self.config.supervised = supervised;
        // The supervisor makes a container's name of the add-on's: a `_` is no sign of a host's name.
        self.config.add_on = around.host.as_ref().filter(|_| supervised).map(|host| host.replace('-', "_"));
        if let Some((level, origin)) = &around.level {
            self.config.log.level.clone_from(level);
            self.origins.insert("log.level".into(), origin.clone());
        }
        if around.log_is_overridden {
            self.origins.insert("log.level".into(), Origin::Environment(LOG_VARIABLE.into()));
        }
        if let Some(token) = &around.supervisor {
            let hub = &mut self.config.hub;
            let from_supervisor = Origin::Environment(SUPERVISOR_TOKEN.into());
            if hub.url.is_none() {
                hub.url = url::Url::parse(HUB_OF_SUPERVISOR).ok();
                self.origins.insert("hub.url".into(), from_supervisor.clone());
            }
            // A token that the user made is good at the hub itself, and the supervisor's at its proxy
            // alone.
            if !own_token {
                hub.direct = hub.url.take();
                hub.url = url::Url::parse(SUPERVISORS_PROXY).ok();
                hub.token = Some(token.clone());
                self.origins.insert("hub.token".into(), from_supervisor);
            }
        }
        if let Some((token, origin)) = &around.hub_token {
            self.config.hub.token = Some(token.clone());
            self.config.hub.token_file = None;
            self.origins.insert("hub.token".into(), origin.clone());
        }
    }

    pub(super) fn finish(mut self) -> (Config, BTreeMap<String, Origin>) {
        let mut index = 0;
        self.config.cameras.retain(|_| {
            index += 1;
            !self.broken.contains(&(index - 1))
        });
        let (hub, door, alexa) = (&mut self.config.hub, &mut self.config.door, &mut self.config.alexa);
        for url in
            [&mut hub.url, &mut hub.direct, &mut door.public_url, &mut alexa.token_url, &mut alexa.events_url]
        {
            // Refused already; but addresses are shown, and here nobody would see that they hold a password.
            if let Some(url) = url
                && (url.set_username("").is_err() || url.set_password(None).is_err())
            {
                tracing::debug!("an address without host has no password");
            }
        }
        (self.config, self.origins)
    }
}

impl Config {
    fn deserialize_table(table: Table) -> Result<Self, String> {
        Value::Table(table).try_into().map_err(|e: toml::de::Error| e.message().to_owned())
    }
}

/// Turns the deserializer's words into the user's, and drops the value: it may be a secret.
fn plain(message: &str) -> String {
    for start in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(start)
            && let Some((found, expected)) = rest.rsplit_once(", expected ")
        {
            let found = found.split(['`', '"']).next().unwrap_or_default().trim();
            return format!("must be {expected}, but is {found}");
        }
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known);
        return format!("is no setting here; there is {}", known.trim_start_matches("one of "));
    }
    if let Some((what, _)) = message.split_once(": \"") {
        return format!("is no address ({what})");
    }
    message.to_owned()
}
