//! Why a callback was refused: a stable reason for machines, a sentence for people.

use std::fmt;

use crate::Outcome;

/// A refused callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Stable reason.
    pub reason: Reason,
    /// What was wrong, for a person. Never holds secrets, payer ids or more than 200 bytes of input.
    pub detail: String,
}

impl Rejection {
    /// A rejection for `reason`; `detail` says what was wrong with this message.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The same, of a message whose signature is good: what cannot be read in it is ours to learn, and no stranger's.
    pub(crate) fn of_genuine(self) -> Self {
        let is_new = matches!(self.reason, Reason::Malformed | Reason::AlgorithmNotAllowed);
        Self { reason: if is_new { Reason::Unsupported } else { self.reason }, ..self }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

impl std::error::Error for Rejection {}

/// The stable reasons. The names are part of the contract: they are stored, shown and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A header or field that carries the signature or its inputs is absent or empty.
    SignatureMissing,
    /// The signature does not match these bytes under the pinned key.
    SignatureInvalid,
    /// A WeChat Pay probe (`WECHATPAY/SIGNTEST/`) that asks whether we verify at all.
    SignatureProbe,
    /// Another algorithm, version or scheme than the one that the account pins.
    AlgorithmNotAllowed,
    /// The message names a key that this account does not have. Ours to fix, so the platform retries.
    UnknownKey,
    /// The certificate in the message does not chain to the pinned one, is out of date, or is not the platform's.
    CertificateInvalid,
    /// Outside the freshness window.
    Stale,
    /// Genuine signature, but the content does not decrypt: our key is wrong. Ours to fix.
    DecryptionFailed,
    /// Genuine, but meant for another app, merchant or environment.
    WrongAccount,
    /// Not readable as this platform's format: encoding, duplicate keys, missing or malformed fields.
    Malformed,
    /// Genuine, and says what this version cannot read. Ours to fix, so the platform retries.
    Unsupported,
    /// An amount or currency that is not an exact decimal in range.
    BadAmount,
    /// Too large.
    TooLarge,
    /// From an address outside of the networks from which the platform is known to send.
    SourceNotAllowed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SignatureMissing,
        Self::SignatureInvalid,
        Self::SignatureProbe,
        Self::AlgorithmNotAllowed,
        Self::UnknownKey,
        Self::CertificateInvalid,
        Self::Stale,
        Self::DecryptionFailed,
        Self::WrongAccount,
        Self::Malformed,
        Self::Unsupported,
        Self::BadAmount,
        Self::TooLarge,
        Self::SourceNotAllowed,
    ];

    /// The name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignatureMissing => "SIGNATURE_MISSING",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::SignatureProbe => "SIGNATURE_PROBE",
            Self::AlgorithmNotAllowed => "ALGORITHM_NOT_ALLOWED",
            Self::UnknownKey => "UNKNOWN_KEY",
            Self::CertificateInvalid => "CERTIFICATE_INVALID",
            Self::Stale => "STALE",
            Self::DecryptionFailed => "DECRYPTION_FAILED",
            Self::WrongAccount => "WRONG_ACCOUNT",
            Self::Malformed => "MALFORMED",
            Self::Unsupported => "UNSUPPORTED",
            Self::BadAmount => "BAD_AMOUNT",
            Self::TooLarge => "TOO_LARGE",
            Self::SourceNotAllowed => "SOURCE_NOT_ALLOWED",
        }
    }

    /// Whether only somebody with the platform's key can be refused for this. Such refusals are faults to be
    /// looked at, and no flood of strangers may crowd them out.
    #[must_use]
    pub fn proves_signature(self) -> bool {
        match self {
            Self::DecryptionFailed | Self::WrongAccount | Self::BadAmount | Self::Unsupported => true,
            Self::SignatureMissing
            | Self::SignatureInvalid
            | Self::SignatureProbe
            | Self::AlgorithmNotAllowed
            | Self::UnknownKey
            | Self::CertificateInvalid
            | Self::Stale
            | Self::Malformed
            | Self::TooLarge
            | Self::SourceNotAllowed => false,
        }
    }

    /// Whether the platform should be told to try again. A fault of our set-up must never become a
    /// permanent refusal: the same bytes are good once the key is in place.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            // Stale: it may be our clock that is off, and a genuine platform signs its next try anew.
            // SourceNotAllowed: platforms change their addresses, and then it is our list that is out of date.
            Self::UnknownKey | Self::DecryptionFailed | Self::Stale | Self::SourceNotAllowed | Self::Unsupported => {
                Outcome::Unavailable
            }
            Self::SignatureMissing
            | Self::SignatureInvalid
            | Self::SignatureProbe
            | Self::AlgorithmNotAllowed
            | Self::CertificateInvalid
            | Self::WrongAccount
            | Self::Malformed
            | Self::BadAmount
            | Self::TooLarge => Outcome::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_our_fault_is_tried_again_and_a_forgery_is_not() {
        for ours in [Reason::UnknownKey, Reason::DecryptionFailed, Reason::Stale, Reason::SourceNotAllowed] {
            assert_eq!(ours.outcome(), Outcome::Unavailable, "{}", ours.as_str());
        }
        for theirs in
            [Reason::SignatureInvalid, Reason::SignatureMissing, Reason::AlgorithmNotAllowed, Reason::Malformed]
        {
            assert_eq!(theirs.outcome(), Outcome::Refused, "{}", theirs.as_str());
        }
    }
}
