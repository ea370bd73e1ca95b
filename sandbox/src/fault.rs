//! How a platform misbehaves on purpose: per account and operation, for so many calls, or until it is told to stop.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::{SandboxError, keyring::random};

/// What a merchant can ask of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Begin a payment.
    Initiate,
    /// Ask how a payment stands.
    QueryPayment,
    /// Close an unpaid payment.
    ClosePayment,
    /// Give money back.
    Refund,
    /// Ask how a refund stands.
    QueryRefund,
    /// Get the statement of a day, its file included.
    Statement,
}

/// A misbehaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The platform; its account has the same name.
    pub provider: Provider,
    /// Which operation; `None` is every one.
    pub operation: Option<Operation>,
    /// How.
    pub kind: FaultKind,
    /// How many calls it strikes; `None` is without end.
    pub times: Option<u32>,
    /// Of a hundred calls that it could strike, how many it does; 100 is each.
    pub percent: u8,
}

impl Fault {
    /// Strikes each call of every operation, without end.
    #[must_use]
    pub const fn always(provider: Provider, kind: FaultKind) -> Self {
        Self { provider, operation: None, kind, times: None, percent: 100 }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The platform does nothing, and breaks the connection after this time.
    TimeoutBefore(Duration),
    /// The platform does what it was asked, and breaks the connection after this time.
    TimeoutAfter(Duration),
    /// The platform does nothing and answers with 5xx.
    ErrorBefore,
    /// The platform does what it was asked and answers with 5xx.
    ErrorAfter,
    /// The platform does what it was asked; what comes back says without a signature that there is no such thing, as
    /// anybody on the way could write.
    Unsigned,
    /// Too many calls; nothing is done.
    RateLimited,
    /// The platform cannot be reached.
    Outage,
    /// A day's statement is not ready yet.
    NotReady,
    /// For so long after a success, questions are answered with what is not true.
    Lie(Lie, Duration),
}

/// What a platform says instead of "succeeded".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// There is no such payment or refund.
    NotFound,
    /// It is not decided yet.
    Pending,
    /// It is closed, unpaid.
    Closed,
}

/// The faults that stand.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.all().push(fault);
    }

    pub(crate) fn clear(&self, provider: Provider) {
        self.all().retain(|fault| fault.provider != provider);
    }

    /// The fault that strikes this call, counted down.
    pub(crate) fn strike(&self, provider: Provider, operation: Operation) -> Result<Option<FaultKind>, SandboxError> {
        let mut all = self.all();
        for fault in all.iter_mut() {
            let fits = fault.provider == provider
                && fault.operation.is_none_or(|of| of == operation)
                && fault.kind.applies_to(operation)
                && fault.times != Some(0);
            if fits && by_chance(fault.percent)? {
                fault.times = fault.times.map(|left| left.saturating_sub(1));
                return Ok(Some(fault.kind));
            }
        }
        Ok(None)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultKind {
    /// Only questions can be answered with a lie, and only statements can be late.
    fn applies_to(self, operation: Operation) -> bool {
        match self {
            Self::Lie(..) => matches!(operation, Operation::QueryPayment | Operation::QueryRefund),
            Self::NotReady => operation == Operation::Statement,
            Self::TimeoutBefore(_)
            | Self::TimeoutAfter(_)
            | Self::ErrorBefore
            | Self::ErrorAfter
            | Self::Unsigned
            | Self::RateLimited
            | Self::Outage => true,
        }
    }
}

fn by_chance(percent: u8) -> Result<bool, SandboxError> {
    if percent >= 100 {
        return Ok(true);
    }
    let draw = u32::from_le_bytes(random::bytes::<4>()?) % 100;
    Ok(draw < u32::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_what_it_names_and_as_often_as_it_says() {
        let faults = Faults::default();
        let kind = FaultKind::ErrorBefore;
        let (operation, times) = (Some(Operation::Refund), Some(2));
        faults.add(Fault { operation, times, ..Fault::always(Provider::Alipay, kind) });
        let strike = |provider, operation| faults.strike(provider, operation).expect("entropy");
        assert_eq!(strike(Provider::Stripe, Operation::Refund), None);
        assert_eq!(strike(Provider::Alipay, Operation::QueryRefund), None);
        assert_eq!(strike(Provider::Alipay, Operation::Refund), Some(kind));
        assert_eq!(strike(Provider::Alipay, Operation::Refund), Some(kind));
        assert_eq!(strike(Provider::Alipay, Operation::Refund), None, "used up");
    }

    #[test]
    fn nobody_lies_about_what_was_not_asked() {
        let faults = Faults::default();
        let lie = FaultKind::Lie(Lie::Closed, Duration::from_secs(1));
        faults.add(Fault::always(Provider::Alipay, lie));
        assert_eq!(faults.strike(Provider::Alipay, Operation::Refund).expect("entropy"), None);
        assert_eq!(faults.strike(Provider::Alipay, Operation::QueryPayment).expect("entropy"), Some(lie));
        faults.clear(Provider::Alipay);
        assert_eq!(faults.strike(Provider::Alipay, Operation::QueryPayment).expect("entropy"), None);
    }
}
