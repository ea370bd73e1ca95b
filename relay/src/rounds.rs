//! The order in which the messages of a batch leave.
//!
//! Messages that are under way together may arrive in any order: a full queue refuses the first and takes the second.
//! So a round holds at most one message of each order, and the next round begins when all of it is confirmed. That
//! costs as many rounds as the busiest order of a batch has events, which are few.

use std::collections::HashMap;

use crate::Message;

/// Splits messages into rounds. Within a round, and across the rounds for each order, the sequence is kept.
pub(crate) fn rounds(messages: &[Message]) -> Vec<Vec<&Message>> {
    let mut rounds: Vec<Vec<&Message>> = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for message in messages {
        let round = seen.entry(&message.order_id).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*round) {
            round.push(message);
        }
        *round += 1;
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(orders: &str) -> Vec<String> {
        let message = |order: char| Message { order_id: order.into(), ..Message::default() };
        let messages: Vec<_> = orders.chars().map(message).collect();
        rounds(&messages).iter().map(|round| round.iter().map(|m| m.order_id.as_str()).collect()).collect()
    }

    #[test]
    fn a_round_has_one_message_of_an_order() {
        assert_eq!(parted(""), [""; 0]);
        assert_eq!(parted("abc"), ["abc"]);
        assert_eq!(parted("aaa"), ["a", "a", "a"]);
        assert_eq!(parted("abacbad"), ["abcd", "ab", "a"]);
    }
}
