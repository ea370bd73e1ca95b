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
    pub(crate) stripe_signing_secret: String,
    /// A key that no platform knows.
    pub(crate) stranger: RsaKey,
    pub(crate) stranger_pem: String,
}

const KEYS: [&str; 6] = ["alipay", "wechat_public", "wechat_certificate", "unionpay", "unionpay_merchant", "stranger"];

impl Secrets {
    pub(crate) fn load_or_create(dir: &Path) -> Result<Self, SandboxError> {
        let keys = dir.join("keys");
        if !keys.is_dir() {
            create(dir, &keys)?;
        }
        Self::load(&keys)
    }

    fn load(dir: &Path) -> Result<Self, SandboxError> {
        let key = |name: &str| read_key(dir, name);
        let text = |name: &str| files::read(&dir.join(name));
        let wechat_certificate_pem = text("wechat_certificate.pem")?;
        Ok(Self {
            alipay: key("alipay")?,
            wechat_public: key("wechat_public")?,
            wechat_certificate: key("wechat_certificate")?,
            wechat_serial: serial(&wechat_certificate_pem).ok_or_else(|| SandboxError::Key {
                path: dir.join("wechat_certificate.pem"),
                problem: "not a PEM certificate",
            })?,
            wechat_certificate_pem,
            wechat_api_v3_key: text("wechat_api_v3_key.txt")?,
            unionpay: key("unionpay")?,
            unionpay_pem: text("unionpay.pem")?,
            unionpay_root_pem: text("unionpay_root.pem")?,
            unionpay_middle_pem: text("unionpay_middle.pem")?,
            unionpay_merchant: key("unionpay_merchant")?,
            unionpay_merchant_pem: text("unionpay_merchant.pem")?,
            stripe_signing_secret: text("stripe_signing_secret.txt")?,
            stranger: key("stranger")?,
            stranger_pem: text("stranger.pem")?,
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
    generate_keys(&draft)?;
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

/// One thread a key: finding primes is the whole cost of a first start.
fn generate_keys(dir: &Path) -> Result<(), SandboxError> {
    thread::scope(|scope| {
        let workers = KEYS.map(|name| scope.spawn(move || write_key(dir, name)));
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| SandboxError::Crypto("generating keys"))?)
    })
}

fn write_key(dir: &Path, name: &str) -> Result<(), SandboxError> {
    let pem = pem::encode("PRIVATE KEY", &RsaKey::generate()?.to_pkcs8()?);
    files::write(&dir.join(format!("{name}.key")), pem.as_bytes())
}

fn read_key(dir: &Path, name: &str) -> Result<RsaKey, SandboxError> {
    let path = dir.join(format!("{name}.key"));
    let text = files::read(&path)?;
    pem::private_key(text.as_bytes())
        .and_then(|der| RsaKey::from_pkcs8(&der))
        .ok_or(SandboxError::Key { path, problem: "not a PKCS#8 RSA key" })
}

/// A certificate's serial number as WeChat Pay writes it: upper-case hex.
fn serial(certificate_pem: &str) -> Option<String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Some(hex::encode_upper(certificate.raw_serial()))
}
