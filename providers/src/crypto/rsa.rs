//! RSA public keys: read once from what people paste into a configuration, then only used.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use x509_parser::{
    oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519},
    prelude::FromDer,
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

use super::{Certificate, KeyError, decode_base64, error::looks_like_placeholder, pem, sha256_hex};

const MIN_BITS: usize = 2048;

/// An RSA public key of at least 2048 bits, ready to verify PKCS#1 v1.5 signatures.
#[derive(Clone)]
pub struct RsaPublicKey {
    /// Parsed for SHA-256, the hash of every message; its bytes are the SubjectPublicKeyInfo.
    key: ParsedPublicKey,
}

impl RsaPublicKey {
    /// Reads a key from SPKI PEM, from bare base64 of the same, or out of a certificate.
    ///
    /// # Errors
    /// A [`KeyError`] that names what was given instead.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        match read(text)? {
            Material::Spki(der) => Self::from_spki(&der),
            Material::Certificate(certificate) => certificate.public_key(),
        }
    }

    /// Like [`Self::parse`], where a certificate would be a mix-up.
    pub(crate) fn parse_bare(text: &str) -> Result<Self, KeyError> {
        match read(text)? {
            Material::Spki(der) => Self::from_spki(&der),
            Material::Certificate(_) => Err(KeyError::CertificateInsteadOfKey),
        }
    }

    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyError::Unreadable)?;
        if !rest.is_empty() {
            return Err(KeyError::Unreadable);
        }
        let bits = modulus_bits(&spki)?;
        if bits < MIN_BITS {
            return Err(KeyError::TooSmall(bits));
        }
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| KeyError::Unreadable)?;
        Ok(Self { key })
    }

    /// Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-256 over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    /// The same with the signature in strict base64; what does not decode does not verify.
    #[must_use]
    pub fn verify_base64(&self, message: &[u8], signature: &[u8]) -> bool {
        decode_base64(signature).is_some_and(|signature| self.verify(message, &signature))
    }

    /// SHA-1, for certificates that a platform's authority signed long ago; never for messages.
    pub(super) fn verify_sha1(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, self.key.as_ref())
            .verify(message, signature)
            .is_ok()
    }

    /// A short name for this key, stable over restarts: the start of the SHA-256 of its SPKI.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", sha256_hex(self.key.as_ref()).get(..16).unwrap_or_default())
    }
}

impl std::fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RsaPublicKey").field(&self.fingerprint()).finish()
    }
}

/// What a pasted text turned out to be.
pub(super) enum Material {
    Spki(Vec<u8>),
    Certificate(Box<Certificate>),
}

/// Tells a public key, a certificate and the usual mistakes apart.
pub(super) fn read(text: &str) -> Result<Material, KeyError> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    match pem::first(text) {
        Some(block) => read_pem(&block?.0),
        None => read_base64(text),
    }
}

fn read_pem(block: &pem::Block<'_>) -> Result<Material, KeyError> {
    match block.label {
        "PUBLIC KEY" => Ok(Material::Spki(block.der()?)),
        "CERTIFICATE" => Ok(Material::Certificate(Box::new(Certificate::from_der(&block.der()?)?))),
        "RSA PUBLIC KEY" => Err(KeyError::Pkcs1),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Err(KeyError::CertificateRequest),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::PrivateKey),
        label => Err(KeyError::OtherPem(label.chars().take(40).collect())),
    }
}

fn read_base64(text: &str) -> Result<Material, KeyError> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let not_base64 = if looks_like_placeholder(text) { KeyError::Placeholder } else { KeyError::NotPemNorBase64 };
    let der = decode_base64(packed.as_bytes()).ok_or(not_base64)?;
    if looks_private(&der) {
        return Err(KeyError::PrivateKey);
    }
    match Certificate::from_der(&der) {
        Ok(certificate) => Ok(Material::Certificate(Box::new(certificate))),
        Err(_) => Ok(Material::Spki(der)),
    }
}

/// Private keys (PKCS#1, PKCS#8, SEC1) are a SEQUENCE that begins with a one-byte version INTEGER;
/// public keys and certificates begin otherwise.
fn looks_private(der: &[u8]) -> bool {
    let &[0x30, length, ..] = der else {
        return false;
    };
    let header = if length < 0x80 { 2 } else { 2 + usize::from(length & 0x7f) };
    der.get(header..header + 2) == Some(&[0x02, 0x01])
}

fn modulus_bits(spki: &SubjectPublicKeyInfo<'_>) -> Result<usize, KeyError> {
    let oid = &spki.algorithm.algorithm;
    if *oid != OID_PKCS1_RSAENCRYPTION {
        let name = match oid {
            oid if *oid == OID_KEY_TYPE_EC_PUBLIC_KEY => "elliptic curve (ECDSA or SM2)".to_owned(),
            oid if *oid == OID_SIG_ED25519 => "Ed25519".to_owned(),
            other => other.to_id_string(),
        };
        return Err(KeyError::NotRsa(name));
    }
    let Ok(PublicKey::RSA(rsa)) = spki.parsed() else {
        return Err(KeyError::Unreadable);
    };
    let first = rsa.modulus.iter().position(|byte| *byte != 0).unwrap_or(rsa.modulus.len());
    let digits = rsa.modulus.get(first..).unwrap_or_default();
    let unused = digits.first().map_or(0, |byte| byte.leading_zeros());
    Ok((digits.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0)))
}
