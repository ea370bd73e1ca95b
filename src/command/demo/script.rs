//! What happens to each order. The same seed writes the same script.

use paystate_proto::v1::{CaseKind, OrderState};
use paystate_providers::Provider;
use paystate_sandbox::{Attack, AttackKind};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// One order's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) provider: Provider,
    pub(super) order_id: String,
    pub(super) out_trade_no: String,
    pub(super) amount_minor: i64,
    pub(super) currency: &'static str,
    pub(super) scene: Scene,
    /// Callbacks that strangers send for it; none may be believed.
    pub(super) attacks: Vec<AttackKind>,
}

/// What the payer and the platform do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// One payment, one callback.
    Paid,
    /// The platform calls this many times at once.
    Duplicated(u8),
    /// The first calls are lost on the way; the platform's retries bring it.
    Lost(u8),
    /// Validly signed, but this amount was paid.
    WrongAmount(i64),
    /// The shop closed the order; the payment comes afterwards.
    Late,
    /// Paid, then this much goes back.
    PartlyRefunded(i64),
    /// Paid, then all goes back.
    Refunded,
    /// Paid twice.
    PaidTwice,
    /// Nobody pays.
    Unpaid,
}

impl Scene {
    /// Where the order must end, and with which case open.
    pub(super) fn ends(self) -> (OrderState, Option<CaseKind>) {
        match self {
            Self::Paid | Self::Duplicated(_) | Self::Lost(_) => (OrderState::Paid, None),
            Self::WrongAmount(_) => (OrderState::Abnormal, Some(CaseKind::AmountMismatch)),
            Self::Late => (OrderState::Abnormal, Some(CaseKind::LatePayment)),
            Self::PartlyRefunded(_) => (OrderState::PartiallyRefunded, None),
            Self::Refunded => (OrderState::Refunded, None),
            Self::PaidTwice => (OrderState::Paid, Some(CaseKind::DoublePayment)),
            Self::Unpaid => (OrderState::Pending, None),
        }
    }
}

/// A payment for a number that belongs to no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stray {
    pub(super) provider: Provider,
    pub(super) out_trade_no: String,
}

pub(super) fn strays(seed: u64) -> Vec<Stray> {
    Provider::ALL
        .into_iter()
        .enumerate()
        .map(|(i, provider)| Stray { provider, out_trade_no: format!("STRAY{seed}X{i:03}") })
        .collect()
}

pub(super) fn write(orders: u32, seed: u64) -> Vec<Story> {
    let mut dice = StdRng::seed_from_u64(seed);
    (0..orders).map(|n| story(&mut dice, n, seed)).collect()
}

fn story(dice: &mut StdRng, n: u32, seed: u64) -> Story {
    let provider = match n % 4 {
        0 => Provider::Alipay,
        1 => Provider::WechatPay,
        2 => Provider::UnionPay,
        _ => Provider::Stripe,
    };
    let turn = n / 4;
    let amount_minor = dice.random_range(100..100_000);
    Story {
        provider,
        order_id: format!("demo-{seed}-{n}"),
        out_trade_no: format!("DEMO{seed}X{n:06}"),
        amount_minor,
        currency: if provider == Provider::Stripe { "USD" } else { "CNY" },
        scene: scene(dice, turn, amount_minor),
        attacks: attacks(dice, provider, turn),
    }
}

/// Every scene once per platform, then at random: mostly ordinary.
fn scene(dice: &mut StdRng, turn: u32, amount: i64) -> Scene {
    let part = dice.random_range(1..amount);
    let copies = dice.random_range(2..6);
    let lost = dice.random_range(1..3);
    let pick =
        if turn < 9 { turn } else { [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8][dice.random_range(0..17)] };
    match pick {
        0 => Scene::Paid,
        1 => Scene::Duplicated(copies),
        2 => Scene::Lost(lost),
        3 => Scene::WrongAmount(part),
        4 => Scene::Late,
        5 => Scene::PartlyRefunded(part),
        6 => Scene::Refunded,
        7 => Scene::PaidTwice,
        _ => Scene::Unpaid,
    }
}

/// Every kind of attack once per platform, then now and then.
fn attacks(dice: &mut StdRng, provider: Provider, turn: u32) -> Vec<AttackKind> {
    let kinds = Attack::kinds(provider);
    let roll = usize::try_from(dice.next_u32()).unwrap_or(0);
    match usize::try_from(turn).ok().and_then(|t| kinds.get(t)) {
        Some(kind) => vec![*kind],
        None if roll.is_multiple_of(4) => vec![kinds[(roll / 4) % kinds.len()]],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_script_and_every_scene_on_every_platform() {
        let stories = write(200, 7);
        assert_eq!(stories, write(200, 7));
        assert_ne!(stories, write(200, 8));
        for provider in Provider::ALL {
            let mine = || stories.iter().filter(|s| s.provider == provider);
            let scenes: std::collections::HashSet<_> = mine().map(|s| std::mem::discriminant(&s.scene)).collect();
            assert_eq!(scenes.len(), 9, "{provider}");
            for kind in Attack::kinds(provider) {
                assert!(mine().any(|s| s.attacks.contains(kind)), "{provider} {kind}");
            }
        }
    }
}
