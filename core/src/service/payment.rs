//! StartPayment: the attempt is stored before the platform is called. An existing attempt is asked about before the
//! platform is called again, under the same number and with the same content.

use paystate_proto::v1;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    Core, convert, error,
    error::Violations,
    now,
    order::{ASK_PATIENCE, order_id, request_id},
};
use crate::{
    commit::CommandRequest,
    compensate::{self, Answer, Desk, Outcome},
    order::{AccountName, Command, Method, Order, OrderId, OutTradeNo, Payment, PaymentStatus, RequestId},
    sha256::Sha256,
};

/// Characters of a number that is made here: as many as the strictest platform takes.
const MADE_NUMBER: usize = 32;

/// A request that is well formed.
struct Wanted {
    order_id: OrderId,
    account: AccountName,
    provider: &'static str,
    method: Method,
    out_trade_no: OutTradeNo,
    key: Option<RequestId>,
}

/// The number of an attempt for which the caller gave none. A retry with the same request_id gets the same number.
fn made_number(order_id: &str, request_id: &str) -> String {
    let hex = if request_id.is_empty() {
        Uuid::now_v7().simple().to_string()
    } else {
        Sha256::of(format!("out_trade_no\n{order_id}\n{request_id}").as_bytes()).to_string()
    };
    hex.to_ascii_uppercase().chars().take(MADE_NUMBER).collect()
}

impl Core {
    fn wanted(&self, request: &v1::StartPaymentRequest) -> Result<Wanted, Status> {
        let mut v = Violations::default();
        let id = order_id(&mut v, &request.order_id);
        let key = request_id(&mut v, &request.request_id);
        let method = v.take("method", convert::read_method(request.method()));
        let account = v.take("account", AccountName::parse(request.account.clone()));
        let known = account.as_ref().and_then(|a| {
            let names = || self.intake.accounts().keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let known = self.intake.accounts().get(a);
            v.take("account", known.ok_or_else(|| format!("is not configured; there are: {}", names())))
        });
        let platform = known.map(|a| a.platform);
        if let (Some(method), Some(platform)) = (method, platform)
            && method.platform().is_some_and(|name| name != platform.name)
        {
            let (method, platform) = (request.method().as_str_name(), platform.name);
            v.add("method", format!("{method} is not one of {platform}, where account {} is", request.account));
        }
        let number = match request.out_trade_no.as_str() {
            "" if method.is_some_and(|m| !m.is_external()) => made_number(&request.order_id, &request.request_id),
            given => given.to_owned(),
        };
        let number = v.take("out_trade_no", OutTradeNo::parse(number));
        if let (Some(method), Some(platform), Some(number)) = (method, platform, &number)
            && !method.is_external()
        {
            v.take("out_trade_no", (platform.check_number)(number.as_str()));
        }
        let all = id.zip(account).zip(platform.map(|p| p.name)).zip(method).zip(number).zip(key);
        let (((((order_id, account), provider), method), out_trade_no), key) = v.finish(all)?;
        Ok(Wanted { order_id, account, provider, method, out_trade_no, key })
    }

    pub(super) async fn begin_payment(
        &self,
        request: v1::StartPaymentRequest,
    ) -> Result<v1::StartPaymentResponse, Status> {
        let wanted = self.wanted(&request)?;
        let desk = match wanted.method.is_external() {
            true => None,
            false => Some(self.desk(&wanted.account)?),
        };
        let at = now();
        let expires_at = match self.intake.calls(&wanted.account).filter(|_| desk.is_some()) {
            Some(calls) => {
                let timeout = at.after(calls.pay_timeout);
                let order = self.order(&wanted.order_id).await?;
                let end = order.expires_at.map_or(timeout, |end| end.min(timeout));
                if end <= at && order.payment(&wanted.out_trade_no).is_none() {
                    let message =
                        format!("the time of order {} is over; nothing is begun that cannot be paid", order.id);
                    return Err(not_payable(&message));
                }
                Some(end)
            }
            None => None,
        };
        let command = Command::StartPayment {
            order_id: wanted.order_id.clone(),
            out_trade_no: wanted.out_trade_no.clone(),
            account: wanted.account.clone(),
            provider: wanted.provider.into(),
            method: wanted.method,
            inputs: wanted.method.inputs(&wanted.out_trade_no, &request.payer_id, &request.return_url),
            expires_at,
        };
        let done = self.door.command(CommandRequest { command, request_id: wanted.key.clone(), at }).await;
        let order = done.map_err(error::door)?.order.ok_or_else(gone)?;
        let payment = payment_of(&order, &wanted.out_trade_no)?;
        match desk {
            None => Ok(answer(&order, payment, None)),
            // News may have waited for this number: then there may be nothing left to begin.
            Some(desk)
                if payment.started_at == at && payment.status == PaymentStatus::Pending && order.is_payable() =>
            {
                self.initiate(desk, &order, payment, &request).await
            }
            Some(desk) => self.go_on(desk, &order, payment, &request).await,
        }
    }

    /// The way to the platform, for calls that must know how things stand.
    pub(super) fn desk(&self, account: &AccountName) -> Result<&Desk, Status> {
        let message = format!(
            "account {account} cannot be called: it needs [accounts.{account}.api], and the core the way to an edge (core.edge)"
        );
        self.compensation.desk(account).ok_or_else(|| error::status(Code::FailedPrecondition, "NO_API", &message))
    }

    /// Continues an existing attempt: asks about it first, then begins it once more if it may still be paid.
    async fn go_on(
        &self,
        desk: &Desk,
        order: &Order,
        payment: &Payment,
        request: &v1::StartPaymentRequest,
    ) -> Result<v1::StartPaymentResponse, Status> {
        if !compensate::is_payment_final(payment) {
            // Whoever waits for a page has no use for our budget; that nobody knows is what counts.
            self.ask(desk, order, payment, (Code::Unavailable, "PLATFORM_OUTCOME_UNKNOWN")).await?;
        }
        let order = self.order(&order.id).await?;
        let payment = payment_of(&order, &payment.out_trade_no)?;
        if payment.status == PaymentStatus::Succeeded {
            return Ok(answer(&order, payment, None));
        }
        let in_time = payment.expires_at.is_none_or(|end| now() < end);
        if !order.is_payable() || !in_time || compensate::is_payment_final(payment) {
            let message = format!(
                "payment {} is over, or order {} cannot be paid any more; begin another payment if the order is open",
                payment.out_trade_no, order.id
            );
            return Err(not_payable(&message));
        }
        self.initiate(desk, &order, payment, request).await
    }

    /// Asks now, on behalf of a waiting caller; `spent` is the error that it gets when the budget is used up.
    pub(super) async fn ask(
        &self,
        desk: &Desk,
        order: &Order,
        payment: &Payment,
        spent: (Code, &str),
    ) -> Result<(), Status> {
        if !desk.turn(&payment.account, ASK_PATIENCE).await.map_err(error::store)? {
            let message = format!("the budget of questions of account {} is used up; try again", payment.account);
            return Err(error::status(spent.0, spent.1, &message));
        }
        let answer = desk.ask_payment(order, payment).await.map_err(error::not_taken_in)?;
        match answer.is_told() {
            _ if matches!(answer.outcome, Outcome::NotSent | Outcome::NoSuchOperation) => Err(no_api(&answer)),
            true => Ok(()),
            false => Err(unknown(&payment.out_trade_no, &answer)),
        }
    }

    async fn initiate(
        &self,
        desk: &Desk,
        order: &Order,
        payment: &Payment,
        request: &v1::StartPaymentRequest,
    ) -> Result<v1::StartPaymentResponse, Status> {
        let description = if order.description.is_empty() { order.id.to_string() } else { order.description.clone() };
        let call = v1::InitiateRequest {
            account: payment.account.to_string(),
            out_trade_no: payment.out_trade_no.to_string(),
            amount: Some(convert::money(order.amount)),
            method: request.method,
            description,
            expire_time: payment.expires_at.map(convert::time),
            payer_id: request.payer_id.clone(),
            client_ip: request.client_ip.clone(),
            return_url: request.return_url.clone(),
            start_time: Some(convert::time(payment.started_at)),
        };
        let (said, heard) = desk.initiate(order, payment, call).await.map_err(error::not_taken_in)?;
        match heard.outcome {
            Outcome::Answered => {}
            Outcome::Refused | Outcome::NotFound => return Err(refused(&payment.out_trade_no, &heard)),
            Outcome::NotSent => return Err(no_api(&heard)),
            Outcome::NoSuchOperation | Outcome::BadInput => {
                return Err(error::status(Code::InvalidArgument, "INVALID_ARGUMENT", &heard.detail));
            }
            Outcome::Unknown | Outcome::RateLimited(_) | Outcome::NotTakenIn => {
                return Err(unknown(&payment.out_trade_no, &heard));
            }
        }
        let said = said.unwrap_or_default();
        let reference = said.platform_reference.as_str();
        let order = if reference.is_empty() || payment.reference.as_deref() == Some(reference) {
            order.clone()
        } else {
            let (order_id, out_trade_no) = (order.id.clone(), payment.out_trade_no.clone());
            let command = Command::RecordReference { order_id, out_trade_no, reference: reference.into() };
            self.command(command, None).await?
        };
        let payment = payment_of(&order, &payment.out_trade_no)?;
        Ok(answer(&order, payment, said.action.map(action)))
    }
}

fn payment_of<'a>(order: &'a Order, number: &OutTradeNo) -> Result<&'a Payment, Status> {
    order.payment(number).ok_or_else(gone)
}

fn gone() -> Status {
    Status::internal("a payment is gone after its own command")
}

fn not_payable(message: &str) -> Status {
    error::status(Code::FailedPrecondition, "ORDER_NOT_PAYABLE", message)
}

/// No edge has keys for the account, or the platform tells nothing of such a payment.
fn no_api(answer: &Answer) -> Status {
    error::status(Code::FailedPrecondition, "NO_API", &answer.said())
}

fn answer(
    order: &Order,
    payment: &Payment,
    action: Option<v1::start_payment_response::Action>,
) -> v1::StartPaymentResponse {
    let payment = Some(convert::payment(order, payment));
    v1::StartPaymentResponse { order: Some(convert::order(order)), payment, action }
}

fn action(action: v1::initiate_response::Action) -> v1::start_payment_response::Action {
    use v1::{initiate_response::Action as From, start_payment_response::Action as To};
    match action {
        From::RedirectUrl(url) => To::RedirectUrl(url),
        From::HtmlForm(form) => To::HtmlForm(form),
        From::QrText(text) => To::QrText(text),
        From::SignedParameters(parameters) => To::SignedParameters(parameters),
    }
}

/// The platform said no, and nothing has happened there.
fn refused(number: &OutTradeNo, answer: &Answer) -> Status {
    let message = format!("the platform refuses payment {number}: {}", answer.said());
    let metadata = [("code".to_owned(), answer.code.clone())].into();
    paystate_rpc::status(Code::FailedPrecondition, "PLATFORM_REFUSED", &message, metadata)
}

/// Nobody knows what the platform has done.
pub(super) fn unknown(number: &OutTradeNo, answer: &Answer) -> Status {
    let message = format!(
        "the platform gave no answer about payment {number} ({}); paystate goes on asking, and the same call may be repeated",
        answer.said()
    );
    error::status(Code::Unavailable, "PLATFORM_OUTCOME_UNKNOWN", &message)
}
