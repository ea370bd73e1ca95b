//! Against a real RabbitMQ.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails should say so at once")]

mod consumer;
mod exchange;
mod publisher;
