//! Calls to a platform: what is sent, and what the answer means.
//!
//! Contract: as everywhere in this crate, no socket and no clock. A call is two pure functions: one builds and signs the
//! request, the other verifies the answer and reads it. The edge does what lies between. Every request carries the
//! number that the shop gave (`out_trade_no`, `out_refund_no`) where the platform recognises a repetition by it, so that a repeated call has
//! one effect.
//!
//! Nothing of an answer is believed before its signature was checked. What cannot be checked ([`Reply::Unknown`]) may
//! have had an effect: only a question can tell.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::{
    Instant, Money, Notice,
    statement::{Day, FileFormat, Line},
};

/// A request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Headers beside those of the connection; `Authorization` among them, so they are never logged.
    pub headers: HeaderMap,
    /// Exact body.
    pub body: Vec<u8>,
}

/// An answer as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Exact body.
    pub body: &'a [u8],
    /// When it had been read whole. Freshness windows are measured against it.
    pub received_at: Instant,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<T> {
    /// Verified.
    Answered(T),
    /// The platform knows no such payment or refund; it may be wrong for a while.
    NotFound(Said),
    /// Refused for good; nothing has happened.
    Refused(Said),
    /// A fault at the platform, or an answer that cannot be verified: it may have had an effect.
    Unknown(Said),
    /// Not carried out: too many calls. With the pause that was asked for, at most [`LONGEST_PAUSE`].
    RateLimited(Said, Option<Duration>),
}

impl<T> Reply<T> {
    /// The same, with what was verified put into other words.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Answered(value) => Reply::Answered(f(value)),
            Self::NotFound(said) => Reply::NotFound(said),
            Self::Refused(said) => Reply::Refused(said),
            Self::Unknown(said) => Reply::Unknown(said),
            Self::RateLimited(said, after) => Reply::RateLimited(said, after),
        }
    }
}

/// No platform may make a caller wait longer than this, whatever it asks for.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// What a platform said when it did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its code, e.g. `ACQ.TRADE_NOT_EXIST`; or one of ours, e.g. `SIGNATURE_INVALID`, `HTTP_502`.
    pub code: String,
    /// For people; never with a secret or a payer in it.
    pub detail: String,
}

impl Said {
    /// Keeps what can be shown safely: the code as at most 64 visible ASCII characters, the detail as at most 200
    /// without control characters.
    pub(crate) fn new(code: &str, detail: &str) -> Self {
        Self {
            code: code.chars().filter(char::is_ascii_graphic).take(64).collect(),
            detail: detail.chars().filter(|c| !c.is_control()).take(200).collect(),
        }
    }
}

/// Nothing can be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    /// The platform has no such operation, or none for this payment.
    #[error("{0}")]
    NoSuchOperation(&'static str),
    /// Something that the method needs is missing or does not fit the platform.
    #[error("{field}: {problem}")]
    BadInput {
        /// Which part of the question, by its name in the contract.
        field: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

/// How a payment is begun; each belongs to one platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InitiateMethod {
    /// Alipay page pay: `alipay.trade.page.pay`.
    AlipayPage,
    /// Alipay mobile web: `alipay.trade.wap.pay`.
    AlipayWap,
    /// Alipay app: `alipay.trade.app.pay`.
    AlipayApp,
    /// Alipay QR code: `alipay.trade.precreate`.
    AlipayPrecreate,
    /// WeChat Pay Native.
    WechatPayNative,
    /// WeChat Pay JSAPI and mini programs.
    WechatPayJsapi,
    /// WeChat Pay app.
    WechatPayApp,
    /// WeChat Pay H5.
    WechatPayH5,
    /// UnionPay gateway, front end.
    UnionPayGateway,
    /// Stripe Checkout Session.
    StripeCheckout,
    /// Stripe PaymentIntent.
    StripePaymentIntent,
}

/// A payment to begin. Everything is the same on every retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiate<'a> {
    /// How.
    pub method: InitiateMethod,
    /// The attempt's number.
    pub out_trade_no: &'a str,
    /// What must be paid.
    pub amount: Money,
    /// Shown to the payer.
    pub description: &'a str,
    /// When the attempt was begun.
    pub started_at: Instant,
    /// When the platform shall refuse payment.
    pub expires_at: Option<Instant>,
    /// The payer's id at the platform; empty where not given.
    pub payer_id: &'a str,
    /// The payer's IP address; empty where not given.
    pub client_ip: &'a str,
    /// Where the browser goes afterwards; empty where not given.
    pub return_url: &'a str,
}

/// How a payment is begun at its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Nothing needs to be sent: the front end carries what was signed.
    Ready(Action),
    /// This, and its answer goes to [`PlatformApi::initiated`].
    Call(Request),
}

/// What the front end needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send the browser here.
    RedirectUrl(String),
    /// Show this page; it posts itself.
    HtmlForm(String),
    /// Show this text as a QR code.
    QrText(String),
    /// Hand these to the platform's SDK.
    SignedParameters(Vec<(String, String)>),
}

/// A payment that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiated {
    /// What the front end needs.
    pub action: Action,
    /// The platform's name for the attempt where questions need it (Stripe).
    pub reference: Option<String>,
}

/// A question about a payment, or the wish to close it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRef<'a> {
    /// The attempt's number.
    pub out_trade_no: &'a str,
    /// When the attempt was begun at the platform; UnionPay names payments by it too. `None`: the shop began it itself,
    /// and nobody here knows.
    pub started_at: Option<Instant>,
    /// Until when the payer may pay it; `None`: not known.
    pub expires_at: Option<Instant>,
    /// As [`Initiated::reference`] said; empty where there is none.
    pub reference: &'a str,
    /// What must be paid: stands in facts about unpaid attempts, whose answers name no amount on some platforms.
    pub amount: Money,
}

/// Money to give back. Everything is the same on every retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund<'a> {
    /// The payment's number.
    pub out_trade_no: &'a str,
    /// The platform's number of the payment.
    pub transaction_id: &'a str,
    /// The refund's number.
    pub out_refund_no: &'a str,
    /// The platform's number of the refund, where a question needs it and it is known; empty otherwise.
    pub refund_id: &'a str,
    /// How much goes back.
    pub amount: Money,
    /// What was paid.
    pub paid: Money,
    /// Why; empty where not given.
    pub reason: &'a str,
    /// When the payment succeeded, if that is known.
    pub paid_at: Option<Instant>,
    /// When the refund was asked for.
    pub started_at: Instant,
}

/// What comes next when a statement is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementNext {
    /// Nothing moved on that day.
    Empty,
    /// The platform has not made it yet.
    NotReady(Said),
    /// The file is there: send this and read the body as that. The body may be large.
    File(Request, FileFormat),
    /// The file was in the answer.
    Content(Vec<u8>, FileFormat),
    /// Some lines, and the request for more. Its answer goes to [`PlatformApi::statement_next`] again.
    Page(Vec<Line>, Option<Request>),
}

/// One account on one platform, ready to call it. `at` is now, by the caller's clock.
pub trait PlatformApi: Send + Sync + std::fmt::Debug {
    /// Begins a payment.
    ///
    /// # Errors
    /// [`Unable`]: nothing can be sent.
    fn initiate(&self, ask: &Initiate<'_>, at: Instant) -> Result<Begin, Unable>;
    /// Reads the answer; signs what the front end needs.
    fn initiated(&self, ask: &Initiate<'_>, answer: &Response<'_>) -> Reply<Initiated>;
    /// Asks how a payment stands.
    ///
    /// # Errors
    /// [`Unable`]; [`Unable::NoSuchOperation`] where the platform cannot be asked with what is known of the payment. A
    /// question that might be about another payment is never sent: "not found" would be a lie.
    fn query_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable>;
    /// Reads the answer: a notice with one fact, as if the platform had called. `None`: nothing that is a fact yet.
    fn payment_answer(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<Option<Notice>>;
    /// Closes an unpaid payment.
    ///
    /// # Errors
    /// [`Unable::NoSuchOperation`] where payments end by time alone.
    fn close_payment(&self, ask: &PaymentRef<'_>, at: Instant) -> Result<Request, Unable>;
    /// Reads the answer.
    fn payment_closed(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<()>;
    /// Gives money back.
    ///
    /// # Errors
    /// [`Unable`].
    fn refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable>;
    /// Reads the answer. `None`: accepted, and nothing that is a fact yet.
    fn refunded(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>>;
    /// Asks how a refund stands.
    ///
    /// # Errors
    /// [`Unable`].
    fn query_refund(&self, ask: &Refund<'_>, at: Instant) -> Result<Request, Unable>;
    /// Reads the answer.
    fn refund_answer(&self, ask: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>>;
    /// Asks for the statement of a day.
    ///
    /// # Errors
    /// [`Unable`].
    fn statement(&self, day: Day, at: Instant) -> Result<Request, Unable>;
    /// Reads the answer to [`PlatformApi::statement`], or to the request of a [`StatementNext::Page`].
    fn statement_next(&self, day: Day, answer: &Response<'_>, at: Instant) -> Reply<StatementNext>;
}
