//! The keys that may sign for this merchant, by the serial that messages name.

use super::WechatPaySettings;
use crate::{
    KeyError,
    crypto::{Certificate, RsaPublicKey},
    settings::Problems,
};

const PUBLIC_KEY_PREFIX: &str = "PUB_KEY_ID_";

/// A WeChat Pay public key, as the merchant console shows it.
#[derive(Debug, Clone)]
pub struct WechatPublicKey {
    /// Its id, `PUB_KEY_ID_…`.
    pub id: String,
    /// The key, PEM.
    pub pem: String,
}

/// Keys by serial.
#[derive(Debug)]
pub(super) struct Keys(Vec<(String, RsaPublicKey)>);

impl Keys {
    pub(super) fn new(settings: &WechatPaySettings, problems: &mut Problems) -> Self {
        let mut keys = Self(Vec::new());
        for key in &settings.public_keys {
            keys.add_public_key(key, problems);
        }
        for pem in &settings.platform_certificates {
            keys.add_certificate(pem, &settings.mchid, problems);
        }
        if settings.public_keys.is_empty() && settings.platform_certificates.is_empty() {
            problems.add("public_keys", "give a WeChat Pay public key (PUB_KEY_ID_…), a platform certificate, or both");
        }
        keys
    }

    /// The key of a message's `Wechatpay-Serial`, with its configured serial.
    pub(super) fn find(&self, serial: &str) -> Option<&(String, RsaPublicKey)> {
        let serial = normal(serial);
        self.0.iter().find(|(known, _)| *known == serial)
    }

    /// The id of the first public key: requests that name it get answers under it.
    pub(super) fn public_key_id(&self) -> Option<&str> {
        self.0.iter().map(|(serial, _)| serial.as_str()).find(|serial| serial.starts_with(PUBLIC_KEY_PREFIX))
    }

    /// Whether a key is the other half of a merchant's private key, which no platform key is.
    pub(super) fn holds(&self, own: &RsaPublicKey) -> bool {
        self.0.iter().any(|(_, key)| key.fingerprint() == own.fingerprint())
    }

    fn add_public_key(&mut self, key: &WechatPublicKey, problems: &mut Problems) {
        const FIELD: &str = "public_keys";
        if !key.id.starts_with(PUBLIC_KEY_PREFIX) || !key.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            problems.add(
                FIELD,
                "the id of a WeChat Pay public key begins with PUB_KEY_ID_; a certificate's serial is \
                                 not needed, the certificate itself is",
            );
        }
        if let Some(parsed) = problems.key(FIELD, RsaPublicKey::parse_bare(&key.pem)) {
            self.add(FIELD, normal(&key.id), parsed, problems);
        }
    }

    fn add_certificate(&mut self, pem: &str, mchid: &str, problems: &mut Problems) {
        const FIELD: &str = "platform_certificates";
        let Some((certificate, key)) = problems.key(FIELD, read_certificate(pem)) else {
            return;
        };
        // The most frequent mix-up: apiclient_cert.pem carries the merchant's number as its name.
        if certificate.common_name() == Some(mchid) {
            problems.add(FIELD, "this is the merchant's own certificate; the platform's certificate belongs here");
        }
        self.add(FIELD, certificate.serial_hex().to_owned(), key, problems);
    }

    fn add(&mut self, field: &'static str, serial: String, key: RsaPublicKey, problems: &mut Problems) {
        if self.find(&serial).is_some() {
            problems.add(field, format!("{serial} is given twice"));
        }
        self.0.push((serial, key));
    }
}

fn read_certificate(pem: &str) -> Result<(Certificate, RsaPublicKey), KeyError> {
    let certificate = Certificate::parse(pem)?;
    let key = certificate.public_key()?;
    Ok((certificate, key))
}

/// Serials of certificates are compared as numbers: upper case, no leading zeros.
fn normal(serial: &str) -> String {
    if serial.starts_with(PUBLIC_KEY_PREFIX) {
        return serial.to_owned();
    }
    serial.trim_start_matches('0').to_ascii_uppercase()
}
