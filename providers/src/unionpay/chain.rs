//! Who may sign: leaf, middle, root, checked directly.
//!
//! General verifiers refuse this chain (SHA-1, no server name), so each step is made here: issuer's name,
//! issuer's signature, validity at the time of receipt, and the name rule of the official SDK. The step
//! from middle to root does not depend on a message and is made once, when the account is built.

use super::UnionPaySettings;
use crate::{
    Instant, KeyError, Reason, Rejection,
    crypto::{Certificate, RsaPublicKey},
    settings::Problems,
};

/// UnionPay's own name, third part of its certificates' common name.
const NAME: &str = "中国银联股份有限公司";
/// The name on older certificates of the test gateway.
const TEST_NAME: &str = "00040000:SIGN";

/// Which certificates of the authority are UnionPay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnionPayEnvironment {
    /// Only those with UnionPay's name.
    Production,
    /// Also those of the test gateway.
    Test,
}

/// The configured authority.
#[derive(Debug)]
pub(super) struct Chain {
    middles: Vec<Issuer>,
    environment: UnionPayEnvironment,
}

#[derive(Debug, Clone)]
struct Issuer {
    certificate: Certificate,
    key: RsaPublicKey,
}

/// A message's certificate after every check that does not depend on time.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) key: RsaPublicKey,
    certificate: Certificate,
    /// The configured authorities that may have issued it.
    middles: Vec<Certificate>,
}

impl Chain {
    pub(super) fn new(settings: &UnionPaySettings, problems: &mut Problems) -> Option<Self> {
        let root = problems.key("root_certificate", issuer(&settings.root_cert));
        let middles: Vec<_> =
            settings.middle_certs.iter().filter_map(|pem| problems.key("middle_certificates", issuer(pem))).collect();
        if settings.middle_certs.is_empty() {
            problems.add("middle_certificates", "give the authority's intermediate certificate");
        }
        let root = root?;
        if !root.certificate.issued_by(&root.certificate, &root.key) {
            problems.add("root_certificate", "it is not self-signed, so it is no root certificate");
        }
        for middle in &middles {
            check_middle(middle, &root, problems);
        }
        Some(Self { middles, environment: settings.environment })
    }

    /// Accepts a message's certificate, or says why not. Validity is [`Leaf::check_time`].
    pub(super) fn accept(&self, pem: &str) -> Result<Leaf, Rejection> {
        let certificate =
            Certificate::from_message(pem).ok_or_else(|| invalid("signPubKeyCert is not one readable certificate"))?;
        // A renewed authority may keep its name and key, so more than one may have issued it.
        let issued = |middle: &&Issuer| certificate.issued_by(&middle.certificate, &middle.key);
        let middles: Vec<_> = self.middles.iter().filter(issued).map(|m| m.certificate.clone()).collect();
        if middles.is_empty() {
            return Err(invalid("signPubKeyCert was not issued by the configured authority"));
        }
        if !self.is_unionpay(certificate.common_name()) {
            return Err(invalid("signPubKeyCert is genuine, but not UnionPay's"));
        }
        let key = certificate.public_key().map_err(|error| invalid(&error.to_string()))?;
        Ok(Leaf { key, certificate, middles })
    }

    fn is_unionpay(&self, common_name: Option<&str>) -> bool {
        let parts: Vec<_> = common_name.unwrap_or_default().split('@').collect();
        // Exactly four parts: a customer's name with an @ in it must not shift them.
        match parts.get(2).copied().filter(|_| parts.len() == 4) {
            Some(NAME) => true,
            Some(TEST_NAME) => self.environment == UnionPayEnvironment::Test,
            Some(_) | None => false,
        }
    }
}

impl Leaf {
    /// Leaf and middle must be valid when the message arrived.
    pub(super) fn check_time(&self, now: Instant) -> Result<(), Rejection> {
        if !self.certificate.valid_at(now) || !self.middles.iter().any(|middle| middle.valid_at(now)) {
            return Err(invalid("signPubKeyCert or its issuer is outside its validity"));
        }
        Ok(())
    }

    /// The decimal serial, as UnionPay prints it.
    pub(super) fn serial(&self) -> &str {
        self.certificate.serial_decimal()
    }
}

fn issuer(pem: &str) -> Result<Issuer, KeyError> {
    let certificate = Certificate::parse(pem)?;
    let key = certificate.public_key()?;
    Ok(Issuer { certificate, key })
}

fn check_middle(middle: &Issuer, root: &Issuer, problems: &mut Problems) {
    if !middle.certificate.issued_by(&root.certificate, &root.key) {
        problems.add("middle_certificates", "it was not issued by root_certificate");
    }
    if !middle.certificate.may_issue() {
        problems.add("middle_certificates", "it is not a certificate authority's");
    }
}

fn invalid(detail: &str) -> Rejection {
    Rejection::new(Reason::CertificateInvalid, detail)
}
