//! `make addon`: the folder from which a hub builds the add-on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorstep::manifest::Plugin;

use super::{project, text};

/// The folder, made anew.
struct Folder {
    _keep: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn make() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().join("hub-addon");
        let made =
            Command::new("sh").arg(project("packaging/hub-addon/folder.sh")).arg(&path).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { _keep: keep, path }
    }

    /// Every file, relative to the folder.
    fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    files.insert(entry.strip_prefix(&self.path).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files
    }
}

fn is_config(path: &str, name: &str) -> bool {
    let file = path.rsplit('/').next().unwrap();
    ["yaml", "yml", "json"].iter().any(|form| file == format!("{name}.{form}"))
}

#[test]
fn a_hub_finds_one_add_on_in_the_folder() {
    let folder = Folder::make();
    let files = folder.files();
    // The supervisor looks for manifests in every folder below.
    let manifests: Vec<&String> = files.iter().filter(|path| is_config(path, "config")).collect();
    assert_eq!(manifests, ["doorstep/config.yaml"]);
    assert!(
        !files.iter().any(|path| is_config(path, "build")),
        "the supervisor reads no build.yaml any more"
    );
    for wanted in [
        "repository.yaml",
        "doorstep/DOCS.md",
        "doorstep/README.md",
        "doorstep/CHANGELOG.md",
        "doorstep/icon.png",
        "doorstep/logo.png",
        "doorstep/apparmor.txt",
        "doorstep/Dockerfile",
        "doorstep/translations/en.yaml",
        "doorstep/translations/de.yaml",
    ] {
        assert!(files.contains(wanted), "{wanted}");
    }
    for part in ["/tests/", "/tests.rs", "/benches/", "/fuzz/", "/target/", ".venv", "/docs/", "hub-addon"] {
        assert!(!files.iter().any(|path| path.contains(part)), "{part}");
    }
    let bytes: u64 = files.iter().map(|path| folder.path.join(path).metadata().unwrap().len()).sum();
    println!("{} files, {} kB", files.len(), bytes / 1000);
    assert!(bytes < 8_000_000, "{bytes} bytes are more than source");
}

/// The words of a `COPY` of the build's own context, without options and the place where they go.
fn copied(docker_file: &str) -> Vec<String> {
    let copies = docker_file.lines().filter_map(|line| line.strip_prefix("COPY "));
    let own = copies.filter(|line| !line.contains("--from="));
    own.flat_map(|line| {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.pop();
        words
    })
    .filter(|word| word != "." && !word.starts_with("--"))
    .collect()
}

#[test]
fn the_folder_holds_all_that_the_image_is_made_from() {
    let folder = Folder::make();
    let files = folder.files();
    let image = text(&project("Dockerfile"));
    let plugin = Plugin::own().unwrap();
    assert!(image.contains(&format!("\nVOLUME {}\n", plugin.run.data)));
    let exposed = image.lines().find_map(|line| line.strip_prefix("EXPOSE ")).unwrap();
    let ports = plugin.ports.iter().map(|port| format!("{}/{}", port.number, port.protocol));
    assert_eq!(ports.collect::<BTreeSet<_>>(), exposed.split(' ').map(str::to_owned).collect());
    let sources = copied(&image);
    assert!(sources.len() > 2, "{sources:?}");
    for source in sources {
        let start = source.trim_end_matches('*');
        // A pattern may find nothing, but has to find all that there is.
        let found = std::fs::read_dir(project("")).unwrap().map(|entry| entry.unwrap().file_name());
        let wanted = if start == source {
            vec![source.clone()]
        } else {
            found.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(start)).collect()
        };
        for name in wanted {
            let path = format!("doorstep/{name}");
            let is_there = |file: &String| *file == path || file.starts_with(&format!("{path}/"));
            assert!(files.iter().any(is_there), "{name}");
        }
    }
}

/// Files that the source takes in at build time: by name, or the whole folder.
fn taken_in(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let starts = ["include_str!(\"", "include_bytes!(\"", "#[folder = \""];
    let found = starts.iter().flat_map(|start| code.split(start).skip(1));
    found.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn the_folder_holds_all_that_the_programs_are_built_from() {
    let folder = Folder::make();
    let root = folder.path.join("doorstep");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let own = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "doorstep")
        .unwrap();
    let targets = own["targets"].as_array().unwrap().iter();
    for target in targets.filter(|target| target["kind"] != serde_json::json!(["test"])) {
        assert!(Path::new(target["src_path"].as_str().unwrap()).is_file(), "{target}");
    }
    let mut found = 0;
    for file in folder.files().iter().filter(|file| file.ends_with(".rs")) {
        let path = folder.path.join(file);
        for name in taken_in(&text(&path)) {
            let beside = path.parent().unwrap().join(&name);
            assert!(beside.exists() || root.join(&name).exists(), "{file} takes in {name}");
            found += 1;
        }
    }
    assert!(found > 5, "{found}");
}
