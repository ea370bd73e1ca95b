//! Plays the script.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use paystate_providers::Currency;
use paystate_sandbox::{Attack, DeliveryPlan, PayRequest, RefundRequest, Sandbox};

use super::{
    progress::Progress,
    script::{Scene, Story, Stray},
    shop::Shop,
};

/// Stories told at once.
const AT_ONCE: usize = 32;
/// Callbacks of one story are spread over this time, so that stories mix.
const SPREAD: Duration = Duration::from_millis(20);

pub(super) async fn all(shop: &Shop, sandbox: &Sandbox, stories: &[Story]) -> Result<(), String> {
    let progress = Progress::new(stories.len());
    stream::iter(stories)
        .map(|story| async {
            one(shop, sandbox, story).await.map_err(|why| format!("{}: {why}", story.order_id))?;
            progress.step();
            Ok::<_, String>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    progress.end();
    Ok(())
}

async fn one(shop: &Shop, sandbox: &Sandbox, story: &Story) -> Result<(), String> {
    shop.sell(story).await?;
    if story.scene == Scene::Late {
        shop.close(&story.order_id, true).await?;
    }
    for kind in &story.attacks {
        let attack = Attack {
            kind: *kind,
            provider: story.provider,
            out_trade_no: story.out_trade_no.clone(),
            amount_minor: story.amount_minor,
        };
        sandbox.attack(attack).await.map_err(|e| e.to_string())?;
    }
    let plain = DeliveryPlan { delay: SPREAD, ..DeliveryPlan::default() };
    let due = story.amount_minor;
    match story.scene {
        Scene::Unpaid => Ok(()),
        Scene::Paid | Scene::Late => pay(sandbox, story, due, plain).await,
        Scene::Duplicated(copies) => pay(sandbox, story, due, DeliveryPlan { copies, ..plain }).await,
        Scene::Lost(drop_first) => pay(sandbox, story, due, DeliveryPlan { drop_first, ..plain }).await,
        Scene::WrongAmount(paid) => pay(sandbox, story, paid, plain).await,
        Scene::PaidTwice => {
            pay(sandbox, story, due, plain).await?;
            pay(sandbox, story, due, plain).await
        }
        Scene::PartlyRefunded(part) => {
            pay(sandbox, story, due, plain).await?;
            refund(sandbox, story, part).await
        }
        Scene::Refunded => {
            pay(sandbox, story, due, plain).await?;
            refund(sandbox, story, due).await
        }
    }
}

async fn pay(sandbox: &Sandbox, story: &Story, amount_minor: i64, plan: DeliveryPlan) -> Result<(), String> {
    let request = PayRequest {
        provider: story.provider,
        out_trade_no: story.out_trade_no.clone(),
        amount_minor,
        currency: Currency::parse(story.currency).map_err(|e| e.to_string())?,
        plan,
    };
    sandbox.pay(request).await.map(drop).map_err(|e| e.to_string())
}

/// Its callback leaves at once, so it often arrives before the payment's.
async fn refund(sandbox: &Sandbox, story: &Story, amount_minor: i64) -> Result<(), String> {
    let request = RefundRequest {
        provider: story.provider,
        out_trade_no: story.out_trade_no.clone(),
        transaction_id: None,
        out_refund_no: format!("R{}", story.out_trade_no),
        amount_minor,
        plan: DeliveryPlan::default(),
    };
    sandbox.refund(request).await.map(drop).map_err(|e| e.to_string())
}

pub(super) async fn stray(sandbox: &Sandbox, stray: &Stray) -> Result<(), String> {
    let request = PayRequest {
        provider: stray.provider,
        out_trade_no: stray.out_trade_no.clone(),
        amount_minor: 4_200,
        currency: Currency::CNY,
        plan: DeliveryPlan::default(),
    };
    sandbox.pay(request).await.map(drop).map_err(|e| e.to_string())
}
