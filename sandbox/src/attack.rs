//! What strangers try: messages that look like a platform's and must be refused.

use std::{fmt, str::FromStr};

use paystate_providers::Provider;
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// A stranger, or somebody between the platform and us, sends a message that must be refused.
#[derive(Debug, Clone)]
pub struct Attack {
    /// What is wrong with the message.
    pub kind: AttackKind,
    /// The platform that it pretends to come from.
    pub provider: Provider,
    /// The order that it wants to have paid.
    pub out_trade_no: String,
    /// The amount that it claims, in fen.
    pub amount_minor: i64,
}

impl Attack {
    /// The kinds that make sense against a platform's protocol.
    #[must_use]
    pub fn kinds(provider: Provider) -> &'static [AttackKind] {
        use AttackKind as K;
        match provider {
            Provider::Alipay => {
                &[K::ForgedSignature, K::TamperedAmount, K::MissingSignature, K::WrongAlgorithm, K::OtherMerchant]
            }
            Provider::WechatPay => &[
                K::ForgedSignature,
                K::TamperedAmount,
                K::MissingSignature,
                K::WrongAlgorithm,
                K::Stale,
                K::SignTest,
                K::OtherMerchant,
            ],
            Provider::UnionPay => &[
                K::ForgedSignature,
                K::TamperedAmount,
                K::MissingSignature,
                K::WrongAlgorithm,
                K::WrongVersion,
                K::SelfSignedCertificate,
                K::MerchantCertificate,
                K::OtherMerchant,
            ],
            Provider::Stripe => &[
                K::ForgedSignature,
                K::TamperedAmount,
                K::MissingSignature,
                K::WrongAlgorithm,
                K::Stale,
                K::OtherMerchant,
            ],
        }
    }
}

/// What is wrong with an attack's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackKind {
    /// Signed with a key that no platform has.
    ForgedSignature,
    /// Genuinely signed for another amount and changed afterwards.
    TamperedAmount,
    /// No signature at all.
    MissingSignature,
    /// A weaker or other algorithm than the account pins: Alipay `sign_type=RSA`, WeChat Pay another
    /// `Wechatpay-Signature-Type`, UnionPay `signMethod=11`, Stripe only `v0`.
    WrongAlgorithm,
    /// UnionPay's older `version=5.0.0`.
    WrongVersion,
    /// UnionPay: a certificate with the platform's name that signs itself.
    SelfSignedCertificate,
    /// UnionPay: a merchant's certificate, issued by the same authority.
    MerchantCertificate,
    /// Genuinely signed, but long ago.
    Stale,
    /// WeChat Pay's own probe.
    SignTest,
    /// Genuinely signed, for another merchant, or by Stripe's live mode.
    OtherMerchant,
}

impl AttackKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ForgedSignature,
        Self::TamperedAmount,
        Self::MissingSignature,
        Self::WrongAlgorithm,
        Self::WrongVersion,
        Self::SelfSignedCertificate,
        Self::MerchantCertificate,
        Self::Stale,
        Self::SignTest,
        Self::OtherMerchant,
    ];

    /// The name in the control API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForgedSignature => "forged_signature",
            Self::TamperedAmount => "tampered_amount",
            Self::MissingSignature => "missing_signature",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongVersion => "wrong_version",
            Self::SelfSignedCertificate => "self_signed_certificate",
            Self::MerchantCertificate => "merchant_certificate",
            Self::Stale => "stale",
            Self::SignTest => "sign_test",
            Self::OtherMerchant => "other_merchant",
        }
    }
}

impl fmt::Display for AttackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AttackKind {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            SandboxError::invalid("kind", format!("unknown; use one of {all}"))
        })
    }
}

/// How an attack was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AttackOutcome {
    /// HTTP status.
    pub status: u16,
    /// Whether the platform would take the answer for an acknowledgement. Must be false.
    pub accepted: bool,
}
