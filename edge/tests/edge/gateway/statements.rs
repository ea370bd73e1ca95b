//! Statements as streams.

use paystate_edge::gateway::GatewayLimits;
use paystate_proto::v1::{FetchStatementRequest, StatementLine};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    Rig,
    server::{
        Step::{self, Send, SendAndClose, SendAndHold},
        answer,
    },
};

impl Rig {
    /// All lines, or the error that the stream ends with. The last message says how many there are, and no other does.
    async fn statement(&mut self, account: &str, date: &str) -> Result<Vec<StatementLine>, Status> {
        let ask = FetchStatementRequest { account: account.to_owned(), date: date.to_owned() };
        let mut stream = self.client.fetch_statement(ask).await?.into_inner();
        let mut lines = Vec::new();
        let mut count = None;
        while let Some(message) = stream.message().await? {
            assert_eq!(count, None, "a message after the last one");
            assert!(message.lines.len() <= 1000);
            lines.extend(message.lines);
            count = message.line_count;
        }
        assert_eq!(count, i64::try_from(lines.len()).ok());
        Ok(lines)
    }

    async fn of_shop(&mut self) -> Result<Vec<StatementLine>, Status> {
        self.statement("shop", "2026-11-22").await
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn ends_with(limits: GatewayLimits, script: impl IntoIterator<Item = Step>, code: Code, why: &str) {
    let status = Rig::with(limits, script).await.of_shop().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status}");
}

#[tokio::test]
async fn pages_are_one_statement() {
    let mut rig = Rig::start(["page", "page", "last"].map(|word| Send(answer(200, word)))).await;
    let lines = rig.of_shop().await.unwrap();
    assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(lines[0].amount.as_ref().map(|m| (m.amount_minor, m.currency.as_str())), Some((5, "CNY")));
    let seen = rig.server.seen(3).await;
    assert!(seen[0].text.starts_with("GET /statement?day=2026-11-22 "), "{}", seen[0].text);
    assert!(seen[1].text.starts_with("GET /statement?page=2 "));
}

#[tokio::test]
async fn a_page_that_came_too_fast_is_asked_for_again() {
    let mut rig = Rig::start(["page", "busy", "last"].map(|word| Send(answer(200, word)))).await;
    assert_eq!(rig.of_shop().await.unwrap().len(), 3);
    let seen = rig.server.seen(3).await;
    let paths: Vec<_> = seen.iter().filter_map(|seen| seen.text.split(' ').nth(1)).collect();
    assert_eq!(paths, ["/statement?day=2026-11-22", "/statement?page=2", "/statement?page=2"]);
}

/// The limit of a call is not that of a statement, whose file may be in the answer.
#[tokio::test]
async fn an_answer_with_the_file_has_the_time_of_a_file() {
    let limits = GatewayLimits { call: std::time::Duration::ZERO, ..GatewayLimits::default() };
    let mut rig = Rig::with(limits, [Send(answer(200, &transactions(3)))]).await;
    assert_eq!(rig.of_shop().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_day_without_movements_has_no_lines() {
    let mut rig = Rig::start([Send(answer(200, "empty"))]).await;
    assert_eq!(rig.of_shop().await.unwrap(), []);
}

#[tokio::test]
async fn what_cannot_be_had_says_why() {
    let limits = GatewayLimits::default();
    ends_with(limits, [Send(answer(200, "later"))], Code::FailedPrecondition, "STATEMENT_NOT_READY").await;
    ends_with(limits, [Send(answer(500, "x"))], Code::Unavailable, "STATEMENT_UNAVAILABLE").await;
    let page_then_error = [Send(answer(200, "page")), SendAndClose(String::new())];
    ends_with(limits, page_then_error, Code::Unavailable, "STATEMENT_UNAVAILABLE").await;
    let mut rig = Rig::start([]).await;
    for (account, date, code, why) in [
        ("mute", "2026-11-22", Code::FailedPrecondition, "NO_API"),
        ("nobody", "2026-11-22", Code::InvalidArgument, "ACCOUNT_UNKNOWN"),
        ("shop", "2026-02-30", Code::InvalidArgument, "BAD_INPUT"),
        ("shop", "yesterday", Code::InvalidArgument, "BAD_INPUT"),
    ] {
        let status = rig.statement(account, date).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status}");
    }
}

/// Balance transactions in the platform's own format.
fn transactions(count: usize) -> String {
    let one = |n: usize| {
        format!(
            r#"{{"id":"txn_{n}","object":"balance_transaction","type":"charge","currency":"usd","amount":500,"fee":30,
            "created":1795312800,"source":{{"id":"ch_{n}","amount":500,"currency":"usd","payment_intent":"pi_{n}",
            "metadata":{{"out_trade_no":"o{n}"}}}}}}"#
        )
    };
    format!("[{}]", (1..=count).map(one).collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn a_file_is_read_whole_whether_it_comes_by_itself_or_in_the_answer() {
    let file = transactions(2500);
    let by_itself = [Send(answer(200, "file")), Send(answer(200, &file))];
    let in_the_answer = [Send(answer(200, &file))];
    for (script, requests) in [(Vec::from(by_itself), 2), (Vec::from(in_the_answer), 1)] {
        let mut rig = Rig::start(script).await;
        let lines = rig.of_shop().await.unwrap();
        assert_eq!(lines.len(), 2500);
        let (first, last) = (&lines[0], &lines[2499]);
        assert_eq!((first.number, first.out_trade_no.as_str(), first.fee_minor), (1, "o1", 30));
        assert_eq!((last.number, last.transaction_id.as_str()), (2500, "pi_2500"));
        assert_eq!(rig.server.seen(requests).await.len(), requests);
    }
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_so() {
    let whole = transactions(2500);
    let cut = Send(answer(200, &whole[..whole.len() - 10]));
    ends_with(GatewayLimits::default(), [Send(answer(200, "file")), cut], Code::DataLoss, "STATEMENT_DAMAGED").await;
}

#[tokio::test]
async fn a_file_that_does_not_come_is_unavailable() {
    let short = std::time::Duration::from_millis(300);
    let limits = GatewayLimits { file_bytes: 100, file_stall: short, call: short, ..GatewayLimits::default() };
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[";
    let large = answer(200, &" ".repeat(101));
    for step in [
        SendAndHold(String::new()),
        SendAndHold(half.to_owned()),
        SendAndClose(half.to_owned()),
        Send(answer(404, "[]")),
        Send(large),
    ] {
        ends_with(limits, [Send(answer(200, "file")), step], Code::Unavailable, "STATEMENT_UNAVAILABLE").await;
    }
    let limits = GatewayLimits { file: short, ..GatewayLimits::default() };
    let hold = SendAndHold(half.to_owned());
    ends_with(limits, [Send(answer(200, "file")), hold], Code::Unavailable, "STATEMENT_UNAVAILABLE").await;
}
