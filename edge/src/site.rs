//! One request to one answer.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Request, header};
use hyper::body::{Body, Incoming};
use paystate_providers::{Reason, Rejection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    Limits, Sources,
    body::{self, Partial},
    bucket::Bucket,
    core_health::CoreHealth,
    door::{Door, Doors},
    observe::{self, Lines, Watched},
    pace::Pace,
    rejections::{Refused, Rejections},
    reply::{self, Reply},
    route::{Route, route},
    shed::Shed,
    sources::Standing,
    verdict::{Fault, Verdict},
    verify::{self, Received},
};

/// All that answering needs; shared by the connections.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) doors: Doors,
    pub(crate) sources: Sources,
    pub(crate) lines: Lines,
    /// Lines about callbacks with a platform's signature: strangers must not crowd them out.
    pub(crate) proven_lines: Lines,
    pub(crate) unlisted_lines: Bucket,
    pub(crate) unrouted_lines: Bucket,
    pub(crate) limits: Arc<Limits>,
    pub(crate) shed: Shed,
    pub(crate) rejections: Rejections,
    pub(crate) health: Arc<CoreHealth>,
    /// Cancelled when the edge is asked to stop.
    pub(crate) shutdown: CancellationToken,
}

impl Site {
    /// Answers a request. The query of a URL is never looked at: it is not signed.
    pub(crate) async fn answer(&self, peer: IpAddr, request: Request<Incoming>, pace: &Pace) -> Reply {
        // With chunks, two readers of one connection can disagree about where a request ends; so nothing is read after
        // them.
        let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let reply = match route(request.method(), request.uri().path()) {
            Route::Callback { provider, account } => match self.doors.find(provider, account).cloned() {
                Some(door) => self.callback(door, peer, request, pace).await,
                None => {
                    observe::no_such_account(provider, account, &self.unrouted_lines);
                    reply::not_found()
                }
            },
            Route::Health => reply::health(true),
            Route::Ready => self.ready().await,
            Route::WrongMethod { allow } => {
                observe::unrouted("WRONG_METHOD");
                reply::wrong_method(allow)
            }
            Route::Unknown => {
                observe::unrouted("UNKNOWN_PATH");
                reply::not_found()
            }
        };
        // An edge that stops says so with its last answer instead of cutting a connection that a platform keeps.
        let last = chunked || self.shutdown.is_cancelled() || pace.outstayed();
        if last { reply::closing(reply) } else { reply }
    }

    async fn ready(&self) -> Reply {
        match !self.shutdown.is_cancelled() && self.health.good().await {
            true if self.health.degraded().await => reply::degraded(),
            good => reply::health(good),
        }
    }

    async fn callback(&self, door: Arc<Door>, peer: IpAddr, request: Request<Incoming>, pace: &Pace) -> Reply {
        let mut watched = Watched::new(door.clone(), [&self.lines, &self.proven_lines]);
        let sender = self.sources.front.sender(peer, request.headers());
        let standing = self.sources.standing(door.provider, sender);
        let verdict = match standing {
            Standing::Refused => self.not_allowed(&door, sender, &request, &mut watched),
            Standing::Known | Standing::Unlisted => {
                let judged = self.judge(&door, sender, request, &mut watched);
                let judged = timeout(self.limits.request_timeout, judged).await;
                judged.unwrap_or(Verdict::Fault(Fault::RequestSlow))
            }
        };
        watched.ended(&verdict);
        // Also for one that we could not store: a peer that brought it is no stranger.
        if matches!(verdict, Verdict::Stored | Verdict::Duplicate | Verdict::Unstored(..)) {
            pace.proven();
        }
        if matches!(verdict, Verdict::Fault(Fault::Overloaded) | Verdict::Unstored(Fault::QueueFull, _)) {
            self.rejections.shed(&door);
        }
        if standing == Standing::Unlisted {
            observe::unlisted(&door, sender, &verdict, &self.unlisted_lines);
        }
        reply::of(&door, &verdict)
    }

    async fn judge(
        &self,
        door: &Arc<Door>,
        sender: Option<IpAddr>,
        request: Request<Incoming>,
        watched: &mut Watched<'_>,
    ) -> Verdict {
        let (parts, body) = request.into_parts();
        match body::read(&parts.headers, body, &self.limits).await {
            Ok(body) => {
                watched.size(u64::try_from(body.len()).unwrap_or(u64::MAX));
                let (door, headers, received_at) = (door.clone(), parts.headers, verify::now());
                self.shed.judge(Received { door, sender, headers, body, received_at }).await
            }
            Err(partial) => {
                watched.size(partial.size);
                let Partial { why, kept, size } = partial;
                let rejection = Rejection::new(why.reason(), why.sentence().trim_end());
                self.refused(door, sender, &parts.headers, (&kept, size), &rejection);
                Verdict::Unread(why)
            }
        }
    }

    /// Nothing of the body is read: a sender that may not send shall cost nothing.
    fn not_allowed(
        &self,
        door: &Door,
        sender: Option<IpAddr>,
        request: &Request<Incoming>,
        watched: &mut Watched<'_>,
    ) -> Verdict {
        let size = request.body().size_hint().lower();
        watched.size(size);
        let detail = match sender {
            Some(address) => format!("{address} is not on the allow list of {}", door.provider),
            None => "a trusted proxy gave no readable address of the sender in X-Forwarded-For".to_owned(),
        };
        let rejection = Rejection::new(Reason::SourceNotAllowed, detail);
        self.refused(door, sender, request.headers(), (&[], size), &rejection);
        Verdict::NotAllowed(rejection)
    }

    /// Tells the core of a callback that was not read whole: the part of the body that is there, and its size.
    fn refused(
        &self,
        door: &Door,
        sender: Option<IpAddr>,
        headers: &HeaderMap,
        (body, body_size): (&[u8], u64),
        rejection: &Rejection,
    ) {
        let received_at = verify::now();
        self.rejections.record(&Refused { door, sender, headers, body, body_size, received_at, rejection });
    }
}
