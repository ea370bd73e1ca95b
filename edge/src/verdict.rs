//! How the edge ended with one callback: the one value from which the answer, the log and the metrics are made.

use paystate_providers::{Outcome, Reason, Rejection};

use crate::body::Unread;

/// The end of a callback.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The core has committed it now.
    Stored,
    /// The core had committed the same signed content before.
    Duplicate,
    /// The platform's rules refuse it.
    Rejected(Rejection),
    /// The platform is not known to send from there.
    NotAllowed(Rejection),
    /// It could not be read.
    Unread(Unread),
    /// A fault of ours, before it was known what the callback says.
    Fault(Fault),
    /// It is genuine, but a fault of ours kept it from being stored; the text names what it is about.
    Unstored(Fault, String),
}

/// Which fault of ours stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Too many callbacks in flight.
    Overloaded,
    /// Too many messages wait for the core.
    QueueFull,
    /// The core did not answer in time; it may still have stored the message.
    CoreSlow,
    /// The core, or the way to it, failed.
    CoreFailed,
    /// The request took longer than any part of it may.
    RequestSlow,
    /// A defect of ours.
    Panicked,
}

impl Verdict {
    /// What the platform is told.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Stored | Self::Duplicate => Outcome::Accepted,
            Self::Rejected(rejection) | Self::NotAllowed(rejection) => rejection.reason.outcome(),
            Self::Unread(_) => Outcome::Refused,
            Self::Fault(_) | Self::Unstored(..) => Outcome::Unavailable,
        }
    }

    /// Stable name of why, for logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Stored => "STORED",
            Self::Duplicate => "DUPLICATE",
            Self::Rejected(Rejection { reason, .. }) | Self::NotAllowed(Rejection { reason, .. }) => {
                Reason::as_str(*reason)
            }
            Self::Unread(unread) => unread.as_str(),
            Self::Fault(fault) | Self::Unstored(fault, _) => fault.as_str(),
        }
    }

    /// Whether only a holder of the platform's key can have caused it.
    pub(crate) fn is_proven(&self) -> bool {
        match self {
            Self::Stored | Self::Duplicate | Self::Unstored(..) => true,
            Self::Rejected(rejection) => rejection.reason.proves_signature(),
            Self::NotAllowed(_) | Self::Unread(_) | Self::Fault(_) => false,
        }
    }

    /// A sentence for a person; may quote bounded input, so it is escaped wherever it is shown.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Rejected(rejection) | Self::NotAllowed(rejection) => &rejection.detail,
            Self::Unread(unread) => unread.sentence().trim_end(),
            Self::Unstored(_, what) => what,
            Self::Stored | Self::Duplicate | Self::Fault(_) => "",
        }
    }
}

impl Fault {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "OVERLOADED",
            Self::QueueFull => "QUEUE_FULL",
            Self::CoreSlow => "CORE_SLOW",
            Self::CoreFailed => "CORE_FAILED",
            Self::RequestSlow => "REQUEST_SLOW",
            Self::Panicked => "PANICKED",
        }
    }
}
