//! Where the statement of a day lies, and the hash of its plain bytes: the file itself comes unsigned (4012556654).

use http::Method;
use serde::Deserialize;

use super::{
    WechatPayApi,
    answer::{Codes, RATE_LIMITED},
};
use crate::{
    Instant, Reason,
    api::{Request, Response, StatementNext, Unable},
    bill_day,
    failure::Failure,
    statement::{Day, FileFormat},
};

/// "None" is read from the refusals below.
const NONE: &str = "NO_STATEMENT_EXIST";
const BEING_MADE: &str = "STATEMENT_CREATING";
const CODES: Codes = Codes { not_found: &[], refused: &[NONE, BEING_MADE], rate_limited: RATE_LIMITED, question: true };

#[derive(Deserialize)]
struct Found {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

impl WechatPayApi {
    pub(super) fn ask_bill(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        let date = bill_day::text(day)?;
        self.get(&format!("/v3/bill/tradebill?bill_date={date}&bill_type=ALL&tar_type=GZIP"), at)
    }

    pub(super) fn read_bill(&self, day: Day, answer: &Response<'_>, at: Instant) -> Result<StatementNext, Failure> {
        match self.open(&CODES, answer) {
            Ok(opened) => self.download(&opened.read()?, at),
            // A day without payments has no bill, and neither has one whose bill is not made yet.
            Err(Failure::Refused(said)) => Ok(if said.code == NONE && bill_day::bills_are_made(day, at) {
                StatementNext::Empty
            } else {
                StatementNext::NotReady(said)
            }),
            Err(other) => Err(other),
        }
    }

    fn download(&self, found: &Found, at: Instant) -> Result<StatementNext, Failure> {
        let malformed = |what: &str| Failure::unknown(Reason::Malformed.as_str(), what);
        let sha1 = found.hash_value.to_ascii_lowercase();
        if found.hash_type != "SHA1" || sha1.len() != 40 || !sha1.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(malformed("the answer has no SHA1"));
        }
        if !found.download_url.starts_with("https://") {
            return Err(malformed("download_url is no https address"));
        }
        let request = self
            .request(Method::GET, found.download_url.clone(), Vec::new(), at)
            .map_err(|unable| malformed(&unable.to_string()))?;
        Ok(StatementNext::File(request, FileFormat::WechatPayCsv { sha1: Some(sha1) }))
    }
}
