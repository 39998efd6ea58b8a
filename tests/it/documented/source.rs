//! The texts in sources, Rust and JavaScript, as far as they are looked at.

use std::path::{Path, PathBuf};

/// A source, or all of a folder, but for those that are tests.
pub(super) fn sources(place: &str) -> Vec<String> {
    let mut places: Vec<PathBuf> = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(place)];
    let mut all = Vec::new();
    while let Some(place) = places.pop() {
        if place.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        match place.extension().and_then(|extension| extension.to_str()) {
            Some("rs" | "mjs") => all.push(std::fs::read_to_string(place).unwrap()),
            None => {
                let entries = std::fs::read_dir(&place);
                let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", place.display()));
                places.extend(entries.map(|entry| entry.unwrap().path()));
            }
            _ => {}
        }
    }
    all
}

/// The texts in a source, but for those of its own tests; what is put into them stands in braces.
pub(super) fn literals(source: &str) -> Vec<String> {
    let source = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut all, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '`', '\'', '/']) {
        let here = &rest[at..];
        rest = if here.starts_with("//") {
            here.split_once('\n').map_or("", |(_, rest)| rest)
        } else if ["'\"'", "'`'", "'/'"].iter().any(|sign| here.starts_with(sign)) {
            &here[3..]
        } else if here.starts_with(['"', '`']) {
            let (text, rest) = literal(here);
            all.push(text);
            rest
        } else {
            &here[1..]
        };
    }
    all
}

/// The text that begins here, and what comes after it.
fn literal(source: &str) -> (String, &str) {
    let quote = source.chars().next();
    let (mut text, mut signs) = (String::new(), source.char_indices().skip(1));
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                // The next line goes on where its words begin.
                Some((_, '\n')) => {
                    let indent = source[at + 2..].len() - source[at + 2..].trim_start().len();
                    signs.by_ref().take(indent).for_each(drop);
                }
                Some((_, sign)) => text.push(sign),
                None => break,
            },
            _ if Some(sign) == quote => return (text, &source[at + 1..]),
            _ => text.push(sign),
        }
    }
    (text, "")
}

/// A text as the documents write it, with `…` for what is put into its middle; `None` if it is no sentence.
pub(super) fn prose(text: &str) -> Option<String> {
    let mut sentence = String::new();
    let mut rest = text;
    while let Some((before, value)) = rest.split_once('{') {
        sentence.push_str(before.strip_suffix('$').unwrap_or(before));
        sentence.push('…');
        rest = value.split_once('}').map_or("", |(_, after)| after);
    }
    sentence.push_str(rest);
    let longest = sentence.split('…').map(str::trim).max_by_key(|piece| piece.len())?;
    let is_code = ["<", "::", "\n", "=>"].iter().any(|sign| sentence.contains(sign));
    (longest.len() >= 9 && longest.contains(' ') && !is_code).then(|| core(&sentence))
}

/// A sentence without what is put before or behind it.
pub(super) fn core(sentence: &str) -> String {
    sentence.trim_matches(['…', ';', ',', ':', ' ']).to_owned()
}
