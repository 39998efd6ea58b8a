//! axe-core, a judge of accessibility that is not ours.

use serde_json::Value;

use super::Chromium;

/// Where the project's set-up puts it.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/axe.min.js");

/// What axe finds wrong with the page as it is now: the rule, and where.
///
/// # Panics
/// When axe is missing; says how to get it.
pub async fn violations(browser: &Chromium) -> Vec<String> {
    if browser.value("typeof axe").await != "object" {
        let axe = std::fs::read_to_string(AXE).unwrap_or_else(|error| {
            panic!("the tests of the page need axe-core ({AXE}: {error}): run `make setup-test`")
        });
        // As the browser's own word: the page's policy would forbid it to be a script of the page.
        browser.run(&format!("{axe}; arguments[0](null)")).await;
    }
    let judge = "const tell = arguments[0];
        axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => tell(violations), (error) => tell(`${error}`))";
    let found = browser.run(judge).await;
    let found = found.as_array().unwrap_or_else(|| panic!("axe: {found}"));
    let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = found.iter().flat_map(|rule| {
        let nodes = rule["nodes"].as_array().unwrap().iter();
        nodes.map(move |node| {
            format!("{}: {} {}", words(&rule["id"]), node["html"], words(&node["failureSummary"]))
        })
    });
    told.collect()
}
