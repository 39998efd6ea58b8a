//! Events to Alexa: presses, changes, and which endpoints there are.

pub mod outbox;
