//! A statement that is sent: whole or not at all.

use std::{future::pending, time::Duration};

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1::{self, ReconciliationState, operations_service_client::OperationsServiceClient};
use paystate_rpc::Callers;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::rig::{PATIENCE, Rig};

type Client = OperationsServiceClient<Channel>;

const DATE: &str = "2026-01-05";

async fn client(rig: &Rig) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
    OperationsServiceClient::new(endpoint.connect().await.unwrap())
}

fn message(lines: std::ops::Range<i64>, line_count: Option<i64>) -> v1::ImportStatementRequest {
    let line = |number: i64| v1::StatementLine {
        number,
        out_trade_no: format!("L{number}"),
        transaction_id: format!("T{number}"),
        amount: Some(v1::Money { amount_minor: 100, currency: "CNY".into() }),
        kind: v1::StatementLineKind::Payment.into(),
        ..Default::default()
    };
    v1::ImportStatementRequest {
        account: "shop".into(),
        date: DATE.into(),
        lines: lines.map(line).collect(),
        line_count,
    }
}

/// What came of the last run, when it is over.
async fn result(client: &mut Client) -> v1::GetReconciliationResponse {
    let request = v1::GetReconciliationRequest { reconciliation_id: format!("shop/{DATE}"), ..Default::default() };
    let over = async {
        loop {
            match client.get_reconciliation(request.clone()).await {
                Ok(found) if found.get_ref().done => return found.into_inner(),
                Ok(_) | Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(PATIENCE, over).await.expect("the run does not end")
}

async fn cases(client: &mut Client) -> usize {
    client.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_statement_whose_last_message_came_counts() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut client = client(&rig).await;
    for (messages, why) in [
        (vec![message(1..4, None)], "before its last message"),
        (vec![message(1..4, None), message(4..6, Some(6))], "5 lines came, its line_count is 6"),
        (vec![message(1..4, Some(3)), message(4..6, None)], "after the one with the line_count"),
    ] {
        client.import_statement(stream::iter(messages)).await.unwrap();
        let result = result(&mut client).await;
        assert_eq!(result.state(), ReconciliationState::Failed, "{result:?}");
        assert!(result.detail.contains(why), "{result:?}");
        assert_eq!(cases(&mut client).await, 0, "a part was taken for the whole");
    }
    let whole = stream::iter([message(1..4, None), message(4..6, None), message(0..0, Some(5))]);
    client.import_statement(whole).await.unwrap();
    let result = result(&mut client).await;
    assert_eq!((result.state(), result.line_count), (ReconciliationState::Done, 5), "{result:?}");
    assert_eq!(cases(&mut client).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_broken_off_is_no_whole_statement() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut client = client(&rig).await;
    let (sent, seen) = tokio::sync::oneshot::channel();
    let last = stream::once(async move {
        sent.send(()).unwrap();
        pending().await
    });
    let messages = stream::iter([message(1..4, None)]).chain(last);
    // The connection stays: only this call is reset.
    tokio::select! {
        answer = client.import_statement(messages) => panic!("it was answered: {answer:?}"),
        // What was sent before is on its way.
        _ = async { seen.await.unwrap(); sleep(Duration::from_millis(200)).await } => {}
    }
    let result = result(&mut client).await;
    assert_eq!(result.state(), ReconciliationState::Failed, "{result:?}");
    assert!(result.detail.contains("it was not sent whole"), "{result:?}");
    assert_eq!(cases(&mut client).await, 0, "a part was taken for the whole");
}
