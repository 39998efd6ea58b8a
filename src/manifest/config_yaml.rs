//! What the hub's supervisor reads, with the reasons beside it for whoever reads it as well.

use serde_json::Value;

use super::{ManifestError, Plugin, Port};

/// The supervisor waits no shorter before it kills, seconds.
const SHORTEST_TIMEOUT: u32 = 10;

/// The file for a plugin.
pub(super) fn of(plugin: &Plugin) -> Result<String, ManifestError> {
    let mut yaml = Yaml::default();
    yaml.note("Made by `doorstep manifest` from plugin.toml: change that one");
    yaml.about(plugin);
    yaml.run(plugin)?;
    yaml.permissions(plugin);
    yaml.page(plugin)?;
    yaml.ports(plugin)?;
    yaml.backup(plugin);
    yaml.options(plugin);
    Ok(yaml.text)
}

#[derive(Default)]
struct Yaml {
    text: String,
}

impl Yaml {
    fn note(&mut self, text: &str) {
        self.text += &format!("# {text}\n");
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        // JSON is YAML.
        self.text += &format!("{key}: {}\n", value.into());
    }

    fn list(&mut self, key: &str, items: &[String]) {
        self.text += &format!("{key}:\n");
        for item in items {
            self.text += &format!("  - {}\n", Value::from(item.as_str()));
        }
    }

    fn map(&mut self, key: &str, entries: impl Iterator<Item = (String, Value)>) {
        self.text += &format!("{key}:\n");
        for (name, value) in entries {
            self.text += &format!("  {name}: {value}\n");
        }
    }

    fn about(&mut self, Plugin { about, run, .. }: &Plugin) {
        self.put("name", about.name.as_str());
        self.put("version", env!("CARGO_PKG_VERSION"));
        self.put("slug", about.id.as_str());
        self.put("description", about.summary.as_str());
        self.put("stage", about.stage.as_str());
        self.list("arch", &run.architectures);
    }

    fn run(&mut self, plugin: &Plugin) -> Result<(), ManifestError> {
        let Plugin { hub, run, health, .. } = plugin;
        self.gap();
        self.put("homeassistant", hub.min_version.as_str());
        self.put("startup", run.start.as_str());
        self.put("boot", run.boot.as_str());
        self.note(&run.own_init.reason);
        self.put("init", !run.own_init.wanted);
        self.note(&run.memory_tmp.reason);
        self.put("tmpfs", run.memory_tmp.wanted);
        self.put("timeout", SHORTEST_TIMEOUT.max(2 * run.stop_seconds));
        let port = plugin.port(&health.port)?.number;
        self.put("watchdog", format!("http://[HOST]:[PORT:{port}]{}", health.alive));
        Ok(())
    }

    fn permissions(&mut self, Plugin { permissions, .. }: &Plugin) {
        self.gap();
        self.note(&permissions.hub.reason);
        self.put("homeassistant_api", permissions.hub.api);
        self.put("hassio_role", permissions.hub.role.as_str());
        self.note(&permissions.network.reason);
        self.put("host_network", permissions.network.mode == "host");
        self.note(&permissions.system.reason);
        self.put("apparmor", !permissions.system.profile.is_empty());
        for (key, names) in
            [("privileged", &permissions.system.capabilities), ("devices", &permissions.system.devices)]
        {
            if !names.is_empty() {
                self.list(key, names);
            }
        }
    }

    fn page(&mut self, plugin: &Plugin) -> Result<(), ManifestError> {
        let page = &plugin.page;
        self.gap();
        self.put("ingress", true);
        self.put("ingress_port", plugin.port(&page.port)?.number);
        // Put behind a slash of the ingress' own.
        let entry = page.entry.trim_start_matches('/');
        if !entry.is_empty() {
            self.put("ingress_entry", entry);
        }
        self.put("panel_title", page.title.as_str());
        self.put("panel_icon", page.icon.as_str());
        self.note(&page.admin_only.reason);
        self.put("panel_admin", page.admin_only.wanted);
        Ok(())
    }

    fn ports(&mut self, plugin: &Plugin) -> Result<(), ManifestError> {
        let ingress = plugin.port(&plugin.page.port)?.number;
        // The page's port is the ingress' own and is not to be published.
        let offered = || plugin.ports.iter().filter(|port| port.number != ingress);
        let name = |port: &Port| format!("{}/{}", port.number, port.protocol);
        self.gap();
        self.map("ports", offered().map(|port| (name(port), port.published.then_some(port.number).into())));
        self.map("ports_description", offered().map(|port| (name(port), port.purpose.as_str().into())));
        Ok(())
    }

    fn backup(&mut self, Plugin { backup, .. }: &Plugin) {
        self.gap();
        self.note(&backup.reason);
        self.put("backup", backup.mode.as_str());
        self.list("backup_exclude", &backup.leave_out);
    }

    fn options(&mut self, Plugin { options, .. }: &Plugin) {
        let choices = |words: &[String]| format!("list({})", words.join("|"));
        self.gap();
        self.map(
            "options",
            options.iter().map(|(name, option)| (name.clone(), option.default.as_str().into())),
        );
        self.map(
            "schema",
            options.iter().map(|(name, option)| (name.clone(), choices(&option.choices).into())),
        );
    }
}
