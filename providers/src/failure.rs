//! How a call ended that was not answered as hoped: [`Reply`] without its answer, so that readers of answers can
//! use `?`.
//!
//! Contract: what cannot be verified is [`Failure::Unknown`], never a refusal; only a verified or authenticated
//! answer becomes one of the others.

use std::time::Duration;

use crate::{
    Rejection,
    api::{Reply, Said},
};

/// See [`Reply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    NotFound(Said),
    Refused(Said),
    Unknown(Said),
    RateLimited(Said, Option<Duration>),
}

impl Failure {
    pub(crate) fn unknown(code: &str, detail: impl Into<String>) -> Self {
        Self::Unknown(Said::new(code, &detail.into()))
    }

    /// A genuine answer to another question than ours.
    pub(crate) fn for_another(what: &str) -> Self {
        Self::unknown("ANSWER_FOR_ANOTHER", format!("{what} is not what was asked about"))
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::unknown(rejection.reason.as_str(), rejection.detail)
    }
}

impl<T> From<Result<T, Failure>> for Reply<T> {
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(answer) => Self::Answered(answer),
            Err(Failure::NotFound(said)) => Self::NotFound(said),
            Err(Failure::Refused(said)) => Self::Refused(said),
            Err(Failure::Unknown(said)) => Self::Unknown(said),
            Err(Failure::RateLimited(said, after)) => Self::RateLimited(said, after),
        }
    }
}
