//! What a merchant gets from each platform's console: ids, public keys, certificates and shared secrets.
//!
//! Everything here may be handed to the edge. No platform's private key is among it.

use std::path::{Path, PathBuf};

use super::{Secrets, files};
use crate::SandboxError;

/// Alipay's number of the merchant's application.
pub const ALIPAY_APP_ID: &str = "2021000199900011";
/// Alipay's number of the seller.
pub const ALIPAY_SELLER_ID: &str = "2088999900000011";
/// WeChat Pay's number of the merchant.
pub const WECHAT_MCHID: &str = "1999000011";
/// The merchant's WeChat application.
pub const WECHAT_APPID: &str = "wx99aa00bb11cc22dd";
/// The id of WeChat Pay's public key for this merchant.
pub const WECHAT_PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119990000112026010100000000000001";
/// UnionPay's number of the merchant.
pub const UNIONPAY_MER_ID: &str = "777000000000011";

/// The merchant's files under `dir/merchant`.
#[derive(Debug, Clone)]
pub struct MerchantFiles {
    /// Alipay's public key for the application, PEM.
    pub alipay_public_key: PathBuf,
    /// WeChat Pay's public key for the merchant, PEM; its id is [`WECHAT_PUBLIC_KEY_ID`].
    pub wechat_public_key: PathBuf,
    /// A WeChat Pay platform certificate, PEM.
    pub wechat_platform_certificate: PathBuf,
    /// The API v3 key, 32 characters.
    pub wechat_api_v3_key: PathBuf,
    /// UnionPay's root certificate, PEM.
    pub unionpay_root: PathBuf,
    /// UnionPay's middle certificate, PEM.
    pub unionpay_middle: PathBuf,
    /// The signing secret of the Stripe endpoint.
    pub stripe_signing_secret: PathBuf,
}

impl MerchantFiles {
    pub(crate) fn under(dir: &Path) -> Self {
        let merchant = dir.join("merchant");
        Self {
            alipay_public_key: merchant.join("alipay_public_key.pem"),
            wechat_public_key: merchant.join("wechatpay_public_key.pem"),
            wechat_platform_certificate: merchant.join("wechatpay_certificate.pem"),
            wechat_api_v3_key: merchant.join("wechatpay_api_v3_key.txt"),
            unionpay_root: merchant.join("unionpay_root.pem"),
            unionpay_middle: merchant.join("unionpay_middle.pem"),
            stripe_signing_secret: merchant.join("stripe_signing_secret.txt"),
        }
    }

    /// Written at every start from the keys, so that they cannot disagree.
    pub(crate) fn write(&self, secrets: &Secrets) -> Result<(), SandboxError> {
        if let Some(dir) = self.alipay_public_key.parent() {
            files::make_dir(dir)?;
        }
        files::write(&self.alipay_public_key, secrets.alipay.public_pem()?.as_bytes())?;
        files::write(&self.wechat_public_key, secrets.wechat_public.public_pem()?.as_bytes())?;
        files::write(&self.wechat_platform_certificate, secrets.wechat_certificate_pem.as_bytes())?;
        files::write(&self.wechat_api_v3_key, secrets.wechat_api_v3_key.as_bytes())?;
        files::write(&self.unionpay_root, secrets.unionpay_root_pem.as_bytes())?;
        files::write(&self.unionpay_middle, secrets.unionpay_middle_pem.as_bytes())?;
        files::write(&self.stripe_signing_secret, secrets.stripe_signing_secret.as_bytes())
    }
}

/// The `[accounts.*]` sections, with the files expected under `base/merchant`.
pub(crate) fn accounts_toml(base: &Path) -> String {
    let files = MerchantFiles::under(base);
    let file = |path: &Path| format!("{{ file = {} }}", toml_string(&path.display().to_string()));
    format!(
        r#"[accounts.alipay]
provider = "alipay"
app_id = "{ALIPAY_APP_ID}"
seller_id = "{ALIPAY_SELLER_ID}"
public_key = {alipay}

[accounts.wechatpay]
provider = "wechatpay"
mchid = "{WECHAT_MCHID}"
appids = ["{WECHAT_APPID}"]
api_v3_key = {api_v3_key}
public_keys = [{{ id = "{WECHAT_PUBLIC_KEY_ID}", key = {wechat_key} }}]
platform_certificates = [{wechat_certificate}]

[accounts.unionpay]
provider = "unionpay"
mer_id = "{UNIONPAY_MER_ID}"
environment = "test"
root_certificate = {root}
middle_certificates = [{middle}]

[accounts.stripe]
provider = "stripe"
signing_secrets = [{stripe}]
livemode = false
"#,
        alipay = file(&files.alipay_public_key),
        api_v3_key = file(&files.wechat_api_v3_key),
        wechat_key = file(&files.wechat_public_key),
        wechat_certificate = file(&files.wechat_platform_certificate),
        root = file(&files.unionpay_root),
        middle = file(&files.unionpay_middle),
        stripe = file(&files.stripe_signing_secret),
    )
}

/// A TOML basic string: quotes, backslashes and control characters escaped.
fn toml_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
