//! What an event must look like, as Amazon documents it. Each fault is a sentence.

use serde_json::{Map, Value};

/// Causes of a change or a press.
const CAUSES: [&str; 5] =
    ["APP_INTERACTION", "PHYSICAL_INTERACTION", "PERIODIC_POLL", "RULE_TRIGGER", "VOICE_INTERACTION"];

/// Everything that is wrong with an event.
pub(super) fn event(body: &Value) -> Vec<String> {
    let mut judge = Judge(Vec::new());
    let Some(root) = judge.object("the body", body, &["event", "context"], &["event"]) else {
        return judge.0;
    };
    let event = &root["event"];
    let keys = ["header", "endpoint", "payload"];
    if judge.object("event", event, &keys, &["header", "payload"]).is_none() {
        return judge.0;
    }
    judge.header(&event["header"]);
    let kind = (text(&event["header"]["namespace"]), text(&event["header"]["name"]));
    match kind {
        ("Alexa.DoorbellEventSource", "DoorbellPress") => judge.press(event, &root["context"]),
        ("Alexa", "ChangeReport") => judge.change(event, root.get("context").unwrap_or(&Value::Null)),
        ("Alexa.Discovery", "AddOrUpdateReport") => judge.endpoints(event, Judge::endpoint),
        ("Alexa.Discovery", "DeleteReport") => judge.endpoints(event, |judge, one| {
            judge.object("an endpoint", one, &["endpointId"], &["endpointId"]);
        }),
        (namespace, name) => judge.say(format!("{namespace}/{name} is no event of a smart home")),
    }
    judge.0
}

/// The token that the event itself carries.
pub(super) fn token_in(body: &Value) -> Option<&String> {
    let places = ["/event/endpoint/scope/token", "/event/payload/scope/token"];
    match places.iter().find_map(|place| body.pointer(place)) {
        Some(Value::String(token)) => Some(token),
        _ => None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Judge(Vec<String>);

impl Judge {
    fn say(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    fn demand(&mut self, holds: bool, fault: impl Into<String>) {
        if !holds {
            self.say(fault);
        }
    }

    /// An object with no other keys than `known` and at least `needed`.
    fn object<'a>(
        &mut self,
        what: &str,
        value: &'a Value,
        known: &[&str],
        needed: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.say(format!("{what} is no object"));
            return None;
        };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.say(format!("{what} has the unknown key {key}"));
        }
        for key in needed.iter().filter(|key| !object.contains_key(**key)) {
            self.say(format!("{what} has no {key}"));
        }
        Some(object)
    }

    fn header(&mut self, header: &Value) {
        let keys = ["namespace", "name", "payloadVersion", "messageId"];
        self.object("header", header, &keys, &keys);
        self.demand(header["payloadVersion"] == "3", "payloadVersion is not \"3\"");
        let id = text(&header["messageId"]);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        self.demand((1..=127).contains(&id.len()) && id.chars().all(fits), "messageId has not its form");
    }

    fn scope(&mut self, scope: &Value) {
        self.object("scope", scope, &["type", "token"], &["type", "token"]);
        self.demand(scope["type"] == "BearerToken", "scope is no BearerToken");
        self.demand(!text(&scope["token"]).is_empty(), "scope has no token");
    }

    fn addressed(&mut self, event: &Value) {
        let keys = ["scope", "endpointId"];
        self.object("endpoint", &event["endpoint"], &keys, &keys);
        self.scope(&event["endpoint"]["scope"]);
        self.endpoint_id(&event["endpoint"]["endpointId"]);
    }

    fn endpoint_id(&mut self, id: &Value) {
        let id = text(id);
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-=#;:?@&".contains(c);
        self.demand(
            (1..=256).contains(&id.len()) && id.chars().all(fits),
            format!("{id:?} is no endpointId"),
        );
    }

    fn cause(&mut self, cause: &Value) {
        self.object("cause", cause, &["type"], &["type"]);
        self.demand(CAUSES.contains(&text(&cause["type"])), format!("{cause} is no cause"));
    }

    fn press(&mut self, event: &Value, context: &Value) {
        self.addressed(event);
        let keys = ["cause", "timestamp"];
        self.object("payload", &event["payload"], &keys, &keys);
        self.cause(&event["payload"]["cause"]);
        let at = text(&event["payload"]["timestamp"]);
        self.demand(at.len() == 20 && is_moment(at), format!("{at:?} is no timestamp in whole seconds"));
        self.demand(context.as_object().is_some_and(Map::is_empty), "the context of a press is not empty");
    }

    fn change(&mut self, event: &Value, context: &Value) {
        self.addressed(event);
        self.object("payload", &event["payload"], &["change"], &["change"]);
        let change = &event["payload"]["change"];
        self.object("change", change, &["cause", "properties"], &["cause", "properties"]);
        self.cause(&change["cause"]);
        self.object("context", context, &["properties"], &["properties"]);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (changed, rest) = (list(&change["properties"]), list(&context["properties"]));
        self.demand(!changed.is_empty(), "nothing has changed");
        let mut names = Vec::new();
        for property in changed.iter().chain(&rest) {
            self.property(property);
            names.push((text(&property["namespace"]), text(&property["name"])));
        }
        let told = names.len();
        names.sort_unstable();
        names.dedup();
        self.demand(names.len() == told, "a property is told twice");
        self.demand(names.contains(&("Alexa.EndpointHealth", "connectivity")), "connectivity is not told");
    }

    fn property(&mut self, property: &Value) {
        let keys = ["namespace", "name", "value", "timeOfSample", "uncertaintyInMilliseconds"];
        self.object("property", property, &keys, &keys);
        let at = text(&property["timeOfSample"]);
        self.demand(is_moment(at), format!("{at:?} is no timeOfSample"));
        self.demand(property["uncertaintyInMilliseconds"].is_u64(), "the uncertainty is no number");
        let value = &property["value"];
        let is_good = match (text(&property["namespace"]), text(&property["name"])) {
            ("Alexa.EndpointHealth", "connectivity") => {
                ["OK", "UNREACHABLE"].contains(&text(&value["value"]))
            }
            ("Alexa.MotionSensor", "detectionState") => ["DETECTED", "NOT_DETECTED"].contains(&text(value)),
            ("Alexa.PowerController", "powerState") => ["ON", "OFF"].contains(&text(value)),
            _ => false,
        };
        self.demand(is_good, format!("{property} is no property that a camera can have"));
    }

    fn endpoints(&mut self, event: &Value, judge_one: impl Fn(&mut Self, &Value)) {
        self.demand(event.get("endpoint").is_none(), "a report of endpoints is addressed to one");
        let payload = &event["payload"];
        self.object("payload", payload, &["endpoints", "scope"], &["endpoints", "scope"]);
        self.scope(&payload["scope"]);
        let endpoints = payload["endpoints"].as_array().cloned().unwrap_or_default();
        self.demand((1..=300).contains(&endpoints.len()), "there are not 1 to 300 endpoints");
        for endpoint in &endpoints {
            judge_one(self, endpoint);
            self.endpoint_id(&endpoint["endpointId"]);
        }
    }

    fn endpoint(&mut self, endpoint: &Value) {
        let needed = [
            "endpointId",
            "manufacturerName",
            "friendlyName",
            "description",
            "displayCategories",
            "capabilities",
        ];
        let known = [&needed[..], &["additionalAttributes", "connections", "cookie"]].concat();
        self.object("an endpoint", endpoint, &known, &needed);
        for key in ["manufacturerName", "friendlyName", "description"] {
            let length = text(&endpoint[key]).chars().count();
            self.demand((1..=128).contains(&length), format!("{key} has {length} characters"));
        }
        let capabilities = endpoint["capabilities"].as_array().cloned().unwrap_or_default();
        self.demand((1..=100).contains(&capabilities.len()), "there are not 1 to 100 capabilities");
        for capability in &capabilities {
            let is_whole = capability["type"] == "AlexaInterface"
                && !text(&capability["interface"]).is_empty()
                && !text(&capability["version"]).is_empty();
            self.demand(is_whole, format!("{capability} is no capability"));
        }
        let is_alexa = |capability: &Value| capability["interface"] == "Alexa";
        self.demand(capabilities.iter().any(is_alexa), "the capability Alexa is missing");
    }
}

/// `2026-11-22T10:00:00Z`, with at most three digits behind the seconds.
fn is_moment(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else { return false };
    let (seconds, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let form = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(have, want): (u8, &u8)| if *want == b'd' { have.is_ascii_digit() } else { have == *want };
    seconds.len() == form.len()
        && seconds.bytes().zip(form).all(fits)
        && fraction.is_none_or(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit())
        })
}
