//! What users of the hub who may not change anything are not shown.

use serde_json::{Value, json};

/// Takes out of the house's status who else lives here, and where the house is reached.
pub(super) fn veil(status: &mut Value) {
    status["links"] = json!([]);
    status["linking"] = json!({ "open": false, "seconds_left": null });
    status["paths"] = json!({ "sockets": [], "servers": [] });
    for (part, key) in [("door", "listening"), ("door", "public_url"), ("ui", "listening")] {
        status[part][key] = Value::Null;
    }
    if let Some(linked) = status["events"]["linked"].as_object_mut() {
        linked.remove("by");
    }
}
