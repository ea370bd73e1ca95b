//! TLS between our own processes, and for the services that call them: both sides show a certificate.
//!
//! TLS 1.3 only: every peer is one of ours or a gRPC library of today. Sessions are not resumed, because a resumed
//! session does not check again whether the certificate has expired; connections live long, so resuming would save few
//! handshakes. Certificates are checked when a connection begins.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};

use crate::{TlsError, certificates, private_key};

/// HTTP/2, as gRPC demands.
const ALPN: &[u8] = b"h2";

/// The authorities whose certificates are trusted, from PEM.
///
/// # Errors
/// [`TlsError`] says what is wrong with the file.
pub fn authorities(pem: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(|_| TlsError::NoAuthority)? {
        roots.add(certificate).map_err(|_| TlsError::NoAuthority)?;
    }
    Ok(Arc::new(roots))
}

/// Settings of a listener whose callers must show a certificate of `client_ca`. `certificate` is the chain, the
/// server's own first; it and `key` are PEM.
///
/// # Errors
/// [`TlsError`] says which is wrong and how.
pub fn server(certificate: &[u8], key: &[u8], client_ca: Arc<RootCertStore>) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = (certificates(certificate)?, private_key(key)?);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(client_ca, provider.clone())
        .build()
        .map_err(|_| TlsError::NoAuthority)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Settings of a caller that trusts servers with a certificate of `ca`, and shows its own.
///
/// # Errors
/// [`TlsError`] says which is wrong and how.
pub fn client(ca: Arc<RootCertStore>, certificate: &[u8], key: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
    let (chain, key) = (certificates(certificate)?, private_key(key)?);
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(ca)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
