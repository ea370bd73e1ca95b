//! Bad configuration: one clear message for each problem, all at once, and nothing is started.

use std::{fs, net::TcpListener, path::Path};

use crate::support::{home, paystate, run};

struct Bad<'a> {
    command: &'a str,
    config: &'a str,
    env: &'a [(&'a str, String)],
    /// Each must be in the answer.
    says: &'a [&'a str],
}

async fn refused(data: &Path, bad: Bad<'_>) {
    let file = data.join("bad.toml");
    fs::write(&file, bad.config).unwrap();
    let mut command = paystate(&[bad.command, "--config", file.to_str().unwrap()]);
    command.envs(bad.env.iter().map(|(k, v)| (k, v)));
    let (ok, out, err) = run(command).await;
    assert!(!ok && out.is_empty(), "{}: {out}{err}", bad.command);
    assert!(!err.contains("sesame"), "a secret is shown:\n{err}");
    for says in bad.says {
        assert!(err.contains(says), "{says:?} is missing in:\n{err}");
    }
    let problems = err.lines().filter(|l| l.starts_with("  ") && l.contains(": ")).count();
    assert_eq!(problems, bad.says.len(), "one line for each problem:\n{err}");
    assert!(err.contains("nothing was started"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_is_named_at_once_and_nothing_is_started() {
    let (_dir, data) = home().await;
    let sound = fs::read_to_string(data.join("paystate.toml")).unwrap();
    let (ok, out, err) = run(paystate(&["check", "--config", data.join("paystate.toml").to_str().unwrap()])).await;
    assert!(ok && out.contains("sound"), "{out}{err}");

    // Keys: a file that is missing, a private key where the platform's public key belongs, an empty
    // secret, a short one, a sealing key that is none.
    fs::write(data.join("empty.txt"), "\n").unwrap();
    fs::write(data.join("short.key"), [7_u8, 8, 9]).unwrap();
    let keys = sound
        .replace("sandbox/merchant/unionpay_root.pem", "sandbox/merchant/nowhere.pem")
        .replace("sandbox/merchant/alipay_public_key.pem", "edge.key")
        .replace("sandbox/merchant/stripe_signing_secret.txt", "empty.txt")
        .replace("sandbox/merchant/wechatpay_api_v3_key.txt", "short.key")
        .replace("\"sealing.key\"", "\"short.key\"");
    let says = [
        "accounts.unionpay.root_certificate: cannot read",
        "accounts.alipay.public_key: ",
        "accounts.stripe.signing_secrets: file",
        "accounts.wechatpay.api_v3_key: ",
        "core.sealing: sealing key k1 has 3 bytes",
    ];
    refused(&data, Bad { command: "check", config: &keys, env: &[], says: &says }).await;

    // Shape: unknown fields and sections, a missing one, a wrong kind, a plaintext core elsewhere.
    let shape = sound
        .replace("database = ", "databse = ")
        .replace("app_id = \"", "appid = \"")
        .replace("sandbox/merchant/alipay_public_key.pem", "edge.key")
        .replace("livemode = false", "livemode = \"no\"")
        .replace("core = \"http://127.0.0.1:50051\"", "core = \"http://10.0.0.1:50051\"")
        + "\n[extra]\n";
    let says = [
        "core.databse: unknown field",
        "core.database: is missing",
        "accounts.alipay.appid: unknown field",
        "accounts.alipay.app_id: is missing",
        "accounts.alipay.public_key: this is a private key",
        "accounts.stripe: ",
        "edge.core: ",
        "extra: unknown section",
    ];
    refused(&data, Bad { command: "check", config: &shape, env: &[], says: &says }).await;

    // A section that cannot be read hides nothing of the others.
    let kind = sound
        .replace("core = \"http://127.0.0.1:50051\"", "core = 7")
        .replace("sandbox/merchant/unionpay_root.pem", "sandbox/merchant/nowhere.pem");
    let says = ["edge: invalid type", "accounts.unionpay.root_certificate: cannot read"];
    refused(&data, Bad { command: "check", config: &kind, env: &[], says: &says }).await;

    // A password in a URL is a problem, and is not shown.
    let redis = sound.clone()
        + "\n[core.redis]\nkind = \"sentinel\"\nurls = [\"redis://:sesame@10.0.0.1\", \"redis://10.0.0.2/1\"]\nprefx = \"x\"\n"
        + "password = { env = \"NOT_SET\" }\nusername = \"shop\"\n";
    let says = [
        "core.redis.prefx: unknown field",
        "core.redis.sentinel_master: is missing",
        "core.redis.password: environment variable NOT_SET is not set",
        "core.redis.urls: a URL holds a user or password",
        "core.redis.urls: a database number",
    ];
    refused(&data, Bad { command: "check", config: &redis, env: &[], says: &says }).await;

    // A secret that stands in the file itself, and certificate and key the wrong way round.
    let inline = sound
        .replace("public_key = { file = \"sandbox/merchant/alipay_public_key.pem\" }", "public_key = \"MIIB\"")
        .replace("tls_certificate = { file = \"edge.crt\" }", "tls_certificate = { file = \"edge.key\" }");
    let says = [
        "accounts.alipay: ",
        "edge.tls_certificate and edge.tls_key: ",
        "sandbox.tls_certificate and sandbox.tls_key: ",
    ];
    refused(&data, Bad { command: "check", config: &inline, env: &[], says: &says }).await;

    // Ports that are taken: both are named, and the third role is not started either.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let env = [("PAYSTATE__EDGE__LISTEN", address.clone()), ("PAYSTATE__EDGE__GATEWAY_LISTEN", address.clone())];
    let says = ["edge.listen: cannot listen on", "edge.gateway_listen: cannot listen on"];
    refused(&data, Bad { command: "edge", config: &sound, env: &env, says: &says }).await;

    let open = [("PAYSTATE__CORE__LISTEN", "0.0.0.0:0".to_owned())];
    refused(&data, Bad { command: "core", config: &sound, env: &open, says: &["core.listen: 0.0.0.0:0"] }).await;

    // A database that cannot be opened.
    let nowhere = sound.replace("sqlite:paystate.db", "sqlite:nowhere/paystate.db");
    refused(&data, Bad { command: "core", config: &nowhere, env: &[], says: &["core.database: "] }).await;

    refused(&data, Bad { command: "core", config: "[core", env: &[], says: &["(file): "] }).await;
    refused(
        &data,
        Bad {
            command: "sandbox",
            config: "[core]",
            env: &[],
            says: &["sandbox.data_dir", "sandbox.edge_certificate", "sandbox.tls_certificate", "sandbox.tls_key"],
        },
    )
    .await;
}
