//! What is written down about the crates and the version, and what is true.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const NOTICE: &str = include_str!("../../NOTICE");

fn output(command: &mut Command) -> String {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_notice_names_each_crate_that_is_linked_and_its_license_and_no_other() {
    let linked = |target: &str| {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
        let tree = output(tree.args(["--target", target]));
        let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ").replace(" v", " ");
        tree.lines().map(name).collect::<BTreeSet<_>>()
    };
    let mut expected = linked("x86_64-unknown-linux-gnu");
    expected.append(&mut linked("aarch64-unknown-linux-gnu"));
    expected.remove(concat!("doorstep ", env!("CARGO_PKG_VERSION")));
    assert!(expected.len() > 200, "{}", expected.len());
    let section = |title: &str| NOTICE.split("\n==== ").find_map(|part| part.strip_prefix(title)).unwrap();
    let crates: Vec<&str> = section("Crates ").lines().filter(|line| line.ends_with(')')).collect();
    let crates: Vec<&str> = crates.into_iter().filter(|line| !line.starts_with(' ')).collect();
    let named = crates.iter().map(|line| line.rsplit_once(" (").unwrap().0.to_owned());
    let named: BTreeSet<String> = named.map(|name| name.split(" (").next().unwrap().to_owned()).collect();
    let stale: Vec<_> = expected.symmetric_difference(&named).collect();
    assert!(stale.is_empty(), "`make notice` writes it anew: {stale:?}");
    for line in crates {
        let (_, licenses) = line.split_once(" (").unwrap();
        let taken = licenses.split(", out of ").next().unwrap().trim_end_matches(')');
        for license in taken.split(" AND ") {
            assert!(NOTICE.contains(&format!("\n==== {license} ")), "the text of {license}, for {line}");
        }
    }
}

/// The version is that of Cargo.toml; whatever else carries one is made from it or asks for it.
#[test]
fn the_version_is_written_in_one_place() {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    // The lock files are cargo's, the manifest is made from it, the change log tells of every version.
    const MAY: [&str; 5] = [
        "Cargo.toml",
        "Cargo.lock",
        "fuzz/Cargo.lock",
        "packaging/hub-addon/doorstep/config.yaml",
        "CHANGELOG.md",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .unwrap();
    if !listed.status.success() {
        // An archive of the source, or somebody else's checkout: which files are ours is not known there.
        eprintln!("skipped: git does not say which files there are");
        return;
    }
    let files = String::from_utf8(listed.stdout).unwrap();
    let mut strays = Vec::new();
    for file in files.lines().filter(|file| !MAY.contains(file) && *file != "NOTICE") {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        let is_ours = |line: &&str| {
            let line = line.to_lowercase();
            let speaks_of_it = ["doorstep", "version"].iter().any(|word| line.contains(word));
            speaks_of_it && line.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| word == VERSION)
        };
        strays.extend(text.lines().filter(is_ours).map(|line| format!("{file}: {line}")));
    }
    assert!(strays.is_empty(), "{strays:#?}");
}
