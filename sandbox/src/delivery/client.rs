//! The platforms' way to the edge: HTTPS with one pool of kept-alive connections, trusting one CA only.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use paystate_providers::Provider;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    SandboxError,
    platform::{Request, callback_path},
};

/// No platform reads more of an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends to one edge.
#[derive(Debug)]
pub(crate) struct EdgeClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    timeout: Duration,
}

/// What the edge answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl EdgeClient {
    /// `base` is the edge's origin, e.g. `https://127.0.0.1:8443`.
    pub(crate) fn new(base: &str, ca_pem: &[u8], timeout: Duration) -> Result<Self, SandboxError> {
        let base = base.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| SandboxError::invalid("edge_url", "not a URL"))?;
        if uri.scheme_str() != Some("https") || uri.path().len() > 1 {
            return Err(SandboxError::invalid("edge_url", "use https://host:port"));
        }
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(trusting(ca_pem)?).https_only().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(super::MAX_IN_FLIGHT)
            .build(connector);
        Ok(Self { client, base, timeout })
    }

    /// One send, to `url` or to the account's own path at the edge.
    pub(crate) async fn send(&self, provider: Provider, url: Option<&str>, request: Request) -> Result<Answer, String> {
        let own = || format!("{}{}", self.base, callback_path(provider));
        let mut builder = http::Request::post(url.map_or_else(own, str::to_owned));
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(Full::from(request.body)).map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> Result<Answer, String> {
        let response = self.client.request(request).await.map_err(|error| with_cause(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, body: body.to_bytes() })
    }
}

fn trusting(ca_pem: &[u8]) -> Result<ClientConfig, SandboxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        let certificate = certificate.map_err(|error| SandboxError::Tls(error.to_string()))?;
        roots.add(certificate).map_err(|error| SandboxError::Tls(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(SandboxError::Tls("holds no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SandboxError::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The client's own error only says "client error"; its causes say what happened.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
