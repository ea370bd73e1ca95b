//! `paystate order`: one order, for operators: its story, and what may be done by hand.

use clap::{Args, Subcommand};
use paystate_client::{
    Channel,
    v1::{self, operations_service_client::OperationsServiceClient, order_service_client::OrderServiceClient},
};

use super::{
    remote::{Remote, failed, json, time},
    say,
    selection::bare,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// Prints messages of the contract as JSON, one a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Its whole story in time order, and what happens next.
    Explain {
        /// The order's id.
        #[arg(required_unless_present = "payment")]
        order_id: Option<String>,
        /// Or: the order of which payment.
        #[arg(long, value_name = "OUT_TRADE_NO", conflicts_with = "order_id")]
        payment: Option<String>,
    },
    /// Asks the platform about a payment now, and takes in what it says.
    Recheck {
        /// The payment's number.
        out_trade_no: String,
    },
    /// Ends an unpaid order: its payments are asked about, closed at their platforms, and asked about again.
    Close {
        /// The order's id.
        order_id: String,
        /// Why, for people; at most 256 characters.
        #[arg(long, default_value = "")]
        reason: String,
        /// Says that you have closed every external payment of the order at its platform, and vouch for that.
        #[arg(long)]
        payments_closed: bool,
    },
    /// Gives money back. Repeated with the same number and content, it shows how that refund stands.
    Refund {
        /// The order's id.
        order_id: String,
        /// Your number for the refund: 8 to 32 letters and digits.
        out_refund_no: String,
        /// How much, in the currency's minor unit (1999 is 19.99 CNY).
        // What is below zero the core refuses in words; to the library it would be an unknown option.
        #[arg(allow_negative_numbers = true)]
        amount_minor: i64,
        /// In which currency, the one in which the money came.
        currency: String,
        /// Of which payment; needed where the order was paid more than once.
        #[arg(long, value_name = "OUT_TRADE_NO", default_value = "")]
        payment: String,
        /// Why; the payer may see it.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let Options { remote, json, command } = options;
    let channel = remote.open().await?;
    let answer = match command {
        Command::Explain { order_id, payment } => {
            let (order_id, out_trade_no) = (order_id.unwrap_or_default(), payment.unwrap_or_default());
            let request = v1::ExplainOrderRequest { order_id, out_trade_no };
            let response = OperationsServiceClient::new(channel).explain_order(request).await;
            Answer::Story(response.map_err(failed)?.into_inner())
        }
        Command::Recheck { out_trade_no } => {
            let request = v1::RecheckPaymentRequest { out_trade_no };
            let response = OperationsServiceClient::new(channel).recheck_payment(request).await;
            one(response.map_err(failed)?.into_inner().order)?
        }
        Command::Close { order_id, reason, payments_closed } => {
            close(channel, order_id, reason, payments_closed).await?
        }
        Command::Refund { order_id, out_refund_no, amount_minor, currency, payment, reason } => {
            let amount = Some(v1::Money { amount_minor, currency });
            let request = v1::CreateRefundRequest {
                order_id,
                out_trade_no: payment,
                out_refund_no,
                amount,
                reason,
                ..Default::default()
            };
            let response = OrderServiceClient::new(channel).create_refund(request).await;
            Answer::Refund(response.map_err(failed)?.into_inner().refund.ok_or_else(nothing)?)
        }
    };
    say(&if json { answer.json()? } else { answer.text() });
    Ok(())
}

async fn close(channel: Channel, order_id: String, reason: String, vouched: bool) -> Result<Answer, String> {
    let request = v1::CloseOrderRequest { order_id, reason, payments_closed_by_caller: vouched };
    let response = OrderServiceClient::new(channel).close_order(request).await.map_err(failed)?;
    one(response.into_inner().order)
}

fn one(order: Option<v1::Order>) -> Result<Answer, String> {
    order.map(Answer::Order).ok_or_else(nothing)
}

/// What a command prints.
enum Answer {
    Story(v1::ExplainOrderResponse),
    Order(v1::Order),
    Refund(v1::Refund),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Story(story) => {
                let order = story.order.as_ref().map(order_text).unwrap_or_default();
                let lines = story.entries.iter().map(|e| format!("{}  {}", time(e.time.as_ref()), e.text));
                let lines: Vec<_> = lines.collect();
                format!("{order}\n\n{}\n\n{}", lines.join("\n"), story.next_step)
            }
            Self::Order(order) => order_text(order),
            Self::Refund(refund) => {
                let state = bare(refund.state().as_str_name());
                format!("refund {} of {} is {state}", refund.out_refund_no, money(refund.amount.as_ref()))
            }
        }
    }

    fn json(&self) -> Result<String, String> {
        match self {
            Self::Story(story) => json("ExplainOrderResponse", story),
            Self::Order(order) => json("Order", order),
            Self::Refund(refund) => json("Refund", refund),
        }
    }
}

/// An order, and its payments and refunds, a line each.
fn order_text(order: &v1::Order) -> String {
    let closing = if order.close_requested { ", being closed" } else { "" };
    let state = bare(order.state().as_str_name());
    let mut lines = vec![format!("order {} over {} is {state}{closing}", order.order_id, money(order.amount.as_ref()))];
    lines.extend(order.payments.iter().map(|p| {
        let state = bare(p.state().as_str_name());
        format!("  payment {} on account {} is {state}", p.out_trade_no, p.account)
    }));
    lines.extend(order.refunds.iter().map(|r| {
        let numbers = [r.out_refund_no.as_str(), r.refund_id.as_str(), "without a number"];
        let number = numbers.into_iter().find(|number| !number.is_empty()).unwrap_or_default();
        format!("  refund {number} of {} is {}", money(r.amount.as_ref()), bare(r.state().as_str_name()))
    }));
    lines.extend(order.open_case_ids.iter().map(|id| format!("  case {id} is open")));
    lines.join("\n")
}

/// An amount as it is stored: minor units, and the currency.
pub(super) fn money(money: Option<&v1::Money>) -> String {
    money.map(|m| format!("{} {}", m.amount_minor, m.currency)).unwrap_or_default()
}

fn nothing() -> String {
    "the core answered without an order, which is a fault of it".to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn an_amount_below_zero_is_for_the_core_to_refuse() {
        let line =
            Line::try_parse_from(["order", "refund", "A1", "REFUND01", "-5", "CNY", "--reason", "broken"]).unwrap();
        assert!(matches!(line.options.command, Command::Refund { amount_minor: -5, .. }), "{line:?}");
    }
}
