//! What goes wrong at the platforms' own end, whatever is asked.

use std::time::Duration;

use paystate_providers::Provider;
use paystate_sandbox::{Callbacks, Fault, FaultKind, Lie, Operation, Sandbox};

/// Until a platform breaks off.
const HOLD: Duration = Duration::from_millis(200);
/// How long a platform lies after a success.
const LIE: Duration = Duration::from_secs(3);

/// Of a hundred calls of an operation, how many go wrong how.
const PLAN: [(Operation, FaultKind, u8); 20] = [
    (Operation::Initiate, FaultKind::TimeoutBefore(HOLD), 5),
    (Operation::Initiate, FaultKind::TimeoutAfter(HOLD), 10),
    (Operation::Initiate, FaultKind::ErrorBefore, 5),
    (Operation::QueryPayment, FaultKind::TimeoutBefore(HOLD), 8),
    (Operation::QueryPayment, FaultKind::ErrorBefore, 6),
    (Operation::QueryPayment, FaultKind::Unsigned, 4),
    (Operation::QueryPayment, FaultKind::RateLimited, 1),
    (Operation::QueryPayment, FaultKind::Lie(Lie::NotFound, LIE), 20),
    (Operation::QueryPayment, FaultKind::Lie(Lie::Pending, LIE), 20),
    (Operation::ClosePayment, FaultKind::TimeoutBefore(HOLD), 10),
    (Operation::ClosePayment, FaultKind::TimeoutAfter(HOLD), 15),
    (Operation::ClosePayment, FaultKind::ErrorAfter, 5),
    (Operation::Refund, FaultKind::TimeoutBefore(HOLD), 10),
    (Operation::Refund, FaultKind::TimeoutAfter(HOLD), 20),
    (Operation::Refund, FaultKind::ErrorBefore, 5),
    (Operation::Refund, FaultKind::ErrorAfter, 10),
    (Operation::QueryRefund, FaultKind::TimeoutBefore(HOLD), 8),
    (Operation::QueryRefund, FaultKind::ErrorBefore, 6),
    (Operation::QueryRefund, FaultKind::Lie(Lie::NotFound, LIE), 20),
    (Operation::QueryRefund, FaultKind::Lie(Lie::Pending, LIE), 20),
];

/// Lets every platform misbehave from now on. Of refunds, only two of them send callbacks.
pub(super) fn plant(sandbox: &Sandbox) {
    for provider in Provider::ALL {
        for (operation, kind, percent) in PLAN {
            sandbox.add_fault(Fault { operation: Some(operation), percent, ..Fault::always(provider, kind) });
        }
    }
    sandbox.set_callbacks(Provider::WechatPay, Callbacks::Never);
    sandbox.set_callbacks(Provider::Stripe, Callbacks::Never);
}
