//! The way to a server of ours.

use std::{io, sync::Arc, time::Duration};

use http::{Uri, uri::Scheme};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// A server that takes longer to answer a ping is not there. Pings go out at this interval, also while no calls are
/// made, so that it is not the next call that finds out.
const PATIENCE: Duration = Duration::from_secs(2);
/// A server that takes longer to let us in is not there. That leaves time to ask another one.
const ENTRY: Duration = Duration::from_secs(1);

/// A channel that connects when it is first used, and again whenever the connection is lost. With `tls` the
/// server must have a certificate for that name.
#[must_use]
pub fn channel(endpoint: Endpoint, tls: Option<(Arc<ClientConfig>, ServerName<'static>)>) -> Channel {
    let endpoint = if tls.is_some() { beneath_tls(&endpoint) } else { endpoint };
    let endpoint = endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE)
        .keep_alive_while_idle(true);
    match tls {
        None => endpoint.connect_timeout(ENTRY).connect_lazy(),
        Some((config, name)) => {
            let tls = TlsConnector::from(config);
            // The library's own timeout would hide that there was no connection.
            let enter = move |uri| {
                let entered = timeout(ENTRY, shake(uri, tls.clone(), name.clone()));
                async move { entered.await.unwrap_or_else(|late| Err(late.into())) }
            };
            endpoint.connect_with_connector_lazy(service_fn(enter))
        }
    }
}

/// The same server for a connector that does TLS itself. For https the library would do TLS once more, or refuse to, if
/// another crate of the build has switched its TLS on. Requests still say https.
fn beneath_tls(endpoint: &Endpoint) -> Endpoint {
    let uri = endpoint.uri();
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    Uri::from_parts(parts).map_or_else(|_| endpoint.clone(), |plain| Endpoint::from(plain).origin(uri.clone()))
}

async fn shake(
    uri: Uri,
    tls: TlsConnector,
    name: ServerName<'static>,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
    stream.set_nodelay(true)?;
    tls.connect(name, stream).await.map(TokioIo::new)
}
