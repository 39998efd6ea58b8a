//! Doorstep as somebody has installed it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use doorstep::config::save::replace;
use doorstep::sim::hub::{SimHub, SimHubOptions};
use serde_json::Value;

use crate::fixture::house::wait_for;

/// `doorstep run` as a process, with settings and data in a folder of its own, beside a hub that plays
/// in the test's process. Dropping it kills it.
pub struct Installed {
    /// Address of its page.
    pub page: String,
    /// Address of its door.
    pub door: String,
    /// The hub; whether the settings know it is up to who starts it.
    pub hub: SimHub,
    child: Child,
    folder: tempfile::TempDir,
}

impl Installed {
    /// Starts it beside a hub with a doorbell and a camera, which its settings know; `settings` (TOML,
    /// whole keys first) come on top.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(settings: &str) -> Self {
        Self::beside(SimHubOptions::default(), settings).await
    }

    /// The same beside a hub like this.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn beside(options: SimHubOptions, settings: &str) -> Self {
        let hub = SimHub::start(options).await.unwrap();
        let known = format!("hub.url = '{}'\nhub.token = '{}'\n{settings}", hub.url, hub.token);
        Self::with(hub, &known).await
    }

    /// As it is when it was just installed: nothing is set but where it listens, and the hub is not known.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn bare() -> Self {
        let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
        Self::with(hub, "").await
    }

    async fn with(hub: SimHub, settings: &str) -> Self {
        hub.set_ice_servers(serde_json::json!([]));
        let folder = tempfile::tempdir().unwrap();
        let (ui, door) = (free_address(), free_address());
        let ground = format!(
            "ui.listen = '{ui}'\ndoor.listen = '{door}'\n\
             webrtc = {{ udp_port = 0, bind = ['127.0.0.1'], allow_loopback = true }}\n"
        );
        replace(&folder.path().join("config.toml"), (ground + settings).as_bytes()).unwrap();
        let child = run(folder.path());
        let (page, door) = (format!("http://{ui}"), format!("http://{door}"));
        let installed = Self { page, door, hub, child, folder };
        installed.is_up().await;
        installed
    }

    async fn is_up(&self) {
        wait_for("its page", async || reqwest::get(format!("{}/healthz", self.page)).await.ok()).await;
    }

    /// Ends it without a word, as a power cut does.
    pub fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again after [`Self::end`], with what it has kept.
    pub async fn start_again(&mut self) {
        self.child = run(self.folder.path());
        self.is_up().await;
    }

    /// `GET /api/v1/...`.
    pub async fn get(&self, what: &str) -> Value {
        reqwest::get(format!("{}/api/v1/{what}", self.page)).await.unwrap().json().await.unwrap()
    }

    /// Its settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("its log:\n{}", self.log());
        }
    }
}

fn run(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_doorstep"))
        .args(["run", "--data"])
        .arg(folder)
        .env("DOORSTEP_MEDIA", env!("CARGO_BIN_EXE_doorstep-media"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::options().create(true).append(true).open(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

/// An address of the loopback that nobody listens at now.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
