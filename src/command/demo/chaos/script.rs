//! What happens to each order. The same seed writes the same script.

use paystate_proto::v1::{CaseKind, CaseState, OrderState, PaymentMethod};
use paystate_providers::Provider;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// One order's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) provider: Provider,
    pub(super) order_id: String,
    pub(super) out_trade_no: String,
    pub(super) amount_minor: i64,
    pub(super) scene: Scene,
}

/// What the payer, the shop and the platform do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Paid, and the shop is told.
    Told,
    /// Paid, and nobody tells.
    Untold,
    /// The shop began it with its own code; paid, and nobody tells.
    UntoldExternal,
    /// Paid; the shop, which was not told, closes the order; the callback comes when all is over.
    ToldAfterClose,
    /// Begun on two platforms and paid on both; the second one does not tell.
    TwoChannels,
    /// The shop began it with its own code, and this amount is paid.
    WrongAmount(i64),
    /// The shop closed it at the platform itself, and it is paid all the same.
    PaidAfterClose,
    /// Paid, then this much goes back.
    PartlyRefunded(i64),
    /// Paid, then all goes back, in two parts.
    Refunded,
    /// The payer looks and leaves; the shop closes the order.
    Closed,
    /// Nobody pays, and the order stays open.
    Unpaid,
}

impl Scene {
    /// Where the order must end, and with which case in which state.
    pub(super) fn ends(self) -> (OrderState, Option<(CaseKind, CaseState)>) {
        match self {
            Self::Told | Self::Untold | Self::UntoldExternal | Self::ToldAfterClose => (OrderState::Paid, None),
            Self::TwoChannels => (OrderState::Paid, Some((CaseKind::DoublePayment, CaseState::Resolved))),
            Self::WrongAmount(_) => (OrderState::Abnormal, Some((CaseKind::AmountMismatch, CaseState::Open))),
            Self::PaidAfterClose => (OrderState::Abnormal, Some((CaseKind::LatePayment, CaseState::Open))),
            Self::PartlyRefunded(_) => (OrderState::PartiallyRefunded, None),
            Self::Refunded => (OrderState::Refunded, None),
            Self::Closed => (OrderState::Closed, None),
            Self::Unpaid => (OrderState::Pending, None),
        }
    }

    /// Whether the shop begins the payment with code of its own.
    pub(super) fn is_external(self) -> bool {
        match self {
            Self::UntoldExternal | Self::WrongAmount(_) | Self::PaidAfterClose => true,
            Self::Told
            | Self::Untold
            | Self::ToldAfterClose
            | Self::TwoChannels
            | Self::PartlyRefunded(_)
            | Self::Refunded
            | Self::Closed
            | Self::Unpaid => false,
        }
    }
}

impl Story {
    /// The second channel: its platform and its number.
    pub(super) fn other(&self) -> (Provider, String) {
        let provider = match self.provider {
            Provider::Alipay => Provider::WechatPay,
            Provider::WechatPay => Provider::Stripe,
            Provider::UnionPay => Provider::Alipay,
            Provider::Stripe => Provider::UnionPay,
        };
        (provider, format!("{}B", self.out_trade_no))
    }

    /// The numbers under which it may be paid.
    pub(super) fn numbers(&self) -> Vec<(Provider, String)> {
        let first = (self.provider, self.out_trade_no.clone());
        if self.scene == Scene::TwoChannels { vec![first, self.other()] } else { vec![first] }
    }

    /// The shop's numbers of its refunds, and how much goes back.
    pub(super) fn refunds(&self) -> Vec<(String, i64)> {
        let number = |part: u8| format!("R{}P{part}", self.out_trade_no);
        match self.scene {
            Scene::PartlyRefunded(part) => vec![(number(1), part)],
            Scene::Refunded => {
                let first = self.amount_minor / 3;
                vec![(number(1), first), (number(2), self.amount_minor - first)]
            }
            Scene::Told
            | Scene::Untold
            | Scene::UntoldExternal
            | Scene::ToldAfterClose
            | Scene::TwoChannels
            | Scene::WrongAmount(_)
            | Scene::PaidAfterClose
            | Scene::Closed
            | Scene::Unpaid => Vec::new(),
        }
    }
}

/// How a payment on a platform is begun.
pub(super) fn method(provider: Provider) -> PaymentMethod {
    match provider {
        Provider::Alipay => PaymentMethod::AlipayPrecreate,
        Provider::WechatPay => PaymentMethod::WechatpayNative,
        Provider::UnionPay => PaymentMethod::UnionpayGateway,
        Provider::Stripe => PaymentMethod::StripePaymentIntent,
    }
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
    let amount_minor = dice.random_range(100..100_000);
    Story {
        provider,
        order_id: format!("chaos-{seed}-{n}"),
        out_trade_no: format!("CHAOS{seed}X{n:06}"),
        amount_minor,
        scene: scene(dice, provider, n / 4, amount_minor),
    }
}

/// Every scene once per platform, then at random: mostly ordinary.
fn scene(dice: &mut StdRng, provider: Provider, turn: u32, amount: i64) -> Scene {
    const ORDINARY: [u32; 15] = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    let part = dice.random_range(1..amount);
    let random = ORDINARY[dice.random_range(0..ORDINARY.len())];
    let scene = match if turn < 11 { turn } else { random } {
        0 => Scene::Told,
        1 => Scene::Untold,
        2 => Scene::UntoldExternal,
        3 => Scene::ToldAfterClose,
        4 => Scene::TwoChannels,
        5 => Scene::WrongAmount(part),
        6 => Scene::PaidAfterClose,
        7 => Scene::PartlyRefunded(part),
        8 => Scene::Refunded,
        9 => Scene::Closed,
        _ => Scene::Unpaid,
    };
    match (provider, scene) {
        // UnionPay can be asked only by the second at which the payment began, which the shop's own code keeps to
        // itself here.
        (Provider::UnionPay, Scene::UntoldExternal) => Scene::Untold,
        // UnionPay closes nothing: the payment ends with its time, half an hour later.
        (Provider::UnionPay, Scene::Closed) => Scene::Unpaid,
        (Provider::Alipay | Provider::WechatPay | Provider::UnionPay | Provider::Stripe, scene) => scene,
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
            let mine = stories.iter().filter(|s| s.provider == provider);
            let scenes: std::collections::HashSet<_> = mine.map(|s| std::mem::discriminant(&s.scene)).collect();
            assert_eq!(scenes.len(), if provider == Provider::UnionPay { 9 } else { 11 }, "{provider}");
        }
    }
}
