//! Alexa's wire: directives in, events out. Nothing here knows of hubs, peers or media. All but
//! [`gateway`] is pure: no clock is asked but for the time of a sample, and nothing is sent.

pub mod authorization;
pub mod change_report;
pub mod discovery;
pub mod doorbell;
pub mod endpoint;
pub mod envelope;
pub mod failure;
pub mod gateway;
pub mod health;
pub mod message;
pub mod power;
pub mod reports;
pub mod rtc;
pub mod stream;
