//! Alipay's form signature, over the fields as they arrived.
//!
//! V1 drops `sign` and `sign_type`; V2 drops `sign` only. The *kind* of notice chooses: trade notices and
//! return URLs are V1, messages (they carry `method` and another `notify_type`) are V2.

use super::Alipay;
use crate::{Callback, Reason, Rejection, crypto::sha256_hex, form::Form};

/// The kind of all notices about trades.
pub(super) const TRADE_NOTICE: &str = "trade_status_sync";

const V1: &[&str] = &["sign", "sign_type"];
const V2: &[&str] = &["sign"];

/// Fields that must not hide inside another field's value: those that we read, and the two that a
/// forger would have to swallow to slip in a `refund_fee` behind `passback_params`. Only these, because a
/// sloppy but honest free text may well hold `&version=2`.
const FIELDS: [&str; 21] = [
    "app_id",
    "buyer_id",
    "buyer_open_id",
    "gmt_close",
    "gmt_create",
    "gmt_payment",
    "gmt_refund",
    "method",
    "notify_id",
    "notify_type",
    "open_id",
    "out_biz_no",
    "out_trade_no",
    "point_amount",
    "receipt_amount",
    "refund_fee",
    "seller_id",
    "total_amount",
    "trade_no",
    "trade_status",
    "trans_currency",
];

/// Fields whose signature was checked. Says nothing yet about whose account they are for.
#[derive(Debug)]
pub struct Verified {
    form: Form,
    key_id: String,
}

impl Verified {
    pub(super) fn form(&self) -> &Form {
        &self.form
    }

    /// Fingerprint of the key that signed it.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// SHA-256 of the fields that are signed under every reading of the rules.
    pub(super) fn content_sha256(&self) -> String {
        sha256_hex(&self.form.canonical(&["sign", "sign_type", "alipay_cert_sn"], false))
    }

    /// A field's text; `None` when missing, empty or not UTF-8. All are signed but `sign`, `sign_type` and
    /// perhaps `alipay_cert_sn`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.text(name).ok().flatten()
    }
}

impl Alipay {
    /// The signature layer of a notice.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, callback: &Callback<'_>) -> Result<Verified, Rejection> {
        let form = Form::parse(callback.body)?;
        let message = form.text("notify_type")? != Some(TRADE_NOTICE) && form.get("method").is_some();
        self.verify_form(form, if message { V2 } else { V1 })
    }

    /// Verifies the query of a browser's return, for display only: it never says that money moved.
    ///
    /// # Errors
    /// Why the signature does not count, or [`Reason::WrongAccount`].
    pub fn verify_return(&self, query: &str) -> Result<Verified, Rejection> {
        let verified = self.verify_form(Form::parse(query.as_bytes())?, V1)?;
        self.bind_app(verified.form())?;
        self.bind_seller(verified.form())?;
        Ok(verified)
    }

    fn verify_form(&self, form: Form, except: &[&str]) -> Result<Verified, Rejection> {
        let sign = form.get("sign").ok_or_else(|| Rejection::new(Reason::SignatureMissing, "field sign is missing"))?;
        // Outside the signed string in V1, so the sender could say anything: only the pinned value passes.
        if form.get("sign_type") != Some(b"RSA2") {
            return Err(Rejection::new(Reason::AlgorithmNotAllowed, "sign_type is not RSA2"));
        }
        if form.get("alipay_cert_sn").is_some_and(|sn| !is_cert_sn(sn)) {
            return Err(Rejection::new(Reason::Malformed, "alipay_cert_sn is not a certificate's number"));
        }
        let invalid = || Rejection::new(Reason::SignatureInvalid, "sign does not match the fields");
        let key_id = self.signed_by(&signed_strings(&form, except), sign).ok_or_else(invalid)?.id.clone();
        // A shop's own data may look like it, so it is no stranger's fault.
        form.refuse_hidden(&FIELDS).map_err(Rejection::of_genuine)?;
        Ok(Verified { form, key_id })
    }
}

/// An MD5 in lower-case hex. It may be outside the signature, so it is held to its form.
fn is_cert_sn(text: &[u8]) -> bool {
    text.len() == 32 && text.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
}

/// The strings that Alipay may have signed. Usually one. Its documents disagree on empty values (02mse7:
/// all fields; 02kdnf: without empty ones) and on `alipay_cert_sn`, so where those occur there are more.
/// That opens nothing: empty values count as missing, and the serial number is not read.
fn signed_strings(form: &Form, except: &[&str]) -> Vec<Vec<u8>> {
    let mut exceptions = vec![except.to_vec()];
    if form.get("alipay_cert_sn").is_some() {
        exceptions.push([except, &["alipay_cert_sn"]].concat());
    }
    let keep_empty: &[bool] = if form.has_empty() { &[false, true] } else { &[false] };
    let rules = exceptions.iter().flat_map(|except| keep_empty.iter().map(move |keep| (except, *keep)));
    rules.map(|(except, keep)| form.canonical(except, keep)).collect()
}
