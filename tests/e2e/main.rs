//! End to end: the real binary, its real ports, its real files.
//!
//! Ports are 0, data directories temporary, and every process dies with the test that started it.

mod configuration;
mod demo;
mod grpcurl;
mod kill;
mod roles;
mod support;
