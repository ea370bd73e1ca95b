//! The gRPC rim: finds the account, has the call carried out, answers.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use paystate_proto::v1::{self, PlatformAnswer, provider_gateway_service_server::ProviderGatewayService};
use tokio::{sync::oneshot, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::{Code, Request, Response, Status, codegen::BoxStream};

use super::{
    GatewayLimits,
    ask::{self, NotSent, Why},
    line::Line,
    statement,
};
use crate::Accounts;

/// The platforms of all accounts, ready to be called. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// By account; `None`: it cannot be called.
    lines: Arc<BTreeMap<String, Option<Arc<Line>>>>,
    calls: TaskTracker,
    limits: GatewayLimits,
}

impl Gateway {
    /// A gateway to the platforms of these accounts. Nothing is connected yet.
    #[must_use]
    pub fn new(accounts: Accounts, limits: GatewayLimits) -> Self {
        let line = |(name, account): (String, crate::Account)| {
            let line = account.api.map(|api| Arc::new(Line::new(&name, account.provider, api, limits)));
            (name, line)
        };
        Self { lines: Arc::new(accounts.into_iter().map(line).collect()), calls: TaskTracker::new(), limits }
    }

    /// Waits for the calls that are under way.
    pub(super) async fn finish(&self) {
        self.calls.close();
        if timeout(self.limits.call, self.calls.wait()).await.is_err() {
            tracing::warn!(
                calls = self.calls.len(),
                "calls to platforms are cut; the core will ask what became of them"
            );
        }
    }

    fn line(&self, account: &str) -> Result<Arc<Line>, NotSent> {
        match self.lines.get(account) {
            Some(Some(line)) => Ok(line.clone()),
            Some(None) => {
                Err(NotSent::new(Why::NoApi, "this edge has no keys for calls: [accounts.NAME.api] is missing"))
            }
            None => Err(NotSent::new(Why::AccountUnknown, "this edge has no such account in its configuration")),
        }
    }

    /// Carries a call out in a task of its own, so that a caller that leaves does not end it half-way.
    async fn carry_out<T: Send + 'static>(
        &self,
        operation: &'static str,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let (answer, answered) = oneshot::channel();
        self.calls.spawn(async move {
            if answer.send(call.await).is_err() {
                tracing::warn!(operation, "carried out, but the core did not wait for the answer");
            }
        });
        // Without an answer the task has panicked.
        let panicked =
            |_| paystate_rpc::status(Code::Internal, "INTERNAL", "a defect of this edge", Default::default());
        answered.await.map(Response::new).map_err(panicked)
    }
}

/// Every question has an answer, even one that was not sent.
fn answered(operation: &str, result: Result<PlatformAnswer, NotSent>) -> Option<PlatformAnswer> {
    Some(result.unwrap_or_else(|not_sent| {
        let NotSent { why, detail } = &not_sent;
        tracing::warn!(operation, code = why.code(), ?detail, "nothing was sent to the platform");
        not_sent.into()
    }))
}

#[tonic::async_trait]
impl ProviderGatewayService for Gateway {
    async fn initiate(&self, request: Request<v1::InitiateRequest>) -> Result<Response<v1::InitiateResponse>, Status> {
        let asked = request.into_inner();
        let line = self.line(&asked.account);
        self.carry_out("Initiate", async move {
            let result = async { line?.initiate(&asked).await }.await;
            let not_sent = |why| v1::InitiateResponse { answer: answered("Initiate", Err(why)), ..Default::default() };
            result.unwrap_or_else(not_sent)
        })
        .await
    }

    async fn query_payment(
        &self,
        request: Request<v1::QueryPaymentRequest>,
    ) -> Result<Response<v1::QueryPaymentResponse>, Status> {
        let asked = request.into_inner();
        let line = self.line(&asked.account);
        self.carry_out("QueryPayment", async move {
            let result = async { line?.query_payment(&asked).await }.await;
            v1::QueryPaymentResponse { answer: answered("QueryPayment", result) }
        })
        .await
    }

    async fn close_payment(
        &self,
        request: Request<v1::ClosePaymentRequest>,
    ) -> Result<Response<v1::ClosePaymentResponse>, Status> {
        let asked = request.into_inner();
        let line = self.line(&asked.account);
        self.carry_out("ClosePayment", async move {
            let result = async { line?.close_payment(&asked).await }.await;
            v1::ClosePaymentResponse { answer: answered("ClosePayment", result) }
        })
        .await
    }

    async fn refund(&self, request: Request<v1::RefundRequest>) -> Result<Response<v1::RefundResponse>, Status> {
        let asked = request.into_inner();
        let line = self.line(&asked.account);
        self.carry_out("Refund", async move {
            let result = async { line?.refund(&asked).await }.await;
            v1::RefundResponse { answer: answered("Refund", result) }
        })
        .await
    }

    async fn query_refund(
        &self,
        request: Request<v1::QueryRefundRequest>,
    ) -> Result<Response<v1::QueryRefundResponse>, Status> {
        let asked = request.into_inner();
        let line = self.line(&asked.account);
        self.carry_out("QueryRefund", async move {
            let result = async { line?.query_refund(&asked).await }.await;
            v1::QueryRefundResponse { answer: answered("QueryRefund", result) }
        })
        .await
    }

    type FetchStatementStream = BoxStream<v1::FetchStatementResponse>;

    async fn fetch_statement(
        &self,
        request: Request<v1::FetchStatementRequest>,
    ) -> Result<Response<Self::FetchStatementStream>, Status> {
        let asked = request.into_inner();
        let fetched = self.line(&asked.account).and_then(|line| Ok(statement::fetch(line, ask::day(&asked.date)?)));
        let lines = fetched.map_err(|why| statement::not_sent(&why))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(lines))))
    }
}
