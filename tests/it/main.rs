//! Integration tests: one binary, modules by subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bell;
mod browser;
mod bystanders;
mod cage;
mod call_line;
mod calls;
mod codecs;
mod demo;
mod door;
mod events;
mod faults;
mod feed;
mod fetched;
mod fixture;
mod hostile_peers;
mod hub;
mod hub_servers;
mod instant;
mod limits;
mod nat;
mod network_faults;
mod onvif;
mod probe;
mod reach;
mod relay;
mod relay_peer;
mod relay_source;
mod sessions;
mod soak;
mod supervised;
mod tls;
mod trouble;
mod ways;
