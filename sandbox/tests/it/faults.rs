//! Platforms that do not answer, or not the truth.

use std::time::Duration;

use paystate_providers::{PaymentStatus, Provider, api::Reply};
use paystate_sandbox::{Fault, FaultKind, Lie, Operation};

use super::{
    api::{METHODS, begun, pay},
    shop::{Shop, payment_fact, refund, refund_fact},
};

fn once(provider: Provider, operation: Operation, kind: FaultKind) -> Fault {
    Fault { operation: Some(operation), times: Some(1), ..Fault::always(provider, kind) }
}

/// Before the effect nothing has happened, after it everything has; the merchant cannot tell, and asks.
#[tokio::test]
async fn a_refund_whose_answer_is_lost_happened_or_not() {
    let shop = Shop::open().await;
    let soon = Duration::from_millis(1);
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        let trade = pay(&shop, &attempt).await.expect("paid");
        let faults = [
            (FaultKind::TimeoutBefore(soon), 0),
            (FaultKind::TimeoutAfter(soon), 1),
            (FaultKind::ErrorBefore, 0),
            (FaultKind::ErrorAfter, 1),
            (FaultKind::Unsigned, 1),
            (FaultKind::RateLimited, 0),
            (FaultKind::Outage, 0),
        ];
        for (n, (kind, effects)) in faults.into_iter().enumerate() {
            let number = format!("R{n}0000{provider}");
            let ask = refund(&trade, &number, 10);
            shop.sandbox.add_fault(once(provider, Operation::Refund, kind));
            let reply = shop.refund(&ask, provider).await;
            let broken = matches!(kind, FaultKind::TimeoutBefore(_) | FaultKind::TimeoutAfter(_) | FaultKind::Outage);
            match &reply {
                None => assert!(broken, "{provider} {kind:?}"),
                Some(Reply::RateLimited(..)) => assert_eq!(kind, FaultKind::RateLimited, "{provider}"),
                Some(Reply::Unknown(_)) => assert!(!broken, "{provider} {kind:?}"),
                Some(other) => panic!("{provider} {kind:?}: believed {other:?}"),
            }
            assert_eq!(shop.effects(&number), effects, "{provider} {kind:?}");
            let asked = shop.ask_refund(&ask, provider).await;
            if effects == 0 {
                assert!(matches!(asked, Some(Reply::NotFound(_))), "{provider} {kind:?}: {asked:?}");
            } else {
                assert_eq!(refund_fact(asked).out_refund_no, Some(number.clone()), "{provider} {kind:?}");
            }
            // The same request once more has one effect in the end.
            shop.refund(&ask, provider).await.expect("an answer");
            assert_eq!(shop.effects(&number), 1, "{provider} {kind:?}");
        }
    }
}

#[tokio::test]
async fn questions_are_answered_with_lies_for_a_while() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        let lie = |lie| once(provider, Operation::QueryPayment, FaultKind::Lie(lie, Duration::from_secs(3_600)));
        shop.sandbox.add_fault(lie(Lie::NotFound));
        let honest = payment_fact(shop.query(&attempt).await);
        assert_eq!(honest.status, PaymentStatus::Pending, "{provider}: nothing to lie about yet");
        pay(&shop, &attempt).await.expect("paid");

        shop.sandbox.add_fault(lie(Lie::NotFound));
        let reply = shop.query(&attempt).await.expect("an answer");
        assert!(matches!(reply, Reply::NotFound(_) | Reply::Unknown(_)), "{provider}: {reply:?}");
        shop.sandbox.add_fault(lie(Lie::Pending));
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Pending, "{provider}");
        shop.sandbox.add_fault(lie(Lie::Closed));
        let told = payment_fact(shop.query(&attempt).await).status;
        assert!(matches!(told, PaymentStatus::Closed | PaymentStatus::Failed), "{provider}: {told:?}");
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Succeeded, "{provider}");

        let over = FaultKind::Lie(Lie::Closed, Duration::ZERO);
        shop.sandbox.add_fault(once(provider, Operation::QueryPayment, over));
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Succeeded, "{provider}: over");
    }
}

#[tokio::test]
async fn an_outage_ends_when_it_is_told_to() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        shop.sandbox.add_fault(Fault::always(provider, FaultKind::Outage));
        for _ in 0..3 {
            assert!(shop.query(&attempt).await.is_none(), "{provider}");
        }
        shop.sandbox.clear_faults(provider);
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Pending, "{provider}");
    }
}
