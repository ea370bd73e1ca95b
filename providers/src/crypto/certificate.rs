//! X.509 certificates, read into owned fields. Reading proves nothing: [`Certificate::issued_by`] does.

use x509_parser::{
    asn1_rs::Tag,
    certificate::X509Certificate,
    extensions::ParsedExtension,
    oid_registry::{OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA},
    prelude::FromDer,
    x509::AttributeTypeAndValue,
};

use super::{
    KeyError, RsaPublicKey, pem,
    rsa::{Material, read},
};
use crate::Instant;

/// The hash under an issuer's RSA signature. Others are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IssuerHash {
    Sha256,
    /// The whole UnionPay test chain is SHA-1.
    Sha1,
}

/// A certificate's fields that matter here.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    spki: Vec<u8>,
    to_be_signed: Vec<u8>,
    signature: Vec<u8>,
    hash: Option<IssuerHash>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    common_name: Option<String>,
    serial_decimal: String,
    serial_hex: String,
    not_before: i64,
    not_after: i64,
    may_issue: bool,
}

/// Octets of a serial number, with the one that keeps it positive.
const MAX_SERIAL: usize = 21;

impl Certificate {
    /// Reads the first certificate of a configured text.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        match read(text)? {
            Material::Certificate(certificate) => Ok(*certificate),
            Material::Spki(_) => Err(KeyError::KeyInsteadOfCertificate),
        }
    }

    /// Reads a certificate out of a message: exactly one PEM block, nothing around it.
    pub(crate) fn from_message(text: &str) -> Option<Self> {
        let (block, rest) = pem::first(text)?.ok()?;
        let alone = text.starts_with("-----BEGIN CERTIFICATE-----") && rest.trim_ascii().is_empty();
        if !alone {
            return None;
        }
        Self::from_der(&block.der().ok()?).ok()
    }

    pub(super) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, x509) = X509Certificate::from_der(der).map_err(|_| KeyError::Unreadable)?;
        if !rest.is_empty() {
            return Err(KeyError::Unreadable);
        }
        // RFC 5280 allows 20 octets. Writing a serial in decimal is quadratic in its length, and this runs on
        // certificates that strangers send.
        if x509.tbs_certificate.raw_serial().len() > MAX_SERIAL {
            return Err(KeyError::Unreadable);
        }
        Ok(Self::copy(&x509))
    }

    fn copy(x509: &X509Certificate<'_>) -> Self {
        let tbs = &x509.tbs_certificate;
        Self {
            spki: tbs.subject_pki.raw.to_vec(),
            to_be_signed: tbs.as_ref().to_vec(),
            signature: x509.signature_value.data.to_vec(),
            hash: issuer_hash(x509),
            subject: tbs.subject.as_raw().to_vec(),
            issuer: tbs.issuer.as_raw().to_vec(),
            common_name: only_common_name(x509),
            serial_decimal: tbs.serial.to_string(),
            serial_hex: format!("{:X}", tbs.serial),
            not_before: tbs.validity.not_before.timestamp(),
            not_after: tbs.validity.not_after.timestamp(),
            may_issue: may_issue(x509),
        }
    }

    /// Whether `issuer` signed this certificate, by name and by key. Validity and roles are the caller's.
    pub(crate) fn issued_by(&self, issuer: &Self, key: &RsaPublicKey) -> bool {
        self.issuer == issuer.subject
            && match self.hash {
                Some(IssuerHash::Sha256) => key.verify(&self.to_be_signed, &self.signature),
                Some(IssuerHash::Sha1) => key.verify_sha1(&self.to_be_signed, &self.signature),
                None => false,
            }
    }

    /// The subject's key.
    pub(crate) fn public_key(&self) -> Result<RsaPublicKey, KeyError> {
        RsaPublicKey::from_spki(&self.spki)
    }

    /// Whether `at` lies in the certificate's validity, both ends included.
    pub(crate) fn valid_at(&self, at: Instant) -> bool {
        (self.not_before..=self.not_after).contains(&at.seconds())
    }

    /// Whether basicConstraints and keyUsage let this certificate issue others.
    pub(crate) fn may_issue(&self) -> bool {
        self.may_issue
    }

    /// The subject's common name, if there is exactly one.
    pub(crate) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    pub(crate) fn serial_decimal(&self) -> &str {
        &self.serial_decimal
    }

    /// Upper-case hex without leading zeros.
    pub(crate) fn serial_hex(&self) -> &str {
        &self.serial_hex
    }
}

fn issuer_hash(x509: &X509Certificate<'_>) -> Option<IssuerHash> {
    let outer = &x509.signature_algorithm.algorithm;
    if *outer != x509.tbs_certificate.signature.algorithm {
        return None;
    }
    match outer {
        oid if *oid == OID_PKCS1_SHA256WITHRSA => Some(IssuerHash::Sha256),
        oid if *oid == OID_PKCS1_SHA1WITHRSA => Some(IssuerHash::Sha1),
        _ => None,
    }
}

fn only_common_name(x509: &X509Certificate<'_>) -> Option<String> {
    let mut names = x509.subject().iter_common_name();
    match (names.next(), names.next()) {
        (Some(name), None) => name_text(name),
        _ => None,
    }
}

/// A name's text in the encodings that authorities use: UTF-8 and its subsets; T61 as far as it is ASCII
/// (older certificates of UnionPay's test gateway); BMP, which is UTF-16.
fn name_text(name: &AttributeTypeAndValue<'_>) -> Option<String> {
    let bytes = name.as_slice();
    match name.attr_value().tag() {
        Tag::T61String => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned()),
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
        }
        _ => name.as_str().ok().map(ToOwned::to_owned),
    }
}

fn may_issue(x509: &X509Certificate<'_>) -> bool {
    let mut is_ca = false;
    let mut may_sign = true;
    for extension in x509.extensions() {
        if let ParsedExtension::BasicConstraints(basic) = extension.parsed_extension() {
            is_ca = basic.ca;
        }
        if let ParsedExtension::KeyUsage(usage) = extension.parsed_extension() {
            may_sign = usage.key_cert_sign();
        }
    }
    is_ca && may_sign
}
