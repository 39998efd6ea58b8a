//! Who is connected to the simulated hub, with which token, and what waits to be sent to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, End, Outgoing, Way};
use super::faults::Faults;
use super::flavour::Flavour;
use super::hls::Streams;
use super::ingress::Ingress;
use super::options::SimHubOptions;
use super::relay::{Relay, Relays};
use super::subscription::{Subscription, event, heard, numbered_event};
use super::visitor::Visitor;
use super::world::{Change, World};

/// A person of the simulated home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimUser {
    /// The hub's id of the user.
    pub id: String,
    /// Display name.
    pub name: String,
    /// May change settings.
    pub admin: bool,
}

#[derive(Debug)]
struct Grant {
    user: String,
    /// Seconds since 1970.
    expires: u64,
}

/// The hub's desk for all clients, with the home behind it.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) world: World,
    users: Vec<SimUser>,
    grants: HashMap<String, Grant>,
    desks: BTreeMap<u64, Desk>,
    opened: u64,
    ban_after: Option<u32>,
    pub(super) flavour: Flavour,
    pub(super) faults: Faults,
    pub(super) relays: Relays,
    pub(super) visitor: Visitor,
    pub(super) streams: Streams,
    /// The STUN and TURN servers that clients are told of.
    pub(super) ice_servers: Value,
    /// The hub stops.
    pub(super) stop: CancellationToken,
    /// What a start takes: from the open port to the entities, and from there to `RUNNING`.
    pub(super) start_takes: (Duration, Duration),
    pub(super) failed_logins: u32,
    /// What came to the hub's own skill: the bearer, and the body.
    pub(super) directives: Vec<(String, Vec<u8>)>,
    pub(super) connects: Vec<Instant>,
    pub(super) commands: HashMap<String, u64>,
    /// Services that were called, and for which entities, oldest first.
    pub(super) services: Vec<(String, Vec<String>)>,
    /// Where there is a Supervisor.
    pub(super) ingress: Option<Ingress>,
    /// Where its owner says that it is reached from the internet.
    pub(super) external_url: Option<String>,
}

impl Office {
    pub(super) fn new(options: &SimHubOptions) -> Self {
        let stop = CancellationToken::new();
        Self {
            world: World::new(&options.cameras, options.flavour),
            users: options.users.clone(),
            grants: HashMap::new(),
            desks: BTreeMap::new(),
            opened: 0,
            ban_after: options.ban_after,
            flavour: options.flavour,
            faults: Faults::default(),
            relays: Relays::default(),
            visitor: Visitor::default(),
            streams: Streams::new(stop.clone()),
            // Two addresses of one server, as a hub names its maker's; this name leads nowhere.
            ice_servers: json!([{"urls": ["stun:stun.invalid:3478", "stun:stun.invalid:80"]}]),
            stop,
            start_takes: (options.entities_after, options.running_after),
            failed_logins: 0,
            directives: Vec::new(),
            connects: Vec::new(),
            commands: HashMap::new(),
            services: Vec::new(),
            ingress: None,
            external_url: options.external_url.clone(),
        }
    }

    /// Makes a token of the hub's own form (a JWT that says nothing of the user) for a known user.
    pub(super) fn issue(&mut self, user: &str, lifetime: Duration) -> Option<String> {
        let user = self.users.iter().find(|known| known.id == user || known.name == user)?.id.clone();
        let issued = unix_seconds();
        let expires = issued + lifetime.as_secs();
        let issuer = format!("{:032x}", rand::random::<u128>());
        let claims = json!({"iss": issuer, "iat": issued, "exp": expires}).to_string();
        let token = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims),
            URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
        );
        self.grants.insert(token.clone(), Grant { user, expires });
        Some(token)
    }

    /// Whose token it is.
    pub(super) fn user_of(&self, token: &str) -> Option<SimUser> {
        let grant = self
            .grants
            .get(token)
            .filter(|grant| !self.faults.refuse_tokens && grant.expires > unix_seconds());
        grant.and_then(|grant| self.users.iter().find(|user| user.id == grant.user).cloned())
    }

    /// The people of the home, as its admins see them; the first one owns it.
    pub(super) fn people(&self) -> Value {
        let people = self.users.iter().enumerate().map(|(nth, user)| {
            let group = if user.admin { "system-admin" } else { "system-users" };
            json!({
                "id": user.id, "username": user.name.to_lowercase(), "name": user.name,
                "is_owner": nth == 0, "is_active": true, "local_only": false, "system_generated": false,
                "group_ids": [group], "credentials": [{"type": "homeassistant"}],
            })
        });
        people.collect()
    }

    /// True once the address of the clients is banned, which all of them share here.
    pub(super) fn banned(&self) -> bool {
        self.faults.ban || self.ban_after.is_some_and(|most| self.failed_logins >= most)
    }

    /// Takes a token back and closes what was opened with it. False for a token that nobody has.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        for desk in self.desks.values_mut().filter(|desk| desk.token == token) {
            desk.end(End::Close);
        }
        self.grants.remove(token).is_some()
    }

    /// Gives a client that said who it is a desk.
    pub(super) fn open(&mut self, user: SimUser, token: String, way: Way) -> (u64, Arc<Notify>, Arc<Notify>) {
        self.opened += 1;
        let desk = Desk::new(user, token, way);
        let (wake, kill) = (desk.wake.clone(), desk.kill.clone());
        self.desks.insert(self.opened, desk);
        (self.opened, wake, kill)
    }

    pub(super) fn leave(&mut self, client: u64) {
        self.desks.remove(&client);
    }

    pub(super) fn desk(&mut self, client: u64) -> Option<&mut Desk> {
        self.desks.get_mut(&client)
    }

    pub(super) fn clients(&self) -> usize {
        self.desks.len()
    }

    pub(super) fn end_all(&mut self, how: End) {
        for desk in self.desks.values_mut() {
            desk.end(how);
        }
    }

    pub(super) fn wake_all(&mut self) {
        for desk in self.desks.values_mut() {
            desk.wake.notify_one();
        }
    }

    /// What a client is to be sent now.
    pub(super) fn take(&mut self, client: u64) -> Outgoing {
        let silent = self.faults.silent;
        self.desks.get_mut(&client).map_or(Outgoing::Ended(End::Cut), |desk| desk.take(silent))
    }

    /// Tells a client what its WebRTC session says, while it listens.
    pub(super) fn tell_relay(&mut self, client: u64, subscription: u64, event: &Value) {
        if let Some(desk) = self.desks.get_mut(&client)
            && matches!(desk.subscriptions.get(&subscription), Some(Subscription::Relay(_)))
        {
            desk.push(numbered_event(subscription, event));
        }
    }

    /// Every WebRTC session at a camera fails after all. True if there was one.
    pub(super) fn fail_relays(&mut self, entity_id: &str, code: &str, message: &str) -> bool {
        let event = json!({"code": code, "message": message, "type": "error"});
        let mut any = false;
        for desk in self.desks.values_mut() {
            let mut failed = Vec::new();
            for (id, subscription) in &mut desk.subscriptions {
                if let Subscription::Relay(relay) = subscription
                    && relay.entity_id == entity_id
                {
                    relay.hang_up();
                    failed.push(*id);
                }
            }
            any |= !failed.is_empty();
            for id in failed {
                desk.push(numbered_event(id, &event));
            }
        }
        any
    }

    /// The WebRTC session of this id.
    pub(super) fn relay(&self, session_id: &str) -> Option<&Relay> {
        self.desks.values().flat_map(|desk| desk.subscriptions.values()).find_map(|known| match known {
            Subscription::Relay(relay) if relay.session_id == session_id => Some(relay),
            _ => None,
        })
    }

    /// Tells every client what it asked to hear.
    pub(super) fn publish(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            let context = self.world.context(None);
            for desk in self.desks.values_mut() {
                let texts: Vec<String> = desk
                    .subscriptions
                    .iter()
                    .filter_map(|(id, wanted)| Some(event(*id, &heard(wanted, &change, &context.full())?)))
                    .collect();
                for text in texts {
                    desk.push(text);
                }
            }
        }
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
