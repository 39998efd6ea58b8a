//! What a simulated hub is like.

use std::net::SocketAddr;
use std::time::Duration;

use super::camera::SimCamera;
use super::flavour::Flavour;
use super::office::SimUser;

/// What a simulated hub is like.
#[derive(Debug, Clone)]
pub struct SimHubOptions {
    /// Where it listens; port 0 = any free port.
    pub addr: SocketAddr,
    /// Its cameras.
    pub cameras: Vec<SimCamera>,
    /// Which hub it stands for.
    pub flavour: Flavour,
    /// Where its owner says that it is reached from the internet (`external_url` of `get_config`).
    pub external_url: Option<String>,
    /// Its people; the first one is the owner, whose token is [`SimHub::token`](super::hub::SimHub::token).
    pub users: Vec<SimUser>,
    /// How long a client may take to say who it is.
    pub auth_limit: Duration,
    /// Pause between new access tokens of all cameras.
    pub token_rotation: Duration,
    /// How long the motion that comes with a press lasts.
    pub motion_for: Duration,
    /// How long the port is closed when a client restarts the hub.
    pub restart_down: Duration,
    /// After a restart: from the open port to the entities.
    pub entities_after: Duration,
    /// After a restart: from the entities to `RUNNING`.
    pub running_after: Duration,
    /// From enabling an entity to the real one.
    pub reload_delay: Duration,
    /// Failed logins that ban everybody (all clients have one address here); `None`: no ban.
    pub ban_after: Option<u32>,
    /// A stream that nobody asks for ends after this long.
    pub stream_idle: Duration,
    /// Pause before a stream's program that has ended is started again.
    pub stream_retry: Duration,
    /// Shortest segment of a stream.
    pub shortest_segment: Duration,
    /// Longest part of a segment.
    pub longest_part: Duration,
    /// How long a camera may take to give a still picture.
    pub still_limit: Duration,
    /// How long a session of the Supervisor's ingress lives without being used.
    pub ingress_lives: Duration,
    /// Where the Supervisor of a [`Flavour::Supervised`] hub listens; port 0 = any free port.
    pub supervisor_addr: SocketAddr,
}

impl Default for SimHubOptions {
    fn default() -> Self {
        let user = |id: &str, name: &str, admin| SimUser { id: id.into(), name: name.into(), admin };
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            cameras: vec![SimCamera::front_door(), SimCamera::garden()],
            flavour: Flavour::Now,
            external_url: None,
            users: vec![
                user("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "Owner", true),
                user("f9e8d7c6b5a493827160f5e4d3c2b1a0", "Family", false),
            ],
            auth_limit: Duration::from_secs(10),
            token_rotation: Duration::from_secs(300),
            motion_for: Duration::from_secs(2),
            restart_down: Duration::from_secs(1),
            entities_after: Duration::from_millis(300),
            running_after: Duration::from_millis(300),
            reload_delay: Duration::from_millis(500),
            ban_after: None,
            stream_idle: Duration::from_secs(30),
            stream_retry: Duration::from_secs(10),
            shortest_segment: Duration::from_millis(5900),
            longest_part: Duration::from_secs(1),
            still_limit: Duration::from_secs(10),
            ingress_lives: Duration::from_secs(15 * 60),
            supervisor_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}
