//! Who is on the other end of a connection.

use std::{fmt, sync::Arc};

use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// The other end of a connection. Every request of the connection carries it as an extension.
#[derive(Debug, Clone)]
pub enum Peer {
    /// The listener is plaintext, so nobody was asked for a name.
    Unasked,
    /// The names of a certificate that was verified in the handshake.
    ///
    /// They are the URIs and DNS names of its subjectAltName, all of them. The common name counts only where there
    /// is neither. DNS names are in lower case, the others as they are written. A certificate can have no name.
    Certified(Arc<[String]>),
}

impl Peer {
    /// Reads the names. `certificate` must have been verified.
    pub(crate) fn certified(certificate: &CertificateDer<'_>) -> Self {
        let parsed = X509Certificate::from_der(certificate).ok();
        Self::Certified(parsed.map(|(_, certificate)| names(&certificate)).unwrap_or_default().into())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("(unasked)"),
            Self::Certified(names) if names.is_empty() => f.write_str("(no name)"),
            Self::Certified(names) => f.write_str(&names.join(", ")),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    // A name that cannot be read is not replaced by another one.
    let Ok(alternative) = certificate.subject_alternative_name() else { return Vec::new() };
    let alternative = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let names: Vec<_> = alternative.filter_map(name).collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    common.map(str::to_owned).collect()
}

fn name(general: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::URI(uri) = general {
        Some((*uri).to_owned())
    } else if let GeneralName::DNSName(name) = general {
        Some(name.to_ascii_lowercase())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn names_of(alternative: Vec<SanType>, common: Option<&str>) -> Vec<String> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = alternative;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        match Peer::certified(certificate.der()) {
            Peer::Certified(names) => names.to_vec(),
            Peer::Unasked => panic!("it has a certificate"),
        }
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().unwrap())
    }

    #[test]
    fn alternative_names_count_and_the_common_name_only_without_them() {
        let both = names_of(vec![dns("Edge-1.Pay.internal"), uri("spiffe://pay/Edge")], Some("somebody else"));
        assert_eq!(both, ["edge-1.pay.internal", "spiffe://pay/Edge"]);
        assert_eq!(names_of(vec![], Some("Edge 1")), ["Edge 1"]);
        let address = SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        assert_eq!(names_of(vec![address], Some("Edge 1")), ["Edge 1"], "an address is nobody's name");
        assert!(names_of(vec![], None).is_empty());
    }
}
