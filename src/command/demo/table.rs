//! The table and the list of checks, in colour on a terminal.

use std::{fmt::Write as _, io::IsTerminal as _};

use paystate_proto::v1::{CaseKind, OrderState};
use paystate_providers::Provider;

use super::proof::{Check, Seen};

const GREEN: &str = "32";
const RED: &str = "31;1";
const BOLD: &str = "1";

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// What stands above a column, in two lines.
type Head = [&'static str; 2];

const COLUMNS: [Head; 10] = [
    ["orders", ""],
    ["paid", ""],
    ["callbacks", ""],
    ["accepted", "once each"],
    ["duplicates", "absorbed"],
    ["forged", "refused"],
    ["amount", "held"],
    ["late", "held"],
    ["double", "held"],
    ["unpaid", ""],
];

/// One row a platform, and their sum.
pub(super) fn render(seen: &Seen<'_>) -> String {
    grid(COLUMNS, Provider::ALL.map(|provider| (provider.as_str(), row(seen, provider))))
}

/// Rows of counts under their heads, and their sum.
pub(super) fn grid<const N: usize>(
    heads: [Head; N],
    rows: impl IntoIterator<Item = (&'static str, [u64; N])>,
) -> String {
    let width = |column: usize| heads.get(column).map_or(9, |[name, _]| name.len().max(9));
    let line = |name: &str, cells: Vec<String>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| format!("{cell:>w$}", w = width(column)));
        format!("{name:>10} {}", cells.collect::<Vec<_>>().join(" "))
    };
    let numbers = |name: &str, row: &[u64; N]| line(name, row.iter().map(u64::to_string).collect());
    let mut out = String::from("\n");
    let _ = writeln!(out, "{}", paint(BOLD, &line("platform", heads.map(|[first, _]| first.to_owned()).to_vec())));
    let _ = writeln!(out, "{}", paint(BOLD, &line("", heads.map(|[_, second]| second.to_owned()).to_vec())));
    let mut sum = [0_u64; N];
    for (name, row) in rows {
        sum.iter_mut().zip(row).for_each(|(s, n)| *s += n);
        let _ = writeln!(out, "{}", numbers(name, &row));
    }
    let _ = write!(out, "{}", paint(BOLD, &numbers("all", &sum)));
    out
}

fn row(seen: &Seen<'_>, provider: Provider) -> [u64; 10] {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mine = || seen.stories.iter().filter(|s| s.provider == provider);
    let in_state = |wanted: &[OrderState]| {
        let is = |id: &str| seen.orders.get(id).is_some_and(|o| wanted.contains(&o.state()));
        count(mine().filter(|s| is(&s.order_id)).count())
    };
    let held = |kind| count(seen.open_cases(kind).filter(|c| c.account == provider.as_str()).count());
    let counters = seen.counters.get(&provider).copied().unwrap_or_default();
    let accepted = count(seen.accepted().filter(|n| n.provider == provider.as_str()).count());
    let answered_well = counters.sent.saturating_sub(counters.failed_attempts);
    [
        count(mine().count()),
        in_state(&[OrderState::Paid, OrderState::PartiallyRefunded, OrderState::Refunded]),
        counters.sent + counters.attacks_sent,
        accepted,
        answered_well.saturating_sub(accepted),
        counters.attacks_refused,
        held(CaseKind::AmountMismatch),
        held(CaseKind::LatePayment),
        held(CaseKind::DoublePayment),
        in_state(&[OrderState::Pending]),
    ]
}

/// A line a check.
pub(super) fn checks(checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        let mark = if check.violations.is_empty() { paint(GREEN, "holds ") } else { paint(RED, "BROKEN") };
        let _ = writeln!(out, "{:<6}{mark}  {}", check.name, check.statement);
        for violation in &check.violations {
            let _ = writeln!(out, "              {violation}");
        }
    }
    let broken = checks.iter().filter(|c| !c.violations.is_empty()).count();
    let verdict = if broken == 0 {
        paint(GREEN, &format!("All {} checks hold.", checks.len()))
    } else {
        paint(RED, &format!("{broken} of {} checks are broken.", checks.len()))
    };
    out.push_str(&verdict);
    out
}
