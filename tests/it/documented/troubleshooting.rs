//! Each code and each sentence that people get to see has its row in the document on troubles, and none is there that is
//! no more.

use std::collections::BTreeSet;

use doorstep::media::TroubleKind;
use doorstep::state::Outcome;
use serde_json::{Value, json};

use super::document::{code, rows};
use super::source::{core, literals, prose, sources};
use super::{FUNCTION, after, assert_same, file, words};

const TROUBLESHOOTING: &str = "docs/troubleshooting.md";

/// Codes of a section of the words that begin so, as far as one of the texts makes them.
fn codes(section: &str, prefix: &str, texts: &BTreeSet<String>) -> BTreeSet<String> {
    let words = words();
    let keys = words[section].as_object().unwrap().keys();
    let all = keys.filter_map(|key| key.strip_prefix(prefix));
    all.filter(|code| texts.contains(*code)).map(str::to_owned).collect()
}

fn texts(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().flat_map(|path| literals(&file(path))).collect()
}

#[test]
fn every_code_of_a_closed_list_has_its_row() {
    let mut real = BTreeSet::new();
    let mut add = |prefix: &str, codes: BTreeSet<String>| {
        assert!(!codes.is_empty(), "{prefix}");
        real.extend(codes.into_iter().map(|code| format!("{prefix}{code}")));
    };
    let checklist = file("src/http/checklist.rs");
    let standings = after(&checklist, "Standing::", ')').flat_map(literals).collect();
    for line in ["hub", "cameras", "fit", "camera", "door", "account", "events", "call"] {
        add(&format!("{line}."), codes("set_up", &format!("{line}_"), &standings));
    }
    let road = "src/road.rs";
    let hub = texts(&[road, "src/hub/bridge/trial.rs", "src/http/hub_try.rs"]);
    add("try.", codes("set_up", "try_", &hub));
    add("reach.", codes("set_up", "reach_", &texts(&[road, "src/http/reach.rs"])));
    let outcomes = Outcome::ALL.iter().chain(&[Outcome::Unknown]);
    add("", outcomes.map(|outcome| outcome.code().to_owned()).collect());
    let kinds = TroubleKind::ALL.iter().map(|kind| json!(kind).as_str().unwrap().to_owned());
    add("trouble.", kinds.collect());
    let camera = sources("src/camera");
    let mut said = texts(&["src/camera/talk.rs"]);
    said.extend(camera.iter().flat_map(|text| after(text, "Sentence::new(", ',')).flat_map(literals));
    for kind in ["probe", "advice", "talk", "speaker"] {
        add(&format!("{kind}."), codes("camera", &format!("{kind}_"), &said));
    }
    add("why.", codes("cameras", "why_", &texts(&["src/media/why.rs"])));
    let events = ["src/alexa/gateway/events_status.rs", "src/alexa/gateway/outbox/dropped.rs"];
    add("event.", codes("events", "outcome_", &texts(&events)));
    // These are not said for themselves, but about something.
    let labels = ["log_in", "log_out", "token"];
    let refusals = words()["login"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    add("login.", refusals.into_iter().filter(|key| !labels.contains(&key.as_str())).collect());
    let types = texts(&["src/alexa/failure.rs", "src/alexa/authorization.rs"]);
    let is_type =
        |text: &String| text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    add("", types.into_iter().filter(is_type).collect());
    let documented = rows(&file(TROUBLESHOOTING)).iter().filter_map(|row| code(&row[0])).collect();
    assert_same(&documented, &real, TROUBLESHOOTING);
}

/// Whose error types people get to see.
const ERRORS: [&str; 14] = [
    "src/app.rs",
    "src/router.rs",
    "src/http",
    "src/config",
    "src/hub/skill.rs",
    "src/camera/mod.rs",
    "src/alexa/message.rs",
    "src/alexa/gateway/region.rs",
    "src/alexa/gateway/token_client.rs",
    "src/alexa/gateway/accept_grant.rs",
    "src/media/mod.rs",
    "src/media/back_channel",
    "src/media/address_policy.rs",
    "src/peer/turn/turn_error.rs",
];

/// Which say nothing but what is wrong.
const FAULTS: [&str; 9] = [
    "src/config/validate.rs",
    "src/media/worker/trouble.rs",
    "src/media/fetch/hls.rs",
    "src/media/fetch/stills.rs",
    "src/camera/relay.rs",
    "src/camera/screen_stream.rs",
    "src/http/paths.rs",
    "src/http/tls.rs",
    "src/alexa/gateway/events_status.rs",
];

/// Parts of sentences, and what the log says when all is well.
const NO_FAULTS: [&str; 15] = [
    "not saved",
    "all cameras",
    "\"\" is off",
    "DOOR_URL or HUB_URL",
    "the hub's own address (hub.url)",
    "our own address (ui.listen)",
    "our own address (door.listen)",
    "the hub's stream",
    "the hub's stills",
    "the hub's relay",
    "nobody looks any more",
    "the door shows this certificate from now on",
    "the door's certificate could not be looked at",
    "the media worker sent",
    "source cannot be used",
];

#[test]
fn every_sentence_about_a_fault_has_its_row() {
    let rows = rows(&file(TROUBLESHOOTING));
    let quoted = rows.iter().filter_map(|row| row[0].strip_prefix('"')?.strip_suffix('"'));
    let documented: BTreeSet<String> = quoted.flat_map(|cell| cell.split("\", \"")).map(core).collect();
    let errors = ERRORS.map(sources).concat();
    let errors = errors.iter().flat_map(|text| text.split("#[error(").skip(1));
    let errors = errors.filter_map(|rest| rest.split(")]").next()).flat_map(literals);
    let faults = FAULTS.map(file);
    // What one of its files throws at another stays inside.
    let function = sources(FUNCTION).into_iter().filter(|text| !text.contains("new Error("));
    let function: Vec<_> = function.collect();
    let said = errors.chain(faults.iter().flat_map(|text| literals(text)));
    let mut real: BTreeSet<String> =
        said.chain(function.iter().flat_map(|text| literals(text))).filter_map(|text| prose(&text)).collect();
    real.retain(|sentence| !NO_FAULTS.contains(&sentence.as_str()));
    // Of these there are codes.
    let words = words();
    let outcomes: Vec<_> = words["events"].as_object().unwrap().values().filter_map(Value::as_str).collect();
    real.retain(|sentence| documented.contains(sentence) || !outcomes.contains(&sentence.as_str()));
    // Others say such things, too; all that is documented is said by somebody.
    let all = sources("src");
    let anybody: BTreeSet<String> =
        all.iter().flat_map(|text| literals(text)).filter_map(|text| prose(&text)).collect();
    real.extend(documented.intersection(&anybody).cloned());
    assert_same(&documented, &real, TROUBLESHOOTING);
}
