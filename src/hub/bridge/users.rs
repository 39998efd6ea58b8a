//! Who a user of the hub is, by id.

use actix::{Handler, ResponseFuture};
use serde_json::{Map, Value};

use super::HubBridge;
use crate::hub::{HubError, HubUser, protocol};

/// The group whose members may change everything.
const ADMINS: &str = "system-admin";

/// Ask: the hub's user of this id (`config/auth/list`, which our own token must be an admin's for);
/// `None` if the hub has nobody of that id. Within 10 s. Nothing is cached here.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<Option<HubUser>, HubError>")]
pub struct FindUser {
    /// The hub's id of the user.
    pub id: String,
}

impl Handler<FindUser> for HubBridge {
    type Result = ResponseFuture<Result<Option<HubUser>, HubError>>;

    fn handle(&mut self, FindUser { id }: FindUser, _: &mut Self::Context) -> Self::Result {
        let users = self.ask("config/auth/list", Map::new());
        Box::pin(async move {
            let users = users.await?;
            let users = users.as_array().ok_or_else(|| HubError::Protocol("no list of users".into()))?;
            Ok(users.iter().find(|user| user["id"] == id.as_str()).and_then(user))
        })
    }
}

/// One entry of the list. An owner is an admin, and whoever is not active is none.
fn user(entry: &Value) -> Option<HubUser> {
    let is = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or_default();
    let groups = entry.get("group_ids").and_then(Value::as_array).into_iter().flatten();
    let entry = entry.as_object()?;
    Some(HubUser {
        id: protocol::some_text(entry, "id", 128)?,
        name: protocol::text(entry, "name", 128),
        is_admin: is("is_active") && (is("is_owner") || groups.into_iter().any(|group| group == ADMINS)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn owners_and_members_of_the_admins_group_are_admins_while_they_are_active() {
        for (owner, active, groups, admin) in [
            (true, true, json!([]), true),
            (false, true, json!(["system-users", "system-admin"]), true),
            (false, true, json!(["system-users"]), false),
            (false, false, json!(["system-admin"]), false),
            (false, true, json!("system-admin"), false),
            (true, false, json!(null), false),
        ] {
            let entry = json!({ "id": "u", "name": "Ann", "is_owner": owner, "is_active": active, "group_ids": groups });
            assert_eq!(user(&entry).unwrap().is_admin, admin, "{entry}");
        }
        for nobody in [json!({}), json!({ "id": 1 }), json!([]), json!(null)] {
            assert_eq!(user(&nobody), None);
        }
    }
}
