//! Keys stay what they are, and only their owner can read them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use paystate_sandbox::{Keyring, keyring::ApiAddress};
use tempfile::TempDir;

fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for part in ["keys", "merchant"] {
        for entry in fs::read_dir(dir.join(part)).expect("a directory") {
            let path = entry.expect("a file").path();
            all.push((path.display().to_string(), fs::read(&path).expect("readable")));
        }
    }
    all.sort();
    all
}

#[test]
fn keys_are_made_once_and_kept_private() {
    let dir = TempDir::new().expect("a directory");
    let data = dir.path().join("sandbox");
    Keyring::load_or_create(&data).expect("new keys");
    let first = contents(&data);
    assert_eq!(first.len(), 18 + 12);
    let keyring = Keyring::load_or_create(&data).expect("the same keys");
    assert_eq!(contents(&data), first);

    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("keys")), 0o700);
    assert!(first.iter().all(|(path, _)| mode(Path::new(path)) == 0o600));
    assert!(!format!("{keyring:?}").contains("PRIVATE"));

    fs::write(data.join("keys/alipay.key"), "nonsense").expect("written");
    let error = Keyring::load_or_create(&data).expect_err("a broken key");
    assert!(error.to_string().contains("alipay.key"), "{error}");
}

/// A start that was killed half-way leaves a draft, which the next one replaces.
#[test]
fn half_made_keys_are_made_again() {
    let dir = TempDir::new().expect("a directory");
    fs::create_dir(dir.path().join("keys.new")).expect("a draft");
    fs::write(dir.path().join("keys.new/alipay.key"), "half a k").expect("written");
    Keyring::load_or_create(dir.path()).expect("whole keys");
    assert!(!dir.path().join("keys.new").exists());
}

#[test]
fn accounts_name_files_that_exist() {
    let dir = super::support::data_dir();
    let keyring = Keyring::load_or_create(dir.path()).expect("keys");
    let toml = keyring.accounts_toml(dir.path());
    let files: Vec<_> =
        toml.match_indices("file = \"").filter_map(|(at, m)| toml[at + m.len()..].split('"').next()).collect();
    assert_eq!(files.len(), 7);
    let parsed: toml::Table = toml.parse().expect("TOML");
    let accounts: Vec<_> = parsed["accounts"].as_table().expect("a table").keys().cloned().collect();
    assert_eq!(accounts, ["alipay", "stripe", "unionpay", "wechatpay"]);
    let odd = keyring.accounts_toml(Path::new("a\"b\\c")).parse::<toml::Table>().expect("TOML");
    let file = odd["accounts"]["alipay"]["public_key"]["file"].as_str();
    assert_eq!(file, Some("a\"b\\c/merchant/alipay_public_key.pem"));
    assert!(files.iter().all(|file| Path::new(file).is_file()), "{files:?}");
    assert!(
        keyring.accounts_toml(Path::new("sandbox")).contains(r#"{ file = "sandbox/merchant/alipay_public_key.pem" }"#)
    );
    assert!(keyring.accounts_toml(Path::new("a\"b")).contains(r#""a\"b/merchant/"#));
}

/// A directory of a version that knew no API calls gets what is missing, and keeps what it has.
#[test]
fn older_keys_are_completed() {
    let dir = super::support::data_dir();
    let kept = fs::read(dir.path().join("keys/alipay.key")).expect("a key");
    for name in ["alipay_merchant.key", "wechat_merchant.key", "wechat_merchant_serial.txt", "stripe_secret_key.txt"] {
        fs::remove_file(dir.path().join("keys").join(name)).expect("removed");
    }
    let keyring = Keyring::load_or_create(dir.path()).expect("whole keys");
    assert_eq!(fs::read(dir.path().join("keys/alipay.key")).expect("a key"), kept);
    assert_eq!(keyring.wechat_serial_no().len(), 40);
    assert!(keyring.merchant_files().alipay_private_key.is_file());
}

#[test]
fn apis_name_files_that_exist_and_the_addresses() {
    let dir = super::support::data_dir();
    let keyring = Keyring::load_or_create(dir.path()).expect("keys");
    let address = ApiAddress {
        origin: "https://127.0.0.1:7443",
        edge_origin: "https://127.0.0.1:8443",
        ca_certificate: Path::new("edge.crt"),
    };
    let toml: toml::Table = keyring.apis_toml(dir.path(), &address).parse().expect("TOML");
    let api = |account: &str| toml["accounts"][account]["api"].as_table().expect("a table").clone();
    assert_eq!(api("alipay")["base_url"].as_str(), Some("https://127.0.0.1:7443/gateway.do"));
    assert_eq!(api("wechatpay")["notify_url"].as_str(), Some("https://127.0.0.1:8443/callback/wechatpay/wechatpay"));
    for (account, key) in
        [("alipay", "private_key"), ("wechatpay", "private_key"), ("unionpay", "certificate"), ("stripe", "secret_key")]
    {
        let file = api(account)[key]["file"].as_str().expect("a file").to_owned();
        assert!(Path::new(&file).is_file(), "{file}");
        assert_eq!(api(account)["ca_certificate"]["file"].as_str(), Some("edge.crt"));
    }
}
