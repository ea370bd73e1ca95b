//! The platforms' private keys: made once, stored under `dir/keys`, read back at every start.
//!
//! All files are first written beside their final place and then moved there together, so a start that
//! was killed half-way leaves nothing that the next one could take for a whole set.

use std::{fmt, fs, path::Path, thread};

use super::{
    chain::{self, Chain},
    files, pem, random,
    rsa::RsaKey,
};
use crate::SandboxError;

/// Every key that a platform, or an attacker, signs with. `Debug` shows none of them.
pub(crate) struct Secrets {
    pub(crate) alipay: RsaKey,
    pub(crate) wechat_public: RsaKey,
    pub(crate) wechat_certificate: RsaKey,
    pub(crate) wechat_certificate_pem: String,
    pub(crate) wechat_serial: String,
    pub(crate) wechat_api_v3_key: String,
    pub(crate) unionpay: RsaKey,
    pub(crate) unionpay_pem: String,
    pub(crate) unionpay_root_pem: String,
    pub(crate) unionpay_middle_pem: String,
    pub(crate) unionpay_merchant: RsaKey,
    pub(crate) unionpay_merchant_pem: String,
    /// `certId`: the serial number of that certificate, in decimal.
    pub(crate) unionpay_merchant_cert_id: String,
    pub(crate) stripe_signing_secret: String,
    /// A key that no platform knows.
    pub(crate) stranger: RsaKey,
    pub(crate) stranger_pem: String,
    /// What the merchant signs its calls with; the platforms use only the public halves.
    pub(crate) alipay_merchant: RsaKey,
    pub(crate) wechat_merchant: RsaKey,
    pub(crate) wechat_merchant_serial: String,
    pub(crate) stripe_secret_key: String,
}

const KEYS: [&str; 8] = [
    "alipay",
    "wechat_public",
    "wechat_certificate",
    "unionpay",
    "unionpay_merchant",
    "stranger",
    "alipay_merchant",
    "wechat_merchant",
];

impl Secrets {
    pub(crate) fn load_or_create(dir: &Path) -> Result<Self, SandboxError> {
        let keys = dir.join("keys");
        if !keys.is_dir() {
            create(dir, &keys)?;
        }
        // A directory of an older version lacks the merchant's keys.
        complete(&keys)?;
        Self::load(&keys)
    }

    fn load(dir: &Path) -> Result<Self, SandboxError> {
        let key = |name: &str| read_key(dir, name);
        let text = |name: &str| files::read(&dir.join(name));
        let wechat_certificate_pem = text("wechat_certificate.pem")?;
        let unionpay_merchant_pem = text("unionpay_merchant.pem")?;
        let no_certificate = |name: &str| SandboxError::Key { path: dir.join(name), problem: "not a PEM certificate" };
        Ok(Self {
            alipay: key("alipay")?,
            wechat_public: key("wechat_public")?,
            wechat_certificate: key("wechat_certificate")?,
            wechat_serial: serial(&wechat_certificate_pem, |bytes| hex::encode_upper(bytes))
                .ok_or_else(|| no_certificate("wechat_certificate.pem"))?,
            wechat_certificate_pem,
            wechat_api_v3_key: text("wechat_api_v3_key.txt")?,
            unionpay: key("unionpay")?,
            unionpay_pem: text("unionpay.pem")?,
            unionpay_root_pem: text("unionpay_root.pem")?,
            unionpay_middle_pem: text("unionpay_middle.pem")?,
            unionpay_merchant: key("unionpay_merchant")?,
            unionpay_merchant_cert_id: serial(&unionpay_merchant_pem, decimal)
                .ok_or_else(|| no_certificate("unionpay_merchant.pem"))?,
            unionpay_merchant_pem,
            stripe_signing_secret: text("stripe_signing_secret.txt")?,
            stranger: key("stranger")?,
            stranger_pem: text("stranger.pem")?,
            alipay_merchant: key("alipay_merchant")?,
            wechat_merchant: key("wechat_merchant")?,
            wechat_merchant_serial: text("wechat_merchant_serial.txt")?,
            stripe_secret_key: text("stripe_secret_key.txt")?,
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

fn create(dir: &Path, keys: &Path) -> Result<(), SandboxError> {
    let draft = dir.join("keys.new");
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(SandboxError::file(&draft))?;
    }
    files::make_dir(&draft)?;
    complete(&draft)?;
    let key = |name: &str| read_key(&draft, name);
    let chain = Chain::issue(&key("unionpay")?, &key("unionpay_merchant")?, &key("stranger")?)?;
    let texts = [
        ("unionpay_root.pem", chain.root),
        ("unionpay_middle.pem", chain.middle),
        ("unionpay.pem", chain.platform),
        ("unionpay_merchant.pem", chain.merchant),
        ("stranger.pem", chain.impostor),
        ("wechat_certificate.pem", chain::platform_certificate(&key("wechat_certificate")?)?),
        ("wechat_api_v3_key.txt", random::text::<32>()?),
        ("stripe_signing_secret.txt", format!("whsec_{}", random::text::<32>()?)),
    ];
    for (name, content) in texts {
        files::write(&draft.join(name), content.as_bytes())?;
    }
    fs::rename(&draft, keys).map_err(SandboxError::file(keys))
}

/// Makes what stands for itself and is missing. One thread a key: finding primes is the whole cost of a first start.
fn complete(dir: &Path) -> Result<(), SandboxError> {
    thread::scope(|scope| {
        let missing = KEYS.into_iter().filter(|name| !key_path(dir, name).exists());
        let workers: Vec<_> = missing.map(|name| scope.spawn(move || write_key(dir, name))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| SandboxError::Crypto("generating keys"))?)
    })?;
    let texts = [
        ("wechat_merchant_serial.txt", hex::encode_upper(chain::serial()?)),
        ("stripe_secret_key.txt", format!("sk_test_{}", random::text::<32>()?)),
    ];
    texts
        .iter()
        .filter(|(name, _)| !dir.join(name).exists())
        .try_for_each(|(name, content)| files::write(&dir.join(name), content.as_bytes()))
}

fn key_path(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("{name}.key"))
}

fn write_key(dir: &Path, name: &str) -> Result<(), SandboxError> {
    let pem = pem::encode("PRIVATE KEY", &RsaKey::generate()?.to_pkcs8()?);
    files::write(&key_path(dir, name), pem.as_bytes())
}

fn read_key(dir: &Path, name: &str) -> Result<RsaKey, SandboxError> {
    let path = key_path(dir, name);
    let text = files::read(&path)?;
    pem::private_key(text.as_bytes())
        .and_then(|der| RsaKey::from_pkcs8(&der))
        .ok_or(SandboxError::Key { path, problem: "not a PKCS#8 RSA key" })
}

/// A certificate's serial number: WeChat Pay writes it in upper-case hex, UnionPay in decimal.
fn serial(certificate_pem: &str, write: fn(&[u8]) -> String) -> Option<String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Some(write(certificate.raw_serial()))
}

/// Big-endian bytes as a decimal number.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u32];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit * 256;
            *digit = carry % 10;
            carry /= 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    digits.iter().rev().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn serial_numbers_are_written_in_decimal() {
        assert_eq!(decimal(&[0]), "0");
        assert_eq!(decimal(&[0, 0xff]), "255");
        assert_eq!(decimal(&[0x10, 0x46, 0x8a, 0x4f, 0x97]), "69902946199");
        assert_eq!(decimal(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), "18446744073709551616");
    }
}
