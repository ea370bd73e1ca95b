//! AES-256-GCM, opening only.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::KeyError;

/// Bytes of a GCM nonce.
pub(crate) const NONCE_LEN: usize = 12;
const KEY_LEN: usize = 32;

/// A parsed AES-256-GCM key. `Debug` shows nothing of it.
pub(crate) struct Aes256Gcm(LessSafeKey);

impl Aes256Gcm {
    pub(crate) fn new(key: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::WrongLength { got: key.len(), want: KEY_LEN };
        UnboundKey::new(&AES_256_GCM, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| wrong)
    }

    /// Opens `sealed` (ciphertext and 16-byte tag). `None` unless every byte is authentic.
    pub(crate) fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

impl std::fmt::Debug for Aes256Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aes256Gcm(***)")
    }
}
