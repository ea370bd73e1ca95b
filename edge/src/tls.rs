//! The TLS settings of the edge: TLS 1.2 and 1.3, HTTP/1.1 only, no early data (it can be replayed).

use std::sync::Arc;

use paystate_rpc::{TlsError, certificates, private_key};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};

/// Settings from a certificate chain and its key, both PEM. The key may be ECDSA (cheapest), RSA or Ed25519.
///
/// # Errors
/// [`TlsError`] says which file is wrong and how.
pub fn tls_config(cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(cert_pem)?;
    let key = private_key(key_pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
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
