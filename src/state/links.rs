//! Who may speak at the door: users of the hub who are linked, and their logins that are known.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{State, lock, now};

/// How long linking stays open after an admin opened it.
pub const LINKING: Duration = Duration::from_secs(600);

/// Logins of linked users that are remembered.
pub const LOGINS_KEPT: usize = 64;

/// A hub user who may speak at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLink {
    /// The hub's user id.
    pub user_id: String,
    /// Display name.
    pub name: String,
    /// RFC 3339, UTC.
    pub linked_at: String,
}

/// A login at the hub that had a good token of a linked user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownLogin {
    /// What is kept of its id in the place of it.
    print: String,
    user_id: String,
}

impl State {
    /// Who may speak at the door.
    #[must_use]
    pub fn links(&self) -> Vec<UserLink> {
        lock(&self.shared.kept).links.clone()
    }

    /// Links a user of the hub, if linking is open or the user is linked already. True if the user
    /// is linked now.
    pub fn link(&self, user_id: &str, name: &str) -> bool {
        let mut kept = lock(&self.shared.kept);
        let open = self.linking_left().is_some();
        if let Some(link) = kept.links.iter_mut().find(|link| link.user_id == user_id) {
            if link.name == name {
                return true;
            }
            name.clone_into(&mut link.name);
        } else if open || !kept.was_linked {
            kept.links.push(UserLink { user_id: user_id.into(), name: name.into(), linked_at: now() });
            kept.was_linked = true;
        } else {
            return false;
        }
        drop(kept);
        self.save();
        true
    }

    /// True if the user is linked.
    #[must_use]
    pub fn is_linked(&self, user_id: &str) -> bool {
        lock(&self.shared.kept).links.iter().any(|link| link.user_id == user_id)
    }

    /// Takes a link away, with the logins that are known of the user and the grant that the user gave, and
    /// closes linking: the user must not be back with the next directive. False if there was none.
    pub fn revoke(&self, user_id: &str) -> bool {
        let mut kept = lock(&self.shared.kept);
        let before = kept.links.len();
        kept.links.retain(|link| link.user_id != user_id);
        kept.logins.retain(|login| login.user_id != user_id);
        kept.grant.take_if(|grant| grant.user.as_deref() == Some(user_id));
        let gone = kept.links.len() < before;
        if gone {
            *lock(&self.shared.linking_until) = None;
            drop(kept);
            self.save();
        }
        gone
    }

    /// True if a linked user has had a good token of this login; see [`Self::remember_login`].
    #[must_use]
    pub fn knows_login(&self, print: &str) -> bool {
        lock(&self.shared.kept).logins.iter().any(|login| login.print == print)
    }

    /// Remembers a login of a linked user, by something that stands for its id. The oldest makes
    /// room when there are [`LOGINS_KEPT`].
    pub fn remember_login(&self, user_id: &str, print: &str) {
        let mut kept = lock(&self.shared.kept);
        let linked = kept.links.iter().any(|link| link.user_id == user_id);
        if !linked || kept.logins.iter().any(|login| login.print == print) {
            return;
        }
        let spare = (kept.logins.len() + 1).saturating_sub(LOGINS_KEPT);
        kept.logins.drain(..spare);
        kept.logins.push(KnownLogin { print: print.into(), user_id: user_id.into() });
        drop(kept);
        self.save();
    }

    /// Forgets a login.
    pub fn forget_login(&self, print: &str) {
        let mut kept = lock(&self.shared.kept);
        let before = kept.logins.len();
        kept.logins.retain(|login| login.print != print);
        let gone = kept.logins.len() < before;
        drop(kept);
        if gone {
            self.save();
        }
    }

    /// True if the next user of the hub who speaks at the door is linked: none ever was, or an admin
    /// opened linking. Not when the last link was revoked: the user would be back at once.
    #[must_use]
    pub fn linking_open(&self) -> bool {
        !lock(&self.shared.kept).was_linked || self.linking_left().is_some()
    }

    /// Opens linking for [`LINKING`].
    pub fn open_linking(&self) {
        *lock(&self.shared.linking_until) = Instant::now().checked_add(LINKING);
    }

    /// How long linking stays open because an admin opened it.
    #[must_use]
    pub fn linking_left(&self) -> Option<Duration> {
        let until = *lock(&self.shared.linking_until);
        until.and_then(|until| until.checked_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}
