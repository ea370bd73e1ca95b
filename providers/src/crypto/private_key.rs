//! RSA private keys of the merchant: read once, then only used to sign.
//!
//! PKCS#1 v1.5 signatures need no randomness: one message has one signature.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{KeyError, RsaPublicKey, decode_base64, error::looks_like_placeholder, pem};

/// The secret half of a merchant's RSA key of at least 2048 bits, ready to sign.
pub struct RsaPrivateKey(KeyPair);

impl RsaPrivateKey {
    /// Reads a key from PEM, PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`), or from bare base64 of
    /// either, as the platforms' tools write them.
    ///
    /// # Errors
    /// A [`KeyError`] that names what was given instead. It never quotes the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        match pem::first(text) {
            Some(block) => read_pem(&block?.0, text),
            None => read_base64(text),
        }
    }

    /// Base64 of the RSASSA-PKCS1-v1_5 signature with SHA-256 over `message`. `None` only if the cryptographic library
    /// fails, which it does not for a key that was read.
    #[must_use]
    pub fn sign_sha256(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }

    /// The public half, to notice keys that do not belong together.
    #[must_use]
    pub fn public(&self) -> Option<RsaPublicKey> {
        RsaPublicKey::from_spki(self.0.public_key().as_der().ok()?.as_ref()).ok()
    }
}

/// Shows which key it is, and nothing of its secret.
impl std::fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RsaPrivateKey").field(&self.public().map(|key| key.fingerprint())).finish()
    }
}

fn read_pem(block: &pem::Block<'_>, text: &str) -> Result<RsaPrivateKey, KeyError> {
    match block.label {
        // The old way to encrypt a key puts headers into the block.
        "PRIVATE KEY" | "RSA PRIVATE KEY" if text.contains("ENCRYPTED") => Err(KeyError::EncryptedPrivateKey),
        "PRIVATE KEY" => pkcs8(&block.der()?),
        "RSA PRIVATE KEY" => pkcs1(&block.der()?),
        "ENCRYPTED PRIVATE KEY" => Err(KeyError::EncryptedPrivateKey),
        "EC PRIVATE KEY" => Err(KeyError::NotRsa("elliptic curve (ECDSA or SM2)".to_owned())),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => Err(KeyError::PublicInsteadOfPrivate),
        label => Err(KeyError::OtherPemThanPrivate(label.chars().take(40).collect())),
    }
}

fn read_base64(text: &str) -> Result<RsaPrivateKey, KeyError> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let not_base64 = if looks_like_placeholder(text) { KeyError::Placeholder } else { KeyError::NotPemNorBase64 };
    let der = decode_base64(packed.as_bytes()).ok_or(not_base64)?;
    pkcs8(&der)
        .or_else(|_| pkcs1(&der))
        .map_err(|error| if RsaPublicKey::parse(text).is_ok() { KeyError::PublicInsteadOfPrivate } else { error })
}

fn pkcs8(der: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    KeyPair::from_pkcs8(der).map(RsaPrivateKey).map_err(|_| KeyError::UnreadablePrivate)
}

fn pkcs1(der: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    KeyPair::from_der(der).map(RsaPrivateKey).map_err(|_| KeyError::UnreadablePrivate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{other_key, platform_key};

    fn armour(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    /// The PKCS#1 key inside of a PKCS#8 one: the content of the OCTET STRING behind version and algorithm.
    fn inner(pkcs8: &[u8]) -> &[u8] {
        let start = pkcs8.windows(2).skip(8).position(|w| w == [0x04, 0x82]).expect("an octet string");
        &pkcs8[8 + start + 4..]
    }

    #[test]
    fn every_usual_writing_signs_alike() {
        let pkcs8 = platform_key().pair.serialized_der();
        let pkcs1 = inner(pkcs8);
        let expected = platform_key().sign(b"message");
        for text in [
            armour("PRIVATE KEY", pkcs8),
            armour("RSA PRIVATE KEY", pkcs1),
            STANDARD.encode(pkcs8),
            format!("\u{feff}\r\n{}\r\n", STANDARD.encode(pkcs1)),
        ] {
            let key = RsaPrivateKey::parse(&text).expect("a key");
            assert_eq!(key.sign_sha256(b"message").as_deref(), Some(expected.as_str()));
            assert!(key.public().expect("its public half").verify_base64(b"message", expected.as_bytes()));
        }
    }

    #[test]
    fn mistakes_are_named_and_nothing_is_quoted() {
        let problem = |text: &str| RsaPrivateKey::parse(text).map(drop);
        assert_eq!(problem(" "), Err(KeyError::Empty));
        assert_eq!(problem("<your key>"), Err(KeyError::Placeholder));
        assert_eq!(problem("keys/private.pem"), Err(KeyError::NotPemNorBase64));
        assert_eq!(problem(&other_key().public_pem()), Err(KeyError::PublicInsteadOfPrivate));
        let bare: String = other_key().public_pem().lines().filter(|l| !l.starts_with('-')).collect();
        assert_eq!(problem(&bare), Err(KeyError::PublicInsteadOfPrivate));
        assert_eq!(problem(&armour("ENCRYPTED PRIVATE KEY", b"x")), Err(KeyError::EncryptedPrivateKey));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----";
        assert_eq!(problem(old), Err(KeyError::EncryptedPrivateKey));
        assert_eq!(problem(&armour("PRIVATE KEY", b"nonsense")), Err(KeyError::UnreadablePrivate));
        let shown = format!("{:?}", RsaPrivateKey::parse(&STANDARD.encode(platform_key().pair.serialized_der())));
        assert!(shown.len() < 80 && shown.contains("sha256:"), "{shown}");
    }
}
