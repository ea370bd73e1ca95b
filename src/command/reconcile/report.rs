//! A reconciliation for people: what was counted, and each difference.

use paystate_client::v1;

use crate::command::remote::{table, time};

/// Names of the columns of [`rows`].
pub(super) const HEADINGS: [&str; 7] = ["WHAT", "PAYMENT", "TRANSACTION", "STATEMENT", "RECORD", "NOW", "LIKELY CAUSE"];

/// What was counted, by name.
pub(super) fn counts(result: &v1::GetReconciliationResponse) -> Vec<(&'static str, String)> {
    let healed = result.differences.iter().filter(|difference| difference.healed).count();
    let fees = result.fees_minor.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect::<Vec<_>>();
    vec![
        ("account", result.account.clone()),
        ("day", result.date.clone()),
        ("state", state(result).to_owned()),
        ("lines", result.line_count.to_string()),
        ("match", result.matched_count.to_string()),
        ("differ", format!("{}, of which {healed} healed", result.difference_count)),
        ("left to the next day", result.carried_count.to_string()),
        ("fees, minor units", fees.join(", ")),
        ("began", time(result.start_time.as_ref())),
        ("ended", time(result.end_time.as_ref())),
    ]
}

fn state(result: &v1::GetReconciliationResponse) -> &str {
    match result.state() {
        v1::ReconciliationState::Unspecified | v1::ReconciliationState::Running => "running",
        v1::ReconciliationState::Done => "done",
        v1::ReconciliationState::Failed => "failed",
    }
}

/// A row for each difference.
pub(super) fn rows(result: &v1::GetReconciliationResponse) -> Vec<Vec<String>> {
    result.differences.iter().map(row).collect()
}

fn row(difference: &v1::Difference) -> Vec<String> {
    let money = |money: Option<&v1::Money>| {
        money.map(|money| format!("{} {}", money.amount_minor, money.currency)).unwrap_or_default()
    };
    let refund = difference.line_kind() == v1::StatementLineKind::Refund;
    let kind = difference.kind().as_str_name().trim_start_matches("DIFFERENCE_KIND_");
    let line = difference.line.as_ref();
    vec![
        format!("{kind}{}", if refund { " (refund)" } else { "" }),
        difference.out_trade_no.clone(),
        difference.transaction_id.clone(),
        money(line.and_then(|line| line.amount.as_ref())),
        money(difference.recorded.as_ref()),
        if difference.healed { "healed".to_owned() } else { format!("case {}", difference.case_id) },
        difference.cause.clone(),
    ]
}

pub(super) fn text(result: &v1::GetReconciliationResponse) -> String {
    let counts = counts(result).into_iter().map(|(name, value)| format!("{name:<22}{value}").trim_end().to_owned());
    let mut text = counts.collect::<Vec<_>>().join("\n");
    if !result.differences.is_empty() {
        text = format!("{text}\n\n{}", table(&HEADINGS, &rows(result)));
    }
    text
}
