//! Which authorities calls to platforms trust.

use std::sync::Arc;

use paystate_rpc::{TlsError, tls::authorities};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};

/// Why no authority can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// The system has no authorities.
    #[error("this system has no certificate authorities: install its ca-certificates, or give ca_certificate")]
    NoSystemAuthorities,
}

/// TLS settings of calls: they trust the authorities in `ca_pem` and no others; without it, those of the system.
///
/// # Errors
/// [`TrustError`] says what is wrong.
pub fn trust(ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match ca_pem {
        Some(pem) => authorities(pem)?,
        None => system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::from)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The system's authorities, because its operators keep them up to date; a list in our binary would age.
fn system() -> Result<Arc<RootCertStore>, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TrustError::NoSystemAuthorities) } else { Ok(Arc::new(roots)) }
}
