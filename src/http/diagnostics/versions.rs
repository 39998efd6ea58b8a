//! Of what the running house is made.

use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::WORKER_PATIENCE;
use crate::http::House;
use crate::media::feed::WorkerProgram;

/// What was built in.
const LOCK: &str = include_str!("../../../Cargo.lock");
/// The crates whose faults are looked for first.
const CRATES: [&str; 7] =
    ["webrtc", "rtc", "rustls", "actix-web", "tokio-tungstenite", "ffmpeg-next", "reqwest"];

/// What the worker said of itself: it takes a process to ask, and stays the same while this one runs.
static WORKER: OnceCell<String> = OnceCell::const_new();

async fn of_worker(worker: &WorkerProgram) -> String {
    // A failure is not kept: the next who asks may have more luck.
    let version = WORKER.get_or_try_init(|| worker.version(WORKER_PATIENCE)).await;
    version.cloned().unwrap_or_else(|error| error.to_string())
}

/// Names and versions.
pub(super) async fn versions(house: &House) -> Map<String, Value> {
    let ffmpeg = match &house.worker {
        Some(worker) => of_worker(worker).await,
        None => String::new(),
    };
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    let own = [
        ("doorstep", env!("CARGO_PKG_VERSION").to_owned()),
        ("ffmpeg", ffmpeg),
        ("kernel", kernel.trim().to_owned()),
        ("system", system.trim_matches('"').to_owned()),
        ("architecture", std::env::consts::ARCH.to_owned()),
    ];
    let own = own.into_iter().map(|(name, version)| (name.to_owned(), version.into()));
    let crates = CRATES.iter().filter_map(|name| Some(((*name).to_owned(), locked(name)?.into())));
    own.chain(crates).collect()
}

/// The version that the lock file has of a crate.
fn locked(name: &str) -> Option<&'static str> {
    let (_, rest) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_is_named_is_built_in() {
        for name in CRATES {
            assert!(locked(name).is_some_and(|version| version.split('.').count() == 3), "{name}");
        }
        assert_eq!(locked("no-such-crate"), None);
    }
}
