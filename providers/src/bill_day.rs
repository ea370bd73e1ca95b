//! The day of a bill, and when there will be none any more: the same for Alipay and WeChat Pay.
//!
//! Both count days in Beijing, and both make a day's bill until ten on the next morning.

use crate::{Instant, api::Unable, statement::Day, time::start_of_day};

/// From the beginning of the day until the next noon: two hours to spare.
const MADE_AFTER_HOURS: i64 = 36;

/// The day as both write it, `2026-11-21`. A day that is not over is for the platform to refuse.
///
/// # Errors
/// [`Unable::BadInput`] for a day that no calendar has.
pub(crate) fn text(day: Day) -> Result<String, Unable> {
    if start_of_day(day, 8).is_none() {
        return Err(Unable::BadInput { field: "date", problem: "no calendar has this day".to_owned() });
    }
    Ok(format!("{:04}-{:02}-{:02}", day.year, day.month, day.day))
}

/// Whether "there is no bill" means that nothing moved. Before, it may only be late.
pub(crate) fn bills_are_made(day: Day, at: Instant) -> bool {
    start_of_day(day, 8).is_some_and(|start| at.seconds() >= start.seconds() + MADE_AFTER_HOURS * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_beijings() {
        let day = Day { year: 2026, month: 11, day: 21 };
        // 2026-11-22 00:00 in Beijing.
        let midnight = 1_795_276_800;
        assert_eq!(text(day).as_deref(), Ok("2026-11-21"));
        assert!(text(Day { month: 13, ..day }).is_err());
        assert!(!bills_are_made(day, Instant::from_seconds(midnight + 12 * 3600 - 1)));
        assert!(bills_are_made(day, Instant::from_seconds(midnight + 12 * 3600)));
    }
}
