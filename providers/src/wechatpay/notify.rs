//! What a verified callback says about money, once its resource is open.
//!
//! `event_type` alone is ambiguous (profit sharing also sends `TRANSACTION.SUCCESS`), so the resource's
//! `original_type` decides what is read.

use serde::Deserialize;

use super::{
    Verified, WechatPay,
    api_key::Sealed,
    objects::{Refund, Transaction, malformed, parse},
};
use crate::{Fact, Notice, Reason, Rejection, crypto::sha256_hex, ident};

#[derive(Deserialize)]
struct Envelope {
    id: Option<String>,
    event_type: String,
    resource: Sealed,
}

impl WechatPay {
    pub(super) fn read(&self, verified: Verified, body: &[u8]) -> Result<Notice, Rejection> {
        let envelope: Envelope = parse(body, "the callback")?;
        let plaintext = self.open(&envelope.resource)?;
        let facts = match envelope.resource.original_type.as_deref() {
            Some("transaction") if envelope.event_type.starts_with("TRANSACTION.") => self.transaction(&plaintext)?,
            Some("refund") if envelope.event_type.starts_with("REFUND.") => {
                vec![self.refund(&plaintext)?]
            }
            _ => Vec::new(),
        };
        Ok(Notice {
            platform_notice_id: envelope.id.map(|id| ident::label(&id, "id")).transpose()?,
            content_sha256: sha256_hex(body),
            event_type: ident::label(&envelope.event_type, "event_type")?,
            key_id: verified.key_id,
            facts,
        })
    }

    fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, Rejection> {
        let mut last = Err(Rejection::new(Reason::DecryptionFailed, "no APIv3 key is configured"));
        for key in &self.api_v3_keys {
            last = key.open_sealed(sealed);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn transaction(&self, plaintext: &[u8]) -> Result<Vec<Fact>, Rejection> {
        let transaction: Transaction = parse(plaintext, "the transaction")?;
        // Without an order's number it is not a payment of ours, e.g. the end of a profit sharing.
        let Some(out_trade_no) = &transaction.out_trade_no else {
            return match transaction.combine_out_trade_no {
                None => Ok(Vec::new()),
                // Money of several orders at once: to acknowledge it would be to lose it.
                Some(_) => Err(malformed("combined payments are not supported; query the payment")),
            };
        };
        self.bind_mchid(transaction.mchid.as_deref())?;
        self.bind_appid(transaction.appid.as_deref())?;
        Ok(vec![transaction.fact(out_trade_no, None)?])
    }

    fn refund(&self, plaintext: &[u8]) -> Result<Fact, Rejection> {
        let refund: Refund = parse(plaintext, "the refund")?;
        self.bind_mchid(refund.mchid.as_deref())?;
        refund.fact()
    }

    pub(super) fn bind_mchid(&self, mchid: Option<&str>) -> Result<(), Rejection> {
        match mchid {
            Some(mchid) if mchid == self.mchid => Ok(()),
            Some(_) => Err(Rejection::new(Reason::WrongAccount, "mchid is another merchant's")),
            None => Err(Rejection::new(Reason::WrongAccount, "mchid is missing (a service provider's notice?)")),
        }
    }

    pub(super) fn bind_appid(&self, appid: Option<&str>) -> Result<(), Rejection> {
        match appid {
            Some(appid) if !self.appids.iter().any(|ours| ours == appid) => {
                Err(Rejection::new(Reason::WrongAccount, "appid is none of ours"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
