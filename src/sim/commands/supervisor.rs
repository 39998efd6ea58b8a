//! What a user of the hub may ask its Supervisor for: all of it for administrators, and for everybody what
//! opening an add-on's pages takes.

use serde_json::{Value, json};

use super::Failure;
use crate::sim::office::{Office, SimUser};

/// `supervisor/api`.
pub(super) fn api(office: &mut Office, user: &SimUser, command: &Value) -> Result<Value, Failure> {
    let text = |key: &str| command.get(key).and_then(Value::as_str).unwrap_or_default();
    let (endpoint, method) = (text("endpoint"), text("method").to_ascii_lowercase());
    let slug = endpoint.strip_prefix("/addons/").and_then(|rest| rest.strip_suffix("/info"));
    let slug = slug.filter(|slug| !slug.is_empty() && !slug.contains('/'));
    let is_for_all = slug.is_some() || ["/ingress/session", "/ingress/validate_session"].contains(&endpoint);
    if !user.admin && !is_for_all {
        return Err(("unauthorized", "Unauthorized").into());
    }
    let ingress = office.ingress.as_mut().ok_or(("unknown_command", "Unknown command."))?;
    match (method.as_str(), endpoint, slug) {
        ("post", "/ingress/session", _) => Ok(json!({"session": ingress.open(user)})),
        ("post", "/ingress/validate_session", _) => {
            let session = command.pointer("/data/session").and_then(Value::as_str).unwrap_or_default();
            ingress.user_of(session).map(|_| json!({})).ok_or(("unknown_error", "").into())
        }
        ("get", _, Some(slug)) => {
            ingress.info(slug).ok_or_else(|| ("unknown_error", format!("App {slug} does not exist")).into())
        }
        _ => Err(("unknown_error", "Unknown error").into()),
    }
}
