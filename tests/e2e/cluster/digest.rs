//! What is true about money, in one text that two runs of the same [`Script`](super::Script) share.

use crate::servers::psql;

/// Orders, booked money, cases and the number of notices, without what differs between two runs of the same traffic:
/// times, the numbers that platforms and database made up, and versions, which count also news that came after stronger
/// news.
const DIGEST: &str = "
    SELECT concat_ws(' ', 'order', order_id, state, amount_minor, currency, 'paid', paid_minor,
                     'refunded', refunded_minor) AS line FROM orders
    UNION ALL
    SELECT concat_ws(' ', 'money', order_id, provider, account, kind, amount_minor, currency, 'times', count(*))
      FROM payment_txn GROUP BY order_id, provider, account, kind, amount_minor, currency
    UNION ALL
    SELECT concat_ws(' ', 'case', kind, CASE WHEN open THEN 'open' ELSE resolution END, order_id, account, out_trade_no,
                     'expected', expected_minor, 'observed', observed_minor, 'times', count(*))
      FROM cases
      GROUP BY kind, open, resolution, order_id, account, out_trade_no, expected_minor, observed_minor
    UNION ALL
    SELECT concat_ws(' ', 'notices', provider, account, count(*)) FROM notice GROUP BY provider, account
    UNION ALL
    SELECT concat_ws(' ', 'parked', count(*)) FROM parked
    ORDER BY line";

/// A line for each fact, sorted; of the database under this URL.
pub(crate) async fn digest(database: &str) -> String {
    psql(database, &[DIGEST]).await.unwrap()
}
