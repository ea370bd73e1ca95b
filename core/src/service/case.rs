//! GetCase, ResolveCase, AssignCase and RecheckPayment: what a person does by hand, after the platforms were asked.

use paystate_proto::v1;
use tonic::{Code, Status};

use super::{
    Core, convert, error,
    error::Violations,
    now,
    order::{ASK_PATIENCE, description, request_id},
};
use crate::{
    commit::CommandRequest,
    order::{CaseId, CaseState, Command, OutTradeNo, Resolver},
    store::CaseRow,
};

/// Characters of an owner at most.
const MAX_OWNER: usize = 64;

/// A malformed id is reported as not found.
fn case_id(text: &str) -> Result<CaseId, Status> {
    let mut v = Violations::default();
    if text.is_empty() {
        v.add("case_id", "is required");
    }
    v.check()?;
    CaseId::parse(text).map_err(|_| not_found(text))
}

fn not_found(id: &str) -> Status {
    error::status(Code::NotFound, "CASE_NOT_FOUND", &format!("case {id} does not exist"))
}

impl Core {
    pub(super) async fn case(&self, id: &str) -> Result<CaseRow, Status> {
        let found = self.store.case(&case_id(id)?).await.map_err(error::store)?;
        found.ok_or_else(|| not_found(id))
    }

    pub(super) async fn resolve(&self, request: v1::ResolveCaseRequest) -> Result<v1::ResolveCaseResponse, Status> {
        let mut v = Violations::default();
        let known = convert::read_ruling(request.resolution).ok_or("is required: ACCEPT, REFUND, CLOSE or IGNORE");
        let resolution = v.take("resolution", known);
        let key = request_id(&mut v, &request.request_id);
        if request.reason.trim().is_empty() {
            v.add("reason", "is required: the next one to look at this will want to know");
        }
        description(&mut v, "reason", &request.reason);
        let (resolution, request_id) = v.finish(resolution.zip(key))?;
        let CaseRow { case, .. } = self.case(&request.case_id).await?;
        if case.state == CaseState::Open
            && let Some(desk) = self.compensation.any_desk()
            && !desk.ask_about(&case, ASK_PATIENCE).await.map_err(error::not_taken_in)?
        {
            let message = "the platform was asked how things stand and gave no answer; nothing was changed, try again";
            return Err(error::status(Code::Unavailable, "PLATFORM_OUTCOME_UNKNOWN", message));
        }
        let (case_id, reason) = (case.id, request.reason);
        let command = Command::ResolveCase { case_id, resolution, reason, by: Resolver::Operator };
        let done = self.door.command(CommandRequest { command, request_id, at: now() }).await.map_err(error::door)?;
        self.compensation.nudge();
        Ok(v1::ResolveCaseResponse {
            case: done.case.as_ref().map(convert::case),
            order: done.order.as_ref().map(convert::order),
        })
    }

    pub(super) async fn assign(&self, request: v1::AssignCaseRequest) -> Result<v1::AssignCaseResponse, Status> {
        let mut v = Violations::default();
        if request.owner.chars().count() > MAX_OWNER || request.owner.chars().any(char::is_control) {
            v.add("owner", format!("must be at most {MAX_OWNER} characters without control characters"));
        }
        v.check()?;
        let command = Command::AssignCase { case_id: case_id(&request.case_id)?, owner: request.owner };
        let done = self.door.command(CommandRequest { command, request_id: None, at: now() }).await;
        let done = done.map_err(error::door)?;
        Ok(v1::AssignCaseResponse { case: done.case.as_ref().map(convert::case) })
    }

    pub(super) async fn recheck(
        &self,
        request: &v1::RecheckPaymentRequest,
    ) -> Result<v1::RecheckPaymentResponse, Status> {
        let mut v = Violations::default();
        let number = v.take("out_trade_no", OutTradeNo::parse(request.out_trade_no.as_str()));
        let number = v.finish(number)?;
        let message = format!("payment {number} is not known; StartPayment makes one known");
        let not_found = || error::status(Code::NotFound, "PAYMENT_NOT_FOUND", &message);
        let order_id = self.store.order_of(&number).await.map_err(error::store)?.ok_or_else(not_found)?;
        let order = self.order(&order_id).await?;
        let payment = order.payment(&number).ok_or_else(not_found)?;
        let desk = self.desk(&payment.account)?;
        self.ask(desk, &order, payment, (Code::ResourceExhausted, "RATE_BUDGET")).await?;
        let order = self.order(&order_id).await?;
        Ok(v1::RecheckPaymentResponse { order: Some(convert::order(&order)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_is_not_named_is_no_case_that_is_missing() {
        let refused = |text: &str| case_id(text).map_err(|status| (status.code(), status.message().to_owned()));
        assert_eq!(refused(""), Err((Code::InvalidArgument, "case_id: is required".to_owned())));
        assert_eq!(refused("STUCK"), Ok("STUCK".into()));
    }
}
