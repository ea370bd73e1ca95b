//! Plays the script: the shop through paystate, the payer at the platforms.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use paystate_proto::v1::{self, OrderState, PaymentMethod, start_payment_response::Action};
use paystate_providers::{Currency, Provider};
use paystate_sandbox::{Callbacks, CheckoutPayment, DeliveryPlan, PayRequest, Sandbox};
use tokio::time::sleep;
use tonic::Code;

use super::{
    super::{
        progress::Progress,
        shop::{Shop, failed},
    },
    script::{Scene, Story, method},
};

/// Stories told at once.
const AT_ONCE: usize = 32;
/// Every platform takes it.
const CURRENCY: &str = "CNY";
/// How often the shop tries again when it does not know the outcome, and how long it waits in between.
const TRIES: (u32, Duration) = (40, Duration::from_millis(300));

pub(super) async fn all(shop: &Shop, sandbox: &Sandbox, stories: &[Story]) -> Result<(), String> {
    let progress = Progress::new(stories.len());
    stream::iter(stories)
        .map(|story| async {
            one(shop, sandbox, story).await.map_err(|why| format!("{} {:?}: {why}", story.order_id, story.scene))?;
            progress.step();
            Ok::<_, String>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    progress.end();
    Ok(())
}

/// Callbacks that had been held back until everything was over.
pub(super) fn late_news(sandbox: &Sandbox, stories: &[Story]) -> Result<(), String> {
    let mut late = stories.iter().filter(|story| story.scene == Scene::ToldAfterClose);
    late.try_for_each(|story| sandbox.let_go(story.provider, &story.out_trade_no).map_err(|e| e.to_string()))
}

async fn one(shop: &Shop, sandbox: &Sandbox, story: &Story) -> Result<(), String> {
    shop.create(&story.order_id, story.amount_minor, CURRENCY).await?;
    let Story { provider, order_id, out_trade_no: number, .. } = story;
    begin(shop, sandbox, story, *provider, number).await?;
    let told = Callbacks::Sent(DeliveryPlan::default());
    match story.scene {
        Scene::Unpaid => Ok(()),
        Scene::Told => pay(sandbox, *provider, number, told).await,
        Scene::Untold => pay(sandbox, *provider, number, Callbacks::Never).await,
        Scene::UntoldExternal => pay_outside(sandbox, story, story.amount_minor, Callbacks::Never).await,
        Scene::WrongAmount(paid) => pay_outside(sandbox, story, paid, told).await,
        Scene::ToldAfterClose => {
            pay(sandbox, *provider, number, Callbacks::AfterClose).await?;
            shop.close(order_id, false).await
        }
        Scene::TwoChannels => {
            let (other, second) = story.other();
            begin(shop, sandbox, story, other, &second).await?;
            pay(sandbox, *provider, number, told).await?;
            pay(sandbox, other, &second, Callbacks::Never).await
        }
        Scene::PaidAfterClose => {
            shop.close(order_id, true).await?;
            pay_outside(sandbox, story, story.amount_minor, told).await
        }
        Scene::PartlyRefunded(_) | Scene::Refunded => {
            pay(sandbox, *provider, number, told).await?;
            shop.until(order_id, OrderState::Paid).await?;
            refund(shop, story).await
        }
        Scene::Closed => {
            sandbox.scan(*provider, number).await.map_err(|e| e.to_string())?;
            shop.close(order_id, false).await
        }
    }
}

/// The shop begins a payment, and repeats the call until it has an answer; then the payer looks at it.
async fn begin(shop: &Shop, sandbox: &Sandbox, story: &Story, provider: Provider, number: &str) -> Result<(), String> {
    let method = if story.scene.is_external() { PaymentMethod::External } else { method(provider) };
    let request = v1::StartPaymentRequest {
        order_id: story.order_id.clone(),
        account: provider.as_str().into(),
        method: method.into(),
        out_trade_no: number.into(),
        request_id: format!("start-{number}"),
        return_url: "https://shop.example/thanks".into(),
        ..Default::default()
    };
    let (mut tries, pause) = TRIES;
    let begun = loop {
        match shop.start(request.clone()).await {
            Ok(begun) => break begun,
            Err(status) if tries > 0 && matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                tries -= 1;
                sleep(pause).await;
            }
            Err(status) => return Err(failed(status)),
        }
    };
    match begun.action {
        Some(Action::HtmlForm(shown) | Action::RedirectUrl(shown)) => {
            sandbox.visit(&shown).await.map_err(|e| e.to_string())
        }
        Some(Action::QrText(_) | Action::SignedParameters(_)) | None => Ok(()),
    }
}

async fn pay(sandbox: &Sandbox, provider: Provider, number: &str, callbacks: Callbacks) -> Result<(), String> {
    let payment = CheckoutPayment { provider, out_trade_no: number.into(), callbacks: Some(callbacks) };
    sandbox.pay_checkout(payment).await.map(drop).map_err(|e| e.to_string())
}

/// Pays what the shop began with its own code.
async fn pay_outside(sandbox: &Sandbox, story: &Story, amount_minor: i64, callbacks: Callbacks) -> Result<(), String> {
    let request = PayRequest {
        provider: story.provider,
        out_trade_no: story.out_trade_no.clone(),
        amount_minor,
        currency: Currency::CNY,
        plan: DeliveryPlan::default(),
    };
    sandbox.pay_and_tell(request, callbacks).await.map(drop).map_err(|e| e.to_string())
}

async fn refund(shop: &Shop, story: &Story) -> Result<(), String> {
    for (number, amount_minor) in story.refunds() {
        let request = v1::CreateRefundRequest {
            order_id: story.order_id.clone(),
            out_refund_no: number.clone(),
            amount: Some(v1::Money { amount_minor, currency: CURRENCY.into() }),
            reason: "demo".into(),
            request_id: format!("refund-{number}"),
            ..Default::default()
        };
        shop.refund(request).await?;
    }
    Ok(())
}
