//! Accounts whose callbacks were turned away unread since the last look. Bounded by the number of accounts.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

/// The accounts' names.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    accounts: Mutex<BTreeSet<String>>,
    added: Notify,
}

impl TurnedAway {
    pub(crate) fn add(&self, account: &str) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Usually it is there already, in the flood that makes us shed.
        if !accounts.contains(account) {
            accounts.insert(account.to_owned());
            self.added.notify_one();
        }
    }

    /// Returns once there is an account. If it is cancelled, nothing is missed.
    pub(crate) async fn any(&self) {
        while self.accounts.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.added.notified().await;
        }
    }

    /// Takes all of them; there are none afterwards.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.accounts.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}
