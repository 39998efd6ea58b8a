//! The page's files: their words in every language, and their weight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::fixture::house::House;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What the page may weigh in all, as sent, bytes: all pages of it, and the words of one language, a fifth of it.
/// The aim is 60,000.
const WEIGHT: usize = 90_000;

/// `section.key` and its words.
fn words(language: &str) -> BTreeMap<String, String> {
    let file = Path::new(ROOT).join("web/i18n").join(language).with_extension("json");
    let sections: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let keyed = sections.into_iter().flat_map(|(section, keys)| {
        keys.into_iter().map(move |(key, words)| (format!("{section}.{key}"), words))
    });
    keyed.collect()
}

/// Names of the values that belong into words.
fn values(words: &str) -> BTreeSet<&str> {
    words.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files of these folders with this ending, and their text.
fn texts(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let files = folders.iter().flat_map(|folder| files(&Path::new(ROOT).join(folder)));
    let wanted = files.filter(|file| file.extension().is_some_and(|one| one == ending));
    wanted.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect()
}

/// Each `t("section.key")` and `has("section.key")`: the function and the key.
fn said_by(script: &str) -> impl Iterator<Item = (&str, &str)> {
    let calls = script.match_indices("(\"").filter_map(|(at, _)| {
        let begins = script[..at].rfind(|one: char| !one.is_alphanumeric()).map_or(0, |before| before + 1);
        let key = script[at + 2..].split('"').next()?;
        Some((&script[begins..at], key))
    });
    calls.filter(|(function, _)| ["t", "has"].contains(function))
}

#[test]
fn the_languages_have_the_same_words_with_the_same_values_in_them() {
    let (english, german) = (words("en"), words("de"));
    assert!(english.keys().eq(german.keys()), "{:?}", {
        let (english, german): (BTreeSet<_>, BTreeSet<_>) =
            (english.keys().collect(), german.keys().collect());
        english.symmetric_difference(&german).copied().cloned().collect::<Vec<_>>()
    });
    for (key, english) in &english {
        let german = &german[key];
        assert_eq!(values(english), values(german), "{key}");
        assert!(!english.trim().is_empty() && !german.trim().is_empty(), "{key}");
    }
    let languages = files(&Path::new(ROOT).join("web/i18n")).len();
    assert_eq!(languages, 2, "a language that is not compared");
}

#[test]
fn every_key_that_a_script_names_has_words_and_every_word_is_said_somewhere() {
    let words = words("en");
    // The visitor's page has words of the same files, and so has the page of the login, which the house writes.
    let scripts = texts(&["web/js", "src/sim/visitor/page"], "js");
    let mut named = 0;
    for (file, text) in &scripts {
        for (before, key) in said_by(text) {
            assert!(words.contains_key(key), "{}: {before}(\"{key}\")", file.display());
            named += 1;
        }
    }
    assert!(named > 100, "the scripts name only {named} keys");
    // A key may be put together: what stands before the first value, or before an underscore, leads to it.
    let house = texts(&["src/http"], "rs");
    let whole: BTreeSet<&str> = scripts.iter().chain(&house).flat_map(|(_, text)| text.split('"')).collect();
    let parts = scripts.iter().flat_map(|(_, text)| text.split('`')).filter_map(|part| part.split_once("${"));
    let begun: BTreeSet<&str> =
        parts.map(|(start, _)| start).filter(|start| start.contains('.') && !start.contains(' ')).collect();
    let said = |key: &str| {
        let ends = key.match_indices('_').map(|(at, _)| at).chain([key.len()]);
        ends.into_iter().any(|end| whole.contains(&key[..end]))
            || begun.iter().any(|start| key.starts_with(start))
    };
    let unsaid: Vec<&String> = words.keys().filter(|key| !said(key)).collect();
    assert!(unsaid.is_empty(), "words that nothing says: {unsaid:?}");
}

#[tokio::test]
async fn the_page_weighs_little() {
    let house = House::start("");
    let client = reqwest::Client::new();
    let web = Path::new(ROOT).join("web");
    let mut parts = Vec::new();
    for file in files(&web) {
        let path = file.strip_prefix(&web).unwrap().to_str().unwrap().to_owned();
        let request = client.get(format!("http://{}/{path}", house.ui)).header("Accept-Encoding", "gzip");
        let reply = request.send().await.unwrap();
        assert!(reply.status().is_success(), "{path}");
        parts.push((path, reply.bytes().await.unwrap().len()));
    }
    // One language is loaded, at most the longest.
    let (words, files): (Vec<_>, Vec<_>) = parts
        .iter()
        .filter(|(path, _)| !path.ends_with(".md"))
        .partition(|(path, _)| path.starts_with("i18n/"));
    let weight =
        files.iter().map(|(_, bytes)| bytes).sum::<usize>() + words.iter().map(|(_, b)| *b).max().unwrap();
    assert!(weight <= WEIGHT, "{weight} bytes: {parts:?}");
    assert!(weight > 10_000, "that is not the page: {parts:?}");
}
