//! Merchants call the platforms with the code of the edge; neither side knows the other's.

use std::path::Path;

use paystate_providers::{
    Instant, PaymentStatus, Provider, RefundStatus,
    api::{InitiateMethod, Reply},
};
use paystate_sandbox::{Callbacks, CheckoutPayment, SandboxError, Trade, TradeStatus};

use super::{
    shop::{Attempt, Shop, attempt, now, payment_fact, refund, refund_fact, yuan},
    support::{PATIENCE, open},
};

/// How each platform's payments are begun here.
pub(crate) const METHODS: [(Provider, InitiateMethod); 4] = [
    (Provider::Alipay, InitiateMethod::AlipayPage),
    (Provider::WechatPay, InitiateMethod::WechatPayNative),
    (Provider::UnionPay, InitiateMethod::UnionPayGateway),
    (Provider::Stripe, InitiateMethod::StripePaymentIntent),
];

pub(crate) async fn pay(shop: &Shop, attempt: &Attempt) -> Result<Trade, SandboxError> {
    let (provider, out_trade_no) = (attempt.provider, attempt.number.clone());
    shop.sandbox.pay_checkout(CheckoutPayment { provider, out_trade_no, callbacks: None }).await
}

pub(crate) async fn begun(shop: &Shop, provider: Provider, method: InitiateMethod, number: &str) -> Attempt {
    let mut attempt = attempt(provider, number);
    begin(shop, &mut attempt, method).await;
    attempt
}

async fn begin(shop: &Shop, attempt: &mut Attempt, method: InitiateMethod) {
    let reply = shop.begin(attempt, method).await.expect("an answer");
    assert!(matches!(reply, Reply::Answered(_)), "{method:?}: {reply:?}");
}

fn status(shop: &Shop, attempt: &Attempt) -> Option<TradeStatus> {
    let ledger = shop.sandbox.ledger();
    ledger.trades.iter().find(|trade| trade.out_trade_no == attempt.number).map(|trade| trade.status)
}

#[tokio::test]
async fn a_payment_is_begun_asked_for_paid_and_told_where_the_merchant_said() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Pending, "{provider}");
        let trade = pay(&shop, &attempt).await.expect("paid");
        let fact = payment_fact(shop.query(&attempt).await);
        assert_eq!((fact.status, fact.amount), (PaymentStatus::Succeeded, yuan(1999)), "{provider}");
        assert_eq!(fact.transaction_id.as_deref(), Some(trade.transaction_id.as_str()));
        assert!(pay(&shop, &attempt).await.is_err(), "{provider}: paid already");
        assert_eq!(shop.effects(&attempt.number), 1);
    }
    assert!(shop.sandbox.quiesce(PATIENCE).await);
    let notices = shop.sandbox.ledger().notices;
    assert!(notices.iter().all(|notice| notice.acked), "{notices:?}");
}

#[tokio::test]
async fn every_way_to_begin_works() {
    let shop = Shop::open().await;
    for (provider, method) in [
        (Provider::Alipay, InitiateMethod::AlipayWap),
        (Provider::Alipay, InitiateMethod::AlipayApp),
        (Provider::Alipay, InitiateMethod::AlipayPrecreate),
        (Provider::WechatPay, InitiateMethod::WechatPayJsapi),
        (Provider::WechatPay, InitiateMethod::WechatPayApp),
        (Provider::WechatPay, InitiateMethod::WechatPayH5),
        (Provider::Stripe, InitiateMethod::StripeCheckout),
    ] {
        let attempt = begun(&shop, provider, method, &format!("T{}", now().micros())).await;
        pay(&shop, &attempt).await.expect("paid");
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Succeeded, "{method:?}");
    }
}

/// Alipay makes the trade when the payer scans; until then nobody can close it, and it can still be paid.
#[tokio::test]
async fn a_code_is_no_trade_before_it_was_scanned() {
    let shop = Shop::open().await;
    let attempt = begun(&shop, Provider::Alipay, InitiateMethod::AlipayPrecreate, "T1").await;
    assert!(matches!(shop.query(&attempt).await, Some(Reply::NotFound(_))));
    assert!(!matches!(shop.close(&attempt).await, Some(Reply::Answered(()))));
    shop.sandbox.scan(Provider::Alipay, "T1").await.expect("scanned");
    assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Pending);
    pay(&shop, &attempt).await.expect("paid");
}

#[tokio::test]
async fn beginning_again_is_the_same_payment_and_another_amount_is_refused() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        let first = begun(&shop, provider, method, &format!("T1{provider}")).await;
        let mut again = first.clone();
        begin(&shop, &mut again, method).await;
        assert_eq!(again.reference, first.reference, "{provider}");
        let asked_for = |number: &str| {
            shop.sandbox.ledger().checkouts.iter().filter(|checkout| checkout.out_trade_no == number).count()
        };
        assert_eq!(asked_for(&first.number), 1, "{provider}");
        let mut other = Attempt { amount: yuan(1), ..first.clone() };
        let reply = shop.begin(&mut other, method).await.expect("an answer");
        // Pages and forms are the browser's business: the merchant does not learn of the refusal.
        let unheard = matches!(provider, Provider::Alipay | Provider::UnionPay);
        assert!(unheard || !matches!(reply, Reply::Answered(_)), "{provider}: {reply:?}");
        assert_eq!(asked_for(&first.number), 1, "{provider}");
        let trade = pay(&shop, &first).await.expect("paid");
        assert_eq!(trade.amount_minor, 1999);
    }
}

#[tokio::test]
async fn money_goes_back_once_for_each_number_and_never_more_than_was_paid() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        let number = |n: u8| format!("R{n}0000{provider}");
        let (one, two, three) = (number(1), number(2), number(3));
        let trade = pay(&shop, &attempt).await.expect("paid");
        let first = refund(&trade, &one, 999);
        for _ in 0..3 {
            shop.refund(&first, provider).await.expect("an answer");
        }
        assert_eq!(shop.effects(&one), 1, "{provider}");
        let fact = refund_fact(shop.ask_refund(&first, provider).await);
        assert_eq!((fact.status, fact.out_refund_no), (RefundStatus::Succeeded, Some(one.clone())), "{provider}");

        let reply = shop.refund(&refund(&trade, &two, 1001), provider).await.expect("an answer");
        assert!(!matches!(reply, Reply::Answered(_)), "{provider}: {reply:?}");
        let unknown = shop.ask_refund(&refund(&trade, &two, 1001), provider).await.expect("an answer");
        assert!(matches!(unknown, Reply::NotFound(_)), "{provider}: {unknown:?}");
        assert_eq!(shop.effects(&two), 0);

        shop.refund(&refund(&trade, &three, 1000), provider).await.expect("an answer");
        assert_eq!((shop.effects(&three), status(&shop, &attempt)), (1, Some(TradeStatus::Refunded)), "{provider}");
        assert_eq!(payment_fact(shop.query(&attempt).await).status, PaymentStatus::Succeeded, "paid once, {provider}");
    }
    assert!(shop.sandbox.quiesce(PATIENCE).await);
    assert!(shop.sandbox.ledger().notices.iter().all(|notice| notice.acked));
}

/// What the platform cannot see as a repetition happens twice: the ledger shows it.
#[tokio::test]
async fn a_careless_merchant_gives_back_twice_and_the_ledger_counts_it() {
    let shop = Shop::open().await;
    let attempt = begun(&shop, Provider::UnionPay, InitiateMethod::UnionPayGateway, "T10000000").await;
    let trade = pay(&shop, &attempt).await.expect("paid");
    let mut careless = refund(&trade, "R10000000", 100);
    shop.refund(&careless, Provider::UnionPay).await.expect("an answer");
    careless.started_at = Instant::from_seconds(careless.started_at.seconds() + 1);
    shop.refund(&careless, Provider::UnionPay).await.expect("an answer");
    assert_eq!(shop.effects("R10000000"), 2);
}

#[tokio::test]
async fn closed_is_closed_and_paid_is_paid() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS.into_iter().filter(|(provider, _)| *provider != Provider::UnionPay) {
        let open = begun(&shop, provider, method, &format!("T1{provider}")).await;
        for _ in 0..2 {
            shop.close(&open).await.expect("an answer");
        }
        assert_eq!(payment_fact(shop.query(&open).await).status, PaymentStatus::Closed, "{provider}");
        assert!(pay(&shop, &open).await.is_err(), "{provider}");
        assert_eq!(shop.effects(&open.number), 0);

        let paid = begun(&shop, provider, method, &format!("T2{provider}")).await;
        pay(&shop, &paid).await.expect("paid");
        let reply = shop.close(&paid).await.expect("an answer");
        assert!(!matches!(reply, Reply::Answered(())), "{provider}: {reply:?}");
        assert_eq!(payment_fact(shop.query(&paid).await).status, PaymentStatus::Succeeded, "{provider}");
    }
}

#[tokio::test]
async fn the_platform_stops_taking_payment_when_the_time_is_over() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS.into_iter().filter(|(provider, _)| *provider != Provider::Stripe) {
        let mut attempt = attempt(provider, &format!("T1{provider}"));
        attempt.expires_at = Some(Instant::from_seconds(now().seconds() + 2));
        begin(&shop, &mut attempt, method).await;
        let fact = loop {
            let fact = payment_fact(shop.query(&attempt).await);
            if fact.status != PaymentStatus::Pending {
                break fact;
            }
        };
        assert!(matches!(fact.status, PaymentStatus::Closed | PaymentStatus::Failed), "{provider}: {fact:?}");
        assert!(pay(&shop, &attempt).await.is_err(), "{provider}");
    }
}

/// The payer pays while the shop closes: whoever is first wins, and everybody hears the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_and_closing_never_both_succeed() {
    let shop = Shop::open().await;
    let (mut paid, mut closed) = (0, 0);
    for n in 0..60 {
        let attempt = begun(&shop, Provider::WechatPay, InitiateMethod::WechatPayNative, &format!("T1000{n}")).await;
        let (pays, closes) = tokio::join!(pay(&shop, &attempt), shop.close(&attempt));
        let closes = matches!(closes, Some(Reply::Answered(())));
        assert_ne!(pays.is_ok(), closes, "one of them");
        let (fact, effects) = (payment_fact(shop.query(&attempt).await), shop.effects(&attempt.number));
        if closes {
            closed += 1;
            assert_eq!((fact.status, effects), (PaymentStatus::Closed, 0));
        } else {
            paid += 1;
            assert_eq!((fact.status, effects), (PaymentStatus::Succeeded, 1));
        }
    }
    assert_eq!(paid + closed, 60);
}

#[tokio::test]
async fn strangers_are_refused() {
    let shop = Shop::open().await;
    let stranger = shop.dir.path().join("keys/stranger.key");
    for (provider, method) in METHODS {
        let attempt = begun(&shop, provider, method, &format!("T1{provider}")).await;
        let trade = pay(&shop, &attempt).await.expect("paid");
        let api = shop.api_with_key(provider, Some(Path::new(&stranger)));
        let number = format!("R1000{provider}");
        let ask = refund(&trade, &number, 100);
        let wire = shop.send(api.refund(&ask, now()).expect("a request")).await.expect("an answer");
        assert!(!matches!(api.refunded(&ask, &wire.response()), Reply::Answered(_)), "{provider}");
        let question = attempt.payment();
        let wire = shop.send(api.query_payment(&question, now()).expect("a request")).await.expect("an answer");
        assert!(!matches!(api.payment_answer(&question, &wire.response()), Reply::Answered(_)), "{provider}");
        assert_eq!(shop.effects(&number), 0, "{provider}");
    }
}

#[tokio::test]
async fn a_sandbox_that_starts_again_knows_what_was_asked_for() {
    let shop = Shop::open().await;
    let attempt = begun(&shop, Provider::WechatPay, InitiateMethod::WechatPayNative, "T100001").await;
    let intent = begun(&shop, Provider::Stripe, InitiateMethod::StripePaymentIntent, "T100002").await;
    let before = shop.sandbox.ledger().checkouts;
    let (dir, edge) = (shop.dir.path().to_owned(), &shop.edge);
    assert!(shop.sandbox.quiesce(PATIENCE).await);
    let copy = tempfile::TempDir::new().expect("a directory");
    copy_dir(&dir, copy.path());
    let again = open(copy.path(), edge).await;
    assert_eq!(again.ledger().checkouts, before);
    for attempt in [attempt, intent] {
        let (provider, out_trade_no) = (attempt.provider, attempt.number);
        again.pay_checkout(CheckoutPayment { provider, out_trade_no, callbacks: None }).await.expect("paid");
    }
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("a directory");
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn callbacks_can_stay_away_and_come_after_the_close() {
    let shop = Shop::open().await;
    shop.sandbox.set_callbacks(Provider::WechatPay, Callbacks::Never);
    shop.sandbox.set_callbacks(Provider::Alipay, Callbacks::AfterClose);
    let silent = begun(&shop, Provider::WechatPay, InitiateMethod::WechatPayNative, "T100001").await;
    let late = begun(&shop, Provider::Alipay, InitiateMethod::AlipayPage, "T100002").await;
    for attempt in [&silent, &late] {
        pay(&shop, attempt).await.expect("paid");
    }
    assert!(shop.sandbox.quiesce(PATIENCE).await);
    assert!(shop.edge.seen().is_empty() && shop.sandbox.ledger().notices.is_empty());
    for attempt in [&silent, &late] {
        shop.close(attempt).await.expect("an answer");
    }
    assert!(shop.sandbox.quiesce(PATIENCE).await);
    let told: Vec<_> = shop.edge.seen().iter().map(super::support::Seen::provider).collect();
    assert_eq!(told, [Provider::Alipay]);
}
