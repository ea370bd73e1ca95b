//! A merchant's own calls: the very code that the edge uses, over HTTPS to a sandbox that is served.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use paystate_providers::{
    Currency, Fact, Instant, Money, Notice, PaymentFact, Provider, RefundFact,
    alipay::{AlipayApi, AlipayApiSettings},
    api::{
        Action, Begin, Initiate, InitiateMethod, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response,
    },
    stripe::{StripeApi, StripeApiSettings},
    unionpay::{UnionPayApi, UnionPayApiSettings},
    wechatpay::{WechatPayApi, WechatPayApiSettings},
};
use paystate_sandbox::{Keyring, Sandbox, Trade, serve};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::support::{Edge, Merchant, data_dir, open, tls};

/// What comes back over the wire.
pub(crate) struct Wire {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// A sandbox behind HTTPS, and a merchant of it.
pub(crate) struct Shop {
    pub(crate) dir: TempDir,
    pub(crate) edge: Edge,
    pub(crate) sandbox: Sandbox,
    pub(crate) origin: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    _server: DropGuard,
}

/// A payment as the shop knows it.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) provider: Provider,
    pub(crate) number: String,
    pub(crate) amount: Money,
    pub(crate) started_at: Instant,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) reference: String,
}

pub(crate) fn now() -> Instant {
    Instant::from_micros(jiff::Timestamp::now().as_microsecond())
}

pub(crate) fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

pub(crate) fn attempt(provider: Provider, number: &str) -> Attempt {
    let expires_at = Some(Instant::from_seconds(now().seconds() + 3_000));
    Attempt {
        provider,
        number: number.to_owned(),
        amount: yuan(1999),
        started_at: now(),
        expires_at,
        reference: String::new(),
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let dir = data_dir();
        let edge = Edge::judging(Merchant::new(dir.path())).await;
        let sandbox = open(dir.path(), &edge).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let (config, ca_pem) = tls();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, config, sandbox.clone(), stop.clone()));
        Self { dir, edge, sandbox, origin, client: client(&ca_pem), _server: stop.drop_guard() }
    }

    /// The merchant's side of an account.
    pub(crate) fn api(&self, provider: Provider) -> Box<dyn PlatformApi> {
        self.api_with_key(provider, None)
    }

    /// The same, signing with somebody's key, whose certificate lies beside it.
    pub(crate) fn api_with_key(&self, provider: Provider, key: Option<&Path>) -> Box<dyn PlatformApi> {
        let merchant = Merchant::new(self.dir.path());
        let keyring = Keyring::load_or_create(self.dir.path()).expect("keys");
        let files = keyring.merchant_files();
        let text = |path: &Path| fs::read_to_string(path).expect("a merchant's file");
        let private = |own: &Path| text(key.unwrap_or(own));
        let notify_url = Some(format!("{}/callback/{provider}/{provider}", self.edge.url));
        match provider {
            Provider::Alipay => {
                let private_key = private(&files.alipay_private_key);
                let base_url = Some(format!("{}/gateway.do", self.origin));
                let settings = AlipayApiSettings { base_url, notify_url, private_key };
                Box::new(AlipayApi::new(Arc::new(merchant.alipay), settings).expect("alipay"))
            }
            Provider::WechatPay => {
                let private_key = private(&files.wechat_private_key);
                let (base_url, serial_no) = (Some(self.origin.clone()), keyring.wechat_serial_no().to_owned());
                let settings = WechatPayApiSettings { base_url, notify_url, private_key, serial_no };
                Box::new(WechatPayApi::new(Arc::new(merchant.wechatpay), settings).expect("wechatpay"))
            }
            Provider::UnionPay => {
                let own = |key: &Path| text(&key.with_extension("pem"));
                let certificate = key.map_or_else(|| text(&files.unionpay_certificate), own);
                let private_key = private(&files.unionpay_private_key);
                let base_url = Some(self.origin.clone());
                let settings = UnionPayApiSettings { base_url, file_url: None, notify_url, certificate, private_key };
                Box::new(UnionPayApi::new(Arc::new(merchant.unionpay), settings).expect("unionpay"))
            }
            Provider::Stripe => {
                let secret_key = key.map_or_else(
                    || text(&files.stripe_secret_key),
                    |_| "sk_test_4eC39HqLyjWDarjtT1zdp7dcKpqRs6Tu".to_owned(),
                );
                let settings = StripeApiSettings { base_url: Some(self.origin.clone()), secret_key };
                Box::new(StripeApi::new(Arc::new(merchant.stripe), settings).expect("stripe"))
            }
        }
    }

    /// One exchange; `None` when the connection broke.
    pub(crate) async fn send(&self, request: Request) -> Option<Wire> {
        let mut sent = http::Request::builder().method(request.method).uri(request.url);
        *sent.headers_mut().expect("headers") = request.headers;
        let response = self.client.request(sent.body(Full::from(request.body)).expect("a request")).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Wire { status: head.status, headers: head.headers, body })
    }

    /// Begins a payment as front end and payer's browser do; answers with what the front end was given.
    pub(crate) async fn begin(&self, attempt: &mut Attempt, method: InitiateMethod) -> Option<Reply<Action>> {
        let api = self.api(attempt.provider);
        let number = attempt.number.clone();
        let ask = Initiate {
            method,
            out_trade_no: &number,
            amount: attempt.amount,
            description: "一本书",
            started_at: attempt.started_at,
            expires_at: attempt.expires_at,
            payer_id: "oSandbox00000000000000000001",
            client_ip: "192.0.2.7",
            return_url: "https://shop.example/back",
        };
        let action = match api.initiate(&ask, now()).expect("a way to begin") {
            Begin::Ready(action) => action,
            Begin::Call(request) => {
                let wire = self.send(request).await?;
                match api.initiated(&ask, &wire.response()) {
                    Reply::Answered(Initiated { action, reference }) => {
                        attempt.reference = reference.unwrap_or_default();
                        action
                    }
                    Reply::NotFound(said) => return Some(Reply::NotFound(said)),
                    Reply::Refused(said) => return Some(Reply::Refused(said)),
                    Reply::Unknown(said) => return Some(Reply::Unknown(said)),
                    Reply::RateLimited(said, wait) => return Some(Reply::RateLimited(said, wait)),
                }
            }
        };
        self.show(&action).await;
        Some(Reply::Answered(action))
    }

    async fn show(&self, action: &Action) {
        let text = match action {
            Action::RedirectUrl(text) | Action::HtmlForm(text) | Action::QrText(text) => text.clone(),
            Action::SignedParameters(pairs) => {
                pairs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("")
            }
        };
        let _ = self.sandbox.visit(&text).await;
    }

    pub(crate) async fn query(&self, attempt: &Attempt) -> Option<Reply<Option<Notice>>> {
        let (api, ask) = (self.api(attempt.provider), attempt.payment());
        let wire = self.send(api.query_payment(&ask, now()).expect("a question")).await?;
        Some(api.payment_answer(&ask, &wire.response()))
    }

    pub(crate) async fn close(&self, attempt: &Attempt) -> Option<Reply<()>> {
        let (api, ask) = (self.api(attempt.provider), attempt.payment());
        let wire = self.send(api.close_payment(&ask, now()).expect("a way to close")).await?;
        Some(api.payment_closed(&ask, &wire.response()))
    }

    pub(crate) async fn refund(&self, refund: &Refund<'_>, provider: Provider) -> Option<Reply<Option<Notice>>> {
        let api = self.api(provider);
        let wire = self.send(api.refund(refund, now()).expect("a way to give back")).await?;
        Some(api.refunded(refund, &wire.response()))
    }

    pub(crate) async fn ask_refund(&self, refund: &Refund<'_>, provider: Provider) -> Option<Reply<Option<Notice>>> {
        let api = self.api(provider);
        let wire = self.send(api.query_refund(refund, now()).expect("a question")).await?;
        Some(api.refund_answer(refund, &wire.response()))
    }

    /// How often money moved under a number.
    pub(crate) fn effects(&self, number: &str) -> u32 {
        self.sandbox.ledger().effects().iter().filter(|effect| effect.number == number).map(|effect| effect.count).sum()
    }
}

impl Wire {
    pub(crate) fn response(&self) -> Response<'_> {
        Response { status: self.status, headers: &self.headers, body: &self.body, received_at: now() }
    }
}

impl Attempt {
    pub(crate) fn payment(&self) -> PaymentRef<'_> {
        PaymentRef {
            out_trade_no: &self.number,
            started_at: Some(self.started_at),
            expires_at: None,
            reference: &self.reference,
            amount: self.amount,
        }
    }
}

/// A refund of a trade.
pub(crate) fn refund<'a>(trade: &'a Trade, number: &'a str, minor: i64) -> Refund<'a> {
    Refund {
        out_trade_no: &trade.out_trade_no,
        transaction_id: &trade.transaction_id,
        out_refund_no: number,
        refund_id: "",
        amount: yuan(minor),
        paid: yuan(trade.amount_minor),
        reason: "torn",
        paid_at: Some(Instant::from_micros(trade.at.micros())),
        started_at: now(),
    }
}

/// What a verified answer says of a payment.
pub(crate) fn payment_fact(reply: Option<Reply<Option<Notice>>>) -> PaymentFact {
    let facts = facts(reply);
    let payment = facts.iter().find_map(|fact| if let Fact::Payment(fact) = fact { Some(fact.clone()) } else { None });
    payment.unwrap_or_else(|| panic!("no payment in {facts:?}"))
}

/// What a verified answer says of a refund.
pub(crate) fn refund_fact(reply: Option<Reply<Option<Notice>>>) -> RefundFact {
    let facts = facts(reply);
    let refund = facts.iter().find_map(|fact| if let Fact::Refund(fact) = fact { Some(fact.clone()) } else { None });
    refund.unwrap_or_else(|| panic!("no refund in {facts:?}"))
}

fn facts(reply: Option<Reply<Option<Notice>>>) -> Vec<Fact> {
    let reply = reply.expect("an answer");
    let Reply::Answered(notice) = reply else { panic!("not answered: {reply:?}") };
    notice.map(|notice| notice.facts).unwrap_or_default()
}

fn client(ca_pem: &str) -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build();
    // A broken connection must be seen, not hidden by trying again.
    Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector)
}
