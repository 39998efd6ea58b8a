//! What users of the hub who may not change anything are not shown.

use serde_json::{Value, json};

/// Takes out of the house's status who else lives here, where the house is reached, and what is wrong with it: that is
/// told with addresses and paths of files.
pub(super) fn veil(status: &mut Value) {
    status["links"] = json!([]);
    status["problems"] = json!([]);
    if let Some(hub) = status["hub"].as_object_mut() {
        hub.remove("reason");
    }
    status["linking"] = json!({ "open": false, "seconds_left": null });
    status["paths"] = json!({ "sockets": [], "servers": [] });
    for (part, key) in [("door", "listening"), ("door", "public_url"), ("ui", "listening")] {
        status[part][key] = Value::Null;
    }
    if let Some(linked) = status["events"]["linked"].as_object_mut() {
        linked.remove("by");
    }
}
