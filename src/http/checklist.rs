//! The way from nothing to the first call, line by line, as far as it has been gone. Pure.
//!
//! A line says by its code how it stands; the page puts that into words, and says what to do next.

use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::alexa::gateway::EventsStatus;
use crate::hub::Link;

mod facts;

pub(super) use facts::{CallFacts, CameraFacts, Facts, HubFacts};

/// Where users of the hub make a long-lived access token, as seen from its base address.
const PROFILE: &str = "profile/security";
/// Of account linking: where Alexa comes from, by region, is the client's id at the hub.
const CLIENT_IDS: [(&str, &str); 3] = [
    ("na", "https://pitangui.amazon.com/"),
    ("eu", "https://layla.amazon.com/"),
    ("fe", "https://alexa.amazon.co.jp/"),
];

/// How a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Nothing is left to do.
    Done,
    /// Somebody has to do something.
    Todo,
    /// It goes on by itself.
    Doing,
    /// It may be left as it is.
    Optional,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// `hub`, `cameras`, `fit`, `door`, `account`, `events`, `call`.
    pub id: &'static str,
    /// How it stands.
    pub state: Standing,
    /// Why, of a closed list.
    pub code: &'static str,
    /// What its words need; no secrets.
    pub values: Value,
}

/// All lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Checklist {
    /// In the order in which they are gone.
    pub lines: Vec<Line>,
    /// No line is left to be done.
    pub complete: bool,
}

type Judged = (Standing, &'static str, Value);

/// Lays the facts out.
pub(super) fn checklist(facts: &Facts) -> Checklist {
    let line = |id, (state, code, values): Judged| Line { id, state, code, values };
    let lines = vec![
        line("hub", hub(facts)),
        line("cameras", cameras(facts)),
        line("fit", fit(&facts.cameras)),
        line("door", open_road(facts)),
        line("account", account(facts)),
        line("events", events(&facts.events)),
        line("call", call(facts)),
    ];
    let complete = lines.iter().all(|line| matches!(line.state, Standing::Done | Standing::Optional));
    Checklist { lines, complete }
}

fn hub(facts: &Facts) -> Judged {
    let hub = &facts.hub;
    let profile = hub.url.as_ref().and_then(|url| url.join(PROFILE).ok());
    let mut values = json!({ "url": hub.url, "profile": profile, "version": hub.version, "n": hub.cameras });
    let (state, code) = match &hub.link {
        Link::None if hub.url.is_some() && !hub.has_token => (Standing::Todo, "no_token"),
        Link::None if facts.cameras.is_empty() => (Standing::Todo, "none"),
        Link::None => (Standing::Optional, "without"),
        Link::Running => (Standing::Done, "running"),
        Link::Starting => (Standing::Doing, "starting"),
        Link::Down(reason) => {
            values["why"] = reason.as_str().into();
            (Standing::Todo, if hub.proxied { "down_supervised" } else { "down" })
        }
        Link::Refused(reason) => {
            values["why"] = reason.as_str().into();
            (Standing::Todo, if hub.proxied { "refused_supervised" } else { "refused" })
        }
    };
    (state, code, values)
}

fn cameras(facts: &Facts) -> Judged {
    let shared = facts.cameras.iter().filter(|camera| camera.shared).count();
    let (state, code) = match (&facts.hub.link, facts.cameras.len(), shared) {
        (Link::None, 0, _) => (Standing::Todo, "none"),
        (Link::Running, 0, _) => (Standing::Todo, "none_at_hub"),
        (_, 0, _) => (Standing::Doing, "waiting"),
        (_, _, 0) => (Standing::Todo, "none_shared"),
        _ => (Standing::Done, "found"),
    };
    (state, code, json!({ "n": facts.cameras.len(), "shared": shared }))
}

/// How one camera stands, why, when that was seen, and what was found.
fn one(camera: &CameraFacts) -> (Standing, &'static str, Option<&str>, Option<Value>) {
    if !camera.shared {
        return (Standing::Optional, "not_shared", None, None);
    }
    if !camera.on {
        return (Standing::Optional, "off", None, None);
    }
    if let Some(trouble) = &camera.trouble {
        return (Standing::Todo, "trouble", None, Some(trouble.as_str().into()));
    }
    match (&camera.checked, &camera.shown) {
        // RFC 3339 in UTC sorts as text.
        (Some(checked), shown) if shown.as_ref().is_none_or(|shown| *shown < checked.at) => {
            let (state, code) = if checked.fit { (Standing::Done, "fit") } else { (Standing::Todo, "unfit") };
            (state, code, Some(&checked.at), Some(checked.says.clone()))
        }
        (_, Some(shown)) => (Standing::Done, "shown", Some(shown), None),
        _ if camera.learned => (Standing::Done, "learned", None, None),
        _ => (Standing::Todo, "unknown", None, None),
    }
}

fn fit(cameras: &[CameraFacts]) -> Judged {
    let judged: Vec<_> = cameras.iter().map(|camera| (camera, one(camera))).collect();
    let count = |wanted: Standing| judged.iter().filter(|(_, (state, ..))| *state == wanted).count();
    let (done, todo) = (count(Standing::Done), count(Standing::Todo));
    let unknown = judged.iter().any(|(_, (_, code, ..))| *code == "unknown");
    let (state, code) = match (done, todo) {
        (0, 0) => (Standing::Todo, "none"),
        (_, 0) => (Standing::Done, "fit"),
        _ if unknown => (Standing::Todo, "unknown"),
        _ => (Standing::Todo, "unfit"),
    };
    let list: Vec<Value> = judged
        .into_iter()
        .map(|(camera, (state, code, at, says))| {
            json!({ "id": camera.id, "name": camera.name, "state": state, "code": code, "at": at, "says": says })
        })
        .collect();
    (state, code, json!({ "fit": done, "of": done + todo, "cameras": list }))
}

fn open_road(facts: &Facts) -> Judged {
    let base = facts.public_url.as_ref().map(base_of);
    let tried = facts.door_tried.as_ref().filter(|tried| Some(base_of_text(&tried.url)) == base.as_deref());
    // Nobody is linked, and no call made, but by a directive that came in.
    let used = facts.links > 0 || facts.shown.is_some();
    let (state, code) = match (facts.door_open, &base, tried.map(|tried| tried.code.as_str())) {
        _ if facts.demo => (Standing::Optional, "demo"),
        (false, ..) if facts.supervised && used => (Standing::Done, "ingress"),
        (false, ..) if facts.supervised => (Standing::Doing, "ingress_waiting"),
        (false, ..) => (Standing::Todo, "closed"),
        (true, _, Some("reached")) => (Standing::Done, "reached"),
        _ if used => (Standing::Done, "used"),
        (true, None, _) => (Standing::Todo, "no_address"),
        (true, _, None) => (Standing::Todo, "not_tried"),
        (true, _, Some(_)) => (Standing::Todo, "not_reached"),
    };
    let tried = tried.map(|tried| json!({ "code": tried.code, "at": tried.at }));
    let hubless = facts.hub.link == Link::None;
    let mut values = json!({ "base": base, "open": facts.door_open, "tried": tried, "hubless": hubless });
    if facts.supervised && !facts.door_open {
        values["hub"] = facts.hub.external_url.as_ref().map(base_of).into();
        values["add_on"] = facts.add_on.as_deref().into();
    }
    (state, code, values)
}

/// As the Lambda function takes it.
fn base_of(url: &Url) -> String {
    base_of_text(url.as_str()).to_owned()
}

fn base_of_text(url: &str) -> &str {
    url.trim_end_matches('/')
}

fn account(facts: &Facts) -> Judged {
    let external = facts.hub.external_url.as_ref();
    let at = |path: &str| external.and_then(|url| url.join(path).ok());
    let clients: Vec<Value> =
        CLIENT_IDS.iter().map(|(region, id)| json!({ "region": region, "client_id": id })).collect();
    let (state, code) = match &facts.hub.link {
        _ if facts.demo => (Standing::Optional, "demo"),
        Link::None => (Standing::Optional, "without"),
        _ if facts.links > 0 => (Standing::Done, "linked"),
        _ if external.is_none() => (Standing::Todo, "no_external_address"),
        _ => (Standing::Todo, "nobody"),
    };
    let values = json!({
        "n": facts.links,
        "authorize": at("auth/authorize"),
        "token": at("auth/token"),
        "scope": "smart_home",
        "clients": clients,
    });
    (state, code, values)
}

fn events(events: &EventsStatus) -> Judged {
    let since = events.linked.as_ref().map(|linked| linked.since.as_str());
    let rejected = events.rejected.as_ref().map(|rejected| rejected.why);
    let why = events.link_again.as_deref().or(events.trouble.as_deref()).or(rejected);
    let (state, code) = match (events.configured, &since) {
        (false, _) => (Standing::Optional, "not_set_up"),
        (true, None) => (Standing::Todo, "no_permission"),
        _ if events.link_again.is_some() => (Standing::Todo, "link_again"),
        _ if events.trouble.is_some() => (Standing::Todo, "trouble"),
        _ if events.rejected.is_some() => (Standing::Todo, "rejected"),
        _ => (Standing::Done, "allowed"),
    };
    (state, code, json!({ "since": since, "why": why }))
}

fn call(facts: &Facts) -> Judged {
    let say = facts.cameras.iter().find(|camera| camera.shared && camera.on).map(|camera| &camera.name);
    match (&facts.dark, &facts.shown) {
        (_, Some(shown)) => (Standing::Done, "made", json!({ "call": shown, "say": say })),
        (Some(dark), None) => (Standing::Todo, "dark", json!({ "call": dark, "say": say })),
        (None, None) if say.is_none() => (Standing::Todo, "later", json!({})),
        (None, None) if facts.demo => (Standing::Todo, "play", json!({})),
        (None, None) => (Standing::Todo, "none", json!({ "say": say })),
    }
}

#[cfg(test)]
mod tests;
