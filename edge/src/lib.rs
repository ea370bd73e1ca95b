//! The edge: HTTPS in, verify, hand to the core over gRPC, acknowledge after the core's commit. And the other way
//! round: the core asks, a platform is called, its verified answer goes back.
//!
//! Contract:
//! - a platform hears "success" only after the core has answered STORED or DUPLICATE, which it does only
//!   after its COMMIT;
//! - every fault of ours, and every lack of room, is answered so that the platform tries again: never 2xx, never a
//!   permanent refusal. What cannot be a genuine callback (a body that is too large, too slow or encoded, a head that
//!   is too large) is refused as such: 413, 408, 415, 431;
//! - every refused callback is told to the core with its reason, within a rate limit, and what does not
//!   fit is counted;
//! - nothing here is kept: an edge may be killed at any moment and another one goes on.
//!
//! The way of a callback through the files: `accept` -> `connection` -> `site` -> `route` -> `sources` ->
//! `body` -> `shed` -> `verify` -> `convert` -> `forwarder` -> `reply`. Calls out are in [`gateway`].

mod accept;
mod body;
mod bucket;
mod connection;
mod convert;
mod core_health;
mod door;
mod forwarded;
mod forwarder;
pub mod gateway;
mod ip_cap;
mod limits;
mod network;
mod observe;
mod pace;
mod proxy_v2;
mod rejections;
mod reply;
mod route;
mod server;
mod shed;
mod site;
mod sources;
mod threads;
mod tls;
mod turned_away;
mod verdict;
mod verify;

pub use door::{Account, Accounts, Api};
pub use limits::Limits;
pub use network::{Network, NetworkError, Networks};
/// The cores, as if they were one.
pub use paystate_rpc::Servers as Cores;
pub use server::{Edge, serve};
pub use sources::{AllowMode, Front, Sources};
pub use tls::tls_config;
