//! The platforms' own code against ours: a program on a vendor's official SDK, beside `paystate dev`.
//!
//! A program is a shell command in `PAYSTATE_INTEROP_ALIPAY` (`_STRIPE`, `_WECHATPAY`), which tests/run builds and sets; see
//! tests/interop/README.md. It is given the material that is collected here, and ends well only if all of its checks held.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use paystate_proto::v1::{self, PaymentMethod, start_payment_response::Action};
use paystate_providers::{Currency, Provider};
use paystate_sandbox::{
    Keyring,
    press::{Payment, Press, SignedCallback},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Process, Shop, built, run};

const AMOUNT: i64 = 1_999;

#[tokio::test]
async fn alipays_sdk_agrees_with_us() {
    agrees("PAYSTATE_INTEROP_ALIPAY").await;
}

#[tokio::test]
async fn stripes_sdk_agrees_with_us() {
    agrees("PAYSTATE_INTEROP_STRIPE").await;
}

#[tokio::test]
async fn wechat_pays_sdk_agrees_with_us() {
    agrees("PAYSTATE_INTEROP_WECHATPAY").await;
}

#[allow(clippy::print_stderr, reason = "says what was tested")]
async fn agrees(variable: &str) {
    let program = built(variable);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    let material = dir.path().join("material.json");
    std::fs::write(&material, collect(&dev, &data).await.to_string()).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec {program} '{}'", material.display())])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NODE_EXTRA_CA_CERTS", data.join("edge.crt"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let (ok, out, err) = run(command).await;
    eprintln!("{out}{err}");
    assert!(ok, "{variable}: {out}{err}");
    assert!(out.lines().filter(|line| line.starts_with("ok  ")).count() >= 4, "it checked too little: {out}");
    assert!(dev.terminate().await);
}

/// All that a program needs: addresses, keys as the configuration names them, signed callbacks, and what the front end
/// would get.
async fn collect(dev: &Process, data: &Path) -> Value {
    let text = std::fs::read_to_string(data.join("paystate.toml")).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    let account = |name: &str| config["accounts"][name].as_table().unwrap();
    let secret = |value: &toml::Value| {
        let file = value.get("file").and_then(toml::Value::as_str).unwrap();
        std::fs::read_to_string(data.join(file)).unwrap().trim().to_owned()
    };
    let press = Press::new(Keyring::load_or_create(&data.join("sandbox")).unwrap());
    let mut shop = dev.shop().await;
    let (alipay, wechatpay, stripe) = (account("alipay"), account("wechatpay"), account("stripe"));
    let platform_key = &wechatpay["public_keys"][0];
    let alipay_key = secret(&alipay["api"]["private_key"]);
    let wechatpay_key = secret(&wechatpay["api"]["private_key"]);
    json!({
        "sandbox": format!("https://localhost:{}", dev.address("sandbox").port()),
        "edge": format!("https://localhost:{}", dev.address("edge").port()),
        "ca": data.join("edge.crt"),
        "alipay": {
            "app_id": alipay["app_id"].as_str(),
            "public_key": secret(&alipay["public_key"]),
            "private_key": alipay_key,
            "notify_url": alipay["api"]["notify_url"].as_str(),
            "callback": callback(&press, Provider::Alipay),
            "page_url": start(&mut shop, "alipay", PaymentMethod::AlipayPage).await,
            "app_string": start(&mut shop, "alipay", PaymentMethod::AlipayApp).await["order_string"],
            "stranger_key": wechatpay_key,
        },
        "wechatpay": {
            "mchid": wechatpay["mchid"].as_str(),
            "appid": wechatpay["appids"][0].as_str(),
            "serial_no": wechatpay["api"]["serial_no"].as_str(),
            "private_key": wechatpay_key,
            "notify_url": wechatpay["api"]["notify_url"].as_str(),
            "public_key": secret(&platform_key["key"]),
            "public_key_id": platform_key["id"].as_str(),
            "api_v3_key": secret(&wechatpay["api_v3_key"]),
            "callback": callback(&press, Provider::WechatPay),
            "jsapi": start(&mut shop, "wechatpay", PaymentMethod::WechatpayJsapi).await,
            "stranger_key": alipay_key,
        },
        "stripe": {
            "secret_key": secret(&stripe["api"]["secret_key"]),
            "webhook_secret": secret(&stripe["signing_secrets"][0]),
            "callback": callback(&press, Provider::Stripe),
        },
    })
}

/// A payment's notice as the stand-in signs it now.
fn callback(press: &Press, provider: Provider) -> Value {
    let currency = Currency::CNY;
    let payment = Payment { provider, out_trade_no: format!("IOPC{provider}"), amount_minor: AMOUNT, currency };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let SignedCallback { headers, body, .. } = press.paid(&payment, now.try_into().unwrap()).unwrap();
    let headers: BTreeMap<_, _> = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    json!({ "headers": headers, "body": body })
}

/// Sells an order and begins its payment; answers with what the front end gets.
async fn start(shop: &mut Shop, account: &str, method: PaymentMethod) -> Value {
    let order_id = format!("IOP-{}", method.as_str_name());
    let amount = Some(v1::Money { amount_minor: AMOUNT, currency: "CNY".into() });
    let description = "杯子 \"mug\"".to_owned();
    let create = v1::CreateOrderRequest { order_id: order_id.clone(), amount, description, ..Default::default() };
    shop.orders.create_order(create).await.unwrap();
    let start = v1::StartPaymentRequest {
        order_id,
        account: account.into(),
        method: method.into(),
        payer_id: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into(),
        return_url: "https://shop.example/thanks".into(),
        ..Default::default()
    };
    match shop.orders.start_payment(start).await.unwrap().into_inner().action.unwrap() {
        Action::RedirectUrl(text) | Action::HtmlForm(text) | Action::QrText(text) => json!(text),
        Action::SignedParameters(parameters) => json!(parameters.values),
    }
}
