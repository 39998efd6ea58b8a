//! A demo of the test's own.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const START: Duration = Duration::from_secs(30);

/// `doorstep demo` as a process, on free ports. Dropping it kills it.
pub struct Demo {
    /// Address of its page.
    pub page: String,
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Demo {
    /// Starts it and waits until it says where it is.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// The same with its page at this address.
    pub async fn start_at(page: &str) -> Self {
        // A file, since a pipe that nobody reads would stop the demo when it is full.
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_doorstep"))
            .args(["demo", "--ui", page, "--door", "127.0.0.1:0"])
            .env("DOORSTEP_MEDIA", env!("CARGO_BIN_EXE_doorstep-media"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log.path()).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut demo = Self { page: String::new(), child, log };
        let mut lines = BufReader::new(demo.child.stdout.take().unwrap()).lines();
        let line = timeout(START, lines.next_line()).await.unwrap().unwrap().unwrap();
        demo.page = line.strip_prefix("ui ").unwrap_or_else(|| panic!("{line}")).to_owned();
        demo
    }

    /// `GET /api/v1/...`.
    pub async fn get(&self, what: &str) -> Value {
        reqwest::get(format!("{}/api/v1/{what}", self.page)).await.unwrap().json().await.unwrap()
    }

    /// Records of its calls, newest first.
    pub async fn calls(&self) -> Vec<Value> {
        self.get("calls").await["calls"].as_array().unwrap().clone()
    }

    /// Ends a call on behalf of the house.
    pub async fn end(&self, call: &Value) {
        let address = format!("{}/api/v1/calls/{}/end", self.page, call["id"].as_str().unwrap());
        let reply = reqwest::Client::new().post(address).json(&Value::Null).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
    }

    /// Waits until no call goes on and no peer is left on the port; gives the newest record.
    pub async fn quiet(&self, within: Duration) -> Value {
        let all_gone = async {
            loop {
                let cameras = self.get("cameras").await["cameras"].as_array().unwrap().clone();
                let port = self.get("status").await["port"].clone();
                let peers = [&port["live_ufrags"], &port["live_addresses"]];
                if cameras.iter().all(|camera| camera["calls"] == 0) && peers.iter().all(|left| **left == 0) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(within, all_gone).await.expect("a call or a peer is left");
        let call = self.calls().await.into_iter().next().expect("no call is listed");
        assert!(call["ended"].is_string(), "{call}");
        call
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the demo's log:\n{}", std::fs::read_to_string(self.log.path()).unwrap_or_default());
        }
    }
}
