//! A statement as rows of bytes.
//!
//! Contract: one row is in memory at a time, and it is bounded. A row knows its place, so that every complaint does.

use std::io::{BufRead, BufReader, Read};

use super::{Place, StatementError};
use crate::ident;

/// Longer rows are no rows of a statement; real ones have a few hundred bytes.
const MAX_ROW: u64 = 64 * 1024;

pub(super) struct Rows<R> {
    input: BufReader<R>,
    place: Place,
    row: Vec<u8>,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(input: R, member: &str) -> Self {
        let place = Place { member: member.to_owned(), line: 0 };
        Self { input: BufReader::with_capacity(64 * 1024, input), place, row: Vec::new() }
    }

    /// Reads the next row, without its line end. `false` at the end of the file. Every check that a reader makes at the end
    /// of its bytes (hashes, lengths) has passed by then.
    pub(super) fn advance(&mut self) -> Result<bool, StatementError> {
        self.row.clear();
        self.place.line += 1;
        let read = (&mut self.input).take(MAX_ROW).read_until(b'\n', &mut self.row);
        read.map_err(|error| StatementError::reading(self.place.clone(), error))?;
        if self.row.len() as u64 == MAX_ROW {
            return Err(self.damaged(format!("the line is longer than {MAX_ROW} bytes")));
        }
        let read_some = !self.row.is_empty();
        let end = self.row.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
        self.row.truncate(end);
        Ok(read_some)
    }

    pub(super) fn row(&self) -> &[u8] {
        &self.row
    }

    pub(super) fn number(&self) -> u64 {
        self.place.line
    }

    pub(super) fn into_input(self) -> R {
        self.input.into_inner()
    }

    pub(super) fn damaged(&self, problem: impl Into<String>) -> StatementError {
        StatementError::damaged(self.place.clone(), problem)
    }

    pub(super) fn other(&self, problem: impl Into<String>) -> StatementError {
        StatementError::other(self.place.clone(), problem)
    }

    /// A number of a payment or refund; empty where the cell is.
    pub(super) fn id(&self, text: &str, column: &str) -> Result<String, StatementError> {
        let id = ident::optional_id(Some(text), column).map_err(|rejection| self.damaged(rejection.detail))?;
        Ok(id.unwrap_or_default())
    }
}

/// Finds columns by name, because platforms add some now and then. The error names those that are missing.
pub(super) fn columns<const N: usize>(header: &[&str], names: [&str; N]) -> Result<[usize; N], String> {
    let missing: Vec<_> = names.iter().filter(|name| !header.contains(name)).copied().collect();
    if !missing.is_empty() {
        return Err(format!("no column {}", missing.join(", ")));
    }
    Ok(names.map(|name| header.iter().position(|cell| *cell == name).unwrap_or_default()))
}
