//! Certificates and keys as they are stored: PEM, with a name for each mistake that is made with them.

use rustls::{
    InconsistentKeys,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file is broken.
    #[error("the certificate file is not readable as PEM: {0}")]
    CertificatePem(pem::Error),
    /// The certificate file has no certificate in it.
    #[error(
        "the certificate file holds no certificate: it needs one or more CERTIFICATE sections, the server's own first"
    )]
    NoCertificate,
    /// The certificate file has only a key in it.
    #[error("the certificate file holds a private key and no certificate: the two files may be swapped")]
    KeyInsteadOfCertificate,
    /// The key file is broken.
    #[error("the key file is not readable as PEM: {0}")]
    KeyPem(pem::Error),
    /// The key file has no key in it.
    #[error("the key file holds no private key: it needs a PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY section")]
    NoKey,
    /// The key is protected by a password.
    #[error("the private key is encrypted: store it without a password and protect the file")]
    EncryptedKey,
    /// The key file has only a certificate in it.
    #[error("the key file holds a certificate and no private key: the two files may be swapped")]
    CertificateInsteadOfKey,
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the first certificate of the certificate file")]
    KeyMismatch,
    /// The file of authorities has no certificate in it, or one that cannot be used.
    #[error("the file holds no certificate authority: it needs one or more CERTIFICATE sections")]
    NoAuthority,
    /// The certificate or key is of a kind that cannot be used.
    #[error("the certificate or key is of a kind that cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// The certificates of a PEM file, in its order.
///
/// # Errors
/// It is no PEM, or has no certificate in it.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(TlsError::CertificatePem)?;
    match chain.is_empty() {
        true if PrivateKeyDer::from_pem_slice(pem).is_ok() => Err(TlsError::KeyInsteadOfCertificate),
        true => Err(TlsError::NoCertificate),
        false => Ok(chain),
    }
}

/// When a chain of certificates ends, which is when the first of them does, in seconds since 1970 UTC. `None` if one of
/// them cannot be read.
#[must_use]
pub fn ends(pem: &[u8]) -> Option<i64> {
    let end = |der: &CertificateDer<'_>| {
        X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate.validity().not_after.timestamp())
    };
    certificates(pem).ok()?.iter().map(end).collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The private key of a PEM file: PKCS#8, SEC1 or PKCS#1, without a password.
///
/// # Errors
/// It is no PEM, has no key in it, or an encrypted one.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    match PrivateKeyDer::from_pem_slice(pem) {
        // The older form of an encrypted key looks like a plain one but for a header line.
        _ if pem.windows(ENCRYPTED.len()).any(|w| w == ENCRYPTED) => Err(TlsError::EncryptedKey),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if CertificateDer::from_pem_slice(pem).is_ok() => {
            Err(TlsError::CertificateInsteadOfKey)
        }
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey),
        Err(error) => Err(TlsError::KeyPem(error)),
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        match error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            true => Self::KeyMismatch,
            false => Self::Unusable(error),
        }
    }
}
