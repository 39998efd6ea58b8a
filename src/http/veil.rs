//! What users of the hub who may not change anything are not shown.

use serde_json::{Value, json};

/// Takes out of the house's status who else lives here, where the house is reached, and what is wrong with it: that is
/// told with addresses and paths of files. What keeps the hub away stays: without the hub nobody is known as an admin,
/// and somebody has to be told.
pub(super) fn veil(status: &mut Value) {
    status["links"] = json!([]);
    let mut advice = None;
    if let Some(hub) = status["hub"].as_object_mut() {
        hub.remove("reason");
        advice = hub.remove("advice");
    }
    status["problems"] = advice.into_iter().collect();
    status["linking"] = json!({ "open": false, "seconds_left": null });
    status["paths"] = json!({ "sockets": [], "servers": [] });
    for (part, key) in [("door", "listening"), ("door", "public_url"), ("ui", "listening")] {
        status[part][key] = Value::Null;
    }
    if let Some(linked) = status["events"]["linked"].as_object_mut() {
        linked.remove("by");
    }
}
