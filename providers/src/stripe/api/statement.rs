//! What moved on a day: balance transactions in UTC, page by page, each with the charge or refund that it is about.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    StripeApi,
    answer::asked,
    request::{bad, plain},
};
use crate::{
    Instant,
    api::{Request, Response, StatementNext, Unable},
    failure::Failure,
    statement::{Day, stripe_line},
    stripe::facts::unreadable,
    time::start_of_day,
};

const DAY: i64 = 24 * 3600;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl StripeApi {
    /// Pages go back in time, so a day that is still running would grow while it is read.
    pub(super) fn ask_statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        let start = start_of_day(day, 0).ok_or_else(|| bad("date", "no calendar has this day"))?;
        if at.seconds() < start.seconds().saturating_add(DAY) {
            return Err(bad("date", "the day is not over yet (UTC); ask for an earlier one"));
        }
        Ok(self.page(start, None))
    }

    pub(super) fn read_statement(&self, day: Day, answer: &Response<'_>) -> Result<StatementNext, Failure> {
        let page: Page<'_> = asked(answer)?;
        let mut lines = Vec::new();
        for (number, transaction) in (1..).zip(&page.data) {
            let line = stripe_line(transaction.get().as_bytes(), number)
                .map_err(|error| Failure::unknown("STATEMENT_DAMAGED", error.to_string()))?;
            lines.extend(line);
        }
        Ok(StatementNext::Page(lines, self.after(day, &page)?))
    }

    fn after(&self, day: Day, page: &Page<'_>) -> Result<Option<Request>, Failure> {
        if !page.has_more {
            return Ok(None);
        }
        let damaged = |detail: &str| Failure::unknown("STATEMENT_DAMAGED", detail);
        let start = start_of_day(day, 0).ok_or_else(|| damaged("no calendar has this day"))?;
        let last = page.data.last().ok_or_else(|| damaged("an empty page says that there is more"))?;
        let last: Named =
            serde_json::from_str(last.get()).map_err(|error| unreadable("a balance transaction", &error))?;
        if !plain(&last.id) {
            return Err(damaged("a balance transaction's id is none of Stripe's"));
        }
        Ok(Some(self.page(start, Some(&last.id))))
    }

    fn page(&self, start: Instant, after: Option<&str>) -> Request {
        let (from, to) = (start.seconds().to_string(), start.seconds().saturating_add(DAY).to_string());
        let mut fields =
            vec![("created[gte]", from.as_str()), ("created[lt]", &to), ("limit", "100"), ("expand[]", "data.source")];
        fields.extend(after.map(|id| ("starting_after", id)));
        self.get("/v1/balance_transactions", fields)
    }
}
