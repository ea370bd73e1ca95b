//! Why a statement cannot be believed.

use std::{fmt, io};

/// Where in a statement: a member of an archive, if it is one, and a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The member's name; empty where the file is no archive.
    pub member: String,
    /// The line, starting at 1; 0 for the file as a whole.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.member.is_empty(), self.line) {
            (true, 0) => f.write_str("the statement"),
            (true, line) => write!(f, "the statement, line {line}"),
            // Names come out of the file: whatever a terminal would obey is escaped.
            (false, 0) => write!(f, "{:?} in the statement", self.member),
            (false, line) => write!(f, "{:?} in the statement, line {line}", self.member),
        }
    }
}

/// A statement that cannot be believed. Lines that were read before are not to be believed either.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It is cut short, or something in it is not as the platform wrote it.
    #[error("{place}: {problem}; the file is damaged or cut short: fetch it again")]
    Damaged {
        /// Where.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
    /// It is something else than a statement of that platform.
    #[error("{place}: {problem}; give the file exactly as the platform made it, packed as it was")]
    Other {
        /// Where.
        place: Place,
        /// What is missing.
        problem: String,
    },
    /// It could not be read.
    #[error("{place}: cannot be read: {error}; try again")]
    Io {
        /// Where.
        place: Place,
        /// Why.
        error: io::Error,
    },
}

impl StatementError {
    /// For an error while reading: what a decoder or a check of ours found is damage.
    pub(super) fn reading(place: Place, error: io::Error) -> Self {
        let found = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
        );
        if found { Self::Damaged { place, problem: error.to_string() } } else { Self::Io { place, error } }
    }

    pub(super) fn damaged(place: Place, problem: impl Into<String>) -> Self {
        Self::Damaged { place, problem: problem.into() }
    }

    pub(super) fn other(place: Place, problem: impl Into<String>) -> Self {
        Self::Other { place, problem: problem.into() }
    }
}
