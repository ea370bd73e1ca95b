//! One request to one answer.

use std::{net::IpAddr, sync::Arc};

use http::{Request, header};
use hyper::body::Incoming;
use paystate_providers::Rejection;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    Limits,
    body::{self, Partial},
    core_health::CoreHealth,
    door::{Door, Doors},
    observe::Watched,
    rejections::{Refused, Rejections},
    reply::{self, Reply},
    route::{Route, route},
    shed::Shed,
    verdict::{Fault, Verdict},
    verify::{self, Received},
};

/// All that answering needs; shared by the connections.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) doors: Doors,
    pub(crate) limits: Arc<Limits>,
    pub(crate) shed: Shed,
    pub(crate) rejections: Rejections,
    pub(crate) health: Arc<CoreHealth>,
    /// Cancelled when the edge is asked to stop.
    pub(crate) shutdown: CancellationToken,
}

impl Site {
    /// Answers a request. The query of a URL is never looked at: it is not signed.
    pub(crate) async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Reply {
        // Chunks are where two readers of one connection can disagree about where a request ends; so nothing
        // is read after them.
        let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let reply = match route(request.method(), request.uri().path()) {
            Route::Callback { provider, account } => match self.doors.find(provider, account).cloned() {
                Some(door) => self.callback(door, peer, request).await,
                None => reply::not_found(),
            },
            Route::Health => reply::health(true),
            Route::Ready => self.ready().await,
            Route::WrongMethod { allow } => reply::wrong_method(allow),
            Route::Unknown => reply::not_found(),
        };
        if chunked { reply::closing(reply) } else { reply }
    }

    async fn ready(&self) -> Reply {
        match !self.shutdown.is_cancelled() && self.health.good().await {
            true if self.health.degraded().await => reply::degraded(),
            good => reply::health(good),
        }
    }

    async fn callback(&self, door: Arc<Door>, peer: IpAddr, request: Request<Incoming>) -> Reply {
        let mut watched = Watched::new(door.clone());
        let judged = timeout(self.limits.request_timeout, self.judge(&door, peer, request, &mut watched)).await;
        let verdict = judged.unwrap_or(Verdict::Fault(Fault::RequestSlow));
        watched.ended(&verdict);
        reply::of(&door, &verdict)
    }

    async fn judge(
        &self,
        door: &Arc<Door>,
        peer: IpAddr,
        request: Request<Incoming>,
        watched: &mut Watched,
    ) -> Verdict {
        let (parts, body) = request.into_parts();
        match body::read(&parts.headers, body, &self.limits).await {
            Ok(body) => {
                watched.size(u64::try_from(body.len()).unwrap_or(u64::MAX));
                let received_at = verify::now();
                self.shed.judge(Received { door: door.clone(), peer, headers: parts.headers, body, received_at }).await
            }
            Err(partial) => {
                watched.size(partial.size);
                self.unread(door, peer, &parts.headers, &partial)
            }
        }
    }

    fn unread(&self, door: &Door, peer: IpAddr, headers: &http::HeaderMap, partial: &Partial) -> Verdict {
        let Partial { why, kept, size } = partial;
        self.rejections.record(&Refused {
            door,
            peer,
            headers,
            body: kept,
            body_size: *size,
            received_at: verify::now(),
            rejection: &Rejection::new(why.reason(), why.sentence().trim_end()),
        });
        Verdict::Unread(*why)
    }
}
