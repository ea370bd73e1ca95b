//! What the records add up to. `apply` is the only way in, live and at replay alike, so both agree.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use paystate_providers::Provider;

use super::{AttemptResult, Notice, Record};
use crate::{Checkout, Counters, Ledger, NoticeEntry, Refund, Trade, TradeStatus, stamp::Stamp};

/// A notice that is still to be delivered, and how far its delivery is.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) notice: Arc<Notice>,
    /// Rounds of the ladder that are over.
    pub(crate) rounds: usize,
    /// When the last one ended.
    pub(crate) last_at: Option<Stamp>,
}

/// An answer of Stripe's that is given again under its idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) request_sha256: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Everything that the platforms know.
#[derive(Debug)]
pub(crate) struct State {
    ledger: Ledger,
    checkouts_by_number: HashMap<(Provider, String), Vec<usize>>,
    checkout_by_handle: HashMap<(Provider, String), usize>,
    trades_by_number: HashMap<(Provider, String), Vec<usize>>,
    trade_by_id: HashMap<(Provider, String), usize>,
    refunds_by_number: HashMap<(Provider, String), Vec<usize>>,
    kept: HashMap<String, Kept>,
    entry_by_notice: HashMap<String, usize>,
    pending: BTreeMap<String, Pending>,
    counters: BTreeMap<Provider, Counters>,
    last: Stamp,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            ledger: Ledger { checkouts: Vec::new(), trades: Vec::new(), refunds: Vec::new(), notices: Vec::new() },
            checkouts_by_number: HashMap::new(),
            checkout_by_handle: HashMap::new(),
            trades_by_number: HashMap::new(),
            trade_by_id: HashMap::new(),
            refunds_by_number: HashMap::new(),
            kept: HashMap::new(),
            entry_by_notice: HashMap::new(),
            pending: BTreeMap::new(),
            counters: Provider::ALL.map(|provider| (provider, Counters::default())).into(),
            last: Stamp::from_seconds(0),
        }
    }

    /// The latest stamp seen.
    pub(crate) fn last(&self) -> Stamp {
        self.last
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn counters(&self) -> &BTreeMap<Provider, Counters> {
        &self.counters
    }

    pub(crate) fn pending(&self) -> &BTreeMap<String, Pending> {
        &self.pending
    }

    /// All transactions under a shop's number, oldest first.
    pub(crate) fn trades(&self, provider: Provider, out_trade_no: &str) -> Vec<&Trade> {
        let found = self.trades_by_number.get(&(provider, out_trade_no.to_owned()));
        found.into_iter().flatten().filter_map(|index| self.ledger.trades.get(*index)).collect()
    }

    /// A transaction by the platform's number.
    pub(crate) fn trade(&self, provider: Provider, transaction_id: &str) -> Option<&Trade> {
        self.ledger.trades.get(*self.trade_by_id.get(&(provider, transaction_id.to_owned()))?)
    }

    /// All payments that were asked for under a shop's number, oldest first.
    pub(crate) fn checkouts(&self, provider: Provider, out_trade_no: &str) -> Vec<&Checkout> {
        let found = self.checkouts_by_number.get(&(provider, out_trade_no.to_owned()));
        found.into_iter().flatten().filter_map(|index| self.ledger.checkouts.get(*index)).collect()
    }

    /// A payment that was asked for.
    pub(crate) fn checkout(&self, provider: Provider, handle: &str) -> Option<&Checkout> {
        self.ledger.checkouts.get(*self.checkout_by_handle.get(&(provider, handle.to_owned()))?)
    }

    /// The payment that was asked for and became this trade.
    pub(crate) fn origin(&self, trade: &Trade) -> Option<&Checkout> {
        let same = |checkout: &&Checkout| checkout.transaction_id == trade.transaction_id;
        self.checkouts(trade.provider, &trade.out_trade_no).into_iter().find(same)
    }

    /// All refunds under a shop's number, oldest first. Only UnionPay and Stripe let there be several.
    pub(crate) fn refunds(&self, provider: Provider, out_refund_no: &str) -> Vec<&Refund> {
        let found = self.refunds_by_number.get(&(provider, out_refund_no.to_owned()));
        found.into_iter().flatten().filter_map(|index| self.ledger.refunds.get(*index)).collect()
    }

    /// Stripe's answer under an idempotency key.
    pub(crate) fn kept(&self, key: &str) -> Option<&Kept> {
        self.kept.get(key)
    }

    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Opened { checkout } => self.open(checkout),
            Record::Scanned { provider, handle } => {
                let index = self.checkout_by_handle.get(&(provider, handle));
                if let Some(checkout) = index.and_then(|index| self.ledger.checkouts.get_mut(*index)) {
                    checkout.visible = true;
                }
            }
            Record::Released { notices } => self.notices(notices),
            Record::Answered { key, request_sha256, status, body } => {
                self.kept.insert(key, Kept { request_sha256, status, body });
            }
            Record::Traded { trade, notices } => {
                self.settle(trade);
                self.notices(notices);
            }
            Record::Refunded { refund, notices } => {
                self.give_back(refund);
                self.notices(notices);
            }
            Record::Attempt { notice, round, duplicate, result, at } => {
                self.attempt(&notice, round, duplicate, &result, at);
            }
            Record::Acked { notice, at } => self.finish(&notice, at, true),
            Record::Exhausted { notice, at } => self.finish(&notice, at, false),
            Record::Attacked { provider, accepted, at, .. } => {
                self.seen(at);
                self.count(provider, |c| {
                    c.attacks_sent += 1;
                    c.attacks_accepted += u64::from(accepted);
                    c.attacks_refused += u64::from(!accepted);
                });
            }
        }
    }

    fn open(&mut self, checkout: Checkout) {
        self.seen(checkout.at);
        let index = self.ledger.checkouts.len();
        let number = (checkout.provider, checkout.out_trade_no.clone());
        self.checkouts_by_number.entry(number).or_default().push(index);
        self.checkout_by_handle.insert((checkout.provider, checkout.handle.clone()), index);
        self.ledger.checkouts.push(checkout);
    }

    fn settle(&mut self, trade: Trade) {
        self.seen(trade.at);
        let id = (trade.provider, trade.transaction_id.clone());
        self.trade_by_id.insert(id, self.ledger.trades.len());
        let key = (trade.provider, trade.out_trade_no.clone());
        self.trades_by_number.entry(key).or_default().push(self.ledger.trades.len());
        self.ledger.trades.push(trade);
    }

    fn give_back(&mut self, refund: Refund) {
        self.seen(refund.at);
        let id = (refund.provider, refund.transaction_id.clone());
        if let Some(trade) = self.trade_by_id.get(&id).and_then(|index| self.ledger.trades.get_mut(*index)) {
            *trade = after_refund(trade, refund.amount_minor);
        }
        let key = (refund.provider, refund.out_refund_no.clone());
        self.refunds_by_number.entry(key).or_default().push(self.ledger.refunds.len());
        self.ledger.refunds.push(refund);
    }

    fn notices(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            self.seen(notice.at);
            self.count(notice.provider, |c| c.notices += 1);
            self.entry_by_notice.insert(notice.id.clone(), self.ledger.notices.len());
            self.ledger.notices.push(NoticeEntry {
                id: notice.id.clone(),
                provider: notice.provider,
                out_trade_no: notice.out_trade_no.clone(),
                kind: notice.kind.clone(),
                body_sha256: hex::encode(digest(&SHA256, notice.body.as_bytes())),
                sent: 0,
                dropped: 0,
                acked: false,
                exhausted: false,
            });
            let id = notice.id.clone();
            self.pending.insert(id, Pending { notice: Arc::new(notice), rounds: 0, last_at: None });
        }
    }

    fn attempt(&mut self, notice: &str, round: usize, duplicate: bool, result: &AttemptResult, at: Stamp) {
        self.seen(at);
        if let Some(pending) = self.pending.get_mut(notice) {
            pending.rounds = pending.rounds.max(round + 1);
            pending.last_at = Some(at);
        }
        let Some(entry) = self.entry(notice) else {
            return;
        };
        let lost = *result == AttemptResult::Lost;
        let good = matches!(result, AttemptResult::Answered { acknowledged: true, .. });
        entry.sent += u32::from(!lost);
        entry.dropped += u32::from(lost);
        let provider = entry.provider;
        self.count(provider, |c| {
            c.sent += u64::from(!lost);
            c.dropped += u64::from(lost);
            c.duplicates_sent += u64::from(duplicate);
            c.failed_attempts += u64::from(!lost && !good);
        });
    }

    fn finish(&mut self, notice: &str, at: Stamp, acked: bool) {
        self.seen(at);
        // The body is not needed any more.
        if self.pending.remove(notice).is_none() {
            return;
        }
        let Some(entry) = self.entry(notice) else {
            return;
        };
        entry.acked = acked;
        entry.exhausted = !acked;
        let provider = entry.provider;
        self.count(provider, |c| {
            c.acknowledged += u64::from(acked);
            c.exhausted += u64::from(!acked);
        });
    }

    fn entry(&mut self, notice: &str) -> Option<&mut NoticeEntry> {
        self.ledger.notices.get_mut(*self.entry_by_notice.get(notice)?)
    }

    fn count(&mut self, provider: Provider, change: impl FnOnce(&mut Counters)) {
        change(self.counters.entry(provider).or_default());
    }

    fn seen(&mut self, at: Stamp) {
        self.last = self.last.max(at);
    }
}

/// The trade once so much more has been given back.
pub(crate) fn after_refund(trade: &Trade, amount_minor: i64) -> Trade {
    let refunded_minor = trade.refunded_minor.saturating_add(amount_minor);
    let status = if refunded_minor >= trade.amount_minor { TradeStatus::Refunded } else { TradeStatus::Paid };
    Trade { refunded_minor, status, ..trade.clone() }
}
