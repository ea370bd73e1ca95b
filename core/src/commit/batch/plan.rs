//! What a batch will write. Decides every input in turn on the orders in memory, so that several inputs
//! about one order become one write of it and none of them is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    super::{
        policy::Policy,
        work::{CommandRequest, Done, Message, MessageOutcome, Work},
    },
    Outcome, booking,
};
use crate::{
    order::{
        self, Case, CaseState, Command, Decision, Fact, Money, Observation, OrderId, OutTradeNo, Refusal, Resolution,
        TaskKind, Timestamp,
    },
    store::{
        CaseRow, EventRow, Keys, Loaded, MoneyKey, MoneyRow, NoticeKey, NotificationRow, ObservationRow, ParkedRow,
        RequestRow, StoreError, Writes,
    },
};

pub(super) struct Plan<'a> {
    works: &'a [Work],
    policy: &'a Policy,
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

/// Whose money a fact is about.
enum Binding {
    /// This order's.
    Order(OrderId),
    /// Nobody's that we know.
    Unknown,
    /// It names one order, but its money is booked on this other one.
    BookedOn(OrderId),
    /// It names a number that nobody registered, of money that is booked on one order: news under another
    /// name. It waits, in case the number turns out to be somebody's.
    Restated,
}

impl<'a> Plan<'a> {
    pub(super) fn of(works: &'a [Work], policy: &'a Policy) -> Self {
        let mut first = BTreeMap::new();
        for (i, message) in messages(works) {
            first.entry(&message.row.key).or_insert(i);
        }
        Self {
            works,
            policy,
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

    /// Which notifications are new; answers whether anything is left to decide.
    pub(super) fn keep_fresh(&mut self, fresh: BTreeSet<NoticeKey>) -> bool {
        self.fresh = fresh;
        !self.fresh.is_empty() || self.works.iter().any(|work| matches!(work, Work::Command(..)))
    }

    fn is_fresh(&self, index: usize, message: &Message) -> bool {
        self.fresh.contains(&message.row.key) && self.first.get(&message.row.key) == Some(&index)
    }

    /// Everything that the inputs name, whether they are new or not.
    pub(super) fn keys(works: &[Work]) -> Keys {
        let mut keys = Keys::default();
        for (_, message) in messages(works) {
            for fact in &message.facts {
                let provider = &message.row.key.provider;
                keys.payments.extend(fact.observation.fact.out_trade_no().cloned());
                keys.money.extend(booking::keys(provider, &fact.observation));
                keys.money.extend(booking::other_key(provider, &fact.observation));
                keys.facts.insert(fact.key);
            }
        }
        for work in works {
            if let Work::Command(request, _) = work {
                keys.orders.extend(request.command.order_id().cloned());
                keys.cases.extend(request.command.case_id().cloned());
                keys.refunds.extend(request.command.refund_number());
                keys.requests.extend(request.request_id.clone());
                if let Command::StartPayment { out_trade_no, .. } = &request.command {
                    keys.payments.insert(out_trade_no.clone());
                }
            }
        }
        keys
    }

    /// Adds the keys to which what was found leads; false when there are no new ones. A unit loads again until there
    /// are none, so that a fact is never applied without everything else that is known about its money.
    pub(super) fn widen(&self, keys: &mut Keys, loaded: &Loaded) -> bool {
        let before = (keys.payments.len(), keys.money.len(), keys.cases.len());
        Self::widen_by_waiting(keys, &loaded.parked);
        self.widen_by_strangers(keys, loaded);
        before != (keys.payments.len(), keys.money.len(), keys.cases.len())
    }

    /// Adds the keys to which the waiting facts lead.
    fn widen_by_waiting(keys: &mut Keys, parked: &[ParkedRow]) {
        for fact in parked {
            keys.payments.extend(fact.observation.fact.out_trade_no().cloned());
            keys.money.extend(booking::keys(&fact.provider, &fact.observation));
            keys.money.extend(booking::other_key(&fact.provider, &fact.observation));
        }
    }

    /// Adds the ids of the cases about unknown money, so that a case that exists, or was ruled on, is not opened again.
    /// Ordinary news adds none.
    fn widen_by_strangers(&self, keys: &mut Keys, loaded: &Loaded) {
        let fresh = messages(self.works).filter(|(index, message)| self.is_fresh(*index, message));
        let news = fresh.flat_map(|(_, message)| message.facts.iter().map(|fact| (&message.row.key.provider, fact)));
        let news = news.filter(|(_, fact)| !loaded.facts.contains(&fact.key));
        let news = news.map(|(provider, fact)| (provider, &fact.observation));
        let waiting = loaded.parked.iter().map(|fact| (&fact.provider, &fact.observation));
        for (provider, news) in news.chain(waiting) {
            let elsewhere = match bind(loaded, provider, news) {
                Binding::Order(_) | Binding::Restated => continue,
                Binding::Unknown => None,
                Binding::BookedOn(order_id) => Some(order_id),
            };
            keys.cases.extend(booking::unbound(news, elsewhere.as_ref(), Timestamp(0)).map(|case| case.id));
        }
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
            let key = fact.key;
            self.writes.sayings.push((message.row.id.clone(), key));
            if !self.loaded.facts.insert(key) {
                continue;
            }
            self.writes.observations.push(ObservationRow {
                key,
                notification_id: message.row.id.clone(),
                provider: message.row.key.provider.clone(),
                observation: fact.observation.clone(),
                recorded_at: message.at,
                masked_payer: fact.masked_payer.clone(),
                sealed_payer: fact.sealed_payer.clone(),
            });
            let fact = ParkedRow {
                key,
                notification_id: message.row.id.clone(),
                provider: message.row.key.provider.clone(),
                observation: fact.observation.clone(),
            };
            match self.bind(&fact) {
                Binding::Order(order_id) => {
                    self.observe(&order_id, &fact, message.at)?;
                    self.wake(message.at);
                }
                Binding::Unknown | Binding::BookedOn(_) | Binding::Restated => self.park(fact, message.at),
            }
        }
        Ok(Outcome::Message(MessageOutcome::Stored(message.row.id.clone())))
    }

    fn bind(&self, fact: &ParkedRow) -> Binding {
        bind(&self.loaded, &fact.provider, &fact.observation)
    }

    fn observe(&mut self, order_id: &OrderId, fact: &ParkedRow, at: Timestamp) -> Result<(), StoreError> {
        let Some(before) = self.loaded.orders.get(order_id).cloned() else {
            return Err(StoreError::Damaged(format!("a payment leads to order {order_id}, which does not exist")));
        };
        let decision = caught(|| order::observe(&before, &fact.observation, at))?
            .map_err(|refusal| StoreError::Refused(refusal.to_string()))?;
        self.take(Some(order_id), decision, &fact.notification_id, at);
        let Some(after) = self.loaded.orders.get(order_id) else { return Ok(()) };
        for (key, amount) in booking::booked(&before, after, &fact.provider, &fact.observation).into_iter().flatten() {
            self.book(order_id, fact, key, amount, at);
        }
        Ok(())
    }

    fn book(&mut self, order_id: &OrderId, fact: &ParkedRow, key: MoneyKey, amount: Money, at: Timestamp) {
        // Two reports may be two refunds to the order and one number to the platform: it is booked once.
        if !self.loaded.money.contains_key(&key) {
            self.loaded.money.insert(key.clone(), order_id.clone());
            let row = MoneyRow { key: key.clone(), order_id: order_id.clone(), amount, fact: fact.key };
            self.writes.money.push(row);
        }
        // Facts that name this money by a number of no order waited as unknown money; now the money has an order.
        let restated = |p: &&ParkedRow| {
            booking::keys(&p.provider, &p.observation).contains(&key) && matches!(self.bind(p), Binding::Restated)
        };
        let restated: Vec<_> = self.loaded.parked.iter().filter(restated).cloned().collect();
        for fact in restated {
            self.settle(&fact, order_id, at);
        }
    }

    /// Applies every waiting fact whose order is known now, until there are no more.
    fn wake(&mut self, at: Timestamp) {
        loop {
            let awake = self.loaded.parked.iter().enumerate().find_map(|(i, fact)| match self.bind(fact) {
                Binding::Order(order_id) => Some((i, order_id)),
                Binding::Unknown | Binding::BookedOn(_) | Binding::Restated => None,
            });
            let Some((index, order_id)) = awake else { return };
            let fact = self.loaded.parked.remove(index);
            // If it cannot be decided it keeps waiting: it must not fail the input that woke it.
            match self.observe(&order_id, &fact, at) {
                Ok(()) => self.unpark(&fact, &order_id, at),
                Err(error) => {
                    tracing::error!(%error, fact = %fact.key.0, %order_id, "a waiting fact cannot be applied")
                }
            }
        }
    }

    fn park(&mut self, fact: ParkedRow, at: Timestamp) {
        self.writes.parked.push(fact.key);
        match self.bind(&fact) {
            Binding::BookedOn(order_id) => self.hold(&fact, Some(&order_id), at),
            Binding::Order(_) | Binding::Unknown => self.hold(&fact, None, at),
            Binding::Restated => {}
        }
        self.loaded.parked.push(fact);
    }

    /// Opens the case for a fact that waits.
    fn hold(&mut self, fact: &ParkedRow, elsewhere: Option<&OrderId>, at: Timestamp) {
        if let Some(case) = booking::unbound(&fact.observation, elsewhere, at) {
            self.record(CaseRow { case, notification_id: fact.notification_id.clone() }, at);
        }
    }

    /// Settles the case of a fact that waited: its money is on this order.
    fn settle(&mut self, fact: &ParkedRow, order_id: &OrderId, at: Timestamp) {
        if let Some(case) = booking::unbound(&fact.observation, None, at) {
            let state = CaseState::Resolved { resolution: Resolution::Bound, at, by: None };
            let case = Case { state, order_id: Some(order_id.clone()), ..case };
            self.record(CaseRow { case, notification_id: fact.notification_id.clone() }, at);
        }
    }

    fn unpark(&mut self, fact: &ParkedRow, order_id: &OrderId, at: Timestamp) {
        if let Some(here) = self.writes.parked.iter().position(|k| *k == fact.key) {
            self.writes.parked.remove(here);
        } else {
            self.writes.unparked.push(fact.key);
        }
        self.settle(fact, order_id, at);
    }

    fn command(&mut self, request: &CommandRequest) -> Result<Outcome, StoreError> {
        let print = request.fingerprint();
        if let Some(known) = request.request_id.as_ref().and_then(|id| self.loaded.requests.get(id)) {
            if known.fingerprint != print {
                return Ok(Outcome::Command(Err(Refusal::RequestIdReused(known.id.clone()))));
            }
            let order_id = known.order_id.clone();
            return self.done(order_id.as_ref(), &request.command);
        }
        if let Some(refusal) = self.taken(&request.command) {
            return Ok(Outcome::Command(Err(refusal)));
        }
        let case = request.command.case_id().and_then(|id| self.loaded.cases.get(id)).map(|row| &row.case);
        let order_id = request.command.order_id().or_else(|| case?.order_id.as_ref()).cloned();
        let order = order_id.as_ref().and_then(|id| self.loaded.orders.get(id));
        let decision = match caught(|| order::decide(order, case, &request.command, request.at))? {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Outcome::Command(Err(refusal))),
        };
        if let Some(refusal) = self.policy.refuses(&decision) {
            return Ok(Outcome::Command(Err(refusal)));
        }
        let asks_refund = decision.tasks.iter().any(|task| task.key.kind == TaskKind::Refund);
        self.take(order_id.as_ref(), decision, "", request.at);
        if let (Some(number), Some(order_id)) = (request.command.refund_number().filter(|_| asks_refund), &order_id) {
            self.loaded.refunds.insert(number.clone(), order_id.clone());
            self.writes.refunds.push((number, order_id.clone()));
        }
        if let Command::AssignCase { case_id, owner } = &request.command {
            if let Some(row) = self.loaded.cases.get_mut(case_id) {
                row.case.owner.clone_from(owner);
            }
            self.writes.owners.push((case_id.clone(), owner.clone()));
        }
        if let Some(id) = &request.request_id {
            let row = RequestRow { id: id.clone(), fingerprint: print, order_id: order_id.clone() };
            self.loaded.requests.insert(id.clone(), row.clone());
            self.writes.requests.push(row);
        }
        if let (Command::StartPayment { out_trade_no, .. }, Some(order_id)) = (&request.command, &order_id) {
            self.register(out_trade_no, order_id, request.at);
        }
        self.done(order_id.as_ref(), &request.command)
    }

    /// Refuses a command that brings along a number which belongs to another order.
    fn taken(&self, command: &Command) -> Option<Refusal> {
        if let Command::StartPayment { order_id, out_trade_no, .. } = command
            && self.loaded.payments.get(out_trade_no).is_some_and(|owner| owner != order_id)
        {
            return Some(Refusal::NumberTaken(out_trade_no.clone()));
        }
        let number = command.refund_number()?;
        let owner = self.loaded.refunds.get(&number)?;
        let mine = command.order_id().or_else(|| self.loaded.cases.get(command.case_id()?)?.case.order_id.as_ref());
        (mine != Some(owner)).then_some(Refusal::RefundNumberTaken(number))
    }

    /// Registers the number of a payment that was begun now, and applies the facts that waited for it.
    fn register(&mut self, out_trade_no: &OutTradeNo, order_id: &OrderId, at: Timestamp) {
        if self.loaded.payments.insert(out_trade_no.clone(), order_id.clone()).is_some() {
            return;
        }
        self.writes.payments.push((out_trade_no.clone(), order_id.clone()));
        self.wake(at);
        self.hold_contradictions(out_trade_no, at);
    }

    /// The answer to a command: the order and the case that it was about, as they are now.
    fn done(&self, order_id: Option<&OrderId>, command: &Command) -> Result<Outcome, StoreError> {
        let order = order_id.and_then(|id| self.loaded.orders.get(id)).cloned();
        if let (Some(id), None) = (order_id, &order) {
            return Err(StoreError::Damaged(format!("order {id} is gone after its own command")));
        }
        let case = command.case_id().and_then(|id| self.loaded.cases.get(id)).cloned();
        Ok(Outcome::Command(Ok(Box::new(Done { order, case }))))
    }

    /// Opens cases for waiting facts that name this newly registered number, but whose money is booked on another
    /// order.
    fn hold_contradictions(&mut self, out_trade_no: &OutTradeNo, at: Timestamp) {
        let named = self.loaded.parked.iter().filter(|p| p.observation.fact.out_trade_no() == Some(out_trade_no));
        let against: Vec<_> = named
            .filter_map(|fact| match self.bind(fact) {
                Binding::BookedOn(order_id) => Some((fact.clone(), order_id)),
                Binding::Order(_) | Binding::Unknown | Binding::Restated => None,
            })
            .collect();
        for (fact, order_id) in against {
            self.hold(&fact, Some(&order_id), at);
        }
    }

    fn take(&mut self, order_id: Option<&OrderId>, decision: Decision, notification_id: &str, at: Timestamp) {
        for case in decision.cases {
            self.record(CaseRow { case, notification_id: notification_id.to_owned() }, at);
        }
        for followup in decision.tasks {
            self.writes.tasks.extend(self.policy.task(followup, order_id, at));
        }
        let Some(order_id) = order_id else { return };
        if let Some(order) = decision.events.last().map(|event| &event.after) {
            self.loaded.orders.insert(order_id.clone(), order.clone());
            self.changed.insert(order_id.clone());
        }
        let event = |event| EventRow { revision: 0, order_id: order_id.clone(), event };
        self.writes.events.extend(decision.events.into_iter().map(event));
    }

    /// Writes a case in its new state. A case that opens brings its tasks along; one that was ruled on stays closed.
    fn record(&mut self, mut row: CaseRow, at: Timestamp) {
        let is_open = |row: &CaseRow| row.case.state == CaseState::Open;
        let is_ruled = |row: &CaseRow| matches!(row.case.state, CaseState::Resolved { by: Some(_), .. });
        if is_open(&row) && self.loaded.cases.get(&row.case.id).is_some_and(is_ruled) {
            return;
        }
        let known = self.loaded.cases.remove(&row.case.id);
        if is_open(&row) && !known.as_ref().is_some_and(is_open) {
            self.policy.open(&mut row.case, at);
            self.writes.tasks.extend(self.policy.tasks_of(&row.case, at));
        }
        let row = match known {
            Some(known) => known.followed_by(row),
            None => row,
        };
        self.loaded.cases.insert(row.case.id.clone(), row.clone());
        self.writes.cases.push(row);
    }
}

/// The order that news is about, by the payment that it names and by money that is booked already.
fn bind(loaded: &Loaded, provider: &str, news: &Observation) -> Binding {
    let number = news.fact.out_trade_no();
    let by_payment = number.and_then(|n| loaded.payments.get(n));
    let booked: BTreeSet<&OrderId> =
        booking::keys(provider, news).iter().filter_map(|key| loaded.money.get(key)).collect();
    // Money that goes back goes back on the payment it came with, whatever else a refund is called.
    let by_money_alone = number.is_none() || matches!(news.fact, Fact::Refund(_));
    match (by_payment, booked.first()) {
        (Some(payment), _) if booked.iter().all(|b| *b == payment) => Binding::Order(payment.clone()),
        (None, Some(only)) if booked.len() == 1 && by_money_alone => Binding::Order((*only).clone()),
        (None, Some(_)) if booked.len() == 1 => Binding::Restated,
        (_, Some(elsewhere)) => Binding::BookedOn((*elsewhere).clone()),
        (_, None) => Binding::Unknown,
    }
}

fn messages(works: &[Work]) -> impl Iterator<Item = (usize, &Message)> {
    works.iter().enumerate().filter_map(|(i, work)| match work {
        Work::Message(message, _) => Some((i, &**message)),
        Work::Command(..) => None,
    })
}

/// Deciding is pure, so a panic in it leaves nothing half done; it fails one input, not the committer.
fn caught<T>(decide: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(decide)).map_err(|_| StoreError::Refused("a decision panicked; see the log".into()))
}
