//! Every attack is refused by the merchant's verifiers, for the reason that it was made for.

use paystate_providers::{Provider, Reason};
use paystate_sandbox::{Attack, AttackKind, SandboxError};

use super::support::{Edge, Merchant, data_dir, open};

fn expected(provider: Provider, kind: AttackKind) -> &'static [Reason] {
    match kind {
        AttackKind::ForgedSignature | AttackKind::TamperedAmount => &[Reason::SignatureInvalid],
        AttackKind::MissingSignature => &[Reason::SignatureMissing],
        AttackKind::WrongAlgorithm if provider == Provider::Stripe => {
            &[Reason::SignatureMissing, Reason::AlgorithmNotAllowed]
        }
        AttackKind::WrongAlgorithm | AttackKind::WrongVersion => &[Reason::AlgorithmNotAllowed],
        AttackKind::SelfSignedCertificate | AttackKind::MerchantCertificate => &[Reason::CertificateInvalid],
        AttackKind::Stale => &[Reason::Stale],
        AttackKind::SignTest => &[Reason::SignatureProbe],
        AttackKind::OtherMerchant => &[Reason::WrongAccount],
    }
}

#[tokio::test]
async fn every_attack_is_refused_for_its_reason() {
    let dir = data_dir();
    let merchant = Merchant::new(dir.path());
    let edge = Edge::judging(Merchant::new(dir.path())).await;
    let sandbox = open(dir.path(), &edge).await;
    for provider in Provider::ALL {
        for kind in AttackKind::ALL {
            let attack = Attack { kind, provider, out_trade_no: "T1001".to_owned(), amount_minor: 1999 };
            let outcome = sandbox.attack(attack).await;
            if !Attack::kinds(provider).contains(&kind) {
                assert!(matches!(outcome, Err(SandboxError::Invalid { field: "kind", .. })), "{provider} {kind}");
                continue;
            }
            assert!(!outcome.expect("an answer").accepted, "{provider} {kind}");
            let seen = edge.seen().pop().expect("a request");
            let rejection = seen.judge(&merchant).expect_err("refused");
            assert!(expected(provider, kind).contains(&rejection.reason), "{provider} {kind}: {rejection}");
        }
        let counters = sandbox.counters()[&provider];
        let kinds = u64::try_from(Attack::kinds(provider).len()).expect("small");
        assert_eq!((counters.attacks_sent, counters.attacks_refused, counters.attacks_accepted), (kinds, kinds, 0));
    }
}

#[tokio::test]
async fn an_edge_that_believes_everything_is_caught() {
    let dir = data_dir();
    let edge = Edge::kind().await;
    let sandbox = open(dir.path(), &edge).await;
    let attack = Attack {
        kind: AttackKind::ForgedSignature,
        provider: Provider::Alipay,
        out_trade_no: "T1".to_owned(),
        amount_minor: 1,
    };
    assert!(sandbox.attack(attack.clone()).await.expect("an answer").accepted);
    assert_eq!(sandbox.counters()[&Provider::Alipay].attacks_accepted, 1);
    drop(edge);
    // No answer proves nothing, so it counts neither way. A kept-alive connection may still answer once.
    let silent = Edge::kind().await;
    let other = open(data_dir().path(), &silent).await;
    drop(silent);
    assert!(matches!(other.attack(attack).await, Err(SandboxError::Unreachable(_))));
    assert_eq!(other.counters()[&Provider::Alipay].attacks_sent, 0);
}
