//! Answers. Bodies are constants: nothing that a caller sent is sent back.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use paystate_providers::{Ack, Outcome};

use crate::{door::Door, verdict::Verdict};

/// An answer with its whole body.
pub(crate) type Reply = Response<Full<Bytes>>;

/// WeChat Pay's first retry comes after 15 s; the other platforms' later.
const RETRY_AFTER_SECONDS: &str = "15";

/// The answer of a verdict: in the platform's own words once the callback could be read.
pub(crate) fn of(door: &Door, verdict: &Verdict) -> Reply {
    match verdict {
        // We do not read the part of the body that is still on its way.
        Verdict::NotAllowed(_) => closing(acknowledged(door, verdict.outcome())),
        Verdict::Unread(unread) => closing(plain(unread.status(), unread.sentence())),
        Verdict::Stored | Verdict::Duplicate | Verdict::Rejected(_) | Verdict::Fault(_) | Verdict::Unstored(..) => {
            acknowledged(door, verdict.outcome())
        }
    }
}

/// No such account, or no such path: the same answer, so that nobody can list our accounts. Connections are kept for
/// platforms, so this one ends.
pub(crate) fn not_found() -> Reply {
    closing(plain(StatusCode::NOT_FOUND, "not found\n"))
}

/// The path is ours, the method is not.
pub(crate) fn wrong_method(allow: &'static str) -> Reply {
    closing(with(plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"), header::ALLOW, allow))
}

/// Answer of the health pages.
pub(crate) fn health(good: bool) -> Reply {
    match good {
        true => plain(StatusCode::OK, "ok\n"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// Ready, at reduced speed: the core goes on without its Redis.
pub(crate) fn degraded() -> Reply {
    plain(StatusCode::OK, "ok degraded=redis\n")
}

/// The same answer, after which the connection ends.
pub(crate) fn closing(reply: Reply) -> Reply {
    with(reply, header::CONNECTION, "close")
}

fn acknowledged(door: &Door, outcome: Outcome) -> Reply {
    let Ack { status, content_type, body } = door.platform.ack(outcome);
    let reply = build(status, content_type, body);
    match outcome {
        Outcome::Unavailable => with(reply, header::RETRY_AFTER, RETRY_AFTER_SECONDS),
        Outcome::Accepted | Outcome::Refused => reply,
    }
}

fn plain(status: StatusCode, body: &'static str) -> Reply {
    build(status, "text/plain; charset=utf-8", body)
}

fn build(status: StatusCode, content_type: &'static str, body: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *reply.status_mut() = status;
    with(reply, header::CONTENT_TYPE, content_type)
}

fn with(mut reply: Reply, name: HeaderName, value: &'static str) -> Reply {
    // Every value is a constant of ours; one that is not a legal header value is left out rather than being fatal.
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
    reply
}
