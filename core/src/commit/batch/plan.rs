//! What a batch will write. Decides every input in turn on the orders in memory, so that several inputs
//! about one order become one write of it and none of them is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    super::{
        fingerprint,
        work::{CommandRequest, Message, MessageOutcome, Work},
    },
    Outcome,
};
use crate::{
    order::{
        self, Case, CaseKind, CaseState, Command, Decision, Fact, Observation, Order, OrderId, PaymentStatus,
        RefundStatus, Refusal, Resolution, Timestamp, TransactionId,
    },
    store::{
        CaseRow, EventRow, Keys, Loaded, MoneyKey, MoneyKind, MoneyRow, NoticeKey, NotificationRow, ObservationRow,
        ParkedRow, RequestRow, StoreError, Writes,
    },
};

pub(super) struct Plan<'a> {
    works: &'a [Work],
    /// Index of the message that brought each notification first.
    first: BTreeMap<&'a NoticeKey, usize>,
    fresh: BTreeSet<NoticeKey>,
    loaded: Loaded,
    /// Version of each order as it was loaded.
    versions: BTreeMap<OrderId, i64>,
    changed: BTreeSet<OrderId>,
    outcomes: Vec<Outcome>,
    pub(super) writes: Writes,
}

impl<'a> Plan<'a> {
    pub(super) fn of(works: &'a [Work]) -> Self {
        let mut first = BTreeMap::new();
        for (i, message) in messages(works) {
            first.entry(&message.row.key).or_insert(i);
        }
        Self {
            works,
            first,
            fresh: BTreeSet::new(),
            loaded: Loaded::default(),
            versions: BTreeMap::new(),
            changed: BTreeSet::new(),
            outcomes: Vec::new(),
            writes: Writes::default(),
        }
    }

    /// One row for each distinct notification, in key order.
    pub(super) fn notifications(&self) -> Vec<&'a NotificationRow> {
        let works = self.works;
        self.first
            .values()
            .filter_map(|i| match &works[*i] {
                Work::Message(message, _) => Some(&message.row),
                Work::Command(..) => None,
            })
            .collect()
    }

    pub(super) fn keep_fresh(&mut self, fresh: BTreeSet<NoticeKey>) {
        self.fresh = fresh;
    }

    fn is_fresh(&self, index: usize, message: &Message) -> bool {
        self.fresh.contains(&message.row.key) && self.first.get(&message.row.key) == Some(&index)
    }

    /// Everything that the inputs lead to.
    pub(super) fn keys(&self) -> Keys {
        let mut keys = Keys::default();
        for (i, message) in messages(self.works) {
            if !self.is_fresh(i, message) {
                continue;
            }
            for fact in &message.facts {
                let said = &fact.observation.fact;
                keys.payments.extend(said.out_trade_no().cloned());
                keys.money.extend(money_key(&message.row.key.provider, &fact.observation));
                keys.facts.insert(fact.key(&message.row.key.provider));
            }
        }
        for work in self.works {
            if let Work::Command(request, _) = work {
                keys.orders.insert(request.command.order_id().clone());
                keys.requests.extend(request.request_id.clone());
                if let Command::StartPayment { out_trade_no, .. } = &request.command {
                    keys.payments.insert(out_trade_no.clone());
                }
            }
        }
        keys
    }

    /// Decides every input, in the order in which they were admitted.
    ///
    /// # Errors
    /// A fault of this program in one of them. Nothing of the batch may be written then: what we could not
    /// decide, the platform must send again.
    pub(super) fn decide(&mut self, loaded: Loaded) -> Result<(), StoreError> {
        self.versions = loaded.orders.iter().map(|(id, order)| (id.clone(), order.version)).collect();
        self.loaded = loaded;
        for (index, work) in self.works.iter().enumerate() {
            let outcome = match work {
                Work::Message(message, _) if self.is_fresh(index, message) => self.message(message)?,
                Work::Message(..) => Outcome::Message(MessageOutcome::Duplicate),
                Work::Command(request, _) => self.command(request)?,
            };
            self.outcomes.push(outcome);
        }
        for id in &self.changed {
            if let Some(order) = self.loaded.orders.get(id) {
                self.writes.orders.push((order.clone(), self.versions.get(id).copied().unwrap_or(0)));
            }
        }
        Ok(())
    }

    pub(super) fn outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    fn message(&mut self, message: &Message) -> Result<Outcome, StoreError> {
        for fact in &message.facts {
            let key = fact.key(&message.row.key.provider);
            if !self.loaded.facts.insert(key.clone()) {
                continue;
            }
            let row = ObservationRow {
                key: key.clone(),
                notification_id: message.row.id.clone(),
                provider: message.row.key.provider.clone(),
                observation: fact.observation.clone(),
                recorded_at: message.at,
                masked_payer: fact.masked_payer.clone(),
                sealed_payer: fact.sealed_payer.clone(),
            };
            self.writes.observations.push(row);
            let waiting = ParkedRow {
                key,
                notification_id: message.row.id.clone(),
                provider: message.row.key.provider.clone(),
                observation: fact.observation.clone(),
            };
            match self.bind(&waiting) {
                Some(order_id) => self.observe(&order_id, &waiting, message.at)?,
                None => self.park(waiting, message.at),
            }
        }
        Ok(Outcome::Message(MessageOutcome::Stored(message.row.id.clone())))
    }

    /// The order that a fact is about. A fact whose two numbers lead to two orders is about neither: it waits
    /// for a person.
    fn bind(&self, fact: &ParkedRow) -> Option<OrderId> {
        let said = &fact.observation.fact;
        let by_payment = said.out_trade_no().map(|n| self.loaded.payments.get(n));
        let by_money = money_key(&fact.provider, &fact.observation).and_then(|k| self.loaded.money.get(&k));
        match (by_payment, by_money) {
            (Some(Some(a)), Some(b)) if a != b => None,
            (Some(Some(a)), _) => Some(a.clone()),
            // It names a payment that we do not know: not even known money may override that.
            (Some(None), _) => None,
            (None, money) => money.cloned(),
        }
    }

    fn observe(&mut self, order_id: &OrderId, fact: &ParkedRow, at: Timestamp) -> Result<(), StoreError> {
        let Some(before) = self.loaded.orders.get(order_id).cloned() else {
            return Err(StoreError::Damaged(format!("a payment leads to order {order_id}, which does not exist")));
        };
        let decision = caught(|| order::observe(&before, &fact.observation, at))?
            .map_err(|refusal| StoreError::Refused(refusal.to_string()))?;
        self.take(order_id, decision, &fact.notification_id);
        self.book(order_id, &before, fact);
        // Money that has just become known may have been waited for.
        match money_key(&fact.provider, &fact.observation) {
            Some(key) if self.loaded.money.contains_key(&key) => {
                self.wake_parked(order_id, at, |p| money_key(&p.provider, &p.observation).as_ref() == Some(&key))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn park(&mut self, fact: ParkedRow, at: Timestamp) {
        self.writes.parked.push(fact.key.clone());
        if let Some(case) = unknown_order(&fact, at) {
            self.writes.cases.push(CaseRow { case, notification_id: fact.notification_id.clone() });
        }
        self.loaded.parked.push(fact);
    }

    /// Takes in facts that waited for what is known now.
    fn wake_parked(
        &mut self,
        order_id: &OrderId,
        at: Timestamp,
        is_it: impl Fn(&ParkedRow) -> bool,
    ) -> Result<(), StoreError> {
        let (awake, asleep): (Vec<_>, Vec<_>) = std::mem::take(&mut self.loaded.parked).into_iter().partition(is_it);
        self.loaded.parked = asleep;
        for fact in awake {
            if self.bind(&fact).as_ref() != Some(order_id) {
                self.loaded.parked.push(fact);
                continue;
            }
            self.unpark(&fact, order_id, at);
            self.observe(order_id, &fact, at)?;
        }
        Ok(())
    }

    fn unpark(&mut self, fact: &ParkedRow, order_id: &OrderId, at: Timestamp) {
        if let Some(here) = self.writes.parked.iter().position(|k| *k == fact.key) {
            self.writes.parked.remove(here);
        } else {
            self.writes.unparked.push(fact.key.clone());
        }
        if let Some(case) = unknown_order(fact, at) {
            let state = CaseState::Resolved { resolution: Resolution::Bound, at };
            let case = Case { state, order_id: Some(order_id.clone()), ..case };
            self.writes.cases.push(CaseRow { case, notification_id: fact.notification_id.clone() });
        }
    }

    /// Books money that this fact made known to the order.
    fn book(&mut self, order_id: &OrderId, before: &Order, fact: &ParkedRow) {
        let Some(after) = self.loaded.orders.get(order_id) else { return };
        let account = &fact.observation.account;
        let newly = |known: &dyn Fn(&Order) -> bool| known(after) && !known(before);
        let booked = match &fact.observation.fact {
            Fact::Payment(p) if p.status == PaymentStatus::Succeeded => p
                .transaction_id
                .clone()
                .filter(|id| newly(&|o| o.transactions().any(|t| t.id == *id && t.account == *account)))
                .map(|id| (MoneyKind::Payment, id, p.amount)),
            Fact::Refund(r) if r.status == RefundStatus::Succeeded => refund_number(r)
                .filter(|_| newly(&|o| o.refunds.iter().any(|x| x.account == *account && settles(x, r))))
                .map(|id| (MoneyKind::Refund, id, r.amount)),
            Fact::Payment(_) | Fact::Refund(_) => None,
        };
        let Some((kind, transaction_id, amount)) = booked else { return };
        let key = MoneyKey { provider: fact.provider.clone(), account: account.clone(), transaction_id };
        if kind == MoneyKind::Payment {
            self.loaded.money.insert(key.clone(), order_id.clone());
        }
        self.writes.money.push(MoneyRow { key, kind, order_id: order_id.clone(), amount, fact: fact.key.clone() });
    }

    fn command(&mut self, request: &CommandRequest) -> Result<Outcome, StoreError> {
        let print = fingerprint(&request.command);
        if let Some(known) = request.request_id.as_ref().and_then(|id| self.loaded.requests.get(id)) {
            return Ok(Outcome::Command(match self.loaded.orders.get(&known.order_id) {
                Some(order) if known.fingerprint == print => Ok(Box::new(order.clone())),
                Some(_) | None => Err(Refusal::RequestIdReused(known.id.clone())),
            }));
        }
        let order_id = request.command.order_id().clone();
        if let Command::StartPayment { out_trade_no, .. } = &request.command {
            if self.loaded.payments.contains_key(out_trade_no) {
                return Ok(Outcome::Command(Err(Refusal::NumberTaken(out_trade_no.clone()))));
            }
        }
        let order = self.loaded.orders.get(&order_id);
        let decision = match caught(|| order::decide(order, &request.command, request.at))? {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Outcome::Command(Err(refusal))),
        };
        self.take(&order_id, decision, "");
        if let Some(id) = &request.request_id {
            let row = RequestRow { id: id.clone(), fingerprint: print, order_id: order_id.clone() };
            self.loaded.requests.insert(id.clone(), row.clone());
            self.writes.requests.push(row);
        }
        if let Command::StartPayment { out_trade_no, .. } = &request.command {
            self.writes.payments.push((out_trade_no.clone(), order_id.clone()));
            self.loaded.payments.insert(out_trade_no.clone(), order_id.clone());
            self.wake_parked(&order_id, request.at, |p| p.observation.fact.out_trade_no() == Some(out_trade_no))?;
        }
        match self.loaded.orders.get(&order_id) {
            Some(order) => Ok(Outcome::Command(Ok(Box::new(order.clone())))),
            None => Err(StoreError::Damaged(format!("order {order_id} is gone after its own command"))),
        }
    }

    fn take(&mut self, order_id: &OrderId, decision: Decision, notification_id: &str) {
        if let Some(order) = decision.order() {
            self.loaded.orders.insert(order_id.clone(), order.clone());
            self.changed.insert(order_id.clone());
        }
        let cases =
            decision.cases.into_iter().map(|case| CaseRow { case, notification_id: notification_id.to_owned() });
        self.writes.cases.extend(cases);
        let events =
            decision.events.into_iter().map(|event| EventRow { revision: 0, order_id: order_id.clone(), event });
        self.writes.events.extend(events);
    }
}

fn messages(works: &[Work]) -> impl Iterator<Item = (usize, &Message)> {
    works.iter().enumerate().filter_map(|(i, work)| match work {
        Work::Message(message, _) => Some((i, message)),
        Work::Command(..) => None,
    })
}

/// The payment's platform number, as a key.
fn money_key(provider: &str, observation: &Observation) -> Option<MoneyKey> {
    observation.fact.transaction_id().map(|id| MoneyKey {
        provider: provider.to_owned(),
        account: observation.account.clone(),
        transaction_id: id.clone(),
    })
}

/// The number under which a refund is booked. A running total has none of its own: each new total of a
/// transaction is booked once.
fn refund_number(refund: &order::RefundFact) -> Option<TransactionId> {
    if refund.cumulative {
        let of = refund
            .transaction_id
            .as_ref()
            .map(TransactionId::as_str)
            .or(refund.out_trade_no.as_ref().map(|n| n.as_str()))?;
        return TransactionId::parse(format!("{of}/total/{}", refund.amount.minor())).ok();
    }
    refund.refund_id.clone().or_else(|| refund.out_refund_no.clone())
}

/// Whether a settled refund of the order is the one that this fact settles.
fn settles(refund: &order::Refund, fact: &order::RefundFact) -> bool {
    refund.status == RefundStatus::Succeeded
        && refund.cumulative == fact.cumulative
        && if fact.cumulative {
            refund.transaction_id == fact.transaction_id && refund.amount == fact.amount
        } else {
            refund.refund_id.as_ref().or(refund.out_refund_no.as_ref())
                == fact.refund_id.as_ref().or(fact.out_refund_no.as_ref())
        }
}

/// Money for a number that belongs to no order.
fn unknown_order(fact: &ParkedRow, at: Timestamp) -> Option<Case> {
    let Fact::Payment(payment) = &fact.observation.fact else { return None };
    if payment.status != PaymentStatus::Succeeded {
        return None;
    }
    let number = payment.transaction_id.as_ref()?;
    let account = &fact.observation.account;
    let named = payment.out_trade_no.as_ref().map_or("no out_trade_no", |n| n.as_str());
    Some(Case {
        id: Case::id_for(CaseKind::UnknownOrder, account, number.as_str()),
        kind: CaseKind::UnknownOrder,
        state: CaseState::Open,
        order_id: None,
        account: account.clone(),
        out_trade_no: payment.out_trade_no.clone(),
        transaction_id: Some(number.clone()),
        expected: None,
        observed: Some(payment.amount),
        summary: format!(
            "transaction {number} brought {} on account {account} for {named}, which belongs to no order; \
             StartPayment with that number binds it, otherwise refund it",
            payment.amount
        ),
        opened_at: at,
    })
}

/// Deciding is pure, so a panic in it leaves nothing half done; it fails one input, not the committer.
fn caught<T>(decide: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(decide)).map_err(|_| StoreError::Refused("a decision panicked; see the log".into()))
}
