//! Tells the core which callbacks were refused, so that "did it arrive, and why not?" has an answer.
//!
//! Contract: `record` never waits and never fails. Work per refusal is bounded by a token bucket and a queue; a refusal
//! beyond that costs one counter. What was not told, or could not be, is counted and reported with the next call: a
//! flood is visible, but it cannot become load on the core.
//!
//! The same calls name the accounts whose callbacks were turned away unread (`shed`), so that the core asks for what
//! they said. A call that has nothing else to tell is made at most once in [`SHED_PAUSE`].

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use paystate_proto::v1::{
    Header, RecordRejectionsRequest, RejectedCallback, ingest_service_client::IngestServiceClient,
};
use paystate_providers::{Instant, Rejection};
use paystate_rpc::{Failure, Repeat};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant as Clock, sleep_until},
};

use crate::{Cores, Limits, bucket::Bucket, convert, door::Door, observe, turned_away::TurnedAway};

const MAX_HEADERS: usize = 16;
const MAX_HEADER_BYTES: usize = 1024;
const MAX_DETAIL_BYTES: usize = 300;
/// The longest `out_trade_no` of the four platforms is 64 characters.
const MAX_CLAIMED_BYTES: usize = 64;
/// Rejections in one call; with the bounds above it stays below 2 MiB.
const BATCH: usize = 64;
/// From one call to one that only names accounts.
const SHED_PAUSE: Duration = Duration::from_secs(1);

/// A refused callback, borrowed from the request.
pub(crate) struct Refused<'a> {
    pub(crate) door: &'a Door,
    /// Who sent it, if that is known.
    pub(crate) sender: Option<IpAddr>,
    pub(crate) headers: &'a http::HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) body_size: u64,
    pub(crate) received_at: Instant,
    pub(crate) rejection: &'a Rejection,
}

/// The way to the worker.
#[derive(Debug, Clone)]
pub(crate) struct Rejections {
    queue: mpsc::Sender<RejectedCallback>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// For refusals that anybody can cause.
    strangers: Bucket,
    /// For refusals that only somebody with the platform's key can cause.
    platforms: Bucket,
    suppressed: AtomicU64,
    turned_away: TurnedAway,
    body_bytes: usize,
}

impl Rejections {
    /// Starts the worker; it ends when every `Rejections` is gone and the queue is empty.
    pub(crate) fn start(cores: Cores, limits: &Limits, workers: &mut JoinSet<()>) -> Self {
        let (queue, receiver) = mpsc::channel(limits.rejections_queue);
        let now = Clock::now();
        let shared = Arc::new(Shared {
            strangers: Bucket::new(limits.rejections_per_second, limits.rejections_burst, now),
            platforms: Bucket::new(limits.rejections_per_second, limits.rejections_burst, now),
            suppressed: AtomicU64::new(0),
            turned_away: TurnedAway::default(),
            body_bytes: limits.rejection_body_bytes,
        });
        workers.spawn(run(receiver, cores, shared.clone(), limits.core_timeout));
        Self { queue, shared }
    }

    /// Tells the core later, or counts the refusal.
    pub(crate) fn record(&self, refused: &Refused<'_>) {
        // Strangers get half of the queue, so that a slow core does not let them crowd out the others.
        let (bucket, reserved) = match refused.rejection.reason.proves_signature() {
            true => (&self.shared.platforms, 0),
            false => (&self.shared.strangers, self.queue.max_capacity() / 2),
        };
        if self.queue.capacity() <= reserved || !bucket.take(Clock::now()) {
            return self.shared.suppress(1);
        }
        if self.queue.try_send(describe(refused, self.shared.body_bytes)).is_err() {
            self.shared.suppress(1);
        }
    }

    /// Names the account of a callback that was turned away for lack of room.
    pub(crate) fn shed(&self, door: &Door) {
        self.shared.turned_away.add(&door.name);
    }
}

impl Shared {
    fn suppress(&self, count: u64) {
        self.suppressed.fetch_add(count, Ordering::Relaxed);
        observe::rejections_suppressed(count);
    }
}

async fn run(mut queue: mpsc::Receiver<RejectedCallback>, cores: Cores, shared: Arc<Shared>, patience: Duration) {
    let mut told_at = Clock::now();
    loop {
        let mut rejections = Vec::new();
        let due = async {
            shared.turned_away.any().await;
            sleep_until(told_at + SHED_PAUSE).await;
        };
        let ended = tokio::select! {
            count = queue.recv_many(&mut rejections, BATCH) => count == 0,
            () = due => false,
        };
        let shed_accounts = shared.turned_away.take();
        if !rejections.is_empty() || !shed_accounts.is_empty() {
            tell(&cores, &shared, rejections, shed_accounts, patience).await;
            told_at = Clock::now();
        }
        if ended {
            break;
        }
    }
    let untold = shared.suppressed.load(Ordering::Relaxed);
    if untold > 0 {
        tracing::warn!(untold, "refused callbacks were never told to the core");
    }
}

async fn tell(
    cores: &Cores,
    shared: &Shared,
    rejections: Vec<RejectedCallback>,
    shed_accounts: Vec<String>,
    patience: Duration,
) {
    let told = u64::try_from(rejections.len()).unwrap_or(u64::MAX);
    let before = shared.suppressed.swap(0, Ordering::Relaxed);
    let suppressed_count = i64::try_from(before).unwrap_or(i64::MAX);
    let call = |core, left| {
        let (rejections, shed_accounts) = (rejections.clone(), shed_accounts.clone());
        let mut request = tonic::Request::new(RecordRejectionsRequest { rejections, suppressed_count, shed_accounts });
        request.set_timeout(left);
        async move { IngestServiceClient::new(core).record_rejections(request).await }
    };
    let failure = match cores.call(Repeat::Never, patience, call).await {
        Ok(_) => return,
        Err(Failure::Status(status)) => status.code().description(),
        Err(Failure::Slow) => "no answer in time",
    };
    // Rejections are not sent again, because the core may have them; they are counted, as too high a count hides
    // nothing. Accounts are named again: asking once more is harmless.
    tracing::warn!(told, suppressed_count, ?shed_accounts, failure, "refused callbacks could not be told to the core");
    shared.suppressed.fetch_add(before, Ordering::Relaxed);
    shared.suppress(told);
    shed_accounts.iter().for_each(|account| shared.turned_away.add(account));
}

fn describe(refused: &Refused<'_>, body_bytes: usize) -> RejectedCallback {
    let Refused { door, sender, headers, body, body_size, received_at, rejection } = refused;
    let claimed = door.platform.claimed_out_trade_no(body).unwrap_or_default();
    RejectedCallback {
        provider: door.provider.as_str().to_owned(),
        account: door.name.as_ref().to_owned(),
        receive_time: Some(convert::timestamp(*received_at)),
        reason: rejection.reason.as_str().to_owned(),
        detail: clip(&rejection.detail, MAX_DETAIL_BYTES),
        claimed_out_trade_no: clip(&claimed, MAX_CLAIMED_BYTES),
        headers: convert::signature_headers(headers).into_iter().take(MAX_HEADERS).map(clip_header).collect(),
        body: body.iter().copied().take(body_bytes).collect(),
        body_size: i64::try_from(*body_size).unwrap_or(i64::MAX),
        remote_address: sender.map(|address| address.to_string()).unwrap_or_default(),
    }
}

fn clip_header(mut header: Header) -> Header {
    header.name.truncate(MAX_HEADER_BYTES);
    header.value.truncate(MAX_HEADER_BYTES - header.name.len());
    header
}

/// The beginning of a text, in whole characters.
pub(crate) fn clip(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_whole_characters() {
        assert_eq!(clip("日本語", 4), "日");
        assert_eq!(clip("short", 300), "short");
        let header = clip_header(Header { name: "n".repeat(2000), value: vec![0; 2000] });
        assert_eq!(header.name.len() + header.value.len(), MAX_HEADER_BYTES);
    }
}
