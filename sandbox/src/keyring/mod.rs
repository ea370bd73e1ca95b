//! The platforms' own keys, and the set-up that each platform hands to the merchant.
//!
//! Contract: one directory, one set of keys for ever. `keys/` never leaves the sandbox; `merchant/` is
//! all that the edge needs.

mod chain;
pub(crate) mod files;
mod merchant;
pub(crate) mod pem;
pub(crate) mod random;
mod rsa;
mod secrets;

use std::path::Path;

pub use self::merchant::{
    ALIPAY_APP_ID, ALIPAY_SELLER_ID, ApiAddress, MerchantFiles, UNIONPAY_MER_ID, WECHAT_APPID, WECHAT_MCHID,
    WECHAT_PUBLIC_KEY_ID,
};
pub(crate) use self::{rsa::RsaKey, secrets::Secrets};
use crate::SandboxError;

/// The platforms' own keys and the merchant's set-up, made once and kept under a directory.
#[derive(Debug)]
pub struct Keyring {
    secrets: Secrets,
    files: MerchantFiles,
}

impl Keyring {
    /// Reads the keys under `dir`, or makes them there. Making them takes a second or two, so call it off
    /// the async threads.
    ///
    /// # Errors
    /// When the directory is not writable or a stored key is not readable.
    pub fn load_or_create(dir: &Path) -> Result<Self, SandboxError> {
        files::make_dir(dir)?;
        let secrets = Secrets::load_or_create(dir)?;
        let files = MerchantFiles::under(dir);
        files.write(&secrets)?;
        Ok(Self { secrets, files })
    }

    /// Where the merchant's files are.
    #[must_use]
    pub fn merchant_files(&self) -> &MerchantFiles {
        &self.files
    }

    /// The configuration's `[accounts.*]` sections. `base` is this keyring's directory as the reader of the
    /// configuration should see it, e.g. `sandbox` or an absolute path.
    #[must_use]
    pub fn accounts_toml(&self, base: &Path) -> String {
        merchant::accounts_toml(base)
    }

    /// The configuration's `[accounts.*.api]` sections, which let the merchant call the platforms.
    #[must_use]
    pub fn apis_toml(&self, base: &Path, address: &ApiAddress<'_>) -> String {
        merchant::apis_toml(base, &self.secrets.wechat_merchant_serial, address)
    }

    /// The serial number of the merchant's certificate at WeChat Pay.
    #[must_use]
    pub fn wechat_serial_no(&self) -> &str {
        &self.secrets.wechat_merchant_serial
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}
