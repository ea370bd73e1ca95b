//! What a merchant gets from each platform's console: ids, public keys, certificates and shared secrets.
//!
//! Everything here may be handed to the edge. No platform's private key is among it; the merchant's own are, which
//! sign its calls.

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
    /// The merchant's private key at Alipay, PKCS#8 PEM.
    pub alipay_private_key: PathBuf,
    /// The merchant's private key at WeChat Pay, PKCS#8 PEM.
    pub wechat_private_key: PathBuf,
    /// The merchant's certificate at UnionPay, PEM.
    pub unionpay_certificate: PathBuf,
    /// The private key of that certificate, PKCS#8 PEM.
    pub unionpay_private_key: PathBuf,
    /// The secret key of the Stripe account.
    pub stripe_secret_key: PathBuf,
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
            alipay_private_key: merchant.join("alipay_private_key.pem"),
            wechat_private_key: merchant.join("wechatpay_private_key.pem"),
            unionpay_certificate: merchant.join("unionpay_certificate.pem"),
            unionpay_private_key: merchant.join("unionpay_private_key.pem"),
            stripe_secret_key: merchant.join("stripe_secret_key.txt"),
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
        files::write(&self.stripe_signing_secret, secrets.stripe_signing_secret.as_bytes())?;
        files::write(&self.alipay_private_key, secrets.alipay_merchant.private_pem()?.as_bytes())?;
        files::write(&self.wechat_private_key, secrets.wechat_merchant.private_pem()?.as_bytes())?;
        files::write(&self.unionpay_certificate, secrets.unionpay_merchant_pem.as_bytes())?;
        files::write(&self.unionpay_private_key, secrets.unionpay_merchant.private_pem()?.as_bytes())?;
        files::write(&self.stripe_secret_key, secrets.stripe_secret_key.as_bytes())
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

/// Where the merchant calls the platforms, and where they call back.
#[derive(Debug, Clone, Copy)]
pub struct ApiAddress<'a> {
    /// The sandbox's origin, e.g. `https://127.0.0.1:7443`.
    pub origin: &'a str,
    /// The edge's origin, e.g. `https://127.0.0.1:8443`.
    pub edge_origin: &'a str,
    /// The certificate to trust the sandbox by, as the reader of the configuration should see it.
    pub ca_certificate: &'a Path,
}

/// The `[accounts.*.api]` sections, with the files expected under `base/merchant`.
pub(crate) fn apis_toml(base: &Path, wechat_serial: &str, address: &ApiAddress<'_>) -> String {
    let files = MerchantFiles::under(base);
    let file = |path: &Path| format!("{{ file = {} }}", toml_string(&path.display().to_string()));
    let ca = file(address.ca_certificate);
    let origin = |path: &str| toml_string(&format!("{}{path}", address.origin));
    let notify = |name: &str| toml_string(&format!("{}/callback/{name}/{name}", address.edge_origin));
    format!(
        r#"[accounts.alipay.api]
base_url = {gateway}
notify_url = {alipay}
private_key = {alipay_key}
ca_certificate = {ca}

[accounts.wechatpay.api]
base_url = {base_url}
notify_url = {wechatpay}
private_key = {wechat_key}
serial_no = "{wechat_serial}"
ca_certificate = {ca}

[accounts.unionpay.api]
base_url = {base_url}
notify_url = {unionpay}
certificate = {certificate}
private_key = {unionpay_key}
ca_certificate = {ca}

[accounts.stripe.api]
base_url = {base_url}
secret_key = {stripe_key}
ca_certificate = {ca}
"#,
        gateway = origin("/gateway.do"),
        base_url = origin(""),
        alipay = notify("alipay"),
        wechatpay = notify("wechatpay"),
        unionpay = notify("unionpay"),
        alipay_key = file(&files.alipay_private_key),
        wechat_key = file(&files.wechat_private_key),
        certificate = file(&files.unionpay_certificate),
        unionpay_key = file(&files.unionpay_private_key),
        stripe_key = file(&files.stripe_secret_key),
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
