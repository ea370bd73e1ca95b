//! A subscription against a model of its consumer: whatever is parked, redriven, cut off or taken over, every
//! event comes, in order per order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(7);

fn lease(n: u128) -> Lease {
    Lease(Uuid::from_u128(n))
}

fn order(n: usize) -> OrderId {
    OrderId::parse(format!("o{n}")).unwrap()
}

fn subscription(max_attempts: u32) -> Subscription {
    let name = SubscriptionName::parse("stock").unwrap();
    Subscription::new(name, EventFilter::default(), max_attempts, 0, NOW)
}

/// The log, and whoever reads it.
struct World {
    /// Of each revision the order, and whether the filter wants the event.
    log: Vec<(usize, bool)>,
    subscription: Subscription,
    stream: Option<(Lease, i64)>,
    leases: u128,
    now: Timestamp,
    /// Events that came by themselves on the newest stream.
    alone: BTreeSet<i64>,
    /// How often a stream ended while such an event waited to be confirmed first.
    deaths: BTreeMap<i64, u32>,
    /// The last event of each order that took effect.
    effects: BTreeMap<usize, i64>,
    /// Whether the consumer can handle poison by now.
    cured: bool,
}

/// What the consumer does about an event that it cannot handle.
#[derive(Debug, Clone, Copy)]
enum Despair {
    Parks,
    Dies,
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize, bool),
    /// Takes over, if there is a stream.
    Open,
    /// The client goes away, or the core does and nobody hears of it.
    End(bool),
    /// A batch of so many; whether it is confirmed afterwards.
    Deliver(usize, Despair, bool),
    Redrive(Option<usize>),
}

impl World {
    fn new(max_attempts: u32) -> Self {
        let subscription = subscription(max_attempts);
        let (log, effects) = (Vec::new(), BTreeMap::new());
        let (alone, deaths) = (BTreeSet::new(), BTreeMap::new());
        Self { log, subscription, stream: None, leases: 0, now: NOW, alone, deaths, effects, cured: false }
    }

    fn head(&self) -> i64 {
        i64::try_from(self.log.len()).unwrap()
    }

    fn place(&self, revision: i64) -> Place {
        let upto = &self.log[..usize::try_from(revision).unwrap()];
        let n = upto.last().unwrap().0;
        let sequence = i64::try_from(upto.iter().filter(|(order, _)| *order == n).count()).unwrap();
        Place { revision, order_id: order(n), sequence }
    }

    /// The wanted events of an order after a revision.
    fn wanted(&self, of: usize, after: i64) -> impl Iterator<Item = i64> {
        let all = (1..).zip(&self.log);
        all.filter(move |(revision, (n, wanted))| *n == of && *wanted && *revision > after)
            .map(|(revision, _)| revision)
    }

    /// What a stream would send after a revision, up to another.
    fn due(&self, after: i64, up_to: i64) -> Vec<i64> {
        let all = (1..).zip(&self.log).filter(|(revision, _)| (after + 1..=up_to).contains(revision));
        all.filter(|(revision, (n, wanted))| *wanted && self.subscription.delivers(&order(*n), *revision))
            .map(|(revision, _)| revision)
            .collect()
    }

    /// The first event that was sent and is not confirmed.
    fn unconfirmed(&self) -> Option<i64> {
        let sent = self.subscription.delivery.map_or(0, |delivery| delivery.sent);
        self.due(self.subscription.position(), sent).first().copied()
    }

    fn open(&mut self) {
        let failed = self.subscription.failed(self.now);
        let first = failed.and_then(|_| self.unconfirmed()).map(|revision| self.place(revision));
        self.leases += 1;
        self.subscription.open(lease(self.leases), first, self.now);
        self.stream = Some((lease(self.leases), self.subscription.position()));
        self.alone.clear();
    }

    fn end(&mut self, unheard: bool) {
        if self.stream.take().is_none() {
            return;
        }
        let first = self.unconfirmed();
        if let Some(first) = first.filter(|first| self.alone.contains(first)) {
            *self.deaths.entry(first).or_default() += 1;
        }
        match &mut self.subscription.delivery {
            Some(delivery) if !unheard => delivery.fails_at = Some(self.now),
            Some(_) | None => self.now.0 += SILENCE,
        }
    }

    fn deliver(&mut self, count: usize, despair: Despair, confirms: bool) {
        let Some((lease, cursor)) = self.stream else { return };
        let mut batch = self.due(cursor, self.head());
        let count = if cursor < self.subscription.failures.suspect { 1 } else { count };
        let more = batch.len() > count;
        batch.truncate(count);
        let up_to = if more { *batch.last().unwrap() } else { self.head() };
        if self.subscription.send(lease, up_to) == Err(Refused::LeaseLost) {
            self.stream = None;
            return;
        }
        if let [one] = batch[..] {
            self.alone.insert(one);
        }
        for revision in batch {
            if revision % 5 == 0 && !self.cured {
                if matches!(despair, Despair::Dies) {
                    self.end(false);
                }
                self.stream = None;
                if matches!(despair, Despair::Parks) {
                    self.subscription.acknowledge(lease, revision - 1).unwrap();
                    self.subscription.park(lease, self.place(revision), "poison".into(), NOW).unwrap();
                    assert_eq!(self.subscription.acknowledge(lease, revision), Err(Refused::LeaseLost));
                }
                return;
            }
            self.take_effect(revision);
        }
        self.stream = Some((lease, up_to));
        if confirms {
            self.subscription.acknowledge(lease, up_to).unwrap();
        }
    }

    fn take_effect(&mut self, revision: i64) {
        let of = self.log[usize::try_from(revision - 1).unwrap()].0;
        let last = self.effects.get(&of).copied().unwrap_or(0);
        if revision > last {
            assert_eq!(self.wanted(of, last).next(), Some(revision), "an event of order {of} was passed over");
            self.effects.insert(of, revision);
        }
    }

    fn redrive(&mut self, of: Option<usize>) {
        let parked = self.subscription.parked.iter().map(|(id, parked)| (id.clone(), parked.sequence));
        let chosen: Vec<_> = parked.filter(|(id, _)| of.is_none_or(|n| order(n) == *id)).collect();
        self.subscription.redrive(&chosen, 1).unwrap();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append(of, wanted) => self.log.push((of, wanted)),
            Step::Open => self.open(),
            Step::End(unheard) => self.end(unheard),
            Step::Deliver(count, despair, confirms) => self.deliver(count, despair, confirms),
            Step::Redrive(of) => self.redrive(of),
        }
        let Subscription { confirmed, parked, redriven, max_attempts, .. } = &self.subscription;
        for parked in parked.values().filter(|parked| parked.reason != "poison") {
            let deaths = self.deaths.get(&parked.revision).copied().unwrap_or(0);
            assert!(*max_attempts > 0 && deaths >= *max_attempts, "event {} is not to blame", parked.revision);
        }
        assert!(redriven.values().all(|from| from <= confirmed), "what is redriven was passed");
        assert!(*confirmed <= self.head());
        for (id, from) in redriven {
            assert!(parked.get(id).is_none_or(|p| *from < p.revision), "nothing is both held and redriven");
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let despair = prop_oneof![Just(Despair::Parks), Just(Despair::Dies)];
    prop_oneof![
        4 => (0_usize..4, prop::bool::weighted(0.8)).prop_map(|(of, wanted)| Step::Append(of, wanted)),
        2 => Just(Step::Open),
        1 => any::<bool>().prop_map(Step::End),
        4 => (1_usize..5, despair, prop::bool::weighted(0.7)).prop_map(|(n, d, c)| Step::Deliver(n, d, c)),
        1 => prop::option::of(0_usize..4).prop_map(Step::Redrive),
    ]
}

proptest! {
    #[test]
    fn every_event_comes_in_order_per_order(
        max_attempts in 0_u32..4,
        steps in prop::collection::vec(any_step(), 0..120),
    ) {
        let mut world = World::new(max_attempts);
        for step in &steps {
            world.step(step);
        }
        // The consumer is mended, and what was put aside comes again.
        world.cured = true;
        world.redrive(None);
        world.open();
        world.deliver(usize::MAX, Despair::Dies, true);
        prop_assert!(world.subscription.parked.is_empty() || world.subscription.max_attempts > 0);
        // Opening may have parked what had failed before it was mended.
        world.redrive(None);
        world.open();
        // What is suspect comes one by one.
        for _ in 0..=world.log.len() {
            world.deliver(usize::MAX, Despair::Dies, true);
        }
        for of in 0..4 {
            let last = world.effects.get(&of).copied().unwrap_or(0);
            prop_assert_eq!(world.wanted(of, last).next(), None, "an event of order {} is lost", of);
        }
        prop_assert_eq!(world.subscription.position(), world.head());
        prop_assert!(world.subscription.parked.is_empty() && world.subscription.redriven.is_empty());
    }
}

/// Five events of the orders 0, 1, 0, 1, 0, sent and not confirmed.
fn sent() -> World {
    let mut world = World::new(0);
    world.log = [0, 1, 0, 1, 0].map(|of| (of, true)).to_vec();
    world.open();
    world.subscription.send(lease(1), 5).unwrap();
    world
}

#[test]
fn a_confirmation_is_cumulative_and_never_ahead() {
    let mut s = sent().subscription;
    s.acknowledge(lease(1), 3).unwrap();
    s.acknowledge(lease(1), 2).unwrap();
    assert_eq!(s.position(), 3);
    assert_eq!(s.acknowledge(lease(1), 6), Err(Refused::Ahead { asked: 6, sent: 5 }));
    assert_eq!(s.acknowledge(lease(9), 4), Err(Refused::LeaseLost));
    assert_eq!(s.position(), 3);
    s.acknowledge(lease(1), 5).unwrap();
    assert_eq!(s.position(), 5);
}

#[test]
fn a_newer_stream_fences_the_older_one() {
    let mut world = sent();
    world.open();
    let place = world.place(1);
    let mut s = world.subscription;
    assert_eq!(s.acknowledge(lease(1), 1), Err(Refused::LeaseLost));
    assert_eq!(s.send(lease(1), 5), Err(Refused::LeaseLost));
    assert_eq!(s.park(lease(1), place, String::new(), NOW), Err(Refused::LeaseLost));
    // The new one has not sent anything yet.
    assert_eq!(s.acknowledge(lease(2), 1), Err(Refused::Ahead { asked: 1, sent: 0 }));
}

#[test]
fn a_parked_event_holds_its_order_and_no_other() {
    let mut world = sent();
    world.subscription.acknowledge(lease(1), 2).unwrap();
    world.subscription.park(lease(1), world.place(3), "poison".into(), NOW).unwrap();
    assert_eq!(world.due(0, 5), [4], "of order 0, 5 is held behind 3");
    // Once more changes nothing, whatever the lease.
    let before = world.subscription.clone();
    world.subscription.park(lease(1), world.place(3), "again".into(), NOW).unwrap();
    assert_eq!(world.subscription, before);

    world.open();
    world.subscription.send(lease(2), 5).unwrap();
    // What is held, confirmed or not sent cannot be parked.
    for revision in [5, 1] {
        let refused = world.subscription.park(lease(2), world.place(revision), String::new(), NOW);
        assert!(matches!(refused, Err(Refused::NotOutstanding { .. })), "{revision}");
    }
    world.subscription.acknowledge(lease(2), 5).unwrap();
    assert_eq!((world.subscription.position(), world.due(0, 5)), (5, vec![]));

    world.redrive(None);
    assert_eq!((world.subscription.position(), world.due(0, 5)), (2, vec![3, 5]));
    assert_eq!(world.subscription.acknowledge(lease(2), 5), Err(Refused::LeaseLost));
    // Half of it is confirmed, then the stream ends.
    world.open();
    world.subscription.send(lease(3), 3).unwrap();
    world.subscription.acknowledge(lease(3), 3).unwrap();
    assert_eq!((world.subscription.position(), world.due(0, 5)), (3, vec![5]));
    // Parked once more, from there on: nothing is left to send, and that is confirmed next.
    world.subscription.send(lease(3), 5).unwrap();
    world.subscription.park(lease(3), world.place(5), String::new(), NOW).unwrap();
    assert_eq!((world.subscription.position(), world.due(0, 5)), (3, vec![]));
}

#[test]
fn an_event_parked_in_front_of_another_takes_its_place() {
    let mut world = sent();
    world.subscription.park(lease(1), world.place(3), String::new(), NOW).unwrap();
    world.open();
    world.subscription.send(lease(2), 5).unwrap();
    world.subscription.park(lease(2), world.place(1), String::new(), NOW).unwrap();
    assert_eq!(world.subscription.parked[&order(0)].revision, 1);
    // An event that is held stands for the one in front of it; one before that is not parked at all.
    assert!(world.subscription.redrive(&[(order(1), 1)], 1).is_err());
    assert_eq!(world.subscription.parked.len(), 1, "a refused redrive changes nothing");
    world.subscription.redrive(&[(order(0), 2)], 1).unwrap();
    assert_eq!(world.due(0, 5), [1, 2, 3, 4, 5]);
}

#[test]
fn too_many_failed_deliveries_park_an_event() {
    let mut world = sent();
    world.subscription.max_attempts = 2;
    let send = |world: &mut World| world.subscription.send(world.stream.unwrap().0, 5).unwrap();
    // Who died of several may have died of any.
    world.end(false);
    world.open();
    assert_eq!(world.subscription.failures, Failures { revision: 0, count: 0, suspect: 5 });
    for unheard in [false, true] {
        // A stream that is taken over has not failed, and one that was sent nothing has not, either.
        send(&mut world);
        world.open();
        world.end(false);
        world.open();
        assert_eq!(world.subscription.parked.len(), 0);
        send(&mut world);
        world.end(unheard);
        world.open();
    }
    let parked = &world.subscription.parked[&order(0)];
    assert_eq!((parked.revision, parked.attempts), (1, 2));
    assert_eq!(world.due(0, 5), [2, 4]);
    // After a redrive it has all its attempts again.
    world.redrive(None);
    assert_eq!(world.subscription.failures, Failures::default());
}

#[test]
fn poison_is_parked_and_not_the_head_of_its_batch() {
    let mut world = sent();
    world.subscription.max_attempts = 1;
    world.end(false);
    world.open();
    assert_eq!(world.subscription.parked.len(), 0);
    // One by one, two are confirmed; the third one is what it died of.
    world.subscription.send(lease(2), 4).unwrap();
    world.subscription.acknowledge(lease(2), 2).unwrap();
    world.end(false);
    world.open();
    let parked: Vec<_> = world.subscription.parked.values().map(|parked| parked.revision).collect();
    assert_eq!(parked, [3]);
}

#[test]
fn a_delivery_that_we_ended_has_not_failed() {
    let mut world = sent();
    world.subscription.delivery.as_mut().unwrap().fails_at = None;
    world.now.0 += 2 * SILENCE;
    world.open();
    assert_eq!(world.subscription.failures, Failures::default());
}

#[test]
fn a_lease_that_ends_by_parking_is_no_failed_delivery() {
    let mut world = sent();
    world.subscription.max_attempts = 1;
    world.subscription.park(lease(1), world.place(1), String::new(), NOW).unwrap();
    world.open();
    assert_eq!(world.subscription.parked.len(), 1, "event 2 was not tried yet");
}

#[test]
fn a_redrive_brings_what_the_log_still_has_and_says_what_it_has_not() {
    let mut world = sent();
    world.subscription.acknowledge(lease(1), 2).unwrap();
    world.subscription.park(lease(1), world.place(3), String::new(), NOW).unwrap();
    world.open();
    world.subscription.send(lease(2), 5).unwrap();
    world.subscription.acknowledge(lease(2), 5).unwrap();
    let dropped = world.subscription.redrive(&[(order(0), 2)], 4).unwrap();
    assert_eq!(dropped, [(order(0), 2)]);
    assert_eq!((world.subscription.position(), world.due(3, 5)), (3, vec![5]));
}

#[test]
fn seeking_delivers_again_what_comes_after() {
    let mut world = sent();
    world.subscription.park(lease(1), world.place(3), String::new(), NOW).unwrap();
    let parked = world.subscription.clone();
    world.subscription.seek(1);
    assert_eq!((world.due(0, 5), world.subscription.parked.len()), (vec![2, 3, 4, 5], 0));
    // What is parked up to there stays parked.
    world.subscription = parked.clone();
    world.subscription.seek(4);
    assert_eq!((world.due(0, 5), world.subscription.parked.len()), (vec![], 1), "5 is held behind 3");
    // And what is held behind it too, where the log does not have the parked one any more.
    world.subscription = parked;
    world.subscription.seek(5);
    assert_eq!((world.due(0, 5), world.subscription.delivery), (vec![], None));
    let parked = (world.place(3).order_id, world.place(3).sequence);
    assert_eq!(world.subscription.redrive(std::slice::from_ref(&parked), 4), Ok(vec![parked]));
    assert_eq!(world.due(4, 5), [5]);
}

#[test]
fn the_dead_letters_are_bounded() {
    let mut world = World::new(1);
    world.log = (0..=MAX_PARKED).map(|of| (of, true)).collect();
    for of in 0..MAX_PARKED {
        let parked = Parked { revision: 1, sequence: 1, reason: String::new(), attempts: 1, at: NOW };
        world.subscription.parked.insert(order(of), parked);
    }
    world.open();
    world.subscription.send(lease(1), world.head()).unwrap();
    let last = world.place(world.head());
    assert_eq!(world.subscription.park(lease(1), last, String::new(), NOW), Err(Refused::TooManyParked));
    for _ in 0..2 {
        world.end(false);
        world.open();
        world.subscription.send(world.stream.unwrap().0, world.head()).unwrap();
    }
    assert_eq!((world.subscription.parked.len(), world.subscription.failures.count), (MAX_PARKED, 1));
}
