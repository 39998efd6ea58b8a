//! Doorstep: talk, from any Echo or Fire TV, to whoever stands at your door.
//!
//! The map of the house; dependencies point one way, from left to right:
//!
//! ```text
//! main -> sim -> app -> http -> router -> camera -> { alexa, hub, peer, media } -> { state, telemetry } -> config -> error
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`app`] | the only wiring: builds actors, binds sockets, order of start and stop |
//! | [`http`] | the door (Alexa's directives), the pages and their API |
//! | [`router`] | directive in, event out, inside the time budget |
//! | [`camera`] | Registry, CameraSession, Call: which cameras exist, who shows what to whom |
//! | [`alexa`] | Alexa's wire |
//! | [`hub`] | the hub's wire and the link to it |
//! | [`peer`] | WebRTC: offer, answer, connection, the one UDP port |
//! | [`media`] | the worker process, its protocol, its supervision |
//! | [`state`], [`config`], [`telemetry`], [`error`], [`seat`], [`runtime`], [`road`] | what all may use |
//! | [`manifest`] | what the hub must know before it runs us |
//! | [`sim`] | the demo: a hub simulator, and the page that plays the visitor |

pub mod alexa;
pub mod app;
pub mod camera;
pub mod config;
pub mod error;
pub mod http;
pub mod hub;
pub mod manifest;
pub mod media;
pub mod peer;
pub mod road;
pub mod router;
pub mod runtime;
pub mod seat;
pub mod sim;
pub mod state;
pub mod telemetry;
