//! The core over real sockets: who is let in, who may call what, and when a call ends.

#[cfg(test)]
mod callers;
#[cfg(test)]
mod compensate;
#[cfg(test)]
mod events;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod time;
