//! UnionPay's certificates: a root, a middle below it, and two leaves of that middle.
//!
//! One leaf is the platform's own, the other a merchant's: both chain to the same root, so only the name
//! in the certificate tells them apart. The issuing keys are not kept: nothing more is ever issued.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::{random, rsa::RsaKey};
use crate::SandboxError;

/// The third part names the owner; a merchant's certificate has another one there.
pub(crate) const PLATFORM_NAME: &str = "041@8310000000083040@中国银联股份有限公司@00016495";
const MERCHANT_NAME: &str = "041@Z2014-11-11@777000000000001:SIGN@00000003";

/// The certificates in PEM.
pub(crate) struct Chain {
    pub(crate) root: String,
    pub(crate) middle: String,
    pub(crate) platform: String,
    pub(crate) merchant: String,
    /// Self-signed with the platform's name: what a stranger can make.
    pub(crate) impostor: String,
}

impl Chain {
    /// Issues the whole chain for these leaf keys.
    pub(crate) fn issue(platform: &RsaKey, merchant: &RsaKey, stranger: &RsaKey) -> Result<Self, SandboxError> {
        let (root_key, middle_key) = (issuing_key(&RsaKey::generate()?)?, issuing_key(&RsaKey::generate()?)?);
        let root_params = authority("PAYSTATE SANDBOX CS CA", BasicConstraints::Unconstrained)?;
        let root = root_params.self_signed(&root_key)?;
        let root_issuer = Issuer::from_params(&root_params, &root_key);
        let middle_params = authority("PAYSTATE SANDBOX OCA1", BasicConstraints::Constrained(0))?;
        let middle = middle_params.signed_by(&middle_key, &root_issuer)?;
        let middle_issuer = Issuer::from_params(&middle_params, &middle_key);
        let stranger = issuing_key(stranger)?;
        Ok(Self {
            root: root.pem(),
            middle: middle.pem(),
            platform: leaf(PLATFORM_NAME)?.signed_by(&issuing_key(platform)?, &middle_issuer)?.pem(),
            merchant: leaf(MERCHANT_NAME)?.signed_by(&issuing_key(merchant)?, &middle_issuer)?.pem(),
            impostor: leaf(PLATFORM_NAME)?.self_signed(&stranger)?.pem(),
        })
    }
}

/// A self-signed certificate around `key`, as WeChat Pay's platform certificate stands for itself.
pub(crate) fn platform_certificate(key: &RsaKey) -> Result<String, SandboxError> {
    Ok(leaf("Tenpay.com sign")?.self_signed(&issuing_key(key)?)?.pem())
}

fn issuing_key(key: &RsaKey) -> Result<KeyPair, SandboxError> {
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&key.to_pkcs8()?.into(), &rcgen::PKCS_RSA_SHA256)?)
}

fn authority(name: &str, constraints: BasicConstraints) -> Result<CertificateParams, SandboxError> {
    let mut params = named(name)?;
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf(name: &str) -> Result<CertificateParams, SandboxError> {
    let mut params = named(name)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::EmailProtection];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn named(name: &str) -> Result<CertificateParams, SandboxError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "CN");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
    Ok(params)
}

/// Twenty bytes, positive and without a leading zero, so that its hex form is always 40 digits.
pub(super) fn serial() -> Result<[u8; 20], SandboxError> {
    let mut serial = random::bytes::<20>()?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}
