//! Our record of a day as a set, in which the lines of a statement are looked up. Pure.
//!
//! Contract: each line costs a look-up, whatever the day's size; each movement 50 to 90 bytes, because tables double when they
//! are full (for each further name of a refund half as much again). Numbers are kept as 128 bits of their SHA-256, so nobody can
//! make two of them meet.

use std::collections::{HashMap, HashSet};

use smol_str::{SmolStr, format_smolstr};

use super::day::{Day, Place};
use crate::{
    order::{Money, Timestamp},
    sha256::Sha256,
    store::{Booking, MoneyKind, Movement},
};

/// A number, hashed.
type Name = [u8; 16];

/// What of our record is looked up.
#[derive(Debug)]
pub(super) struct Ledger {
    day: Day,
    slots: Vec<Slot>,
    names: HashMap<Name, u32>,
    /// Lines that our record did not have.
    strangers: HashSet<Name>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    amount: Money,
    place: Place,
    /// The day before has left it to this day.
    carried: bool,
    seen: bool,
    /// Seen on the statement of another day; that this one has it too is no repetition within a statement.
    elsewhere: bool,
}

/// What our record says of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The same.
    Same,
    /// Another amount.
    Amount(Money),
    /// The statement had it before.
    Repeated(Option<Money>),
    /// Nothing, as far as this day goes.
    Nothing,
}

/// What the statement says of a booking, after its last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It had it, or another day's has to have it.
    Settled,
    /// It had it, though the booking is of the next day: that day shall not miss it.
    TellNextDay,
    /// It did not have it, but the next day's may.
    LeaveToNextDay,
    /// It did not have it.
    Missing,
}

impl Ledger {
    pub(super) fn new(day: Day) -> Self {
        Self { day, slots: Vec::new(), names: HashMap::new(), strangers: HashSet::new() }
    }

    /// Puts a booking in.
    pub(super) fn book(&mut self, booking: &Booking) {
        let place = self.day.place(when(booking));
        self.add(&movement(booking), place, booking.amount);
    }

    fn add(&mut self, movement: &Movement, place: Place, amount: Money) {
        let Ok(index) = u32::try_from(self.slots.len()) else { return };
        self.slots.push(Slot { amount, place, carried: false, seen: false, elsewhere: false });
        for number in numbers(movement) {
            self.names.entry(name(&number)).or_insert(index);
        }
        if numbers(movement).is_empty() {
            let free = (0_u32..).map(|nth| name(&nameless(movement, nth))).find(|name| !self.names.contains_key(name));
            self.names.extend(free.map(|name| (name, index)));
        }
    }

    /// The day before has left this booking to this day.
    pub(super) fn expect(&mut self, movement: &Movement) {
        if let Some(slot) = self.slot_mut(movement) {
            slot.carried = true;
        }
    }

    /// The statement of a day that is not next to this one had this booking, though it is of this day.
    pub(super) fn seen_elsewhere(&mut self, movement: &Movement) {
        if let Some(slot) = self.slot_mut(movement) {
            slot.elsewhere = true;
        }
    }

    /// The day before has seen this booking, though it is of this day.
    pub(super) fn seen_before(&mut self, movement: &Movement) {
        if let Some(slot) = self.slot_mut(movement) {
            slot.seen = true;
        }
    }

    /// Looks a line up.
    pub(super) fn look_up(&mut self, line: &Movement) -> Found {
        let stranger = numbers(line).first().map(|number| name(number));
        if let Some(slot) = self.slot_mut(line) {
            let repeated = std::mem::replace(&mut slot.seen, true);
            return match (repeated, slot.amount == line.amount) {
                (true, _) => Found::Repeated(Some(slot.amount)),
                (false, true) => Found::Same,
                (false, false) => Found::Amount(slot.amount),
            };
        }
        match stranger {
            Some(name) if !self.strangers.insert(name) => Found::Repeated(None),
            Some(_) | None => Found::Nothing,
        }
    }

    /// How many bookings are of the day itself, were on no statement before, and cannot be on the next day's.
    pub(super) fn own(&self) -> usize {
        let is_own = |slot: &&Slot| !slot.seen && !slot.elsewhere && slot.place == (Place::In { near_end: false });
        self.slots.iter().filter(is_own).count()
    }

    /// Whether any booking has a fate that must be told.
    pub(super) fn has_news(&self) -> bool {
        self.slots.iter().any(|slot| slot.fate() != Fate::Settled)
    }

    /// What became of a booking. One that came in later than the look-ups is of no concern: its line found it by number.
    pub(super) fn fate(&mut self, booking: &Booking) -> Fate {
        self.slot_mut(&movement(booking)).map_or(Fate::Settled, |slot| {
            let fate = slot.fate();
            // Each booking once, also where two share a nameless place.
            slot.seen = true;
            slot.place = Place::Before;
            slot.carried = false;
            fate
        })
    }

    /// By number; without one, by transaction and amount, the first that is not taken.
    fn slot_mut(&mut self, movement: &Movement) -> Option<&mut Slot> {
        let by_number = numbers(movement).iter().find_map(|number| self.names.get(&name(number)).copied());
        let index = by_number.or_else(|| {
            let of_nth = |nth| self.names.get(&name(&nameless(movement, nth))).copied();
            let taken = |index: &u32| self.slots.get(*index as usize).is_some_and(|slot| slot.seen);
            (0_u32..).map_while(of_nth).find(|index| !taken(index))
        })?;
        self.slots.get_mut(index as usize)
    }
}

impl Slot {
    fn fate(&self) -> Fate {
        match (self.seen, self.place) {
            (true, Place::After) => Fate::TellNextDay,
            (false, _) if self.elsewhere => Fate::Settled,
            (true, Place::Before | Place::In { .. }) | (false, Place::After) => Fate::Settled,
            (false, Place::Before) if self.carried => Fate::Missing,
            (false, Place::Before) => Fate::Settled,
            (false, Place::In { near_end: true }) => Fate::LeaveToNextDay,
            (false, Place::In { near_end: false }) => Fate::Missing,
        }
    }
}

/// When money moved, as far as we know.
pub(super) fn when(booking: &Booking) -> Timestamp {
    booking.occurred_at.unwrap_or(booking.recorded_at)
}

/// A booking in the form of a line.
pub(super) fn movement(booking: &Booking) -> Movement {
    let text = |id: Option<&dyn std::fmt::Display>| id.map(|id| format_smolstr!("{id}")).unwrap_or_default();
    let of_payment = |number: &SmolStr| match booking.key.kind {
        MoneyKind::Payment => number.clone(),
        MoneyKind::Refund => SmolStr::default(),
    };
    let transaction_id = booking.transaction_id.as_ref().map(|id| SmolStr::from(id.as_str()));
    Movement {
        kind: booking.key.kind,
        number: 0,
        out_trade_no: text(booking.out_trade_no.as_ref().map(|id| id as _)),
        transaction_id: transaction_id.unwrap_or_else(|| of_payment(&booking.key.number)),
        out_refund_no: text(booking.out_refund_no.as_ref().map(|id| id as _)),
        refund_id: text(booking.refund_id.as_ref().map(|id| id as _)),
        amount: booking.amount,
        fee_minor: 0,
        occurred_at: Some(when(booking)),
    }
}

/// The numbers under which a movement is known, the best first.
fn numbers(movement: &Movement) -> Vec<SmolStr> {
    let named = |what: &str, number: &SmolStr| (!number.is_empty()).then(|| format_smolstr!("{what} {number}"));
    match movement.kind {
        MoneyKind::Payment => named("payment", &movement.transaction_id).into_iter().collect(),
        MoneyKind::Refund => {
            let by_platform = named("refund", &movement.refund_id);
            // Alipay counts the refunds of each trade anew, so a number of the shop's is one only beside its payment's.
            let of = [("of transaction", &movement.transaction_id), ("of payment", &movement.out_trade_no)];
            let ours = of.into_iter().filter(|(_, of)| !of.is_empty() && !movement.out_refund_no.is_empty());
            let ours = ours.map(|(what, of)| format_smolstr!("our refund {} {what} {of}", movement.out_refund_no));
            by_platform.into_iter().chain(ours).collect()
        }
    }
}

/// What a running total of refunds has grown by may have no number: Alipay's notices do not always name one.
fn nameless(movement: &Movement, nth: u32) -> SmolStr {
    let Movement { out_trade_no, transaction_id, amount, .. } = movement;
    let of = if transaction_id.is_empty() { out_trade_no } else { transaction_id };
    format_smolstr!("{} of {of} {amount} {nth}", movement.kind.as_str())
}

fn name(text: &str) -> Name {
    let mut name = Name::default();
    name.iter_mut().zip(Sha256::of(text.as_bytes()).as_bytes()).for_each(|(to, from)| *to = *from);
    name
}
