//! What can go wrong in the sandbox, worded for the person who started it.

use std::path::PathBuf;

/// A failed operation of the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A stored key or certificate is not readable; deleting the directory makes new ones.
    #[error("{path}: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A line of the journal, not the last one, is not readable.
    #[error("journal line {line}: {problem}")]
    Journal {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Another sandbox works on the same data directory.
    #[error("{0}: another sandbox holds this journal")]
    InUse(PathBuf),
    /// A value of a request or a setting.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field's name.
        field: &'static str,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The platform knows no such trade.
    #[error("{0}")]
    NotFound(String),
    /// The platform would refuse this in the trade's present state.
    #[error("{0}")]
    Conflict(String),
    /// The edge could not be reached, so nothing can be said of how it judges.
    #[error("the edge gave no answer: {0}")]
    Unreachable(String),
    /// A cryptographic operation failed; only broken keys or a dry entropy source can cause it.
    #[error("cryptography failed while {0}")]
    Crypto(&'static str),
    /// A certificate could not be made.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A statement could not be written.
    #[error("statement: {0}")]
    Statement(std::io::Error),
    /// The edge's certificate is not usable as a trust anchor.
    #[error("edge_ca_pem: {0}")]
    Tls(String),
}

impl SandboxError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn statement(error: std::io::Error) -> Self {
        Self::Statement(error)
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}
