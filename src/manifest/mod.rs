//! The hub add-on's `config.yaml`, made from `plugin.toml`, which is the one source of what a hub
//! must know before it runs us.

mod config_yaml;
mod permissions;
mod plugin;
#[cfg(test)]
mod tests;

pub use permissions::{Host, HubAccess, Network, Permissions, System};
pub use plugin::{
    About, Alexa, Backup, Choice, Health, Hub, Interface, KeptFile, Page, Plugin, Port, Run, Wish,
};

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A key is missing, unknown or of another type.
    #[error("plugin.toml: {0}")]
    Plugin(#[from] toml::de::Error),
    /// The file is of another form.
    #[error("plugin.toml: format {0} is not known")]
    Format(u32),
    /// A port is named that is not there.
    #[error("plugin.toml: no port is called {0}")]
    Port(String),
}

/// The hub add-on's `config.yaml`.
///
/// # Errors
/// When `plugin.toml` lacks something.
pub fn config_yaml() -> Result<String, ManifestError> {
    config_yaml::of(&Plugin::own()?)
}
