//! Values of the contract that several rooms read and write.

use paystate_proto::v1;
use prost_types::Timestamp as ProtoTime;

use crate::order::{Currency, Money, Timestamp};

pub(crate) fn time(at: Timestamp) -> ProtoTime {
    ProtoTime {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

pub(crate) fn read_time(time: &ProtoTime) -> Result<Timestamp, &'static str> {
    let nanos = i64::from(time.nanos);
    if !(0..1_000_000_000).contains(&nanos) {
        return Err("nanos must be 0 to 999999999");
    }
    time.seconds
        .checked_mul(1_000_000)
        .and_then(|s| s.checked_add(nanos / 1_000))
        .map(Timestamp)
        .ok_or("is out of range")
}

pub(crate) fn money(money: Money) -> v1::Money {
    v1::Money { amount_minor: money.minor(), currency: money.currency().into() }
}

pub(crate) fn read_money(money: &v1::Money) -> Result<Money, String> {
    let currency = Currency::parse(&money.currency).map_err(|e| format!("currency {e}"))?;
    Money::new(money.amount_minor, currency).map_err(|e| e.to_string())
}
