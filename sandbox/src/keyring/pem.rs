//! PEM armour, written as the platforms write it: 64 characters a line, LF ends, a final newline.

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

/// Wraps DER bytes.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while let Some((line, tail)) = rest.split_at_checked(64) {
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Reads a PKCS#8 private key.
pub(crate) fn private_key(pem: &[u8]) -> Option<Vec<u8>> {
    PrivatePkcs8KeyDer::from_pem_slice(pem).ok().map(|key| key.secret_pkcs8_der().to_vec())
}

/// The text as UnionPay puts it into `signPubKeyCert`: CRLF line ends and no final newline.
pub(crate) fn with_crlf(pem: &str) -> String {
    pem.lines().collect::<Vec<_>>().join("\r\n")
}
