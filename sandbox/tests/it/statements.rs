//! Statements hold exactly what the ledger holds, read by the merchant's parsers.

use std::{collections::BTreeMap, io::Cursor};

use paystate_providers::{
    Instant, Provider,
    api::{PlatformApi, Reply, StatementNext},
    statement::{Day, FileFormat, Line, LineKind, read},
};
use paystate_sandbox::{Fault, FaultKind, Operation, keyring::WECHAT_MCHID, statement::Blemish};

use super::{
    api::{METHODS, begun, pay},
    shop::{Shop, now, refund},
};

/// Today by the platform's clock.
fn today(provider: Provider) -> Day {
    let hours = match provider {
        Provider::Alipay | Provider::WechatPay => 8,
        Provider::UnionPay => 9,
        Provider::Stripe => 0,
    };
    let date = jiff::tz::Offset::constant(hours).to_datetime(jiff::Timestamp::now()).date();
    Day { year: date.year(), month: date.month(), day: date.day() }
}

/// All lines of today's statement; `None` while there is none.
async fn fetch(shop: &Shop, provider: Provider) -> Option<Vec<Line>> {
    let (api, day) = (shop.api(provider), today(provider));
    let mut lines = Vec::new();
    // The sandbox tells of today too; the merchant's code asks Stripe only for days that are over.
    let later = if provider == Provider::Stripe { 86_400 } else { 0 };
    let at = Instant::from_seconds(now().seconds() + later);
    let mut request = Some(api.statement(day, at).expect("a request"));
    while let Some(next) = request.take() {
        let wire = shop.send(next).await.expect("an answer");
        match answer(api.as_ref(), day, &wire.response()) {
            StatementNext::Empty => {}
            StatementNext::NotReady(_) => return None,
            StatementNext::Content(bytes, format) => lines = parse(&format, &bytes),
            StatementNext::File(file, format) => lines = parse(&format, &shop.send(file).await.expect("a file").body),
            StatementNext::Page(page, more) => {
                lines.extend(page);
                request = more;
            }
        }
    }
    Some(lines)
}

fn answer(api: &dyn PlatformApi, day: Day, answer: &paystate_providers::api::Response<'_>) -> StatementNext {
    let reply = api.statement_next(day, answer, now());
    let Reply::Answered(next) = reply else { panic!("no statement: {reply:?}") };
    next
}

fn parse(format: &FileFormat, bytes: &[u8]) -> Vec<Line> {
    let lines = read(format, Cursor::new(bytes)).unwrap_or_else(|error| panic!("{format:?}: {error}"));
    lines.map(|line| line.unwrap_or_else(|error| panic!("{format:?}: {error}"))).collect()
}

/// Lines by the shop's number of what moved, then amount and fee.
fn by_number(lines: &[Line]) -> BTreeMap<String, (LineKind, i64, i64)> {
    let number =
        |line: &Line| if line.kind == LineKind::Payment { &line.out_trade_no } else { &line.out_refund_no }.clone();
    lines.iter().map(|line| (number(line), (line.kind, line.amount.minor, line.fee_minor))).collect()
}

#[tokio::test]
async fn a_days_statement_is_the_ledgers() {
    let shop = Shop::open().await;
    for (provider, method) in METHODS {
        assert_eq!(fetch(&shop, provider).await.as_deref().unwrap_or_default(), [], "{provider}: nothing moved");
        let mut expected = BTreeMap::new();
        for n in 0..15 {
            let number = format!("T{n}0000{provider}");
            let attempt = begun(&shop, provider, method, &number).await;
            let trade = pay(&shop, &attempt).await.expect("paid");
            let fee = if provider == Provider::Stripe { 88 } else { 12 };
            expected.insert(number, (LineKind::Payment, 1999, fee));
            if n < 3 {
                let number = format!("R{n}0000{provider}");
                shop.refund(&refund(&trade, &number, 1000), provider).await.expect("an answer");
                let fee = if provider == Provider::Stripe { 0 } else { -6 };
                expected.insert(number, (LineKind::Refund, 1000, fee));
            }
        }
        let unpaid = begun(&shop, provider, method, &format!("T990000{provider}")).await;
        let lines = fetch(&shop, provider).await.expect("ready");
        assert_eq!(by_number(&lines), expected, "{provider}");
        assert!(lines.iter().all(|line| line.out_trade_no != unpaid.number));
        let occurred = |line: &Line| line.occurred_at.is_some_and(|at| (now().seconds() - at.seconds()).abs() < 60);
        assert!(lines.iter().all(occurred), "{provider}: {lines:?}");

        shop.sandbox.blemish(provider, &format!("T00000{provider}"), Blemish::Missing);
        shop.sandbox.blemish(provider, &format!("T10000{provider}"), Blemish::Amount(2999));
        shop.sandbox.blemish(provider, &format!("T20000{provider}"), Blemish::Fee(99));
        expected.remove(&format!("T00000{provider}"));
        let fee = expected[&format!("T10000{provider}")].2;
        expected.insert(format!("T10000{provider}"), (LineKind::Payment, 2999, fee));
        expected.insert(format!("T20000{provider}"), (LineKind::Payment, 1999, 99));
        assert_eq!(by_number(&fetch(&shop, provider).await.expect("ready")), expected, "{provider}");
    }
}

/// UnionPay takes a whole payment of the same settlement day back as a void, which is a refund in the statement.
#[tokio::test]
async fn a_void_is_in_the_statement() {
    let shop = Shop::open().await;
    let (provider, method) = METHODS[2];
    let attempt = begun(&shop, provider, method, "T10000000").await;
    let trade = pay(&shop, &attempt).await.expect("paid");
    shop.refund(&refund(&trade, "R10000000", 1999), provider).await.expect("an answer");
    assert!(shop.sandbox.ledger().refunds[0].void);
    let lines = by_number(&fetch(&shop, provider).await.expect("ready"));
    assert_eq!(lines["R10000000"], (LineKind::Refund, 1999, -12));
}

#[tokio::test]
async fn a_statement_can_be_late() {
    let shop = Shop::open().await;
    let (provider, method) = METHODS[1];
    let attempt = begun(&shop, provider, method, "T10000000").await;
    pay(&shop, &attempt).await.expect("paid");
    let late =
        Fault { operation: Some(Operation::Statement), times: Some(1), ..Fault::always(provider, FaultKind::NotReady) };
    shop.sandbox.add_fault(late);
    assert_eq!(fetch(&shop, provider).await, None, "{WECHAT_MCHID}");
    assert_eq!(fetch(&shop, provider).await.map(|lines| lines.len()), Some(1));
}
