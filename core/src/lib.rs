//! The truth.

pub mod order;
