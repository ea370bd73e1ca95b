//! Verifies one callback that has been read, and hands on what it says.
//!
//! Contract: what was verified is what is forwarded, with the exact bytes; a genuine notice without facts is
//! forwarded too. Verification runs right here: an RSA verify takes about 20 us, less than a hand-over.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::HeaderMap;
use paystate_proto::v1::ObservationSource;
use paystate_providers::{Callback, Fact, Instant, Notice};

use crate::{
    convert::{self, Genuine},
    door::Door,
    forwarder::Forwarder,
    rejections::{Refused, Rejections},
    verdict::Verdict,
};

/// A callback that has been read whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) door: Arc<Door>,
    /// Who sent it, if that is known.
    pub(crate) sender: Option<IpAddr>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) received_at: Instant,
}

impl Received {
    fn genuine(&self) -> Genuine<'_> {
        Genuine {
            provider: self.door.provider,
            account: &self.door.name,
            source: ObservationSource::Callback,
            received_at: self.received_at,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// Where verified messages and refusals go.
#[derive(Debug, Clone)]
pub(crate) struct Verify {
    pub(crate) forwarder: Forwarder,
    pub(crate) rejections: Rejections,
}

impl Verify {
    /// Verifies, and forwards what is genuine.
    pub(crate) async fn judge(&self, received: Received) -> Verdict {
        let Received { door, headers, body, received_at, .. } = &received;
        let callback = Callback { headers, body, received_at: *received_at };
        match door.platform.notify(&callback) {
            Ok(notice) => {
                let what = named(&notice);
                match self.forwarder.submit(convert::message(&received.genuine(), notice)).await {
                    Ok(verdict) => verdict,
                    Err(fault) => Verdict::Unstored(fault, what),
                }
            }
            Err(rejection) => {
                self.rejections.record(&Refused {
                    door,
                    sender: received.sender,
                    headers,
                    body,
                    body_size: u64::try_from(body.len()).unwrap_or(u64::MAX),
                    received_at: *received_at,
                    rejection: &rejection,
                });
                Verdict::Rejected(rejection)
            }
        }
    }
}

/// What a notice is about, for people who look for the order whose callback was not stored.
fn named(notice: &Notice) -> String {
    let number = notice.facts.iter().find_map(|fact| match fact {
        Fact::Payment(payment) => payment.out_trade_no.as_ref(),
        Fact::Refund(refund) => refund.out_trade_no.as_ref(),
    });
    number.map(|number| format!("out_trade_no {number}")).unwrap_or_default()
}

/// The wall clock, against which freshness windows are measured.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
