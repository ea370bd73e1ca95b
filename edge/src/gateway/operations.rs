//! What can be asked of one account, each in three steps: put the question into the platform's words, sign it, send
//! it and have the answer read.

use paystate_proto::v1::{self, PlatformAnswer};
use paystate_providers::api::{Begin, Response};

use super::{
    ask::{self, NotSent},
    line::{Called, Line},
};
use crate::verify::now;

impl Line {
    pub(crate) async fn initiate(&self, asked: &v1::InitiateRequest) -> Result<v1::InitiateResponse, NotSent> {
        let attempt = ask::initiate(asked)?;
        let request = match self.api.initiate(&attempt, now())? {
            Begin::Call(request) => request,
            Begin::Ready(action) => {
                let answer = PlatformAnswer { outcome: v1::PlatformOutcome::Answered.into(), ..Default::default() };
                let action = Some(ask::action(action));
                return Ok(v1::InitiateResponse { answer: Some(answer), action, ..Default::default() });
            }
        };
        let read = |answer: &Response<'_>| self.api.initiated(&attempt, answer);
        let Called { answer, value } = self.call("Initiate", request, self.limits.of_call(), read).await;
        let (action, reference) = value.map(|begun| (ask::action(begun.action), begun.reference)).unzip();
        let platform_reference = reference.flatten().unwrap_or_default();
        Ok(v1::InitiateResponse { answer: Some(answer), platform_reference, action })
    }

    pub(crate) async fn query_payment(&self, asked: &v1::QueryPaymentRequest) -> Result<PlatformAnswer, NotSent> {
        let payment = ask::query_payment(asked)?;
        let request = self.api.query_payment(&payment, now())?;
        Ok(self.ask("QueryPayment", request, |answer| self.api.payment_answer(&payment, answer)).await)
    }

    pub(crate) async fn close_payment(&self, asked: &v1::ClosePaymentRequest) -> Result<PlatformAnswer, NotSent> {
        let payment = ask::close_payment(asked)?;
        let request = self.api.close_payment(&payment, now())?;
        let read = |answer: &Response<'_>| self.api.payment_closed(&payment, answer).map(|()| None);
        Ok(self.ask("ClosePayment", request, read).await)
    }

    pub(crate) async fn refund(&self, asked: &v1::RefundRequest) -> Result<PlatformAnswer, NotSent> {
        let refund = ask::refund(asked)?;
        let request = self.api.refund(&refund, now())?;
        Ok(self.ask("Refund", request, |answer| self.api.refunded(&refund, answer)).await)
    }

    pub(crate) async fn query_refund(&self, asked: &v1::QueryRefundRequest) -> Result<PlatformAnswer, NotSent> {
        let refund = ask::query_refund(asked)?;
        let request = self.api.query_refund(&refund, now())?;
        Ok(self.ask("QueryRefund", request, |answer| self.api.refund_answer(&refund, answer)).await)
    }
}
