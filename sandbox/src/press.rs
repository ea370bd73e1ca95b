//! Callbacks by the hundred thousand, written and signed before anything is sent: for load tests.
//!
//! A [`Press`] keeps no ledger and no journal and delivers nothing. It only knows how each platform says
//! that a payment was made, what a stranger's message looks like, and what stops a platform's retries.

use std::{sync::atomic::AtomicBool, time::Duration};

use paystate_providers::{Currency, Provider};

use crate::{
    AttackKind, Keyring, SandboxError, Trade, TradeStatus,
    delivery::wait_after,
    platform::{self, Desk, Request},
    stamp::{Stamp, Stamps},
};

/// Writes signed callbacks. May be shared by threads.
#[derive(Debug)]
pub struct Press {
    keyring: Keyring,
    stamps: Stamps,
    turns: AtomicBool,
}

/// A payment that a callback speaks of.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The platform; the account has its name.
    pub provider: Provider,
    /// The shop's number.
    pub out_trade_no: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// The currency; only Stripe takes another than CNY.
    pub currency: Currency,
}

/// One callback as it goes over the wire.
#[derive(Debug, Clone)]
pub struct SignedCallback {
    /// The path at the edge.
    pub path: String,
    /// Headers that the platform sends, without those of the connection.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Press {
    /// A press with the platforms' keys.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring, stamps: Stamps::after(Stamp::now()), turns: AtomicBool::new(false) }
    }

    /// The notice of a payment; of Stripe's two, the first. `sent_at` is when it will be sent, in seconds since
    /// the Unix epoch: WeChat Pay and Stripe sign it, and an edge refuses it when it is more than five minutes
    /// off.
    ///
    /// # Errors
    /// When signing fails.
    pub fn paid(&self, payment: &Payment, sent_at: i64) -> Result<SignedCallback, SandboxError> {
        let (desk, trade) = (self.desk(), self.trade(payment));
        let draft = platform::paid(&desk, &trade, None)?.into_iter().next();
        let draft = draft.ok_or(SandboxError::Crypto("writing the notice of a payment"))?;
        platform::request(&desk, payment.provider, draft.signer, draft.body, sent_at)
            .map(|request| on_its_way(payment.provider, request))
    }

    /// The same notice, signed by a stranger. Must be refused.
    ///
    /// # Errors
    /// When signing fails.
    pub fn forged(&self, payment: &Payment, sent_at: i64) -> Result<SignedCallback, SandboxError> {
        let forged = platform::forge(&self.desk(), AttackKind::ForgedSignature, &self.trade(payment), sent_at)?;
        let forged = forged.ok_or(SandboxError::Crypto("writing a forgery"))?;
        Ok(on_its_way(payment.provider, forged))
    }

    fn desk(&self) -> Desk<'_> {
        Desk { keys: self.keyring.secrets(), stamps: &self.stamps, turns: &self.turns }
    }

    fn trade(&self, payment: &Payment) -> Trade {
        let at = self.stamps.next();
        Trade {
            provider: payment.provider,
            out_trade_no: payment.out_trade_no.clone(),
            transaction_id: platform::transaction_id(payment.provider, at),
            amount_minor: payment.amount_minor,
            currency: payment.currency.as_str().to_owned(),
            status: TradeStatus::Paid,
            refunded_minor: 0,
            started_at: None,
            at,
        }
    }
}

fn on_its_way(provider: Provider, request: Request) -> SignedCallback {
    SignedCallback { path: platform::callback_path(provider), headers: request.headers, body: request.body }
}

/// Whether an answer stops a platform's retries.
#[must_use]
pub fn acknowledged(provider: Provider, status: u16, body: &[u8]) -> bool {
    platform::acknowledged(provider, status, body)
}

/// How long a platform waits after the failure of a send (`round` counts from zero), with time divided by
/// `time_compression`; `None` when it gives up.
#[must_use]
pub fn retry_after(provider: Provider, round: usize, time_compression: u32) -> Option<Duration> {
    wait_after(provider, round, time_compression)
}
