//! OperationsService.

use paystate_proto::v1::{self, operations_service_server::OperationsService};
use tonic::{Request, Response, Status};

use super::{Core, audit, convert, error, error::Violations, explain, page};
use crate::{
    order::{OrderId, OutTradeNo, TransactionId},
    store::{CaseFilter, NotificationFilter},
};

#[tonic::async_trait]
impl OperationsService for Core {
    async fn explain_order(
        &self,
        request: Request<v1::ExplainOrderRequest>,
    ) -> Result<Response<v1::ExplainOrderResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let id = match (request.order_id.as_str(), request.out_trade_no.as_str()) {
            (id, "") => v.take("order_id", OrderId::parse(id)).map(Ok),
            ("", number) => v.take("out_trade_no", OutTradeNo::parse(number)).map(Err),
            (_, _) => {
                v.add("out_trade_no", "set either order_id or out_trade_no, not both");
                None
            }
        };
        let id = match v.finish(id)? {
            Ok(id) => id,
            Err(number) => {
                let found = self.store.order_of(&number).await.map_err(error::store)?;
                let hint =
                    format!("of payment {number} (ListNotifications with this out_trade_no shows what arrived for it)");
                found.ok_or_else(|| error::order_not_found(hint))?
            }
        };
        explain::order(self.store.as_ref(), &id, |account| self.compensation.desk(account).is_some())
            .await
            .map(Response::new)
    }

    async fn list_notifications(
        &self,
        request: Request<v1::ListNotificationsRequest>,
    ) -> Result<Response<v1::ListNotificationsResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let accepted = match v1::Verdict::try_from(request.verdict) {
            Ok(v1::Verdict::Unspecified) => None,
            Ok(v1::Verdict::Accepted) => Some(true),
            Ok(v1::Verdict::Rejected) => Some(false),
            Err(_) => {
                v.add("verdict", "is not a verdict");
                None
            }
        };
        let number = match request.out_trade_no.as_str() {
            "" => None,
            text => v.take("out_trade_no", OutTradeNo::parse(text)),
        };
        let transaction = match request.transaction_id.as_str() {
            "" => None,
            text => v.take("transaction_id", TransactionId::parse(text)),
        };
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let page = v.finish(page)?;
        let filter = NotificationFilter {
            account: Some(request.account).filter(|a| !a.is_empty()),
            accepted,
            out_trade_nos: number.into_iter().collect(),
            transaction_ids: transaction.into_iter().collect(),
        };
        let listed = self.store.notifications(&filter, page.after.as_ref(), page.limit).await.map_err(error::store)?;
        Ok(Response::new(v1::ListNotificationsResponse {
            next_page_token: page::token(listed.next.as_ref()),
            notifications: listed.rows.into_iter().map(convert::notification).collect(),
        }))
    }

    async fn list_cases(
        &self,
        request: Request<v1::ListCasesRequest>,
    ) -> Result<Response<v1::ListCasesResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let open = match v1::CaseState::try_from(request.state) {
            Ok(v1::CaseState::Unspecified) => None,
            Ok(v1::CaseState::Open) => Some(true),
            Ok(v1::CaseState::Resolved) => Some(false),
            Err(_) => {
                v.add("state", "is not a state of a case");
                None
            }
        };
        let kind = match (request.kind, convert::read_case_kind(request.kind)) {
            (0, _) => None,
            (_, Some(kind)) => Some(kind),
            (_, None) => {
                v.add("kind", "is not a kind of case that this version opens");
                None
            }
        };
        let order_id = match request.order_id.as_str() {
            "" => None,
            text => v.take("order_id", OrderId::parse(text)),
        };
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let page = v.finish(page)?;
        let listed = self
            .store
            .cases(&CaseFilter { open, kind, order_id }, page.after.as_ref(), page.limit)
            .await
            .map_err(error::store)?;
        Ok(Response::new(v1::ListCasesResponse {
            cases: listed.rows.iter().map(convert::case).collect(),
            next_page_token: page::token(listed.next.as_ref()),
        }))
    }

    async fn get_case(&self, request: Request<v1::GetCaseRequest>) -> Result<Response<v1::GetCaseResponse>, Status> {
        let case = self.case(&request.get_ref().case_id).await?;
        Ok(Response::new(v1::GetCaseResponse { case: Some(convert::case(&case)) }))
    }

    async fn verify_audit(
        &self,
        _: Request<v1::VerifyAuditRequest>,
    ) -> Result<Response<v1::VerifyAuditResponse>, Status> {
        let results = self.store.audit().await.map_err(error::store)?;
        let results = results
            .into_iter()
            .map(|r| v1::InvariantResult {
                name: r.name.into(),
                statement: r.statement.into(),
                violations: r.violations,
            })
            .collect();
        Ok(Response::new(v1::VerifyAuditResponse { results }))
    }

    async fn resolve_case(
        &self,
        request: Request<v1::ResolveCaseRequest>,
    ) -> Result<Response<v1::ResolveCaseResponse>, Status> {
        let asked = request.get_ref();
        let call = audit::Call::begin(&request, "ResolveCase", &asked.case_id, &asked.reason);
        call.ended(self.resolve(request.into_inner()).await)
    }

    async fn assign_case(
        &self,
        request: Request<v1::AssignCaseRequest>,
    ) -> Result<Response<v1::AssignCaseResponse>, Status> {
        let asked = request.get_ref();
        let call = audit::Call::begin(&request, "AssignCase", &asked.case_id, &asked.owner);
        call.ended(self.assign(request.into_inner()).await)
    }

    async fn recheck_payment(
        &self,
        request: Request<v1::RecheckPaymentRequest>,
    ) -> Result<Response<v1::RecheckPaymentResponse>, Status> {
        self.recheck(request.get_ref()).await.map(Response::new)
    }

    async fn run_reconciliation(
        &self,
        request: Request<v1::RunReconciliationRequest>,
    ) -> Result<Response<v1::RunReconciliationResponse>, Status> {
        let asked = request.get_ref();
        let day = format!("{}/{}", asked.account, asked.date);
        let call = audit::Call::begin(&request, "RunReconciliation", &day, "");
        call.ended(self.reconcile(asked).await)
    }

    async fn import_statement(
        &self,
        request: Request<tonic::Streaming<v1::ImportStatementRequest>>,
    ) -> Result<Response<v1::ImportStatementResponse>, Status> {
        let call = audit::Call::begin(&request, "ImportStatement", "", "");
        self.import(request.into_inner(), call).await
    }

    async fn get_reconciliation(
        &self,
        request: Request<v1::GetReconciliationRequest>,
    ) -> Result<Response<v1::GetReconciliationResponse>, Status> {
        self.reconciliation(request.get_ref()).await.map(Response::new)
    }
}
