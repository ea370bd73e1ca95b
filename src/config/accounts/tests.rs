use std::{fs, path::Path, time::Duration};

use paystate_sandbox::{ApiAddress, Keyring};
use tempfile::TempDir;

use super::*;
use crate::config::Problem;

/// A directory with the keys of a merchant, and its accounts as the sandbox writes them.
fn merchant() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let keyring = Keyring::load_or_create(&dir.path().join("sandbox")).unwrap();
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    fs::write(dir.path().join("ca.crt"), authority).unwrap();
    let address = ApiAddress {
        origin: "https://localhost:7443",
        edge_origin: "https://localhost:8443",
        ca_certificate: Path::new("ca.crt"),
    };
    let base = Path::new("sandbox");
    let text = keyring.accounts_toml(base) + "\n" + &keyring.apis_toml(base, &address);
    (dir, text)
}

fn read(text: &str, base: &Path, keys: bool) -> (Vec<Problem>, paystate_core::Accounts, Accounts) {
    let mut problems = Problems::default();
    let Some(Value::Table(accounts)) = text.parse::<Table>().unwrap().remove("accounts") else { panic!("{text}") };
    let mut raw = BTreeMap::new();
    for (name, value) in accounts {
        let account = RawAccount::read(&mut problems, &format!("accounts.{name}"), value);
        raw.extend(account.map(|account| (name, account)));
    }
    let (known, accounts) = check(&mut problems, raw, base, keys);
    (problems.none::<()>(None).unwrap_err(), known, accounts)
}

/// Each of `says` begins one problem, and there is no other.
fn refused(text: &str, base: &Path, says: &[&str]) {
    let (problems, ..) = read(text, base, true);
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    for says in says {
        assert!(problems.iter().any(|problem| problem.starts_with(says)), "{says:?} is missing in {problems:#?}");
    }
    assert_eq!(problems.len(), says.len(), "{problems:#?}");
    assert!(!format!("{problems:?}").contains("sesame"), "a secret is shown: {problems:#?}");
}

#[test]
fn a_whole_account_can_be_called() {
    let (dir, text) = merchant();
    let (problems, known, accounts) = read(&text, dir.path(), true);
    assert_eq!((problems.as_slice(), known.len(), accounts.len()), (&[][..], 4, 4));
    assert!(accounts.values().all(|account| account.api.is_some()));
    let usual =
        Calls { pay_timeout: Duration::from_secs(1800), rate_per_second: 20, burst: 20, fee_basis_points: None };
    assert!(known.values().all(|account| account.calls.as_ref() == Some(&usual)));
}

#[test]
fn the_core_learns_the_pace_and_reads_no_key() {
    let (_dir, text) = merchant();
    let pace = "[accounts.stripe.api]\npay_timeout_s = 60\nrate_per_second = 5\nburst = 7\nfee_basis_points = 60\n";
    let text = text.replace("[accounts.stripe.api]\n", pace);
    let (problems, known, accounts) = read(&text, Path::new("nowhere"), false);
    assert_eq!((problems.as_slice(), accounts.len()), (&[][..], 0));
    let stripe = &known[&AccountName::parse("stripe").unwrap()];
    let calls =
        Calls { pay_timeout: Duration::from_secs(60), rate_per_second: 5, burst: 7, fee_basis_points: Some(60) };
    assert_eq!((stripe.platform.name, stripe.calls.as_ref()), ("stripe", Some(&calls)));
}

#[test]
fn without_the_section_an_account_only_takes_callbacks() {
    let (dir, text) = merchant();
    let callbacks = &text[..text.find("[accounts.alipay.api]").unwrap()];
    let (problems, known, accounts) = read(callbacks, dir.path(), true);
    assert_eq!((problems.as_slice(), accounts.len()), (&[][..], 4));
    assert!(accounts.values().all(|account| account.api.is_none()));
    assert!(known.values().all(|account| account.calls.is_none()));
}

#[test]
fn a_platform_is_told_to_call_where_its_account_is() {
    let (dir, text) = merchant();
    let (right, says) =
        ("https://localhost:8443/callback/wechatpay/wechatpay", "must be https://HOST/callback/wechatpay/");
    for wrong in [
        "http://localhost:8443/callback/wechatpay/wechatpay",
        "https://localhost:8443/callback/alipay/wechatpay",
        "https://localhost:8443/callback/wechatpay/shop",
        "https://localhost:8443/callback/wechatpay",
        "https://localhost:8443",
    ] {
        let says = format!("accounts.wechatpay.api.notify_url: {says}");
        refused(&text.replace(right, wrong), dir.path(), &[&says]);
    }
    let elsewhere = text.replace("https://localhost:8443/", "https://pay.example.com/");
    let (problems, ..) = read(&elsewhere, dir.path(), true);
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_problem_is_named_at_once() {
    let (dir, text) = merchant();
    let base = dir.path();
    let shape = text
        .replace(
            "[accounts.alipay.api]\n",
            "[accounts.alipay.api]\nnotify = \"x\"\nburst = 0\nrate_per_second = 1001\n",
        )
        .replace("[accounts.unionpay.api]\n", "[accounts.unionpay.api]\nserial_no = \"x\"\npay_timeout_s = 59\n")
        .replace("[accounts.stripe.api]\n", "[accounts.stripe.api]\nfee_basis_points = 10001\nnotify_url = \"x\"\n")
        .replace("serial_no = \"", "serial = \"");
    let says = [
        "accounts.alipay.api.notify: unknown field",
        "accounts.alipay.api.burst: must be 1 to 10000",
        "accounts.alipay.api.rate_per_second: must be 1 to 1000",
        "accounts.unionpay.api.serial: unknown field",
        "accounts.unionpay.api.pay_timeout_s: must be 60 to 604800",
        "accounts.stripe.api.fee_basis_points: must be 0 to 10000",
        "accounts.stripe.api.notify_url: unknown field",
        "accounts.wechatpay.api.serial: unknown field",
        "accounts.wechatpay.api.serial_no: is missing",
    ];
    refused(&shape, base, &says);

    // Keys of another kind, missing ones, a certificate that is a key, addresses that are none.
    fs::write(base.join("sesame.txt"), "sesame").unwrap();
    let keys = text
        .replace("ca_certificate = { file = \"ca.crt\" }", "ca_certificate = { file = \"sesame.txt\" }")
        .replace("https://localhost:7443/gateway.do", "http://localhost:7443/gateway.do")
        .replace("https://localhost:8443/callback/wechatpay/wechatpay", "nowhere");
    let says = [
        "accounts.alipay.api.base_url: must begin with https://",
        "accounts.alipay.api.ca_certificate: the file holds no certificate authority",
        "accounts.unionpay.api.ca_certificate: the file holds no certificate authority",
        "accounts.stripe.api.ca_certificate: the file holds no certificate authority",
        "accounts.wechatpay.api.ca_certificate: the file holds no certificate authority",
        "accounts.wechatpay.api.notify_url: ",
    ];
    refused(&keys, base, &says);
    let (start, end) = text.split_at(text.find("[accounts.alipay.api]").unwrap());
    let swapped = start.to_owned()
        + &end
            .lines()
            .map(|line| match line.split_once(" = { file") {
                Some((name, _)) if name != "ca_certificate" => format!("{name} = {{ file = \"sesame.txt\" }}\n"),
                Some(_) | None => format!("{line}\n"),
            })
            .collect::<String>();
    let says = [
        "accounts.alipay.api.private_key: ",
        "accounts.unionpay.api.certificate: ",
        "accounts.unionpay.api.private_key: ",
        "accounts.stripe.api.secret_key: ",
        "accounts.wechatpay.api.private_key: ",
    ];
    refused(&swapped, base, &says);

    // Calls would be refused by Alipay, every one of them.
    let certificate = text.lines().map(|line| match line.starts_with("public_key = ") {
        true => "certificate = { file = \"sandbox/merchant/wechatpay_certificate.pem\" }\n".to_owned(),
        false => format!("{line}\n"),
    });
    refused(&certificate.collect::<String>(), base, &["accounts.alipay.api: calls need public key mode"]);

    // What cannot be read is no account without api; and the rest is still named.
    let kinds = text
        .replace("[accounts.alipay.api]\n", "[accounts.alipay.api]\nburst = \"many\"\n")
        .replace("sandbox/merchant/stripe_signing_secret.txt", "nowhere.txt");
    refused(&kinds, base, &["accounts.alipay.api.burst: ", "accounts.stripe.signing_secrets: cannot read"]);
    let inline = "[accounts.shop]\nprovider = \"stripe\"\napi = 7\nsigning_secrets = []\nlivemode = \"x\"\n";
    refused(inline, base, &["accounts.shop.api: must be a section", "accounts.shop.livemode: "]);
}
