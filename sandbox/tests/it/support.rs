//! An edge of a few lines, a sandbox on a copy of one key set, and the merchant's verifiers.

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use paystate_providers::{
    Callback, Currency, Instant, Notice, Outcome, Platform, Provider, Rejection,
    alipay::{Alipay, AlipayKey, AlipaySettings},
    stripe::{Stripe, StripeSettings},
    unionpay::{UnionPay, UnionPayEnvironment, UnionPaySettings},
    wechatpay::{WechatPay, WechatPaySettings, WechatPublicKey},
};
use paystate_sandbox::{DeliveryPlan, Keyring, PayRequest, Sandbox, Settings, keyring as ids};
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch};
use tokio_rustls::TlsAcceptor;

/// Long enough that only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request as the edge got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Seen {
    pub(crate) fn provider(&self) -> Provider {
        self.path.rsplit('/').next().expect("a path").parse().expect("a provider")
    }

    pub(crate) fn judge(&self, merchant: &Merchant) -> Result<Notice, Rejection> {
        let callback = Callback { headers: &self.headers, body: &self.body, received_at: self.at };
        merchant.platform(self.provider()).notify(&callback)
    }
}

type Script = dyn Fn(usize, &Seen) -> (u16, String) + Send + Sync;

/// A server whose answers a test writes; it remembers what it was sent.
pub(crate) struct Edge {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Edge {
    /// `script` gets the number of the request, from zero, and the request.
    pub(crate) async fn start(script: impl Fn(usize, &Seen) -> (u16, String) + Send + Sync + 'static) -> Self {
        let (config, ca_pem) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let state = Arc::new((Arc::clone(&seen), sender, Box::new(script) as Box<Script>));
        let task = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, ca_pem, seen, count, task }
    }

    /// An edge that acknowledges as each platform wants it.
    pub(crate) async fn kind() -> Self {
        Self::start(|_, _| (200, "success".to_owned())).await
    }

    /// An edge that judges with the merchant's set-up.
    pub(crate) async fn judging(merchant: Merchant) -> Self {
        Self::start(move |_, seen| {
            let outcome = seen.judge(&merchant).map_or_else(|r| r.reason.outcome(), |_| Outcome::Accepted);
            let ack = merchant.platform(seen.provider()).ack(outcome);
            (ack.status.as_u16(), ack.body.to_owned())
        })
        .await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("a lock").clone()
    }

    /// Waits for the `n`th request.
    pub(crate) async fn until(&self, n: usize) {
        let mut count = self.count.clone();
        tokio::time::timeout(PATIENCE, count.wait_for(|c| *c >= n)).await.expect("in time").expect("the edge lives");
    }
}

type State = (Arc<Mutex<Vec<Seen>>>, watch::Sender<usize>, Box<Script>);

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    let path = head.uri.path().to_owned();
    let at = Instant::from_micros(jiff::Timestamp::now().as_microsecond());
    let seen = Seen { path, headers: head.headers, body, at };
    let number = {
        let mut all = state.0.lock().expect("a lock");
        all.push(seen.clone());
        all.len() - 1
    };
    state.1.send_replace(number + 1);
    let (status, text) = (state.2)(number, &seen);
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status.try_into().expect("a status");
    Ok(response)
}

/// A server's TLS set-up with a certificate of its own.
pub(crate) fn tls() -> (Arc<rustls::ServerConfig>, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a usable certificate");
    (Arc::new(config), made.cert.pem())
}

/// A directory with keys in it. Keys are made once per run of the tests, as making them takes long.
pub(crate) fn data_dir() -> TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let dir = TempDir::new().expect("a directory");
        Keyring::load_or_create(dir.path()).expect("keys");
        dir
    });
    let dir = TempDir::new().expect("a directory");
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).expect("a directory");
    for entry in fs::read_dir(template.path().join("keys")).expect("keys") {
        let entry = entry.expect("a key");
        fs::copy(entry.path(), keys.join(entry.file_name())).expect("a copy");
    }
    dir
}

pub(crate) async fn open(dir: &Path, edge: &Edge) -> Sandbox {
    let mut settings = Settings::new(dir.to_owned(), edge.url.clone(), edge.ca_pem.clone().into_bytes());
    settings.time_compression = u32::MAX;
    Sandbox::open(settings).await.expect("a sandbox")
}

pub(crate) fn pay(provider: Provider, out_trade_no: &str, amount_minor: i64) -> PayRequest {
    PayRequest {
        provider,
        out_trade_no: out_trade_no.to_owned(),
        amount_minor,
        currency: Currency::CNY,
        plan: DeliveryPlan::default(),
    }
}

/// The merchant's verifiers, built from the files that the sandbox hands out.
pub(crate) struct Merchant {
    pub(crate) alipay: Alipay,
    pub(crate) wechatpay: WechatPay,
    pub(crate) unionpay: UnionPay,
    pub(crate) stripe: Stripe,
}

impl Merchant {
    pub(crate) fn new(dir: &Path) -> Self {
        let keyring = Keyring::load_or_create(dir).expect("keys");
        let files = keyring.merchant_files();
        let text = |path: &Path| fs::read_to_string(path).expect("a merchant's file");
        Self {
            alipay: Alipay::new(AlipaySettings {
                app_id: ids::ALIPAY_APP_ID.to_owned(),
                seller_id: Some(ids::ALIPAY_SELLER_ID.to_owned()),
                key: AlipayKey::PublicKey(text(&files.alipay_public_key)),
                previous_key: None,
            })
            .expect("alipay"),
            wechatpay: WechatPay::new(WechatPaySettings {
                mchid: ids::WECHAT_MCHID.to_owned(),
                appids: vec![ids::WECHAT_APPID.to_owned()],
                api_v3_key: text(&files.wechat_api_v3_key),
                previous_api_v3_key: None,
                public_keys: vec![WechatPublicKey {
                    id: ids::WECHAT_PUBLIC_KEY_ID.to_owned(),
                    pem: text(&files.wechat_public_key),
                }],
                platform_certificates: vec![text(&files.wechat_platform_certificate)],
            })
            .expect("wechatpay"),
            unionpay: UnionPay::new(UnionPaySettings {
                mer_id: ids::UNIONPAY_MER_ID.to_owned(),
                root_cert: text(&files.unionpay_root),
                middle_certs: vec![text(&files.unionpay_middle)],
                environment: UnionPayEnvironment::Test,
            })
            .expect("unionpay"),
            stripe: Stripe::new(StripeSettings {
                signing_secrets: vec![text(&files.stripe_signing_secret)],
                livemode: false,
                account: None,
            })
            .expect("stripe"),
        }
    }

    pub(crate) fn platform(&self, provider: Provider) -> &dyn Platform {
        match provider {
            Provider::Alipay => &self.alipay,
            Provider::WechatPay => &self.wechatpay,
            Provider::UnionPay => &self.unionpay,
            Provider::Stripe => &self.stripe,
        }
    }
}
