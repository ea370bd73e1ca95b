//! A 2048-bit RSA key that signs the way all three domestic platforms do: PKCS#1 v1.5 with SHA-256.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::SandboxError;

/// A private key. `Debug` shows nothing of it (the underlying type prints the public half only).
#[derive(Debug)]
pub(crate) struct RsaKey(RsaKeyPair);

impl RsaKey {
    /// Makes a new key; takes some tenths of a second.
    pub(crate) fn generate() -> Result<Self, SandboxError> {
        RsaKeyPair::generate(KeySize::Rsa2048).map(Self).map_err(|_| SandboxError::Crypto("generating an RSA key"))
    }

    /// Reads PKCS#8.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der).ok().map(Self)
    }

    /// Writes PKCS#8.
    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, SandboxError> {
        let der = self.0.as_der().map_err(|_| SandboxError::Crypto("encoding an RSA key"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The private half in PEM, PKCS#8.
    pub(crate) fn private_pem(&self) -> Result<String, SandboxError> {
        Ok(super::pem::encode("PRIVATE KEY", &self.to_pkcs8()?))
    }

    /// The public half as a `SubjectPublicKeyInfo`, in PEM.
    pub(crate) fn public_pem(&self) -> Result<String, SandboxError> {
        let der = self.0.public_key().as_der().map_err(|_| SandboxError::Crypto("encoding an RSA public key"))?;
        Ok(super::pem::encode("PUBLIC KEY", der.as_ref()))
    }

    /// Signs and encodes as base64 with padding.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String, SandboxError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SandboxError::Crypto("signing"))?;
        Ok(STANDARD.encode(signature))
    }

    /// Whether `signature`, in base64, was made with this key.
    pub(crate) fn made(&self, message: &[u8], signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.0.public_key().as_ref());
        STANDARD.decode(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}
