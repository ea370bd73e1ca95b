//! The statement of a day (`txnType` 76): a ZIP, deflated once more, in base64, inside of the answer.
//!
//! `settleDate` has no year, so only recent days can be asked for.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{
    UnionPayApi,
    question::said,
    request::{bad, stamp},
};
use crate::{
    Instant,
    api::{Request, Response, StatementNext, Unable},
    crypto::decode_base64,
    failure::Failure,
    statement::{Day, FileFormat},
    time::start_of_day,
};

const DAY: i64 = 24 * 3600;
/// Half a year: no other day with the same month and day can be meant.
const OLDEST: i64 = 180 * DAY;
/// A day's file is made on the next one. Later, no file means that nothing moved.
const MADE_AFTER: i64 = 2 * DAY;
/// Of the ZIP; some ten million lines.
const MAX_FILE: u64 = 256 * 1024 * 1024;

impl UnionPayApi {
    pub(super) fn ask_statement(&self, day: Day, at: Instant) -> Result<Request, Unable> {
        let age = age(day, at).ok_or_else(|| bad("date", "no calendar has this day"))?;
        if !(0..OLDEST).contains(&age) {
            return Err(bad("date", "UnionPay names days without their year: ask for one of the last 180 days"));
        }
        let (time, date) = (stamp("time", at)?, month_and_day(day));
        let fields = vec![
            ("txnType", "76"),
            ("txnSubType", "01"),
            ("bizType", "000000"),
            ("fileType", "00"),
            ("txnTime", &time),
            ("settleDate", &date),
        ];
        self.post_to(format!("{}/", self.file_url), fields)
    }

    pub(super) fn read_statement(
        &self,
        day: Day,
        answer: &Response<'_>,
        at: Instant,
    ) -> Result<StatementNext, Failure> {
        let verified = self.verified(answer)?;
        let form = verified.form();
        let date = month_and_day(day);
        for (name, ours) in [("txnType", "76"), ("settleDate", date.as_str())] {
            if form.get(name) != Some(ours.as_bytes()) {
                return Err(Failure::for_another(name));
            }
        }
        match form.need("respCode")? {
            "00" => {
                let content = form.get("fileContent").ok_or_else(|| damaged("fileContent is missing"))?;
                Ok(StatementNext::Content(unpack(content)?, FileFormat::UnionPayZip))
            }
            "98" if age(day, at).is_some_and(|age| age >= MADE_AFTER) => Ok(StatementNext::Empty),
            code @ "98" => Ok(StatementNext::NotReady(said(form, code))),
            code @ "37" => Err(Failure::RateLimited(said(form, code), None)),
            code => Err(Failure::Unknown(said(form, code))),
        }
    }
}

/// Seconds since the day began in Beijing.
fn age(day: Day, at: Instant) -> Option<i64> {
    Some(at.seconds() - start_of_day(day, 8)?.seconds())
}

fn month_and_day(day: Day) -> String {
    format!("{:02}{:02}", day.month, day.day)
}

fn unpack(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let deflated = decode_base64(content).ok_or_else(|| damaged("fileContent is not base64"))?;
    let mut zip = Vec::new();
    let read = ZlibDecoder::new(deflated.as_slice()).take(MAX_FILE + 1).read_to_end(&mut zip);
    match read.map(u64::try_from) {
        Ok(Ok(length)) if length <= MAX_FILE => Ok(zip),
        Ok(_) => Err(damaged("fileContent is larger than 256 MiB")),
        Err(_) => Err(damaged("fileContent does not inflate")),
    }
}

fn damaged(detail: &str) -> Failure {
    Failure::unknown("STATEMENT_DAMAGED", detail)
}
