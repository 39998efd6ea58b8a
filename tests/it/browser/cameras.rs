//! The pages of cameras, as somebody uses them.

use doorstep::sim::hub::{SimCamera, SimHubOptions};
use serde_json::{Value, json};

use super::SOON;
use super::chromium::{Chromium, Microphone};
use super::installed::Installed;
use crate::fixture::{Camera, CameraOptions};

const PASSWORD: &str = "hunter2-of-the-yard";

async fn visit(installed: &Installed, place: &str) -> Chromium {
    let browser = Chromium::start(Microphone::Beeping).await;
    browser.open(&format!("{}/{place}", installed.page)).await;
    browser
}

/// The page's headline is this.
async fn is_headed(browser: &Chromium, title: &str) {
    let headline = format!("document.querySelector('main h1')?.textContent === {}", json!(title));
    browser.wait_until(&headline, SOON).await;
}

fn saved(installed: &Installed) -> String {
    std::fs::read_to_string(installed.settings_file()).unwrap()
}

#[tokio::test]
async fn a_camera_is_renamed_on_its_page_and_what_is_not_saved_outlives_news_of_the_house() {
    let installed = Installed::start("").await;
    let browser = visit(&installed, "#/cameras").await;
    browser.follow("Front door").await;
    is_headed(&browser, "Front door").await;
    browser.fill("Name", "Main entrance").await;
    // Motion begins and ends: news of this very camera.
    installed.hub.press("front_door");
    let moves = async |on: bool| {
        let told = async || {
            installed.get("cameras").await["cameras"].to_string().contains(&format!("\"motion\":{on}"))
        };
        crate::fixture::house::wait_for("motion", async || told().await.then_some(())).await;
    };
    moves(true).await;
    moves(false).await;
    assert_eq!(browser.filled("Name").await, "Main entrance");
    browser.press("Save").await;
    browser.wait_until("document.querySelector('#saved')", SOON).await;
    is_headed(&browser, "Main entrance").await;
    assert!(saved(&installed).contains("name = \"Main entrance\""), "{}", saved(&installed));

    // What the house does not take is told at its field, and stays there to be mended.
    browser.fill("Name", "   ").await;
    browser.press("Save").await;
    browser
        .wait_until("document.querySelector('#set-name-problem')?.innerText.includes('1 to 128')", SOON)
        .await;
    assert_eq!(
        browser.value("document.querySelector('#set-name').getAttribute('aria-invalid')").await,
        "true"
    );
    browser.press("Undo").await;
    assert_eq!(browser.filled("Name").await, "Main entrance");

    browser.press("Back to what the hub says").await;
    browser.wait_until("document.querySelector('#remove-sure')", SOON).await;
    browser.value("document.querySelector('#remove-sure').click()").await;
    is_headed(&browser, "Front door").await;
    assert!(!saved(&installed).contains("[[camera]]"), "{}", saved(&installed));
    browser.close().await;
}

#[tokio::test]
async fn a_camera_is_added_by_its_address_after_a_look_at_it() {
    let camera = Camera::start(CameraOptions::default().gop(1.0).locked("me", PASSWORD, "digest")).await;
    let installed = Installed::start("").await;
    let browser = visit(&installed, "#/cameras").await;
    browser.press("Add a camera").await;
    browser.fill("Name", "Hof & Garten").await;
    browser.choose("Maker", "Reolink").await;
    browser.wait_until("document.querySelector('#look-first').disabled", SOON).await;
    browser.fill("Its own address", camera.url()).await;
    browser.press("Look at it first").await;
    browser.wait_until("document.querySelector('#add-camera .waiting')", SOON).await;
    browser.wait_until("document.querySelector('#add-camera .finding')?.dataset.fit === 'true'", SOON).await;
    browser.shows("A call would show its picture as it is", SOON).await;
    assert!(!saved(&installed).contains("[[camera]]"), "a look saves nothing");
    browser.press("Save").await;
    browser.follow("To its page").await;
    is_headed(&browser, "Hof & Garten").await;
    assert!(saved(&installed).contains("id = \"hof_garten\""), "{}", saved(&installed));
    // The page is never told the password, and saving another key does not lose it.
    browser.tick("Keep it open").await;
    browser.press("Save").await;
    browser.wait_until("document.querySelector('#saved')", SOON).await;
    let address = browser.filled("Its own address").await;
    assert!(address.starts_with("rtsp://") && !address.contains(PASSWORD), "{address}");
    assert!(saved(&installed).contains(PASSWORD) && saved(&installed).contains("warm = true"));
    let shown = "document.querySelector('#facts').innerText.includes('H.264, 640 × 360: passed on as it is')";
    browser.wait_until(shown, SOON).await;
    browser.close().await;
}

#[tokio::test]
async fn w5_markup_in_a_cameras_name_is_shown_as_text_and_no_name_breaks_out_of_its_card() {
    const MARKUP: &str = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>";
    let long = format!("{}مرحبا\u{202e}🐈{}", "x".repeat(90), "W".repeat(90));
    let named =
        |key: &str, name: &str| SimCamera { key: key.into(), name: name.into(), ..SimCamera::garden() };
    let cameras = vec![named("markup", MARKUP), named("long", &long)];
    let installed = Installed::beside(SimHubOptions { cameras, ..SimHubOptions::default() }, "").await;
    let browser = visit(&installed, "#/cameras").await;
    browser.be_a_phone(375, 800).await;
    browser.wait_until("document.querySelectorAll('.camera').length === 2", SOON).await;
    let names =
        browser.value("[...document.querySelectorAll('.camera h2')].map((one) => one.textContent)").await;
    let names = names.as_array().unwrap();
    assert!(names.contains(&json!(MARKUP)) && names.contains(&json!(long)), "{names:?}");
    let stays = async |page: &str| {
        let foreign = browser.value("document.querySelectorAll('main script, img[src=x]').length").await;
        assert_eq!(foreign, 0, "{page}");
        assert_eq!(browser.value("window.broken ?? null").await, Value::Null, "{page}");
        let sideways = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(browser.value(sideways).await, false, "{page}");
        let outside = "[...document.querySelectorAll('main *')].filter((one) => \
            one.getBoundingClientRect().right > innerWidth + 1).length";
        assert_eq!(browser.value(outside).await, 0, "{page}");
    };
    stays("the list").await;
    for name in [MARKUP, &long] {
        let follow = format!(
            "[...document.querySelectorAll('.camera h2 a')].find((one) => one.textContent === {}).click()",
            json!(name)
        );
        browser.value(&follow).await;
        is_headed(&browser, name).await;
        browser.wait_until("document.querySelector('#set-name')", SOON).await;
        stays("its page").await;
        browser.follow("All cameras").await;
        browser.wait_until("document.querySelectorAll('.camera').length === 2", SOON).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn a_camera_that_fails_says_why_and_what_to_do() {
    let camera = Camera::start(CameraOptions::default().locked("me", PASSWORD, "digest")).await;
    let wrong = camera.url().replace(PASSWORD, "not-this-one");
    let installed =
        Installed::start(&format!("[[camera]]\nid = 'shed'\nname = 'Shed'\nsource = '{wrong}'\n")).await;
    let browser = visit(&installed, "#/cameras/shed").await;
    browser.press("Look at it: Shed").await;
    browser.wait_until("document.querySelector('.finding')?.dataset.fit === 'false'", SOON).await;
    browser.shows("Put the camera's own user name and password into its address", SOON).await;
    browser.follow("All cameras").await;
    let card = "document.querySelector('.camera[data-endpoint=shed]')";
    browser.wait_until(&format!("{card}.querySelector('[data-trouble]').innerText.length > 30"), SOON).await;
    let text = browser.value(&format!("{card}.innerText")).await;
    let text = text.as_str().unwrap();
    assert!(text.contains("It shows nothing:") && text.contains("Look at it on its page"), "{text}");
    let links =
        format!("[...{card}.querySelectorAll('a')].filter((one) => one.hash === '#/cameras/shed').length");
    assert_eq!(browser.value(&links).await, 2);
    // The first look at a password that is wrong is no reason to tell it.
    assert!(!browser.text().await.contains("not-this-one") && !text.contains(PASSWORD), "{text}");
    browser.close().await;
}
