//! From a recorded notice to the edge's acknowledgement.

mod client;
mod courier;
mod ladder;

pub(crate) use self::{client::EdgeClient, courier::deliver, ladder::wait_after};

/// Sends on the way at once, over all platforms.
pub(crate) const MAX_IN_FLIGHT: usize = 64;
