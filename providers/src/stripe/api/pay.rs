//! Beginning a payment: a Checkout Session (the payer goes to Stripe's page) or a PaymentIntent (the shop's own page).

use super::{
    StripeApi,
    answer::{check_mode, is_of, object},
    request::{Fields, Reference, bad, number, units},
};
use crate::{
    Instant, Money,
    api::{Action, Initiate, InitiateMethod, Initiated, Request, Response, Unable},
    failure::Failure,
    stripe::{
        amount::of_stripe,
        objects::{PaymentIntent, Session},
    },
};

const HOUR: i64 = 3600;
/// An idempotency key may be forgotten after 24 hours; then a repetition would be a second payment.
const LAST_TRY: i64 = 23 * HOUR;
/// Stripe makes no session that ends in less than 30 minutes, and any try within the payer's time may be the one that
/// makes it, with the very same content: so a session's end lies this far behind the end of that time. The core closes
/// sessions that are due.
const AFTER_PAYERS_TIME: i64 = 40 * 60;
/// Nor one that ends in more than 24 hours.
const LONGEST: i64 = 23 * HOUR;
/// Longer names are cut.
const MAX_NAME: usize = 200;

impl StripeApi {
    pub(super) fn begin(&self, ask: &Initiate<'_>, at: Instant) -> Result<Request, Unable> {
        number("out_trade_no", ask.out_trade_no)?;
        if ask.amount.minor < 1 {
            return Err(bad("amount", "there is nothing to pay"));
        }
        if at.seconds().saturating_sub(ask.started_at.seconds()) > LAST_TRY {
            let problem = "Stripe would not recognise a repetition after so long; close this attempt and begin another";
            return Err(bad("start_time", problem));
        }
        match ask.method {
            InitiateMethod::StripeCheckout => self.begin_session(ask),
            InitiateMethod::StripePaymentIntent => self.begin_intent(ask),
            InitiateMethod::AlipayPage
            | InitiateMethod::AlipayWap
            | InitiateMethod::AlipayApp
            | InitiateMethod::AlipayPrecreate
            | InitiateMethod::WechatPayNative
            | InitiateMethod::WechatPayJsapi
            | InitiateMethod::WechatPayApp
            | InitiateMethod::WechatPayH5
            | InitiateMethod::UnionPayGateway => {
                Err(bad("method", "this account is on Stripe; use STRIPE_CHECKOUT or STRIPE_PAYMENT_INTENT"))
            }
        }
    }

    fn begin_session(&self, ask: &Initiate<'_>) -> Result<Request, Unable> {
        if ask.return_url.is_empty() {
            return Err(bad("return_url", "Stripe Checkout needs the address to which the browser returns"));
        }
        let (amount, currency) = (units(ask.amount)?, currency(ask.amount));
        let (name, expires_at) = (name(ask), expires_at(ask).map(|at| at.to_string()));
        let mut fields = vec![
            ("mode", "payment"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &currency),
            ("line_items[0][price_data][unit_amount]", &amount),
            ("line_items[0][price_data][product_data][name]", &name),
            ("client_reference_id", ask.out_trade_no),
            ("metadata[out_trade_no]", ask.out_trade_no),
            ("payment_intent_data[metadata][out_trade_no]", ask.out_trade_no),
            ("success_url", ask.return_url),
            ("cancel_url", ask.return_url),
        ];
        fields.extend(expires_at.as_deref().map(|at| ("expires_at", at)));
        self.post_begin("/v1/checkout/sessions", fields, ask)
    }

    fn begin_intent(&self, ask: &Initiate<'_>) -> Result<Request, Unable> {
        let (amount, currency, name) = (units(ask.amount)?, currency(ask.amount), name(ask));
        let fields = vec![
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("description", &name),
            ("metadata[out_trade_no]", ask.out_trade_no),
            ("automatic_payment_methods[enabled]", "true"),
        ];
        self.post_begin("/v1/payment_intents", fields, ask)
    }

    fn post_begin(&self, path: &str, fields: Fields<'_>, ask: &Initiate<'_>) -> Result<Request, Unable> {
        self.post_once(path, fields, &format!("paystate-pay-{}", ask.out_trade_no))
    }

    pub(super) fn begun(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Result<Initiated, Failure> {
        if ask.method == InitiateMethod::StripeCheckout {
            self.begun_session(ask, object(answer)?)
        } else {
            self.begun_intent(ask, object(answer)?)
        }
    }

    fn begun_session(&self, ask: &Initiate<'_>, session: Session) -> Result<Initiated, Failure> {
        check_mode(self, session.livemode)?;
        let amount = session.amount_total.zip(session.currency.as_deref());
        let ours = is_of(session.metadata.as_ref(), ask.out_trade_no) && is_amount(amount, ask.amount);
        let named = session.id.filter(|id| matches!(Reference::read(id), Ok(Reference::Session(_))));
        match (named, session.url) {
            (Some(id), Some(url)) if ours => Ok(Initiated { action: Action::RedirectUrl(url), reference: Some(id) }),
            (Some(_), None) if ours => Err(Failure::unknown("SESSION_OVER", "the session has no address any more")),
            _ => Err(Failure::for_another("the session")),
        }
    }

    fn begun_intent(&self, ask: &Initiate<'_>, intent: PaymentIntent) -> Result<Initiated, Failure> {
        check_mode(self, intent.livemode)?;
        let amount = Some((intent.amount, intent.currency.as_str()));
        let named = matches!(Reference::read(&intent.id), Ok(Reference::Intent(_)));
        if !named || !is_of(intent.metadata.as_ref(), ask.out_trade_no) || !is_amount(amount, ask.amount) {
            return Err(Failure::for_another("the PaymentIntent"));
        }
        let secret = intent.client_secret.ok_or_else(|| Failure::unknown("MALFORMED", "client_secret is missing"))?;
        let parameters = vec![("client_secret".to_owned(), secret)];
        Ok(Initiated { action: Action::SignedParameters(parameters), reference: Some(intent.id) })
    }
}

/// From the attempt's own times, so that a repetition is the same.
fn expires_at(ask: &Initiate<'_>) -> Option<i64> {
    let started = ask.started_at.seconds();
    let payers_time = ask.expires_at?.seconds().max(started);
    Some(payers_time.saturating_add(AFTER_PAYERS_TIME).min(started.saturating_add(LONGEST)))
}

/// Stripe wants a name; the number is one.
fn name(ask: &Initiate<'_>) -> String {
    let name = if ask.description.trim().is_empty() { ask.out_trade_no } else { ask.description };
    name.chars().take(MAX_NAME).collect()
}

fn currency(amount: Money) -> String {
    amount.currency.as_str().to_ascii_lowercase()
}

fn is_amount(answered: Option<(i64, &str)>, ours: Money) -> bool {
    answered.is_some_and(|(units, currency)| of_stripe(units, currency) == Ok(ours))
}
