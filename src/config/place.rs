//! Where settings and data lie.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::formats::{Formats, copy_of};

/// The folder that the hub's supervisor gives to an add-on; its options file marks it.
const ADD_ON_DATA: &str = "/data";

/// Name of the hub's options file inside the data folder.
pub const OPTIONS: &str = "options.json";

const CONFIG: &str = "config.toml";
const GOOD: &str = "config.toml.good";

/// Where settings and data lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The settings file; it may not exist.
    pub config: PathBuf,
    /// True if the user named the settings file, so that it has to exist.
    pub named: bool,
    /// The data folder; it may not exist.
    pub data: PathBuf,
}

impl Place {
    /// What the user named wins, then the add-on's `/data`, then the folders of the system.
    /// A named data folder holds the settings as well, unless they are named too.
    #[must_use]
    pub fn find(config: Option<PathBuf>, data: Option<PathBuf>) -> Self {
        Self::among(config, data, Path::new(ADD_ON_DATA), directories::ProjectDirs::from("", "", "doorstep"))
    }

    fn among(
        config: Option<PathBuf>,
        data: Option<PathBuf>,
        add_on: &Path,
        system: Option<directories::ProjectDirs>,
    ) -> Self {
        let named = config.is_some();
        let data = data.or_else(|| add_on.join(OPTIONS).is_file().then(|| add_on.to_owned()));
        let config = config.or_else(|| data.as_ref().map(|data| data.join(CONFIG)));
        // Without a home folder (a bare container) everything stays in the working folder.
        let (system_config, system_data) = match system {
            Some(dirs) => (dirs.config_dir().join(CONFIG), dirs.data_dir().to_owned()),
            None => (CONFIG.into(), "doorstep-data".into()),
        };
        Self { config: config.unwrap_or(system_config), named, data: data.unwrap_or(system_data) }
    }

    /// The last settings file that was read without any complaint.
    #[must_use]
    pub fn good(&self) -> PathBuf {
        self.data.join(GOOD)
    }

    /// The last settings file of a format that is known here, kept when one of another took its place.
    #[must_use]
    pub fn before(&self, formats: Formats<DocumentMut>) -> Option<PathBuf> {
        // Copies lie beside the file that a link leads to.
        let path = std::fs::canonicalize(&self.config).unwrap_or_else(|_| self.config.clone());
        (1..=formats.today()).rev().map(|format| copy_of(&path, format)).find(|copy| copy.is_file())
    }

    /// The hub's options.
    #[must_use]
    pub fn options(&self) -> PathBuf {
        self.data.join(OPTIONS)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_the_user_names_wins_over_the_add_on_and_that_over_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let add_on = folder.path();
        let system = || directories::ProjectDirs::from("", "", "doorstep");
        let find = |config: Option<&str>, data: Option<&str>| {
            Place::among(config.map(Into::into), data.map(Into::into), add_on, system())
        };
        let by_system = find(None, None);
        assert!(!by_system.named && !by_system.data.starts_with(add_on));
        assert_eq!(find(None, Some("/d")).config, Path::new("/d/config.toml"));
        std::fs::write(add_on.join(OPTIONS), "{}").unwrap();
        assert_eq!(find(None, None).data, add_on);
        assert_eq!(find(None, None).config, add_on.join("config.toml"));
        let named = find(Some("/c.toml"), Some("/d"));
        assert_eq!((named.config.as_path(), named.data.as_path()), (Path::new("/c.toml"), Path::new("/d")));
        assert!(named.named);
    }
}
