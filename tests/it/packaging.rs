//! The files that a hub reads, held against the rules that it publishes: what its supervisor takes of a manifest,
//! translations and a repository, how it rates an add-on, and what its store shows.
//!
//! The rules are written here anew, from the supervisor's documentation and what is known of its behaviour. Nothing
//! of the supervisor runs: what it makes of the folder has to be tried on a real one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use doorstep::manifest::{Plugin, config_yaml};
use serde_json::Value;

mod config_rules;
mod folder;
mod form;
mod picture;
mod profile;
mod rating;

use crate::fixture::house::House;
use config_rules::problems;
use picture::Picture;
use rating::rating;

/// A file of the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the add-on.
fn add_on(path: &str) -> PathBuf {
    project("packaging/hub-addon/doorstep").join(path)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn keys(map: &Value) -> BTreeSet<&str> {
    map.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn the_manifest_is_what_the_program_prints() {
    let printed =
        std::process::Command::new(env!("CARGO_BIN_EXE_doorstep")).arg("manifest").output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed, config_yaml().unwrap());
    assert_eq!(text(&add_on("config.yaml")), printed, "make it anew: doorstep manifest");
}

#[test]
fn the_manifest_keeps_the_supervisors_rules() {
    assert_eq!(problems(&yaml(&add_on("config.yaml"))), Vec::<String>::new());
}

#[test]
fn the_manifest_says_what_the_hub_must_know() {
    let (config, plugin) = (yaml(&add_on("config.yaml")), Plugin::own().unwrap());
    assert_eq!(config["ports"]["8555/udp"], 8555, "calls have a port of the machine");
    assert_eq!(config["ports"]["8098/tcp"], Value::Null, "the door is closed until the user opens it");
    assert!(config["ports"].get("8099/tcp").is_none(), "the page is reached through the hub alone");
    assert_eq!(config["ingress_port"], 8099);
    assert_eq!(config["watchdog"], "http://[HOST]:[PORT:8099]/healthz");
    assert_eq!(config["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(config["homeassistant_api"], plugin.permissions.hub.api);
    assert_eq!(config["backup_exclude"], serde_json::json!(plugin.backup.leave_out));
    for right in
        ["hassio_api", "auth_api", "docker_api", "full_access", "privileged", "devices", "map", "host_pid"]
    {
        assert!(config.get(right).is_none(), "{right}");
    }
}

#[actix::test]
async fn the_paths_that_the_hub_asks_are_served() {
    let (plugin, house) = (Plugin::own().unwrap(), House::start(""));
    for path in [&plugin.health.alive, &plugin.health.ready, &plugin.page.entry] {
        let reply = reqwest::get(format!("http://{}{path}", house.ui)).await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
    }
}

#[test]
fn the_security_rating_is_the_best_there_is() {
    let config = yaml(&add_on("config.yaml"));
    let has_profile = add_on("apparmor.txt").is_file();
    assert_eq!(rating(&config, has_profile), 8);
    assert_eq!(rating(&config, false), 7, "a profile of its own counts");
    for (key, value, less) in [
        ("host_network", Value::from(true), 7),
        ("hassio_role", "manager".into(), 7),
        ("hassio_role", "admin".into(), 6),
        ("privileged", serde_json::json!(["NET_ADMIN"]), 7),
        ("apparmor", false.into(), 6),
        ("host_pid", true.into(), 6),
        ("docker_api", true.into(), 1),
        ("full_access", true.into(), 1),
    ] {
        let mut other = config.clone();
        other[key] = value;
        assert_eq!(rating(&other, has_profile), less, "{key}");
    }
    let mut other = config.clone();
    other["ingress"] = false.into();
    assert_eq!(rating(&other, has_profile), 6);
}

#[test]
fn every_language_names_every_option_and_every_port() {
    let (config, plugin) = (yaml(&add_on("config.yaml")), Plugin::own().unwrap());
    let files = std::fs::read_dir(add_on("translations")).unwrap().map(|file| file.unwrap().path());
    let languages: BTreeSet<String> =
        files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(languages, plugin.about.languages.iter().cloned().collect());
    for language in &languages {
        assert!(
            project(&format!("web/i18n/{language}.json")).is_file(),
            "the page does not speak {language}"
        );
        let words = yaml(&add_on(&format!("translations/{language}.yaml")));
        assert_eq!(keys(&words), BTreeSet::from(["configuration", "network"]), "{language}");
        assert_eq!(keys(&words["configuration"]), keys(&config["schema"]), "{language}");
        assert_eq!(keys(&words["network"]), keys(&config["ports"]), "{language}");
        assert!(words["network"].as_object().unwrap().values().all(Value::is_string), "{language}");
        for (option, said) in words["configuration"].as_object().unwrap() {
            assert_eq!(keys(said), BTreeSet::from(["description", "name"]), "{language} {option}");
            assert!(said["name"].is_string() && said["description"].is_string(), "{language} {option}");
        }
    }
    let english = yaml(&add_on("translations/en.yaml"));
    assert_eq!(english["network"], config["ports_description"]);
    for (name, option) in &plugin.options {
        let said = &english["configuration"][name];
        assert_eq!(
            (said["name"].as_str(), said["description"].as_str()),
            (Some(&*option.label), Some(&*option.help))
        );
    }
}

#[test]
fn the_repository_names_itself() {
    let repository = yaml(&project("packaging/hub-addon/repository.yaml"));
    assert!(repository["name"].as_str().is_some_and(|name| !name.is_empty()));
    assert!(keys(&repository).is_subset(&BTreeSet::from(["name", "url", "maintainer"])));
}

#[test]
fn the_store_gets_pictures_of_the_size_it_asks_for() {
    let icon = Picture::read(&add_on("icon.png"));
    assert_eq!((icon.width, icon.height), (128, 128));
    let logo = Picture::read(&add_on("logo.png"));
    assert_eq!((logo.width, logo.height), (250, 100));
    assert!(icon.is_clear_where_nothing_is && logo.is_clear_where_nothing_is, "both stand on light and dark");
}

#[test]
fn the_store_gets_texts_that_it_can_show() {
    for (name, longest) in [("README.md", 2_500), ("DOCS.md", 8_000)] {
        let text = text(&add_on(name));
        assert!(text.starts_with("# Doorstep\n") && text.len() < longest, "{name}: {} bytes", text.len());
        // What lies in the project is not there when the store shows it.
        assert!(!text.contains("](docs/") && !text.contains("](../"), "{name}");
    }
    let docs = text(&add_on("DOCS.md"));
    let config = yaml(&add_on("config.yaml"));
    for port in keys(&config["ports"]) {
        assert!(docs.contains(port), "{port}");
    }
    for option in Plugin::own().unwrap().options.values() {
        assert!(docs.contains(&option.label), "{}", option.label);
        assert!(option.choices.iter().all(|choice| docs.contains(&format!("`{choice}`"))));
    }
}

/// The store cuts the notes at the line `# VERSION` of the version that is installed: brackets or a `v` there would
/// hide it.
#[test]
fn the_change_log_has_the_headings_by_which_the_store_cuts_it() {
    let log = text(&project("CHANGELOG.md"));
    assert!(log.starts_with("# Changelog\n"));
    let headings: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(!headings.is_empty());
    for heading in headings {
        let version = heading.split(' ').next().unwrap();
        let is_version =
            version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(is_version || heading == "Unreleased", "{heading}");
    }
}
