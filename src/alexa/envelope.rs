//! What surrounds every directive and every event.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

/// Longest text of an envelope's name fields that is kept, bytes.
const MAX_NAME: usize = 256;

/// The readable part of a directive's envelope. A field that is missing or of another type is
/// empty or `None`: an answer echoes whatever could be read.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// `header.namespace`.
    pub namespace: String,
    /// `header.name`.
    pub name: String,
    /// `header.messageId`.
    pub message_id: String,
    /// `header.correlationToken`: opaque, goes back verbatim.
    pub correlation_token: Option<String>,
    /// `endpoint.endpointId`.
    pub endpoint_id: Option<String>,
    /// The bearer token that the directive itself carries.
    pub token: Option<SecretString>,
}

impl Envelope {
    /// Reads what can be read of a directive.
    #[must_use]
    pub fn read(directive: &Map<String, Value>) -> Self {
        let text = |path: &[&str]| {
            let mut value = directive.get(*path.first()?)?;
            for key in path.iter().skip(1) {
                value = value.get(key)?;
            }
            value.as_str()
        };
        let short = |path: &[&str]| {
            let fits = |t: &&str| t.len() <= MAX_NAME && !t.contains(char::is_control);
            text(path).filter(fits).map(str::to_owned)
        };
        // The order in which the Lambda in use by the community looks for it.
        let token = text(&["endpoint", "scope", "token"])
            .or_else(|| text(&["payload", "grantee", "token"]))
            .or_else(|| text(&["payload", "scope", "token"]));
        Self {
            namespace: short(&["header", "namespace"]).unwrap_or_default(),
            name: short(&["header", "name"]).unwrap_or_default(),
            message_id: short(&["header", "messageId"]).unwrap_or_default(),
            correlation_token: text(&["header", "correlationToken"]).map(str::to_owned),
            endpoint_id: short(&["endpoint", "endpointId"]),
            token: token.filter(|t| !t.is_empty()).map(SecretString::from),
        }
    }

    /// A Discover never gets an error, only an empty list.
    #[must_use]
    pub fn is_discover(&self) -> bool {
        self.namespace == "Alexa.Discovery" && self.name == "Discover"
    }

    /// A grant for events, which has errors of its own.
    #[must_use]
    pub fn is_grant(&self) -> bool {
        self.namespace == "Alexa.Authorization" && self.name == "AcceptGrant"
    }

    /// An event that answers the directive: a fresh message id, the correlation token and the
    /// endpoint echoed, the scope's token left out.
    #[must_use]
    pub fn event(&self, namespace: &str, name: &str, payload: Value) -> Value {
        let mut header = header(namespace, name);
        if let Some(token) = &self.correlation_token {
            header["correlationToken"] = json!(token);
        }
        let mut event = json!({ "header": header, "payload": payload });
        if let Some(id) = &self.endpoint_id {
            event["endpoint"] = json!({ "endpointId": id });
        }
        json!({ "event": event })
    }
}

/// The header of an event: a fresh message id.
#[must_use]
pub(super) fn header(namespace: &str, name: &str) -> Value {
    json!({
        "namespace": namespace,
        "name": name,
        "payloadVersion": "3",
        "messageId": uuid::Uuid::new_v4().to_string(),
    })
}

/// The scope of an event that answers no directive: whose home it is from.
#[must_use]
pub(super) fn scope(token: &str) -> Value {
    json!({ "type": "BearerToken", "token": token })
}
