//! A browser that is not ours.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// What the browser hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Microphone {
    /// One that beeps, and is allowed without a question.
    Beeping,
    /// The user forbids it.
    Forbidden,
}

/// A headless Chromium with a profile of its own. Dropping it ends it.
pub struct Chromium {
    driver: WebDriver,
    _chromedriver: Child,
    profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it.
    ///
    /// # Panics
    /// When the browser or its driver is missing.
    pub async fn start(microphone: Microphone) -> Self {
        let binary = program("chromium");
        let mut chromedriver = Command::new(program("chromedriver"))
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = timeout(START, address(&mut chromedriver)).await.expect("chromedriver does not start");

        let profile = tempfile::tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(binary.to_str().unwrap()).unwrap();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        match microphone {
            Microphone::Beeping => {
                wanted.add_arg("--use-fake-ui-for-media-stream").unwrap();
                wanted.add_arg("--use-fake-device-for-media-stream").unwrap();
            }
            Microphone::Forbidden => {
                let forbidden = json!({"profile.default_content_setting_values.media_stream_mic": 2});
                wanted.add_experimental_option("prefs", forbidden).unwrap();
            }
        }
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        let driver = timeout(START, WebDriver::new(address, wanted)).await.expect("Chromium does not start");
        let driver = driver.unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        Self { driver, _chromedriver: chromedriver, profile }
    }

    /// Opens a page.
    pub async fn open(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    /// Makes it a phone's screen, in CSS pixels.
    pub async fn be_a_phone(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": true});
        self.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
    }

    /// Presses the button of that text, as soon as there is one.
    pub async fn press(&self, text: &str) {
        let button = format!("//button[normalize-space()='{text}']");
        let button = self.driver.query(By::XPath(button)).wait(START, LOOK).first().await.unwrap();
        button.click().await.unwrap();
    }

    /// What an expression of JavaScript gives.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression})");
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Whether an expression gives something true; what is not on the page yet is not.
    async fn holds(&self, expression: &str) -> bool {
        let script = format!("try {{ return !!({expression}) }} catch {{ return false }}");
        self.driver.execute(script, Vec::new()).await.unwrap().json() == true
    }

    /// Waits until an expression gives something true.
    ///
    /// # Panics
    /// When it does not in time; says what the page shows then.
    pub async fn wait_until(&self, expression: &str, within: Duration) {
        let until = Instant::now() + within;
        while !self.holds(expression).await {
            if Instant::now() > until {
                let shown = self.value("document.body.innerText").await;
                panic!("not in {within:?}: {expression}; the page shows: {shown}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Everything of severity in the console since the last look.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.unwrap();
        log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect()
    }

    /// Closes it, so that pages take their leave.
    pub async fn close(self) {
        self.driver.clone().quit().await.unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // After a failure nothing is asked of a driver that may be stuck; the browser would outlive it.
        drop(self.driver.clone().leak());
        let until = Instant::now() + END;
        // What still writes to the profile would keep it from being removed.
        while Instant::now() < until && end_all_of(self.profile.path()) > 0 {
            std::thread::sleep(LOOK);
        }
    }
}

/// Ends every process whose command line names the profile; how many there were.
fn end_all_of(profile: &Path) -> usize {
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

/// Waits until the driver says on which port it listens.
async fn address(chromedriver: &mut Child) -> String {
    let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        }
        said.push(line);
    }
    panic!("chromedriver ended: {}", said.join("\n"));
}

fn program(name: &str) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("the tests of the page need {name}, which is missing: run `make setup-test`")
    })
}
