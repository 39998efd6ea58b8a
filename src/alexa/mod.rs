//! Alexa's wire: directives in, events out. Pure: no clock is asked but for the time of a sample,
//! nothing is sent, and nothing here knows of hubs, peers or media.

pub mod discovery;
pub mod doorbell;
pub mod endpoint;
pub mod envelope;
pub mod failure;
pub mod gateway;
pub mod health;
pub mod message;
pub mod power;
pub mod rtc;
pub mod stream;
