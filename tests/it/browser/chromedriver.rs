//! What drives the browser.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const START: Duration = Duration::from_secs(60);
/// It takes a free port of IPv6 and wants the same one of IPv4, which somebody else may have: it is started so often.
const TRIES: usize = 5;

/// Debian's driver of Debian's Chromium. Dropping it ends it, and not its browsers.
pub struct Chromedriver {
    /// `http://127.0.0.1:…`
    pub address: String,
    _process: Child,
}

impl Chromedriver {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it is missing or does not start.
    pub async fn start() -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let mut process = Command::new(program("chromedriver"))
                .arg("--port=0")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            match timeout(START, address(&mut process)).await.expect("chromedriver does not start") {
                Ok(address) => return Self { address, _process: process },
                Err(why) if why.contains("port not available") => said = why,
                Err(why) => panic!("chromedriver ended: {why}"),
            }
        }
        panic!("chromedriver ended {TRIES} times: {said}");
    }
}

/// Waits until the driver says on which port it listens; if it ends, what it said instead.
async fn address(chromedriver: &mut Child) -> Result<String, String> {
    let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return Ok(format!("http://127.0.0.1:{}", port.trim_end_matches('.')));
        }
        said.push(line);
    }
    Err(said.join("\n"))
}

/// Where a program is that the tests of the page need.
///
/// # Panics
/// When it is missing; says how to get it.
pub fn program(name: &str) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("the tests of the page need {name}, which is missing: run `make setup-test`")
    })
}

/// Ends every process whose command line names the profile; how many there were.
pub fn end_all_of(profile: &Path) -> usize {
    let profile = profile.to_str().unwrap();
    let mut found = 0;
    for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(profile) {
            found += 1;
            drop(std::process::Command::new("kill").arg("-KILL").arg(process.file_name()).status());
        }
    }
    found
}
