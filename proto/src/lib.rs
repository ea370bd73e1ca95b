//! The contract `paystate.v1`: messages, clients and servers generated from `proto/paystate/v1`.
//!
//! The generated code is checked in, so that a build needs no code generator; `tests/generated.rs`
//! makes it again and fails on a difference (`PAYSTATE_UPDATE=1 cargo test -p paystate-proto` writes it).

/// Package `paystate.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::wildcard_enum_match_arm,
    reason = "generated"
)]
pub mod v1 {
    include!("gen/paystate.v1.rs");
}

/// Encoded `FileDescriptorSet` of `paystate.v1` and what it imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/paystate.v1.binpb");
