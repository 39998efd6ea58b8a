//! A document in Markdown, as far as it is looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where documents are.
const FOLDERS: [&str; 4] = [".", "docs", "benches", "packaging"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document of the project.
pub(super) struct Document {
    /// Its path in the project.
    pub(super) name: String,
    path: PathBuf,
    text: String,
}

impl Document {
    pub(super) fn read(name: &str) -> Self {
        Self::at(&root().join(name))
    }

    pub(super) fn at(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        Self { name, path: path.to_owned(), text }
    }

    /// Every one.
    pub(super) fn all() -> Vec<Self> {
        let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root().join(folder)).collect();
        let mut all = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() && folder.starts_with(root().join("packaging")) {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "md") {
                    all.push(Self::at(&entry));
                }
            }
        }
        all
    }

    /// What a link in it leads to; the document itself if it names no file.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.path.clone() } else { self.path.with_file_name("").join(path) }
    }

    /// Each line, and the language of the block of code that it is in.
    fn lines(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let mut block = None;
        self.text.lines().map(move |line| match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => {
                block = Some(language);
                (Some(""), line)
            }
            (Some(_), Some(_)) => {
                block = None;
                (Some(""), line)
            }
            (None, _) => (block, line),
        })
    }

    fn headings(&self) -> impl Iterator<Item = (usize, &str)> {
        let prose = self.lines().filter(|(block, _)| block.is_none()).map(|(_, line)| line);
        prose.filter_map(|line| {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            let title = line[level..].strip_prefix(' ').filter(|_| level > 0)?;
            Some((level, title.trim()))
        })
    }

    /// Where links into it may lead, as they are made of its headings.
    pub(super) fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for (_, title) in self.headings() {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect();
            let mut unique = anchor.clone();
            let mut number = 0;
            while !anchors.insert(unique) {
                number += 1;
                unique = format!("{anchor}-{number}");
            }
        }
        anchors
    }

    /// Targets of its links that lead to files.
    pub(super) fn links(&self) -> Vec<String> {
        let prose = self.lines().filter(|(block, _)| block.is_none()).map(|(_, line)| line);
        let prose = prose.collect::<Vec<_>>().join("\n");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let of_files = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
        of_files.map(str::to_owned).collect()
    }

    /// Its blocks of code in a language.
    pub(super) fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut is_in = false;
        for (block, line) in self.lines() {
            if block == Some(language) {
                if !is_in {
                    blocks.push(String::new());
                }
                blocks.last_mut().unwrap().extend([line.trim(), "\n"]);
            }
            is_in = block == Some(language);
        }
        blocks
    }

    /// From a heading to the next one of its level.
    pub(super) fn section(&self, title: &str) -> &str {
        let (level, _) = self.headings().find(|(_, other)| *other == title).expect(title);
        let begin = self.text.find(&format!("\n{} {title}\n", "#".repeat(level))).expect(title) + 1;
        let rest = &self.text[begin..];
        let ends = (1..=level).filter_map(|level| rest[1..].find(&format!("\n{} ", "#".repeat(level))));
        &rest[..ends.min().map_or(rest.len(), |end| end + 1)]
    }
}

/// The rows of all tables in a text, as cells.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(str::trim).filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands at the beginning of a cell, as code.
pub(super) fn code(cell: &str) -> Option<String> {
    cell.strip_prefix('`')?.split('`').next().map(str::to_owned)
}
