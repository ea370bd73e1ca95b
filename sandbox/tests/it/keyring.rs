//! Keys stay what they are, and only their owner can read them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use paystate_sandbox::Keyring;
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
    assert_eq!(first.len(), 14 + 7);
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
