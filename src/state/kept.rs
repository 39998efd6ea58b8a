//! `state.json`: small, secret, and always whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Checked, Grant, KnownLogin, Learned, UserLink};
use crate::config::save::replace;

const FILE: &str = "state.json";
const GOOD: &str = "state.json.good";
const DAMAGED: &str = "state.json.damaged";

/// Largest file that is read, bytes.
const MAX: u64 = 4 << 20;

/// What `state.json` holds. No `Debug`: there are tokens in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Raised when an older version could not read the file any more.
    pub(super) format: u32,
    /// Made at the first start; 32 random bytes, base64url.
    pub(super) door_token: String,
    pub(super) links: Vec<UserLink>,
    /// A user was linked once: from then on only an admin opens linking.
    pub(super) was_linked: bool,
    /// Of the hub's camera entities by registry id, of cameras by endpoint id.
    pub(super) learned: BTreeMap<String, Learned>,
    /// Endpoint ids of cameras that are switched off here, because the hub cannot.
    pub(super) switched_off: BTreeSet<String>,
    /// Logins of linked users that had a good token, oldest first.
    pub(super) logins: Vec<KnownLogin>,
    /// To send events to Alexa.
    pub(super) grant: Option<Grant>,
    /// What Alexa was told of endpoints; only who tells it reads this.
    pub(super) reported: Value,
    pub(super) checked: Checked,
    /// What a newer version wrote; kept, so that going back and forth loses nothing.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            format: 1,
            door_token: String::new(),
            links: Vec::new(),
            was_linked: false,
            learned: BTreeMap::new(),
            switched_off: BTreeSet::new(),
            logins: Vec::new(),
            grant: None,
            reported: Value::Null,
            checked: Checked::default(),
            other: Map::new(),
        }
    }
}

impl Kept {
    /// Reads the file, or its copy when it is damaged or gone. `None`: this is the first start.
    pub(super) fn read(folder: &Path, problems: &mut Vec<String>) -> Option<Self> {
        let path = folder.join(FILE);
        lock_up(&path, problems);
        let trouble = match read_file(&path) {
            Ok(Some(kept)) => return Some(kept),
            Ok(None) if !folder.join(GOOD).exists() => return None,
            Ok(None) => format!("{} is gone", path.display()),
            Err(e) => {
                let aside = folder.join(DAMAGED);
                let kept = std::fs::rename(&path, &aside).is_ok();
                let kept = if kept { format!(", it is kept as {}", aside.display()) } else { String::new() };
                format!("{} cannot be used ({e}){kept}", path.display())
            }
        };
        if let Ok(Some(kept)) = read_file(&folder.join(GOOD)) {
            problems.push(trouble + "; its copy is used");
            return Some(kept);
        }
        problems.push(trouble + "; links and the door token are new");
        // Whoever damaged it must not win an open door by it.
        Some(Self { was_linked: true, ..Self::default() })
    }

    /// Reads the file without mending anything.
    pub(super) fn peek(folder: &Path) -> Option<Self> {
        read_file(&folder.join(FILE)).ok().flatten()
    }

    pub(super) fn to_text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Replaces the file, then its copy.
    pub(super) fn write(folder: &Path, text: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        replace(&folder.join(FILE), text)?;
        replace(&folder.join(GOOD), text)
    }
}

fn read_file(path: &Path) -> Result<Option<Kept>, String> {
    match std::fs::metadata(path) {
        Err(e) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&e.kind()) => {
            return Ok(None);
        }
        Err(e) => return Err(e.to_string()),
        Ok(file) if file.len() > MAX => return Err("too large".into()),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    // Not the parser's own text: it may quote a token.
    serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("damaged at line {}", e.line()))
}

fn lock_up(path: &Path, problems: &mut Vec<String>) {
    let Ok(file) = std::fs::metadata(path) else { return };
    if file.permissions().mode() & 0o077 == 0 {
        return;
    }
    let mended = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).is_ok();
    let what = if mended { "that is mended" } else { "and that cannot be changed" };
    problems.push(format!("{} holds tokens and could be read by others; {what}", path.display()));
}
