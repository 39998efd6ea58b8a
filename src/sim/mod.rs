//! The demo and its hub: a simulator that speaks the hub's wire over a real WebSocket.
//!
//! The simulator answers from a model of its own and shares no type and no parser with
//! [`crate::hub`] or [`crate::alexa`], so that a misunderstanding cannot pass on both sides. It knows
//! nothing of the house; only the demo does.
//!
//! | file | what |
//! |---|---|
//! | [`hub`] | the handle: start, what happens in the home, faults on demand, stop |
//! | [`control`] | the same for other programs, over HTTP |
//! | `world` | what the simulated home is: areas, devices, entities, their states and changes |
//! | `office` | who is connected, with which token, and what waits to be sent to them |
//! | `link`, `socket` | one client's connection: its requests, its WebSocket |
//! | `commands` | what each command of the WebSocket does |
//! | `rest`, `still`, `hls` | what plain HTTP gives: states and services, pictures, live streams |
//! | `skill` | the hub's own end for Alexa's directives |
//! | `supervisor` | the Supervisor before a supervised hub |
//! | `ingress` | its ingress: an add-on's pages under the hub's own address |
//! | [`alexa`] | doubles of Alexa's token server and event gateway |
//! | `relay`, `far_end` | WebRTC sessions, whose far end is a program that is not ours, or the visitor's page |
//! | `visitor` | the page where a person plays the visitor at the demo's side door |

pub mod alexa;
mod area;
pub mod camera;
mod commands;
pub mod control;
mod core;
pub mod demo;
mod desk;
mod device;
mod entity;
mod far_end;
mod faults;
mod flavour;
mod hls;
mod http;
pub mod hub;
mod ingress;
mod link;
mod office;
mod options;
mod program;
mod relay;
mod rest;
mod skill;
mod socket;
mod stamp;
mod state;
mod still;
mod subscription;
mod supervisor;
mod visitor;
mod world;

#[cfg(test)]
mod tests;
