//! Who asks, as the guard has found out.

use serde::Serialize;

use super::House;

/// How somebody came to the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Via {
    /// Through the hub's ingress.
    Ingress,
    /// With `ui.token`.
    Token,
    /// From this machine.
    Local,
    /// To a demo, which holds nothing that is anybody's.
    Demo,
}

/// Who asks. Kept with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) via: Via,
    /// The hub's id of the user who opened its ingress.
    pub(super) user: Option<String>,
    /// When the login is over, seconds since 1970.
    pub(super) until: Option<u64>,
    /// Looks at a demo from another machine: nobody knows who that is, so the demo's settings stay as they are.
    pub(super) is_far: bool,
}

/// What somebody may do. The answer of `GET /me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Me {
    via: Via,
    /// The name at the hub.
    name: Option<String>,
    /// May change something; `None` while nobody can say.
    pub(super) admin: Option<bool>,
}

impl Asker {
    pub(super) fn new(via: Via) -> Self {
        Self { via, user: None, until: None, is_far: false }
    }

    /// What this one may do, as of the last few seconds.
    pub(super) async fn me(&self, house: &House) -> Me {
        let Some(user) = &self.user else { return Me { via: self.via, name: None, admin: Some(true) } };
        match house.roles.of(user).await {
            Ok(Some(user)) => Me { via: self.via, name: Some(user.name), admin: Some(user.is_admin) },
            Ok(None) => Me { via: self.via, name: None, admin: Some(false) },
            Err(_) => Me { via: self.via, name: None, admin: None },
        }
    }
}

impl Me {
    /// Whoever is not known for an admin looks only.
    pub(super) fn may_change(&self) -> bool {
        self.admin == Some(true)
    }
}
