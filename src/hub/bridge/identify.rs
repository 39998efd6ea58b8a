//! Who holds a token.

use std::time::Duration;

use actix::{Handler, ResponseFuture};
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::Message;

use super::HubBridge;
use super::dialer::{Dialer, Lost};
use super::link::next_text;
use crate::hub::protocol::{self, Incoming};
use crate::hub::{HubError, HubUser};

/// What is said of a user is short, bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;
/// For the whole question.
pub(super) const IDENTIFY_WITHIN: Duration = Duration::from_secs(3);
/// Such questions at once.
pub(super) const MOST_IDENTIFYING: usize = 4;

/// Ask: whose token this is. Takes at most 3 s. Nothing is cached here.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<HubUser, HubError>")]
pub struct Identify {
    /// The token.
    pub token: SecretString,
}

impl Handler<Identify> for HubBridge {
    type Result = ResponseFuture<Result<HubUser, HubError>>;

    fn handle(&mut self, Identify { token }: Identify, _: &mut Self::Context) -> Self::Result {
        let (dialer, places) = (self.dialer.clone(), self.identifying.clone());
        Box::pin(async move {
            let question = async {
                let _place = places.acquire().await.map_err(|_| HubError::Down("closing".into()))?;
                identify(&dialer, &token).await
            };
            let late = || Err(HubError::Down("no answer in time".into()));
            dialer.clock.timeout(IDENTIFY_WITHIN, question).await.unwrap_or_else(late)
        })
    }
}

/// Asks the hub, over a socket of its own, who holds a token.
async fn identify(dialer: &Dialer, token: &SecretString) -> Result<HubUser, HubError> {
    let config = &dialer.config;
    // The Supervisor's proxy takes its own token only.
    let dial = dialer.dial(config.direct.as_ref().unwrap_or(&config.url), LONGEST_MESSAGE);
    // A hub that turns our address away has not looked at the token.
    let (mut sink, mut stream) = dial.await.map_err(|lost| HubError::Down(lost.reason))?.split();
    loop {
        let Some(text) = next_text(&mut stream, token).await? else { continue };
        for message in protocol::parse(&text).messages {
            let reply = match message {
                Incoming::AuthRequired => protocol::auth(token.expose_secret()),
                Incoming::AuthOk(_) => protocol::command(1, "auth/current_user", Map::new()),
                Incoming::AuthInvalid => return Err(HubError::Refused),
                Incoming::Result { id: 1, outcome } => {
                    let user = user(&outcome?)?;
                    // The hub forgets a socket that is closed; nothing depends on its goodbye.
                    drop(sink.close().await);
                    return Ok(user);
                }
                _ => continue,
            };
            sink.send(Message::text(reply)).await.map_err(Lost::from)?;
        }
    }
}

fn user(user: &Value) -> Result<HubUser, HubError> {
    let nobody = || HubError::Protocol("a user without id".into());
    let user = user.as_object().ok_or_else(nobody)?;
    Ok(HubUser {
        id: protocol::some_text(user, "id", 128).ok_or_else(nobody)?,
        name: protocol::text(user, "name", 128),
        is_admin: user.get("is_admin").and_then(Value::as_bool).unwrap_or_default(),
    })
}
