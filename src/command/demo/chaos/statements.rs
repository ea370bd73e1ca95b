//! The reconciliation of the day: statements as the platforms write them, wrong in a few planted places, sent by the
//! operator's own command.

use std::{collections::BTreeSet, fs::File, io::BufWriter, path::Path};

use jiff::{Timestamp, civil, tz};
use paystate_proto::v1::{self, DifferenceKind};
use paystate_providers::Provider;
use paystate_sandbox::{
    Sandbox,
    statement::{self, Date, Line, LineKind},
};

use super::{
    super::{super::reconcile, proof::Check, shop::Shop},
    script::Story,
};

/// A difference: its kind and the payment's number.
type Differences = BTreeSet<(&'static str, String)>;

/// What was planted in a platform's statement, and what was found.
pub(super) struct Reconciled {
    provider: Provider,
    planted: Differences,
    found: Differences,
    /// What a second run found.
    again: Differences,
    /// Cases after the first run, and after the second.
    cases: [usize; 2],
    detail: String,
}

pub(super) async fn reconcile(
    shop: &Shop,
    sandbox: &Sandbox,
    stories: &[Story],
    day: civil::Date,
    dir: &Path,
) -> Result<Vec<Reconciled>, String> {
    let orders = shop.orders(stories.iter().map(|story| story.order_id.clone()).collect()).await?;
    let dated = dated(&orders, day);
    let day = day.to_string();
    let date = Date::parse(&day).ok_or("the day is no day")?;
    let mut all = Vec::new();
    for provider in Provider::ALL {
        let (lines, planted) = plant(sandbox.statement(provider, date), &dated);
        let file = dir.join(format!("{provider}.statement"));
        write(provider, date, &lines, &file).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        let import = || reconcile::import(shop.channel().into(), provider.as_str(), &day, &file);
        let first = import().await?;
        let cases_then = shop.cases().await?.len();
        let second = import().await?;
        let cases = [cases_then, shop.cases().await?.len()];
        all.push(Reconciled {
            provider,
            planted,
            found: differences(&first),
            again: differences(&second),
            cases,
            detail: first.detail,
        });
    }
    Ok(all)
}

/// Transactions that our record has on the same day. UnionPay dates by the shop's clock, which is right, and Stripe's
/// search gives no date, so ours counts.
fn dated(orders: &[v1::Order], day: civil::Date) -> BTreeSet<String> {
    let is_of_day = |t: &&v1::Transaction| {
        let at = t.success_time.as_ref().and_then(|at| Timestamp::from_second(at.seconds).ok());
        at.is_some_and(|at| tz::offset(8).to_datetime(at).date() == day)
    };
    let transactions = orders.iter().flat_map(|order| &order.payments).flat_map(|payment| &payment.transactions);
    transactions.filter(is_of_day).map(|t| t.transaction_id.clone()).collect()
}

fn differences(result: &v1::GetReconciliationResponse) -> Differences {
    result.differences.iter().map(|d| (d.kind().as_str_name(), d.out_trade_no.clone())).collect()
}

/// A line lost, one said with another amount, one said twice, and one of a stranger.
fn plant(mut lines: Vec<Line>, dated: &BTreeSet<String>) -> (Vec<Line>, Differences) {
    let payments = || lines.iter().filter(|line| line.kind == LineKind::Payment);
    let lost = payments().find(|line| dated.contains(&line.transaction_id)).cloned();
    let others: Vec<_> = payments().filter(|line| Some(*line) != lost.as_ref()).take(2).cloned().collect();
    let (Some(lost), [wrong, repeated]) = (lost, others.as_slice()) else { return (lines, Differences::new()) };
    let mut stranger = lost.clone();
    // Of the same length, as fixed columns need.
    stranger.out_trade_no = stranger.out_trade_no.replace("CHAOS", "ALIEN");
    stranger.transaction_id = stranger.transaction_id.chars().rev().collect();
    let planted = [
        (DifferenceKind::MissingThere, &lost.out_trade_no),
        (DifferenceKind::MissingHere, &stranger.out_trade_no),
        (DifferenceKind::Amount, &wrong.out_trade_no),
        (DifferenceKind::Repeated, &repeated.out_trade_no),
    ];
    let planted = planted.map(|(kind, number)| (kind.as_str_name(), number.clone())).into();
    let (wrong, repeated) = (wrong.clone(), repeated.clone());
    lines.retain(|line| *line != lost);
    for line in lines.iter_mut().filter(|line| **line == wrong) {
        line.amount_minor += 1;
        line.paid_minor += 1;
    }
    lines.extend([stranger, repeated]);
    (lines, planted)
}

fn write(provider: Provider, date: Date, lines: &[Line], file: &Path) -> std::io::Result<()> {
    let out = BufWriter::new(File::create(file)?);
    match provider {
        Provider::Alipay => statement::alipay(date, lines, out),
        Provider::WechatPay => statement::wechatpay(lines, out),
        Provider::UnionPay => statement::unionpay(date, lines, out),
        Provider::Stripe => statement::stripe(lines, out),
    }
}

pub(super) fn checks(all: &[Reconciled]) -> Vec<Check> {
    let wrong = |r: &Reconciled, found: &Differences| {
        let differ: Vec<_> = r.planted.symmetric_difference(found).collect();
        (!differ.is_empty() || r.planted.is_empty()).then(|| format!("{}: {differ:?} {}", r.provider, r.detail))
    };
    let more = |r: &Reconciled| {
        (r.found != r.again || r.cases[0] != r.cases[1])
            .then(|| format!("{}: {:?} cases, {:?}", r.provider, r.cases, r.again.symmetric_difference(&r.found)))
    };
    vec![
        Check::new(
            "day",
            "the reconciliation of the day finds what was planted in the statements, and nothing else",
            all.iter().filter_map(|r| wrong(r, &r.found)),
        ),
        Check::new("again", "the same statements once more add nothing", all.iter().filter_map(more)),
    ]
}
