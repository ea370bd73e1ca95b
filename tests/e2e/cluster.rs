//! Cores and edges as processes of their own on one PostgreSQL, and platforms that reach them through a balancer.
//!
//! Contract: edge `n` speaks to core `n`; every process runs on one configuration, and none is ever restarted. What is
//! broken on purpose is around them: the database, the network, or a pause.

mod balancer;
mod digest;
mod script;

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use self::balancer::Balancer;
pub(crate) use self::{
    digest::digest,
    script::{ACCOUNTS, Script},
};
use crate::support::{
    A_MOMENT, Process, SOON, Shop, assert_stored_once, counters, home, http, https, ledger, paystate, run, sandbox,
    until,
};

/// Time runs faster for the platforms: slow enough that UnionPay's five sends outlast every fault here (its ladder is
/// over after 6 s), and fast enough to wait for Alipay's.
const TIME_COMPRESSION: &str = "120";
/// Begins the numbers of payments whose notices no platform sends.
const UNSENT: &str = "UNSENT";
/// The longest that a shop waits for the answer to a command before it tries again.
const PATIENCE: Duration = Duration::from_secs(4);

/// Running processes; they end with it.
pub(crate) struct Cluster {
    pub(crate) cores: Vec<Process>,
    pub(crate) edges: Vec<Process>,
    platforms: Process,
    /// Clients of each core.
    shops: Vec<Shop>,
    data: PathBuf,
    _balancer: Balancer,
    _home: TempDir,
}

impl Cluster {
    /// Makes the schema and starts `size` cores with an edge each. `database` is a URL as in the configuration, and so
    /// are those of each core's Redis, if it is to have one.
    pub(crate) async fn start(database: &str, redis: &[String], size: usize) -> Self {
        let (home, data) = home().await;
        let config = data.join("paystate.toml");
        let written = fs::read_to_string(&config).unwrap().replace("sqlite:paystate.db", database);
        assert!(written.contains(database), "{written}");
        fs::write(&config, written).unwrap();
        let (migrated, out, err) = run(paystate(&["migrate", "--config", config.to_str().unwrap()])).await;
        assert!(migrated, "{out}{err}");

        // Shown only if a test fails.
        let log = ("PAYSTATE_LOG", "warn");
        let (mut cores, mut edges) = (Vec::new(), Vec::new());
        for n in 0..size {
            let urls = redis.get(n).map(|url| format!("['{url}']"));
            let redis = urls.as_ref().map(|urls| ("PAYSTATE__CORE__REDIS__URLS", urls.as_str()));
            let env: Vec<_> = [log].into_iter().chain(redis).collect();
            let core = Process::role("core", &config, &env, "core metrics").await;
            let url = format!("http://{}", core.address("core"));
            edges.push(Process::role("edge", &config, &[log, ("PAYSTATE__EDGE__CORE", &url)], "edge metrics").await);
            cores.push(core);
        }
        let balancer = Balancer::start(edges.iter().map(|edge| edge.address("edge")).collect()).await;
        let edge_url = format!("https://{}", balancer.address());
        let compression = ("PAYSTATE__SANDBOX__TIME_COMPRESSION", TIME_COMPRESSION);
        let env = [compression, ("PAYSTATE__SANDBOX__EDGE_URL", edge_url.as_str())];
        let platforms = Process::role("sandbox", &config, &env, "sandbox").await;
        let mut shops = Vec::new();
        for core in &cores {
            shops.push(core.shop().await);
        }
        Self { cores, edges, platforms, shops, data, _balancer: balancer, _home: home }
    }

    /// Clients of core `n`, counted round and round.
    pub(crate) fn shop(&self, n: usize) -> Shop {
        self.shops[n % self.shops.len()].clone()
    }

    /// Carries out a command as a shop does that wants it done: at the next core, and again, until it is answered.
    /// A refusal is no answer to wait for.
    pub(crate) async fn insist(&self, first: usize, command: impl AsyncFn(Shop) -> Result<(), tonic::Status>) {
        let insisting = async {
            for n in first.. {
                match timeout(PATIENCE, command(self.shop(n))).await {
                    Ok(Ok(())) => return,
                    Ok(Err(status)) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}"),
                    Err(_) => {}
                }
                sleep(A_MOMENT).await;
            }
        };
        timeout(SOON, insisting).await.expect("a core carries it out");
    }

    /// Has a payer pay.
    pub(crate) async fn pay(&self, request: &Value) {
        sandbox(&self.platforms, &self.data, "pay", request).await.unwrap();
    }

    /// Has a platform give money back.
    pub(crate) async fn refund(&self, request: &Value) {
        sandbox(&self.platforms, &self.data, "refund", request).await.unwrap();
    }

    /// The body of a notice that no platform has sent or ever will, for a payment that is made under `name`. The
    /// platform is one that signs in the body: Alipay, UnionPay.
    pub(crate) async fn unsent(&self, account: &str, name: &str, amount_minor: i64) -> Unsent {
        let number = format!("{UNSENT}{name}");
        let weeks = u32::MAX;
        let pay = json!({"account": account, "out_trade_no": number, "amount_minor": amount_minor, "delay_ms": weeks});
        self.pay(&pay).await;
        let journal = fs::read_to_string(self.data.join("sandbox/journal.jsonl")).unwrap();
        let mut records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let traded = records.rfind(|r| r["trade"]["out_trade_no"] == number.as_str()).unwrap();
        let body = traded["notices"][0]["body"].as_str().unwrap().to_owned();
        Unsent { path: format!("/callback/{account}/{account}"), number, body }
    }

    /// Sends it to edge `n`; answers with whether the platform would call it acknowledged. Anything but that or a
    /// plea to try again is wrong.
    pub(crate) async fn send(&self, unsent: &Unsent, n: usize) -> bool {
        let head = format!("POST {}", unsent.path);
        let edge = &self.edges[n % self.edges.len()];
        match https(edge.address("edge"), &self.data, &head, &unsent.body).await.unwrap() {
            (200, body) if body == "success" || body == "ok" => true,
            (503, _) => false,
            (status, body) => panic!("{}: {status} {body}", unsent.number),
        }
    }

    /// Whether edge `n` calls itself ready.
    pub(crate) async fn is_ready(&self, n: usize) -> bool {
        https(self.edges[n].address("edge"), &self.data, "GET /readyz", "").await.unwrap().0 == 200
    }

    /// Waits until every edge calls itself ready, or until every one of them does not.
    pub(crate) async fn all_ready(&self, ready: bool) {
        for n in 0..self.edges.len() {
            until("readiness", async || self.is_ready(n).await == ready).await;
        }
    }

    /// How many callbacks edge `n` has ended with `reason`.
    pub(crate) async fn callbacks(&self, n: usize, reason: &str) -> u64 {
        let page = http(self.edges[n].address("edge metrics"), "GET /metrics").await;
        let wanted = format!("reason=\"{reason}\"");
        let lines = page.lines().filter(|l| l.starts_with("paystate_callbacks_total") && l.contains(&wanted));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// What the platforms know.
    pub(crate) async fn ledger(&self) -> Value {
        ledger(&self.platforms, &self.data).await
    }

    /// How many sends of the platforms were not acknowledged.
    pub(crate) async fn failed_attempts(&self) -> u64 {
        let counters = counters(&self.platforms, &self.data).await;
        counters.as_object().unwrap().values().map(|c| c["failed_attempts"].as_u64().unwrap()).sum()
    }

    /// Waits until the platforms have nothing left to send.
    pub(crate) async fn quiet(&self) {
        until("quiet", async || self.is_quiet().await).await;
    }

    /// Whether the platforms have nothing left to send. None may have given up.
    pub(crate) async fn is_quiet(&self) -> bool {
        let ledger = self.ledger().await;
        let mut sent = ledger["notices"].as_array().unwrap().iter().filter(|n| !is_unsent(n));
        sent.all(|n| {
            assert_eq!(n["exhausted"], false, "{n}");
            n["acked"] == true
        })
    }

    /// Ends every process in order.
    pub(crate) async fn terminate(self) {
        for process in [self.platforms].into_iter().chain(self.edges).chain(self.cores) {
            assert!(process.terminate().await);
        }
    }

    /// I1, and what the database can show of the other invariants. To be called in the middle of faults: what has
    /// been acknowledged by now must be there.
    pub(crate) async fn assert_sound(&self) {
        let ledger = self.ledger().await;
        let acked = ledger["notices"].as_array().unwrap().iter().filter(|n| n["acked"] == true);
        assert_stored_once(acked, &self.shop(0).accepted().await);
        let config = self.data.join("paystate.toml");
        let (sound, out, err) = run(paystate(&["verify", "--config", config.to_str().unwrap()])).await;
        assert!(sound, "{out}{err}");
    }
}

fn is_unsent(notice: &Value) -> bool {
    notice["out_trade_no"].as_str().unwrap().starts_with(UNSENT)
}

/// A notice that waits in the journal of its platform.
#[derive(Debug, Clone)]
pub(crate) struct Unsent {
    path: String,
    /// The shop's number.
    pub(crate) number: String,
    body: String,
}
