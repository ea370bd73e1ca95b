//! The sandbox against a small HTTPS server that stands for the edge, its messages judged by the very
//! verifiers that the edge uses.

#[cfg(test)]
mod api;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod control;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod keyring;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod press;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wire;
