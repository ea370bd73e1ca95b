//! An authority of a test, and certificates of it.

use std::sync::Arc;

use paystate_rpc::tls;
use rcgen::{CertificateParams, CertifiedIssuer, DistinguishedName, DnType, KeyPair, SanType, date_time_ymd};
use rustls::{ClientConfig, ServerConfig};

/// The name that the core's certificate has.
pub(crate) const CORE: &str = "core.pay.internal";

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both PEM.
pub(crate) struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names: URIs where they look like it, DNS names otherwise.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.sign(params(names))
    }

    pub(crate) fn issue_expired(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let Pair { certificate, key } = self.issue(&[CORE]);
        let ca = tls::authorities(self.pem().as_bytes()).unwrap();
        tls::server(certificate.as_bytes(), key.as_bytes(), ca).unwrap()
    }

    /// A caller that believes this authority and shows `pair`.
    pub(crate) fn client(&self, pair: &Pair) -> Arc<ClientConfig> {
        let ca = tls::authorities(self.pem().as_bytes()).unwrap();
        tls::client(ca, pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap()
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The library would put a common name there.
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names
        .iter()
        .map(|name| match name.contains("://") {
            true => SanType::URI((*name).try_into().unwrap()),
            false => SanType::DnsName((*name).try_into().unwrap()),
        })
        .collect();
    params
}
