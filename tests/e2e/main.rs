//! End to end: the real binary, its real ports, its real files.
//!
//! Ports are 0, data directories temporary, and every process dies with the test that started it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails should say so at once")]

mod bench;
mod clients;
mod cluster;
mod commands;
mod configuration;
mod degraded;
mod demo;
mod faults;
mod feed;
mod follower;
mod gateway;
mod grpcurl;
mod interop;
mod kill;
#[path = "../support/liar.rs"]
#[allow(dead_code, reason = "the core's tests tell more lies")]
mod liar;
mod mtls;
mod outage;
mod proxy;
mod race;
mod reconcile;
mod relay;
mod roles;
mod servers;
mod subscriptions;
mod support;
