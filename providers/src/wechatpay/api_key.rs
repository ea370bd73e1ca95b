//! The APIv3 key and what it opens: the `resource` of a callback and downloaded certificates.
//!
//! The key's 32 ASCII characters are the AES-256 key itself; the tag is the end of the ciphertext
//! (pay.weixin.qq.com/doc/v3/merchant 4012791861, 4012551764).

use serde::Deserialize;

use crate::{
    KeyError, Reason, Rejection,
    crypto::{Aes256Gcm, Certificate, NONCE_LEN, decode_base64, looks_like_placeholder},
};

/// A parsed APIv3 key.
#[derive(Debug)]
pub struct ApiV3Key(Aes256Gcm);

/// An encrypted part of a message.
#[derive(Deserialize)]
pub(super) struct Sealed {
    /// What it was before it was encrypted; absent for certificates.
    pub(super) original_type: Option<String>,
    algorithm: String,
    nonce: String,
    /// May be absent, `null` or empty.
    associated_data: Option<String>,
    ciphertext: String,
}

/// A platform certificate out of the certificates answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformCertificate {
    /// Its serial, upper-case hex, taken from the certificate itself.
    pub serial: String,
    /// The certificate, PEM.
    pub pem: String,
}

impl ApiV3Key {
    /// Takes the key as the merchant console shows it.
    ///
    /// # Errors
    /// [`KeyError`] unless it is exactly 32 bytes and not an example.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if looks_like_placeholder(text) {
            return Err(KeyError::Placeholder);
        }
        Aes256Gcm::new(text.as_bytes()).map(Self)
    }

    /// Opens base64 `ciphertext`.
    ///
    /// # Errors
    /// [`Reason::Malformed`] for a nonce or ciphertext of the wrong form, [`Reason::DecryptionFailed`] when
    /// the tag does not fit this key.
    pub fn open(&self, nonce: &str, associated_data: &str, ciphertext: &str) -> Result<Vec<u8>, Rejection> {
        let malformed = |what: &str| Rejection::new(Reason::Malformed, what);
        let nonce: [u8; NONCE_LEN] =
            nonce.as_bytes().try_into().map_err(|_| malformed("the resource's nonce is not 12 bytes"))?;
        let sealed =
            decode_base64(ciphertext.as_bytes()).ok_or_else(|| malformed("the resource's ciphertext is not base64"))?;
        self.0
            .open(nonce, associated_data.as_bytes(), &sealed)
            .ok_or_else(|| Rejection::new(Reason::DecryptionFailed, "no configured APIv3 key opens the resource"))
    }

    pub(super) fn open_sealed(&self, sealed: &Sealed) -> Result<Vec<u8>, Rejection> {
        if sealed.algorithm != "AEAD_AES_256_GCM" {
            return Err(Rejection::new(Reason::AlgorithmNotAllowed, "the resource's cipher is not AEAD_AES_256_GCM"));
        }
        self.open(&sealed.nonce, sealed.associated_data.as_deref().unwrap_or_default(), &sealed.ciphertext)
    }

    /// Opens the answer of `GET /v3/certificates`. Being encrypted with this key is what makes the first
    /// download trustworthy; later ones must also pass `WechatPay::verify_signed`.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Reason::CertificateInvalid`] when a content is no certificate of a usable key, or
    /// another one than announced.
    pub fn open_certificates(&self, body: &[u8]) -> Result<Vec<PlatformCertificate>, Rejection> {
        let answer: CertificatesAnswer = serde_json::from_slice(body)
            .map_err(|_| Rejection::new(Reason::Malformed, "not an answer of /v3/certificates"))?;
        answer.data.iter().map(|entry| self.open_certificate(entry)).collect()
    }

    fn open_certificate(&self, entry: &CertificateEntry) -> Result<PlatformCertificate, Rejection> {
        let invalid = |what: &str| Rejection::new(Reason::CertificateInvalid, what);
        let pem = String::from_utf8(self.open_sealed(&entry.encrypt_certificate)?).map_err(|_| invalid("not text"))?;
        let certificate = Certificate::parse(&pem).map_err(|error| invalid(&error.to_string()))?;
        certificate.public_key().map_err(|error| invalid(&error.to_string()))?;
        if certificate.serial_hex() != entry.serial_no.trim_start_matches('0') {
            return Err(invalid("the certificate has another serial than announced"));
        }
        Ok(PlatformCertificate { serial: certificate.serial_hex().to_owned(), pem })
    }
}

#[derive(Deserialize)]
struct CertificatesAnswer {
    data: Vec<CertificateEntry>,
}

#[derive(Deserialize)]
struct CertificateEntry {
    serial_no: String,
    encrypt_certificate: Sealed,
}
