//! What is around every page: where people land, the bar, what is told when something is wrong.

use thirtyfour::Key;

use super::SOON;
use super::chromium::{Chromium, Microphone, Scheme};
use super::installed::Installed;

const GROUND: &str = "getComputedStyle(document.body).backgroundColor";
const FOCUS: &str = "document.activeElement.innerText";

async fn visit(house: &Installed) -> Chromium {
    let browser = Chromium::start(Microphone::Forbidden).await;
    browser.prefer(Scheme::Light).await;
    browser.open(&house.page).await;
    browser.wait_until("document.querySelector('h1')", SOON).await;
    browser
}

#[tokio::test]
async fn whoever_has_just_installed_it_lands_on_set_up_and_sees_that_no_hub_is_known() {
    let house = Installed::bare().await;
    let browser = visit(&house).await;
    assert_eq!(browser.value("document.querySelector('h1').innerText").await, "Set-up");
    assert_eq!(browser.value("document.title").await, "Set-up · Doorstep");
    assert_eq!(browser.value("document.querySelector('#hub').innerText.trim()").await, "no hub configured");
    browser.close().await;
}

#[tokio::test]
async fn a_house_that_goes_away_is_told_of_and_comes_back_without_a_reload() {
    let mut house = Installed::start("").await;
    let browser = visit(&house).await;
    browser.shows("hub connected", SOON).await;
    browser.value("(window.stays = true)").await;
    house.end();
    browser.shows("Doorstep does not answer", SOON).await;
    house.start_again().await;
    browser.wait_until("!document.querySelector('#connection').innerText", SOON).await;
    browser.shows("hub connected", SOON).await;
    assert_eq!(browser.value("window.stays").await, true, "the page was loaded anew");
    browser.close().await;
}

#[tokio::test]
async fn language_and_colours_that_somebody_chose_are_kept() {
    let house = Installed::start("").await;
    let browser = visit(&house).await;
    let light = browser.value(GROUND).await;
    browser.choose("Language", "Deutsch").await;
    browser.shows("Einstellungen", SOON).await;
    browser.choose("Farben", "Dunkel").await;
    let dark = browser.value(GROUND).await;
    assert_ne!(light, dark);
    browser.reload().await;
    browser.shows("Einstellungen", SOON).await;
    assert_eq!(browser.value("document.documentElement.lang").await, "de");
    assert_eq!(browser.value(GROUND).await, dark);
    browser.choose("Farben", "Wie das Gerät").await;
    assert_eq!(browser.value(GROUND).await, light);
    browser.prefer(Scheme::Dark).await;
    assert_eq!(browser.value(GROUND).await, dark);
    browser.close().await;
}

#[tokio::test]
async fn who_uses_the_keyboard_skips_the_bar_and_hears_where_a_page_begins() {
    let house = Installed::start("").await;
    let browser = visit(&house).await;
    browser.be_a_phone(375, 800).await;
    browser.key(Key::Tab).await;
    assert_eq!(browser.value(FOCUS).await, "Skip to the content");
    assert_eq!(browser.value("document.activeElement.getBoundingClientRect().left >= 0").await, true);
    browser.key(Key::Enter).await;
    assert_eq!(browser.value("document.activeElement.id").await, "main");

    browser.reload().await;
    browser.wait_until("document.querySelector('h1')", SOON).await;
    // Skip link, home, then the pages, the last of which is outside of a phone's row at first.
    for _ in 0..12 {
        browser.key(Key::Tab).await;
        if browser.value(FOCUS).await == "Diagnostics" {
            break;
        }
    }
    assert_eq!(browser.value(FOCUS).await, "Diagnostics");
    browser.wait_until("document.activeElement.getBoundingClientRect().right <= innerWidth", SOON).await;
    browser.key(Key::Enter).await;
    browser.wait_until("document.activeElement === document.querySelector('h1')", SOON).await;
    assert_eq!(browser.value(FOCUS).await, "Diagnostics");
    browser.close().await;
}

#[tokio::test]
async fn several_problems_are_counted_and_each_is_told_on_request() {
    let house = Installed::start("nonsense = 1\n[log]\nlevel = 'loud'\n").await;
    let browser = visit(&house).await;
    let problems = house.get("status").await["problems"].as_array().unwrap().len();
    assert!(problems > 1);
    let count =
        format!("document.querySelector('#problems summary').innerText === '{problems} things need a look'");
    browser.wait_until(&count, SOON).await;
    let shown = format!(
        "[...document.querySelectorAll('.problem')].filter((one) => one.checkVisibility()).length === {problems}"
    );
    assert_eq!(browser.value(&shown).await, false);
    browser.value("document.querySelector('#problems summary').click()").await;
    browser.wait_until(&shown, SOON).await;
    browser.close().await;
}
