//! How the supervisor rates what an add-on may do: 1 to 8, 8 is best.

use serde_json::Value;

/// Capabilities that cost a point, however many of them.
const RISKY: [&str; 10] = [
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "NET_RAW",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// The points of a manifest; `has_profile`: an `apparmor.txt` lies beside it. Nothing is signed.
pub fn rating(config: &Value, has_profile: bool) -> i32 {
    let is = |key: &str, default: bool| config.get(key).and_then(Value::as_bool).unwrap_or(default);
    if is("docker_api", false) || is("full_access", false) {
        return 1;
    }
    let privileged: Vec<&str> = config
        .get("privileged")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let is_risky = privileged.iter().any(|one| RISKY.contains(one)) || is("kernel_modules", false);
    let points = 5
        + armor(is("apparmor", true), has_profile)
        + entrance(config, is("ingress", false), is("host_network", false), is("auth_api", false))
        - i32::from(is_risky)
        - role(config.get("hassio_role").and_then(Value::as_str))
        - i32::from(is("host_network", false))
        - 2 * i32::from(is("host_pid", false))
        - i32::from(is("host_uts", false) && privileged.contains(&"SYS_ADMIN"));
    points.clamp(1, 8)
}

fn armor(is_on: bool, has_profile: bool) -> i32 {
    match (is_on, has_profile) {
        (false, _) => -1,
        (true, true) => 1,
        (true, false) => 0,
    }
}

/// What can be reached past the hub's own login.
fn entrance(config: &Value, ingress: bool, host_network: bool, auth_api: bool) -> i32 {
    let ports = config.get("ports").and_then(Value::as_object);
    let is_open = host_network || ports.into_iter().flatten().any(|(_, port)| !port.is_null());
    if ingress || !is_open { 2 } else { i32::from(auth_api) }
}

fn role(role: Option<&str>) -> i32 {
    match role {
        Some("manager") => 1,
        Some("admin") => 2,
        _ => 0,
    }
}
