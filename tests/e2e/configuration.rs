//! Bad configuration: one clear message for each problem, all at once, and nothing is started.

use std::{collections::BTreeSet, fs, net::TcpListener, path::Path};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use crate::support::{Process, home, paystate, run};

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

/// Whether anybody hears is known before there is anything to hear.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_for_cases_is_tried_out() {
    let (_dir, data) = home().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let robot = listener.local_addr().unwrap();
    fs::write(data.join("robot.txt"), format!("http://{robot}/robot?access_token=sesame")).unwrap();
    let sound = fs::read_to_string(data.join("paystate.toml")).unwrap();
    let alerts = "[alerts.ops]\nformat = \"dingtalk\"\nurl = { file = \"robot.txt\" }\n";
    fs::write(data.join("core.toml"), format!("{sound}\n{alerts}")).unwrap();
    let config = data.join("core.toml");
    let answered = tokio::spawn(async move {
        let mut heard = Vec::new();
        for said in [r#"{"errcode":0}"#, r#"{"errcode":310000}"#] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            while !String::from_utf8_lossy(&text).contains("nothing has happened") {
                assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0);
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
            stream.write_all(format!("{head}{said}").as_bytes()).await.unwrap();
            heard.push(String::from_utf8_lossy(&text).into_owned());
        }
        heard
    });
    let ask = async |more: &[&str]| {
        run(paystate(&[&["alert", "--config", config.to_str().unwrap()][..], more].concat())).await
    };
    let (ok, out, err) = ask(&[]).await;
    assert!(ok && out.contains("alerts.ops: took it"), "{out}{err}");
    let (ok, out, err) = ask(&["--channel", "ops"]).await;
    assert!(!ok && err.contains("alerts.ops: it refuses: errcode 310000") && !err.contains("sesame"), "{out}{err}");
    assert!(answered.await.unwrap()[0].starts_with("POST /robot?access_token=sesame"));
    let (ok, _, err) = ask(&["--channel", "pager"]).await;
    assert!(!ok && err.contains("there is no [alerts.pager]"), "{err}");
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
        "accounts.stripe.livemode: invalid type",
        "edge.core: ",
        "extra: unknown section",
    ];
    refused(&data, Bad { command: "check", config: &shape, env: &[], says: &says }).await;

    // What a core does by itself: an edge in plaintext elsewhere, no schedule, no such case or ruling, a channel that anybody
    // could read along.
    fs::write(data.join("hook.txt"), "http://chat.example/sesame").unwrap();
    let own = sound.replace("edge = \"http://127.0.0.1:50052\"", "edge = \"http://10.0.0.1:50052\"")
        + r#"
[core.compensate]
payment_schedule_s = []
in_flight = 0
[core.cases.double_payments]
[core.cases.unknown_order]
settle = "REFUND"
[alerts.ops]
url = { file = "hook.txt" }
[alerts.Big]
format = "slack"
"#;
    let says = [
        "core.edge: ",
        "core.compensate.payment_schedule_s: has no delay",
        "core.compensate.in_flight: must be 1 to 1000",
        "core.cases.double_payments: is no kind of case",
        "core.cases.unknown_order.settle: \"REFUND\" settles no such case; write IGNORE",
        "alerts.ops.url: must begin with https://",
        "alerts.Big: a name is",
        "alerts.Big.url: is missing",
    ];
    refused(&data, Bad { command: "check", config: &own, env: &[], says: &says }).await;

    // The relay: plaintext elsewhere, names that cannot be, a password in a URL, an authority that is missing.
    let relay = sound.clone()
        + r#"
        [relay]
        core = "http://10.0.0.1:50051"
        subscription = "A B"
        exchange = "events"
        [relay.rabbitmq]
        url = "amqps://relay:sesame@rabbitmq"
        exchange = "a b"
        tls_ca = { file = "nowhere.pem" }
    "#;
    let says = [
        "relay.exchange: unknown field",
        "relay.core: ",
        "relay.subscription: ",
        "relay.rabbitmq.url: holds a password",
        "relay.rabbitmq.exchange: ",
        "relay.rabbitmq.tls_ca: cannot read",
    ];
    for command in ["relay", "check"] {
        refused(&data, Bad { command, config: &relay, env: &[], says: &says }).await;
    }

    // A section that cannot be read hides nothing of the others.
    let kind = sound
        .replace("core = \"http://127.0.0.1:50051\"", "core = 7")
        .replace("sandbox/merchant/unionpay_root.pem", "sandbox/merchant/nowhere.pem");
    let says = ["edge.core: it is a URL or a list of URLs", "accounts.unionpay.root_certificate: cannot read"];
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
        "accounts.alipay.public_key: a secret is",
        "edge.tls_certificate and edge.tls_key: ",
        "sandbox.tls_certificate and sandbox.tls_key: ",
    ];
    refused(&data, Bad { command: "check", config: &inline, env: &[], says: &says }).await;

    // Ports that are taken: both are named, and the third role is not started either.
    let taken = ["PAYSTATE__EDGE__LISTEN", "PAYSTATE__EDGE__GATEWAY_LISTEN"]
        .map(|variable| (variable, TcpListener::bind("127.0.0.1:0").unwrap()));
    let env = taken.each_ref().map(|(variable, taken)| (*variable, taken.local_addr().unwrap().to_string()));
    let says = ["edge.listen: cannot listen on", "edge.gateway_listen: cannot listen on"];
    refused(&data, Bad { command: "edge", config: &sound, env: &env, says: &says }).await;

    let open = [("PAYSTATE__CORE__LISTEN", "0.0.0.0:0".to_owned())];
    refused(&data, Bad { command: "core", config: &sound, env: &open, says: &["core.listen: 0.0.0.0:0"] }).await;

    // Who may call: certificates without roles and roles without certificates, a way to the core that is half
    // secured, what contradicts itself, a pause that is none.
    let pair = "certificate = { file = \"edge.crt\" }\nkey = { file = \"edge.key\" }\n";
    let callers = sound
        .replace("core = \"http://127.0.0.1:50051\"", "core = [\"https://a:1\", \"http://b:1\", \"ftp://c\"]")
        .replace("[edge]\n", "[edge]\ncore_identities = []\ndrain_delay_ms = 600001\n")
        .replace("[core]\n", "[core]\nallow_plaintext = true\n")
        + &format!("[core.tls]\n{pair}client_ca = {{ file = \"edge.key\" }}\n[edge.gateway_tls]\n{pair}");
    let says = [
        "core.allow_plaintext: contradicts [core.tls]",
        "core.roles: is missing",
        "core.tls.client_ca: the file holds no certificate authority",
        "edge.core: \"https://a:1\": https needs [edge.core_tls]",
        "edge.core: \"http://b:1\": plaintext is for loopback",
        "edge.core: \"ftp://c\": write http:// or https://",
        "edge.core_identities: names nobody",
        "edge.gateway_tls.client_ca: is missing",
        "edge.drain_delay_ms: must be 0 to 600000",
    ];
    refused(&data, Bad { command: "check", config: &callers, env: &[], says: &says }).await;
    let roles = sound
        .replace("core = \"http://127.0.0.1:50051\"", "core = []")
        .replace("[edge]\n", "[edge]\ncore_identities = [\"core\"]\ncore_allow_plaintext = true\n")
        + "[core.roles]\nwriters = [\"orders\"]\n[edge.core_tls]\nserver_name = \"no name\"\n";
    let says = [
        "core.roles.writers: unknown field",
        "core.roles: has no use without [core.tls]",
        "edge.core: names no core",
        "edge.core_allow_plaintext: contradicts [edge.core_tls]",
        "edge.core_tls.server_name: \"no name\" is no name of a server",
        "edge.core_tls.ca: is missing",
        "edge.core_tls.certificate: is missing",
        "edge.core_tls.key: is missing",
        "edge.core_identities: has no use without [edge.gateway_tls]",
    ];
    refused(&data, Bad { command: "check", config: &roles, env: &[], says: &says }).await;
    let asked_for = [("PAYSTATE__CORE__LISTEN", "0.0.0.0:0"), ("PAYSTATE__CORE__ALLOW_PLAINTEXT", "true")];
    let open = Process::role("core", &data.join("paystate.toml"), &asked_for, "core metrics").await;
    open.kill().await;

    // Allow lists that nobody has written, and a header that anybody could send.
    let sources = [
        ("PAYSTATE__EDGE__SOURCES__MODE", "enforce".to_owned()),
        ("PAYSTATE__EDGE__SOURCES__ALLOW", "{ stripe = [\"203.0.113.1/24\"] }".to_owned()),
        ("PAYSTATE__EDGE__SOURCES__PROXY_HEADER", "x-forwarded-for".to_owned()),
    ];
    let says = [
        "edge.sources.allow.alipay: is missing",
        "edge.sources.allow.wechatpay: is missing",
        "edge.sources.allow.unionpay: is missing",
        "edge.sources.allow.stripe: 203.0.113.1/24 has bits behind its prefix; write 203.0.113.0/24",
        "edge.sources.trusted_proxies: is missing",
    ];
    refused(&data, Bad { command: "edge", config: &sound, env: &sources, says: &says }).await;

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

/// What docs/deploy.md tells to copy. The files that it names are here those of `dev`, under other names.
/// An alert on a metric that nobody sets never fires, and nobody misses it.
#[test]
fn the_alerts_are_about_metrics_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = text.split(|c| !plain(c)).filter(|word| word.starts_with("paystate_"));
        // What a histogram is read by.
        words.map(|word| word.trim_end_matches("_bucket").to_owned()).collect()
    };
    let mut sources = String::new();
    let mut folders: Vec<_> = ["core/src", "edge/src", "relay/src", "rpc/src", "src"].map(|dir| root.join(dir)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                sources.push_str(&fs::read_to_string(&entry).unwrap_or_default());
            }
        }
    }
    let table = read("docs/configuration.md");
    let table: String = table.lines().filter(|line| line.starts_with("| `paystate_")).collect();
    let (documented, alerted) = (names(&table), names(&read("deploy/alerts.yml")));
    let unknown: Vec<_> = alerted.difference(&documented).collect();
    assert!(
        alerted.len() > 10 && unknown.is_empty(),
        "{unknown:?} are in deploy/alerts.yml, and not in docs/configuration.md"
    );
    let unset: Vec<_> = documented.iter().filter(|name| !sources.contains(&format!("\"{name}\""))).collect();
    assert!(unset.is_empty(), "{unset:?} are in docs/configuration.md, and nobody sets them");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_deploy_are_sound() {
    let (_dir, data) = home().await;
    let copies = [
        ("edge.crt", "ca.crt"),
        ("edge.crt", "core.crt"),
        ("edge.key", "core.key"),
        ("edge.crt", "relay.crt"),
        ("edge.key", "relay.key"),
        ("edge.crt", "pay.example.com.crt"),
        ("edge.key", "pay.example.com.key"),
        ("sandbox/merchant/alipay_public_key.pem", "alipay_public_key.pem"),
        ("sandbox/merchant/stripe_signing_secret.txt", "stripe_signing_secret.txt"),
        ("sandbox/merchant/alipay_private_key.pem", "alipay_app_private_key.pem"),
    ];
    for (from, to) in copies {
        fs::copy(data.join(from), data.join(to)).unwrap();
    }
    for password in ["database_password.txt", "redis_password.txt", "rabbitmq_password.txt"] {
        fs::write(data.join(password), "sesame").unwrap();
    }
    // The example is in live mode, the sandbox's key is not.
    fs::write(data.join("stripe_secret_key.txt"), format!("sk_live_{}", "Ab3dE6gH9jK2mN5pQ8rS1tU4")).unwrap();
    for role in ["core", "edge", "relay"] {
        let file = data.join(format!("{role}.toml"));
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(format!("{role}.toml")), &file).unwrap();
        // As it is, without the ports that the other tests set.
        let mut check = Command::new(env!("CARGO_BIN_EXE_paystate"));
        check.args(["check", "--config", file.to_str().unwrap()]);
        let (ok, out, err) = run(check).await;
        assert!(ok && out.contains(&format!("Sections: {role}.")), "{out}{err}");
    }
}
