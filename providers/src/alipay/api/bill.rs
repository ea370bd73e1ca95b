//! Where the statement of a day lies: an address that works for 30 seconds (opendocs.alipay.com 02ekfu).

use serde::Deserialize;

use super::{AlipayApi, answer::Codes, request::biz};
use crate::{
    Instant, Reason,
    api::{Request, Response, StatementNext, Unable},
    bill_day,
    failure::Failure,
    statement::{Day, FileFormat},
};

const QUERY: &str = "alipay.data.dataservice.bill.downloadurl.query";

/// The day had no trades, or its bill is not made yet: the codes are mixed up in the documents.
const NO_BILL: &[&str] = &["NO_BILL_DATA", "BILL_NOT_EXIST", "isp.bill_not_exist"];

const CODES: Codes = Codes { not_found: &[], refused: &[], rate_limited: &["SYSTEM_RATE_LIMIT", "USER_RATE_LIMIT"] };

#[derive(Deserialize)]
struct Found {
    bill_download_url: String,
}

impl AlipayApi {
    pub(super) fn ask_bill(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        let date = bill_day::text(day)?;
        self.call(QUERY, biz([("bill_date", &date), ("bill_type", "trade")]), at)
    }

    pub(super) fn read_bill(&self, day: Day, answer: &Response<'_>, at: Instant) -> Result<StatementNext, Failure> {
        let node = self.node(QUERY, "", answer)?;
        if node.failed_with(NO_BILL) {
            return Ok(if bill_day::bills_are_made(day, at) {
                StatementNext::Empty
            } else {
                StatementNext::NotReady(node.said())
            });
        }
        node.done(&CODES)?;
        let found: Found = node.fields()?;
        Ok(StatementNext::File(download(&found.bill_download_url)?, FileFormat::AlipayZip))
    }
}

/// The file has no signature, so TLS must protect it: Alipay gives `http` addresses that `https` serves as well.
fn download(url: &str) -> Result<Request, Failure> {
    let no_address = || Failure::unknown(Reason::Malformed.as_str(), "bill_download_url is not an address");
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(no_address)?;
    let url = format!("https://{rest}");
    url.parse::<http::Uri>().map_err(|_| no_address())?;
    Ok(Request { method: http::Method::GET, url, headers: http::HeaderMap::new(), body: Vec::new() })
}
