//! A browser that is not ours.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thirtyfour::components::SelectElement;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};
use tokio::time::timeout;

use super::chromedriver::{Chromedriver, end_all_of, program};

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// Where screenshots are kept.
const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
/// Tallest screenshot, CSS pixels.
const TALLEST: f64 = 6000.0;

/// What the browser hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Microphone {
    /// One that beeps, and is allowed without a question.
    Beeping,
    /// The user forbids it.
    Forbidden,
}

/// What the device's user likes to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// A headless Chromium with a profile of its own. Dropping it ends it.
pub struct Chromium {
    driver: WebDriver,
    _chromedriver: Chromedriver,
    profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it, for somebody who reads English.
    ///
    /// # Panics
    /// When the browser or its driver is missing.
    pub async fn start(microphone: Microphone) -> Self {
        Self::start_in("en", microphone).await
    }

    /// Starts it, for somebody who reads this language (`de`).
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_in(language: &str, microphone: Microphone) -> Self {
        let chromedriver = Chromedriver::start().await;
        let profile = tempfile::tempdir().unwrap();
        let wanted = wanted(language, microphone, profile.path());
        let driver = timeout(START, WebDriver::new(&chromedriver.address, wanted)).await;
        let driver = driver
            .expect("Chromium does not start")
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        Self { driver, _chromedriver: chromedriver, profile }
    }

    /// Opens a page.
    pub async fn open(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    /// Loads the page anew, as its user does.
    pub async fn reload(&self) {
        self.driver.refresh().await.unwrap();
    }

    /// Makes it a phone's screen, in CSS pixels.
    pub async fn be_a_phone(&self, width: u32, height: u32) {
        self.be_a_screen(width, height, true).await;
    }

    /// Makes it a desk's screen, in CSS pixels.
    pub async fn be_a_desk(&self, width: u32, height: u32) {
        self.be_a_screen(width, height, false).await;
    }

    async fn be_a_screen(&self, width: u32, height: u32, mobile: bool) {
        let scale = if mobile { 2 } else { 1 };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Makes it a device of somebody who likes light or dark pages.
    pub async fn prefer(&self, scheme: Scheme) {
        let value = if scheme == Scheme::Dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(method, parameters).await.unwrap()
    }

    /// Presses the button of that name (its label, else its text), as soon as there is one that can be pressed.
    pub async fn press(&self, name: &str) {
        let button = format!("//button[not(@disabled)][{}]", is_called(name));
        self.found(&button).await.click().await.unwrap();
    }

    /// Follows the link of that name (its label, else its text), as soon as there is one.
    pub async fn follow(&self, name: &str) {
        let link = format!("//a[@href][{}]", is_called(name));
        self.found(&link).await.click().await.unwrap();
    }

    async fn found(&self, path: &str) -> WebElement {
        let found = self.driver.query(By::XPath(path)).wait(START, LOOK).first().await;
        found.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Types a text into the field of that label, in the place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(Key::Delete + "").await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses what the select of that label shows as this.
    pub async fn choose(&self, label: &str, shown: &str) {
        let select = SelectElement::new(&self.field(label).await).await.unwrap();
        select.select_by_exact_text(shown).await.unwrap();
    }

    /// Ticks or unticks the box of that label.
    pub async fn tick(&self, label: &str) {
        self.field(label).await.click().await.unwrap();
    }

    /// Presses a key.
    pub async fn key(&self, key: Key) {
        self.driver.action_chain().send_keys(key).perform().await.unwrap();
    }

    /// What the field of that label holds.
    pub async fn filled(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Waits for the field of that label.
    async fn field(&self, label: &str) -> WebElement {
        // A label may stand around its field, whose options are no part of its text.
        const FIELD: &str = "const text = (label) => {
            const words = label.cloneNode(true);
            words.querySelectorAll('input, select, textarea').forEach((one) => one.remove());
            return words.textContent.replace(/\\s+/g, ' ').trim();
        };
        return [...document.querySelectorAll('input, select, textarea')].find((field) =>
            (field.getAttribute('aria-label') ?? [...(field.labels ?? [])].map(text).join(' ')) === arguments[0]) ?? null";
        let until = Instant::now() + START;
        loop {
            let found = self.driver.execute(FIELD, vec![label.into()]).await.unwrap();
            if !found.json().is_null() {
                return found.element().unwrap();
            }
            assert!(
                Instant::now() < until,
                "no field is called {label}; the page shows: {}",
                self.text().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// All text that the page shows.
    pub async fn text(&self) -> String {
        self.value("document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// What an expression of JavaScript gives.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression})");
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Runs statements of JavaScript that give their result to `arguments[0]`.
    pub async fn run(&self, statements: &str) -> Value {
        self.driver.execute_async(statements, Vec::new()).await.unwrap().json().clone()
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
            assert!(
                Instant::now() < until,
                "not in {within:?}: {expression}; the page shows: {}",
                self.text().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the page shows a text.
    ///
    /// # Panics
    /// As [`Self::wait_until`].
    pub async fn shows(&self, text: &str, within: Duration) {
        self.wait_until(&format!("document.body.innerText.includes({})", json!(text)), within).await;
    }

    /// Keeps a picture of the whole page as `target/screenshots/NAME.png`, for people.
    pub async fn keep(&self, name: &str) {
        let size = self.cdp("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap().min(TALLEST);
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let wanted = json!({"captureBeyondViewport": true, "clip": clip});
        let picture = self.cdp("Page.captureScreenshot", wanted).await;
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(SCREENSHOTS).unwrap();
        std::fs::write(Path::new(SCREENSHOTS).join(name).with_extension("png"), picture).unwrap();
    }

    /// Every error and warning in the console since the last look; what the policy of the page forbade is one.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.unwrap().into_iter();
        let bad = log.filter(|entry| ["SEVERE", "WARNING"].contains(&entry.level.as_str()));
        bad.map(|entry| entry.message).collect()
    }

    /// Addresses of everything that its pages asked for since the last look.
    pub async fn requests(&self) -> Vec<String> {
        let log = self.driver.get_log("performance").await.unwrap().into_iter();
        let asked = log.filter_map(|entry| {
            let event: Value = serde_json::from_str(&entry.message).unwrap();
            let event = &event["message"];
            let address = match event["method"].as_str()? {
                "Network.requestWillBeSent" => &event["params"]["request"]["url"],
                "Network.webSocketCreated" => &event["params"]["url"],
                _ => return None,
            };
            address.as_str().map(str::to_owned)
        });
        asked.collect()
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

fn wanted(language: &str, microphone: Microphone, profile: &Path) -> thirtyfour::ChromeCapabilities {
    let mut wanted = DesiredCapabilities::chrome();
    wanted.set_binary(program("chromium").to_str().unwrap()).unwrap();
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
    wanted.add_arg(&format!("--accept-lang={language}")).unwrap();
    wanted.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
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
    wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All).unwrap();
    wanted
}

/// What an element of that name fulfils.
fn is_called(name: &str) -> String {
    let quote = if name.contains('\'') { '"' } else { '\'' };
    let name = format!("{quote}{name}{quote}");
    format!("@aria-label={name} or (not(@aria-label) and normalize-space()={name})")
}
