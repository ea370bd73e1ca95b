//! A statement that is being sent, by an edge or by a person.
//!
//! Contract: a call that was broken off may look like one that has ended (HTTP/2 has a code for both, and its reader is not
//! told which), so a statement is whole when as many lines came as its last part says.

use futures_util::{Stream, StreamExt as _, stream};
use paystate_proto::v1;
use smol_str::SmolStr;

use super::Lines;
use crate::{
    order::Timestamp,
    store::{MoneyKind, Movement},
    wire,
};

/// Lines of one part at most.
const MAX_LINES: usize = 1000;

/// Some of its lines.
pub(crate) struct Part {
    /// The next ones, in file order.
    pub(crate) lines: Vec<v1::StatementLine>,
    /// How many lines it has; in the last part.
    pub(crate) line_count: Option<i64>,
}

/// Reads the parts of a statement. An error says why it is not whole, and is the last item.
pub(crate) fn read_parts(parts: impl Stream<Item = Result<Part, String>> + Send + 'static) -> Lines {
    let whole = Whole { lines: 0, ended: false };
    Box::pin(stream::unfold(Some((Box::pin(parts), whole)), async |state| {
        let (mut parts, mut whole) = state?;
        let read = match parts.next().await {
            None if whole.ended => return None,
            None => Err("it was not sent whole: it ended before its last message".to_owned()),
            Some(part) => part.and_then(|part| whole.read(part)),
        };
        let rest = read.is_ok().then_some((parts, whole));
        Some((read, rest))
    }))
}

/// How much of it has come.
struct Whole {
    lines: i64,
    ended: bool,
}

impl Whole {
    fn read(&mut self, Part { lines, line_count }: Part) -> Result<Vec<Movement>, String> {
        if self.ended {
            return Err("a message came after the one with the line_count".to_owned());
        }
        if lines.len() > MAX_LINES {
            return Err(format!("a message has {} lines, more than {MAX_LINES}", lines.len()));
        }
        self.lines += i64::try_from(lines.len()).unwrap_or(i64::MAX);
        if let Some(count) = line_count {
            if count != self.lines {
                return Err(format!("it was not sent whole: {} lines came, its line_count is {count}", self.lines));
            }
            self.ended = true;
        }
        lines.into_iter().map(read_line).collect()
    }
}

fn read_line(line: v1::StatementLine) -> Result<Movement, String> {
    let place = line.number;
    let at = |problem: String| format!("line {place}: {problem}");
    let kind = match line.kind() {
        v1::StatementLineKind::Payment => MoneyKind::Payment,
        v1::StatementLineKind::Refund => MoneyKind::Refund,
        v1::StatementLineKind::Unspecified => return Err(at("kind is required".to_owned())),
    };
    let amount = line.amount.as_ref().ok_or_else(|| at("amount is required".to_owned()))?;
    let amount = wire::read_money(amount).map_err(|problem| at(format!("amount: {problem}")))?;
    let time = line.occur_time.as_ref().map(wire::read_time).transpose();
    let occurred_at: Option<Timestamp> = time.map_err(|problem| at(format!("occur_time {problem}")))?;
    let numbers = [line.out_trade_no, line.transaction_id, line.out_refund_no, line.refund_id];
    // They become keys, and words on a screen.
    if numbers.iter().any(|number| number.len() > MAX_NUMBER || !number.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(at(format!("a number is not at most {MAX_NUMBER} visible ASCII characters")));
    }
    let [out_trade_no, transaction_id, out_refund_no, refund_id] = numbers.map(SmolStr::from);
    let (number, fee_minor) = (place, line.fee_minor);
    Ok(Movement {
        kind,
        number,
        out_trade_no,
        transaction_id,
        out_refund_no,
        refund_id,
        amount,
        fee_minor,
        occurred_at,
    })
}

/// As in the contract's other numbers.
const MAX_NUMBER: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(parts: Vec<Result<Part, String>>) -> Vec<Result<usize, String>> {
        let read = read_parts(stream::iter(parts)).map(|read| read.map(|lines| lines.len()));
        read.collect().await
    }

    fn part(lines: usize, line_count: Option<i64>) -> Result<Part, String> {
        let line = v1::StatementLine {
            kind: v1::StatementLineKind::Payment.into(),
            amount: Some(v1::Money { amount_minor: 1, currency: "CNY".into() }),
            ..Default::default()
        };
        Ok(Part { lines: vec![line; lines], line_count })
    }

    #[tokio::test]
    async fn only_what_ends_with_its_count_is_whole() {
        assert_eq!(read(vec![part(2, None), part(1, None), part(0, Some(3))]).await, [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(read(vec![part(0, Some(0))]).await, [Ok(0)]);
        // As a task leaves it that panicked between two pages.
        for broken in [
            vec![],
            vec![part(2, None)],
            vec![part(2, Some(3))],
            vec![part(2, Some(2)), part(0, None)],
            vec![part(2, None), Err("gone".into()), part(0, Some(2))],
            vec![part(MAX_LINES + 1, None)],
        ] {
            let read = read(broken).await;
            assert!(read.last().unwrap().is_err() && read.iter().filter(|read| read.is_err()).count() == 1, "{read:?}");
        }
    }
}
