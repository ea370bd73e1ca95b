//! Reads a body: bounded in bytes and in time, and only as the plain bytes that signatures are made over.
//!
//! Whatever had arrived of a refused body stays available, so that a person can see it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use paystate_providers::Reason;

use crate::Limits;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Larger than `max_body_bytes`.
    TooLarge,
    /// Not within `body_timeout`.
    TooSlow,
    /// A Content-Encoding other than identity: a bomb, or bytes that no signature was made over.
    Encoded,
    /// A Transfer-Encoding other than exactly `chunked`.
    BadTransfer,
    /// It broke off, or its chunks are malformed.
    Broken,
}

/// A body that was refused, as far as it is known.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) why: Unread,
    /// What had arrived.
    pub(crate) kept: Vec<u8>,
    /// The size that it has or claims, or else the size that it has at least.
    pub(crate) size: u64,
}

/// Reads all of `body`.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B, limits: &Limits) -> Result<Bytes, Partial>
where
    B: Body<Data = Bytes> + Unpin,
{
    let claimed = body.size_hint().lower();
    let early = |why| Partial { why, kept: Vec::new(), size: claimed };
    check_encodings(headers).map_err(early)?;
    if claimed > u64::try_from(limits.max_body_bytes).unwrap_or(u64::MAX) {
        return Err(early(Unread::TooLarge));
    }
    let mut kept = Vec::new();
    let collected = tokio::time::timeout(limits.body_timeout, collect(body, &mut kept, limits.max_body_bytes)).await;
    match collected.unwrap_or(Err(Unread::TooSlow)) {
        Ok(()) => Ok(kept.into()),
        Err(why) => {
            let size = u64::try_from(kept.len()).unwrap_or(u64::MAX).max(claimed);
            Err(Partial { why, kept, size })
        }
    }
}

/// Reads all into `kept`. Memory grows with what arrives, never with what is claimed. On `TooLarge` at most one frame
/// lies beyond `max`.
pub(crate) async fn collect<B>(mut body: B, kept: &mut Vec<u8>, max: usize) -> Result<(), Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        // Trailers are dropped: no platform signs them.
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        kept.extend_from_slice(&data);
        if kept.len() > max {
            return Err(Unread::TooLarge);
        }
    }
    Ok(())
}

fn check_encodings(headers: &HeaderMap) -> Result<(), Unread> {
    let only = |name, allowed: &[u8]| headers.get_all(name).iter().all(|v| v.as_bytes().eq_ignore_ascii_case(allowed));
    let transfers = headers.get_all(header::TRANSFER_ENCODING).iter().count();
    match () {
        () if transfers > 1 || !only(header::TRANSFER_ENCODING, b"chunked") => Err(Unread::BadTransfer),
        () if !only(header::CONTENT_ENCODING, b"identity") => Err(Unread::Encoded),
        () => Ok(()),
    }
}

impl Unread {
    /// The status that HTTP has for it.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadTransfer | Self::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// What was wrong, for a person.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TooLarge => "the body is too large\n",
            Self::TooSlow => "the body did not arrive in time\n",
            Self::Encoded => "a Content-Encoding other than identity is not accepted\n",
            Self::BadTransfer => "a Transfer-Encoding other than chunked is not accepted\n",
            Self::Broken => "the body is not readable\n",
        }
    }

    /// Stable name for logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "TOO_LARGE",
            Self::TooSlow => "BODY_SLOW",
            Self::Encoded => "BODY_ENCODED",
            Self::BadTransfer => "BODY_TRANSFER",
            Self::Broken => "BODY_BROKEN",
        }
    }

    /// The reason under which the core stores it.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::TooLarge => Reason::TooLarge,
            Self::TooSlow | Self::Encoded | Self::BadTransfer | Self::Broken => Reason::Malformed,
        }
    }
}
