//! The TLS settings of the edge: TLS 1.2 and 1.3, HTTP/1.1 only, no early data (it can be replayed).

use std::sync::Arc;

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    version::{TLS12, TLS13},
};

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
    /// The certificate or key is of a kind that cannot be used.
    #[error("the certificate or key is of a kind that cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// Settings from a certificate chain and its key, both PEM. The key may be ECDSA (cheapest), RSA or Ed25519.
///
/// # Errors
/// [`TlsError`] says which file is wrong and how.
pub fn tls_config(cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(cert_pem)?;
    let key = private_key(key_pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(TlsError::CertificatePem)?;
    match chain.is_empty() {
        true if PrivateKeyDer::from_pem_slice(pem).is_ok() => Err(TlsError::KeyInsteadOfCertificate),
        true => Err(TlsError::NoCertificate),
        false => Ok(chain),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
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

fn unusable(error: rustls::Error) -> TlsError {
    match error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        true => TlsError::KeyMismatch,
        false => TlsError::Unusable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn error(cert: &str, key: &str) -> TlsError {
        tls_config(cert.as_bytes(), key.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_good_pair_speaks_http_1_without_early_data() {
        let (cert, key) = pair();
        let config = tls_config(cert.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        assert_eq!(config.max_early_data_size, 0);
    }

    #[test]
    fn each_mistake_is_named() {
        let (cert, key) = pair();
        let (_, other) = pair();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let junk = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(error("", &key), TlsError::NoCertificate));
        assert!(matches!(error(&key, &key), TlsError::KeyInsteadOfCertificate));
        assert!(matches!(error(&cert, ""), TlsError::NoKey));
        assert!(matches!(error(&cert, &cert), TlsError::CertificateInsteadOfKey));
        assert!(matches!(error(&cert, &other), TlsError::KeyMismatch));
        assert!(matches!(error(&cert, encrypted), TlsError::EncryptedKey));
        assert!(matches!(error(&cert, junk), TlsError::Unusable(_)));
        assert!(matches!(error(&cert[..cert.len() - 12], &key), TlsError::CertificatePem(_)));
    }
}
