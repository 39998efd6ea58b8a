//! Integration tests: one binary, modules by subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod demo;
mod feed;
