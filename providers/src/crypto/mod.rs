//! The few cryptographic operations that the platforms need, over keys that were parsed beforehand.
//!
//! Contract: nothing here chooses an algorithm from a message; the caller names it. Comparisons of
//! secrets take constant time, decoding is strict, and every failure is a plain `None`, `false` or
//! [`KeyError`] that says nothing about how close a forgery came.

mod aes;
mod certificate;
mod error;
mod hmac;
mod pem;
mod private_key;
mod rsa;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(crate) use self::{
    aes::{Aes256Gcm, NONCE_LEN},
    certificate::Certificate,
    error::looks_like_placeholder,
    hmac::HmacSha256,
};
pub use self::{error::KeyError, private_key::RsaPrivateKey, rsa::RsaPublicKey};

/// Decodes standard base64: padding required and canonical, no blanks, no line breaks.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Lower-case hex of the SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}
