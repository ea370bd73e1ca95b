//! The edge over real sockets: TLS in front of it, a gRPC core behind it, and bytes that no polite client sends.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod client;
#[cfg(test)]
mod core;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod sources;
