//! The names (ids) of cases.
//!
//! Contract: a name says what the case is about, `KIND:ACCOUNT:ABOUT`, so the same cause has the same name and is
//! opened once, whoever finds it. A case that is opened again after it was settled has the same name, followed by `
//! again N`. Names are stored and shown, so they never change.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::{AccountName, BadId, CaseKind};

/// Stands between the id of the first case of a cause and the count, in the id of a case that is opened again. The
/// spaces keep it apart from every number of a platform.
const AGAIN: &str = " again ";
/// Begins the subject of a case about a refund. The space keeps it apart from every number of a platform.
const REFUND: &str = "refund ";
/// Bytes; longer than any id that is made here.
const LONGEST: usize = 1_024;

/// The name of a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseId(SmolStr);

impl CaseId {
    /// The id of a case of this kind about a subject: the platform's number of money, our number of a payment, or a
    /// day's difference.
    #[must_use]
    pub fn of(kind: CaseKind, account: &AccountName, about: impl Display) -> Self {
        let kind = kind.as_str().to_ascii_lowercase().replace('_', "-");
        Self(format_smolstr!("{kind}:{account}:{about}"))
    }

    /// The id of a case of this kind about a refund, named by its number, or about all that was given back `of
    /// TRANSACTION`.
    #[must_use]
    pub fn of_refund(kind: CaseKind, account: &AccountName, about: impl Display) -> Self {
        Self::of(kind, account, format_args!("{REFUND}{about}"))
    }

    /// Reads [`CaseId::as_str`] back. The case need not exist.
    ///
    /// # Errors
    /// [`BadId`]: it is empty, or longer than 1024 bytes.
    pub fn parse(text: impl Into<SmolStr>) -> Result<Self, BadId> {
        let text: SmolStr = text.into();
        if (1..=LONGEST).contains(&text.len()) { Ok(Self(text)) } else { Err(BadId { rule: "1 to 1024 bytes" }) }
    }

    /// The id as it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the case of the same cause that was opened first.
    #[must_use]
    pub fn cause(&self) -> Self {
        self.0.split_once(AGAIN).map_or_else(|| self.clone(), |(first, _)| Self(first.into()))
    }

    /// The name under which a case of this cause is opened for the `nth` time, counted from 0.
    #[must_use]
    pub fn nth(&self, nth: usize) -> Self {
        if nth == 0 { self.cause() } else { Self(format_smolstr!("{}{AGAIN}{nth}", self.cause())) }
    }

    /// The kind of case that it names; `None` for an id that is not made here.
    #[must_use]
    pub fn kind(&self) -> Option<CaseKind> {
        CaseKind::parse(&self.part(0)?.to_ascii_uppercase().replace('-', "_"))
    }

    /// The account that it names; `None` for an id that is not made here.
    pub(super) fn account(&self) -> Option<AccountName> {
        AccountName::parse(self.part(1)?).ok()
    }

    /// The number of the payment whose end is not known, if it names a case about that.
    pub(super) fn stuck_payment(&self) -> Option<SmolStr> {
        let cause = self.cause();
        (cause.kind()? == CaseKind::Stuck).then(|| cause.part(2).map(SmolStr::from)).flatten()
    }

    /// Whether it names a case about refunds, which later news may settle.
    pub(super) fn is_about_refunds(&self) -> bool {
        self.part(2).is_some_and(|about| about.starts_with(REFUND))
    }

    /// Kind, account, and what it is about.
    fn part(&self, index: usize) -> Option<&str> {
        self.0.splitn(3, ':').nth(index)
    }
}

impl Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
impl PartialEq<&str> for CaseId {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

#[cfg(test)]
impl From<&str> for CaseId {
    fn from(text: &str) -> Self {
        Self::parse(text).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account() -> AccountName {
        AccountName::parse("shop").unwrap()
    }

    proptest! {
        /// Whatever a platform calls its money.
        #[test]
        fn a_name_says_what_it_was_made_of(number in "[!-~]{1,128}", nth in 0_usize..9, kind in prop::sample::select(CaseKind::ALL.to_vec())) {
            let first = CaseId::of(kind, &account(), &number);
            let again = first.nth(nth);
            prop_assert_eq!(CaseId::parse(again.as_str()), Ok(again.clone()));
            prop_assert_eq!((again.cause(), again.kind(), again.account()), (first.clone(), Some(kind), Some(account())));
            prop_assert_eq!(again == first, nth == 0);
            let stuck = (kind == CaseKind::Stuck).then(|| SmolStr::from(&number));
            prop_assert_eq!((again.stuck_payment(), again.is_about_refunds()), (stuck, false));
            let refund = CaseId::of_refund(kind, &account(), &number);
            prop_assert!(refund.nth(nth).is_about_refunds() && refund != first);
        }
    }

    /// They are stored.
    #[test]
    fn names_never_change() {
        let name = CaseId::of(CaseKind::AmountMismatch, &account(), "T1");
        assert_eq!(name.as_str(), "amount-mismatch:shop:T1");
        assert_eq!(name.nth(2).as_str(), "amount-mismatch:shop:T1 again 2");
        assert_eq!(CaseId::of_refund(CaseKind::RefundStuck, &account(), "R1").as_str(), "refund-stuck:shop:refund R1");
    }

    #[test]
    fn what_is_no_name_of_ours_says_nothing() {
        let strange = CaseId::parse("nonsense").unwrap();
        assert_eq!((strange.kind(), strange.account(), strange.stuck_payment()), (None, None, None));
        assert!(!strange.is_about_refunds());
        assert!(CaseId::parse("").is_err() && CaseId::parse("x".repeat(1_025)).is_err());
    }
}
