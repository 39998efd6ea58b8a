//! The documents say what the programs do: no key, code, sentence, command or setting is missing in them, none is
//! in them that is no more, and what is to be copied out of them works.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use doorstep::alexa::message::Directive;
use doorstep::config::camera_key::CAMERA_KEYS;
use doorstep::config::key::{KEYS, KeyKind};
use doorstep::config::load::load;
use doorstep::config::place::Place;
use doorstep::config::{Camera, Config};
use serde_json::{Value, json};

use document::{Document, code, rows};
use source::{literals, sources};

mod document;
mod source;
mod troubleshooting;

const FUNCTION: &str = "packaging/alexa-skill/lambda";

/// Fails with what is on one side only.
#[track_caller]
fn assert_same(documented: &BTreeSet<String>, real: &BTreeSet<String>, what: &str) {
    let missing: Vec<_> = real.difference(documented).collect();
    let invented: Vec<_> = documented.difference(real).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{what}\nnot documented: {missing:#?}\nno more: {invented:#?}"
    );
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// What stands behind each `begin`, up to its `end`.
fn after<'a>(text: &'a str, begin: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split(end).next())
}

fn words() -> Value {
    serde_json::from_str(&file("web/i18n/en.json")).unwrap()
}

/// As a default is written in the table.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[test]
fn every_setting_is_documented_with_its_default_and_whether_it_holds_at_once() {
    let settings = Document::read("docs/settings.md");
    let cameras = rows(settings.section("Cameras"));
    let of_house = rows(settings.section("Keys")).into_iter().filter(|row| !cameras.contains(row));
    let of_house: Vec<_> = of_house.chain(rows(settings.section("Format"))).collect();
    let named = |rows: &[Vec<String>]| rows.iter().filter_map(|row| code(&row[0])).collect();
    // The form of the file is no setting of the house.
    let real = KEYS.iter().map(|key| key.name).chain(["format"]).map(str::to_owned).collect();
    assert_same(&named(&of_house), &real, "docs/settings.md");
    let real = CAMERA_KEYS.iter().chain(&["id", "entity"]).map(|key| (*key).to_owned()).collect();
    assert_same(&named(&cameras), &real, "docs/settings.md, Cameras");
    for key in KEYS {
        let row = of_house.iter().find(|row| code(&row[0]).as_deref() == Some(key.name)).unwrap();
        assert_eq!(row[0].ends_with('●'), key.is_live, "{row:?}");
        if key.kind != KeyKind::Secret {
            assert_eq!(row[1], written(&key.shown(&Config::default())), "{}", key.name);
        }
    }
    let camera: Camera = serde_json::from_value(json!({})).unwrap();
    let shown = camera.shown();
    for row in &cameras {
        let default = code(&row[0]).map(|key| &shown[&key]).filter(|default| !default.is_null());
        assert!(default.is_none_or(|default| row[1] == written(default)), "{row:?}");
    }
}

#[test]
fn every_variable_of_the_environment_is_documented() {
    let settings = Document::read("docs/settings.md");
    let documented = rows(settings.section("Environment")).iter().filter_map(|row| code(&row[0])).collect();
    let is_one = |text: &String| text.starts_with("DOORSTEP_") || text == "SUPERVISOR_TOKEN";
    let real = sources("src").iter().flat_map(|source| literals(source)).filter(is_one).collect();
    assert_same(&documented, &real, "docs/settings.md, Environment");
}

#[test]
fn settings_in_the_documents_are_good_ones() {
    let mut tried = 0;
    for document in Document::all() {
        for block in document.blocks("toml") {
            let folder = tempfile::tempdir().unwrap();
            let (config, data) = (folder.path().join("config.toml"), folder.path().to_owned());
            std::fs::write(&config, &block).unwrap();
            let loaded = load(&Place { config, named: true, data }, &|_| None);
            // Files that are named in them are somewhere else.
            let at_home = |text: &str| text.contains("cannot be read");
            let problems: Vec<_> = loaded.problems.iter().filter(|one| !at_home(&one.text)).collect();
            assert!(problems.is_empty(), "{}: {problems:?} in\n{block}", document.name);
            tried += 1;
        }
    }
    assert!(tried >= 8, "only {tried} examples");
}

#[test]
fn each_link_leads_to_a_file_and_each_anchor_to_a_heading() {
    let mut followed = 0;
    for document in Document::all() {
        for link in document.links() {
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(p, a)| (p, Some(a)));
            let target = document.beside(path);
            assert!(target.exists(), "{}: {link} leads nowhere", document.name);
            if let Some(anchor) = anchor {
                let target = Document::at(&target);
                assert!(target.anchors().contains(anchor), "{}: {link} has no such heading", document.name);
            }
            followed += 1;
        }
    }
    assert!(followed > 100, "only {followed} links");
}

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_doorstep")).args(arguments).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_command_is_documented_with_its_options() {
    let all = help(&[]);
    let commands = all.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands = commands.lines().filter_map(|line| line.split_whitespace().next());
    let commands: BTreeSet<String> = commands.filter(|name| *name != "help").map(str::to_owned).collect();
    for document in ["README.md", "docs/settings.md"] {
        let blocks = Document::read(document).blocks("sh").concat();
        let lines: Vec<_> = blocks.lines().filter_map(|line| line.strip_prefix("doorstep ")).collect();
        let named = lines.iter().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
        assert_same(&named.collect(), &commands, document);
        for command in &commands {
            let options = help(&[command]);
            let options = options.split_whitespace().filter(|word| word.starts_with("--"));
            let line = lines.iter().find(|line| line.starts_with(command.as_str())).unwrap();
            for option in options.filter(|option| *option != "--help") {
                assert!(line.contains(option), "{document}: {command} has {option}");
            }
        }
    }
}

#[test]
fn each_setting_of_the_function_is_documented() {
    let alexa = Document::read("docs/alexa.md");
    let section = alexa.section("5. The settings of the function");
    let documented = rows(section).iter().filter_map(|row| code(&row[0])).collect();
    let settings = file(&format!("{FUNCTION}/settings.mjs"));
    let is_name = |text: &String| text.len() > 3 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    assert_same(&documented, &literals(&settings).into_iter().filter(is_name).collect(), "docs/alexa.md");
}

#[test]
fn the_directives_to_be_tried_are_some_that_the_door_knows() {
    let blocks = Document::read("docs/alexa.md").blocks("json");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let directive = Directive::parse(block.as_bytes()).unwrap();
        assert!(directive.request.is_ok() && directive.envelope.token.is_some(), "{block}");
    }
}

#[test]
fn what_turns_green_is_called_as_in_the_page() {
    let words = words();
    let lines =
        ["hub", "cameras", "fit", "door", "account", "events", "call"].map(|line| &words["set_up"][line]);
    let text = file("docs/alexa.md");
    let named: Vec<_> = after(&text, "→ **", '*').collect();
    assert!(named.len() >= 6 && named.iter().all(|name| lines.contains(&&json!(name))), "{named:?}");
}
