//! What holds for every page: anybody can use it, on a phone and on a desk, by day and by night, in each
//! language, at the root and behind the hub's ingress.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::axe::violations;
use super::chromium::{Chromium, Microphone, Scheme};
use super::demo::Demo;
use super::ingress::{Ingress, User};
use super::{LIVE, SOON, UNTRANSLATED};

/// The pages, by name and by what follows # in the address. Those of one camera and one call come on top.
const PAGES: [(&str, &str); 6] = [
    ("set-up", "#/set_up"),
    ("cameras", "#/cameras"),
    ("activity", "#/activity"),
    ("settings", "#/settings"),
    ("diagnostics", "#/diagnostics"),
    ("no-page", "#/nowhere"),
];

const SIDEWAYS: &str = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
/// Text that no line can hold sticks out even where the page itself does not scroll; what scrolls inside
/// itself may.
const OUTSIDE: &str = "[...document.querySelectorAll('body *')].filter((one) => {
    if (one.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = one.parentElement; up !== document.body; up = up.parentElement)
        if (getComputedStyle(up).overflowX !== 'visible') return false;
    return true;
}).map((one) => one.outerHTML)";
/// What was asked for has come.
const SETTLED: &str = "document.querySelector('main h1')
    && !document.querySelector('main .loading, main [aria-busy=true]')";

/// A screen, and who looks at it.
#[derive(Clone, Copy)]
struct Look {
    width: u32,
    scheme: Scheme,
}

impl Look {
    const ALL: [Self; 4] = [
        Self { width: 375, scheme: Scheme::Light },
        Self { width: 375, scheme: Scheme::Dark },
        Self { width: 1280, scheme: Scheme::Light },
        Self { width: 1280, scheme: Scheme::Dark },
    ];

    async fn take(self, browser: &Chromium) {
        if self.width < 600 {
            browser.be_a_phone(self.width, 800).await;
        } else {
            browser.be_a_desk(self.width, 900).await;
        }
        browser.prefer(self.scheme).await;
    }

    fn name(self) -> String {
        let scheme = if self.scheme == Scheme::Dark { "dark" } else { "light" };
        format!("{}-{scheme}", self.width)
    }
}

/// Looks at each page, keeps pictures of it and gives everything that is wrong with it.
async fn faults(
    browser: &Chromium,
    base: &str,
    pages: &[(String, String)],
    look: Look,
    name: &str,
) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    look.take(browser).await;
    for (page, place) in pages {
        browser.open(&format!("{base}/{place}")).await;
        browser.reload().await;
        browser.wait_until(SETTLED, SOON).await;
        let picture = format!("{name}-{page}-{}", look.name());
        browser.keep(&picture).await;
        let mut wrong = violations(browser).await;
        for (expression, right) in [
            ("innerWidth", json!(look.width)),
            (SIDEWAYS, json!(false)),
            (OUTSIDE, json!([])),
            (UNTRANSLATED, json!(0)),
            ("document.querySelectorAll('h1').length", json!(1)),
        ] {
            let found = browser.value(expression).await;
            if found != right {
                wrong.push(format!("{expression} is {found}"));
            }
        }
        wrong.extend(browser.complaints().await);
        faults.extend(wrong.into_iter().map(|wrong| (wrong, picture.clone())));
    }
    faults
}

/// What was asked of other hosts than the page's.
async fn asked_elsewhere(browser: &Chromium, base: &str) -> Vec<(String, String)> {
    let home = url::Url::parse(base).unwrap();
    let requests = browser.requests().await;
    assert!(requests.len() > 20, "what the pages ask for is not seen: {requests:?}");
    let elsewhere = |address: &String| {
        let address = url::Url::parse(address).unwrap();
        // Pages of the browser's own, and data inside of the page, leave the machine for nobody.
        ["http", "https", "ws", "wss"].contains(&address.scheme())
            && (address.host_str(), address.port()) != (home.host_str(), home.port())
    };
    requests.into_iter().filter(elsewhere).map(|address| (address, "another host".into())).collect()
}

/// The pages, with that of the first camera and, if there was one, of the last call.
fn pages(cameras: &Value, calls: &Value) -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = PAGES.map(|(name, place)| (name.into(), place.into())).to_vec();
    for (name, list, key) in [("camera", &cameras["cameras"], "endpoint_id"), ("call", &calls["calls"], "id")]
    {
        if let Some(id) = list[0][key].as_str() {
            let id = id.replace('#', "%23");
            pages.push((name.into(), format!("#/{name}s/{id}")));
        }
    }
    pages
}

/// Nothing is wrong anywhere; else what it is, and where.
fn none(faults: &[(String, String)]) {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (wrong, place) in faults {
        places.entry(wrong).or_default().push(place);
    }
    let told = places.iter().map(|(wrong, places)| format!("{wrong}\n    at {}", places.join(", ")));
    assert!(faults.is_empty(), "{}", told.collect::<Vec<_>>().join("\n\n"));
}

/// Makes a call from the demo's page, so that there is something to show.
async fn call(browser: &Chromium) {
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    browser.press("Hang up").await;
}

#[tokio::test]
async fn every_page_can_be_used_by_anybody_on_a_phone_and_a_desk_by_day_and_by_night_and_asks_nobody_else() {
    let (demo, browser) = super::visit(Microphone::Beeping).await;
    call(&browser).await;
    demo.quiet(SOON).await;
    let mut pages = pages(&demo.get("cameras").await, &demo.get("calls").await);
    pages.push(("demo".into(), "#/demo".into()));
    let mut wrong = Vec::new();
    for look in Look::ALL {
        wrong.extend(faults(&browser, &demo.page, &pages, look, "root").await);
    }
    wrong.extend(asked_elsewhere(&browser, &demo.page).await);
    none(&wrong);
    browser.close().await;
}

#[tokio::test]
async fn the_pages_of_the_visitor_and_of_the_login_are_for_anybody_too() {
    let settings = "ui.token = 'a-token-of-the-page-0123456789'\n";
    let (demo, browser, locked) = tokio::join!(
        Demo::start(),
        Chromium::start(Microphone::Beeping),
        super::installed::Installed::start(settings)
    );
    let visitor = demo.get("status").await["demo"]["visitor"].as_str().unwrap().to_owned();
    let mut wrong = Vec::new();
    for look in Look::ALL {
        let visitor = visitor.trim_end_matches('/');
        wrong.extend(faults(&browser, visitor, &[("visitor".into(), String::new())], look, "demo").await);
        // The browser tells of the refusal in the console, and rightly so.
        let mut locked =
            faults(&browser, &locked.page, &[("login".into(), String::new())], look, "root").await;
        locked.retain(|(wrong, _)| !wrong.contains("401 (Unauthorized)"));
        wrong.extend(locked);
    }
    none(&wrong);
    browser.close().await;
}

#[tokio::test]
async fn every_page_has_room_for_german_on_a_phone() {
    let (demo, browser) = tokio::join!(Demo::start(), Chromium::start_in("de-AT,de", Microphone::Beeping));
    browser.open(&demo.page).await;
    browser.wait_until("document.documentElement.lang === 'de'", SOON).await;
    let mut pages = pages(&demo.get("cameras").await, &demo.get("calls").await);
    pages.push(("demo".into(), "#/demo".into()));
    none(&faults(&browser, &demo.page, &pages, Look::ALL[0], "german").await);
    browser.close().await;
}

#[tokio::test]
async fn every_page_works_behind_the_ingress_and_nothing_is_asked_for_outside_of_its_prefix() {
    let ingress = Ingress::start(Some("[[camera]]\nid = 'shed'\nname = 'Shed'\nsource = 'test:'\n")).await;
    let browser = Chromium::start(Microphone::Beeping).await;
    let page = ingress.page(User::Owner);
    browser.open(&format!("{page}/#/cameras")).await;
    browser.shows("Shed", SOON).await;
    let pages = pages(&json!({"cameras": [{"endpoint_id": "shed"}]}), &Value::Null);
    let mut wrong = faults(&browser, &page, &pages, Look::ALL[1], "ingress").await;
    wrong.extend(asked_elsewhere(&browser, &page).await);
    wrong.extend(ingress.strays().into_iter().map(|stray| (stray, "outside of the prefix".into())));
    none(&wrong);
    browser.close().await;
}

#[tokio::test]
async fn w5_what_changes_is_shown_through_the_ingress_without_a_reload_and_names_stay_text() {
    let ingress = Ingress::start(None).await;
    let browser = Chromium::start(Microphone::Beeping).await;
    browser.open(&format!("{}/#/cameras", ingress.page(User::Family))).await;
    browser.shows("Front door", SOON).await;
    browser.value("(window.stays = true)").await;
    ingress.home.hub.name("camera.front_door", Some("Gate <b>& lane</b>"));
    browser.shows("Gate <b>& lane</b>", SOON).await;
    ingress.home.hub.go_down().await;
    browser.shows("hub not reached", SOON).await;
    ingress.home.hub.come_up().await;
    browser.shows("hub connected", SOON).await;
    assert_eq!(browser.value("window.stays").await, true, "the page was loaded anew");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
