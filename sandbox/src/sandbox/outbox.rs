//! Which notices of an operation travel, and when.
//!
//! Notices that are held back live in memory only: a sandbox that is opened again never sends them.

use paystate_providers::Provider;

use super::{Inner, Sandbox};
use crate::{
    Callbacks, DeliveryPlan, SandboxError, Trade,
    book::{Notice, Record},
    platform::Draft,
};

/// The notices of one operation.
pub(super) struct Post {
    /// To be recorded with the operation, and sent.
    pub(super) now: Vec<Notice>,
    held: Vec<Notice>,
}

impl Inner {
    /// What an account's callbacks do.
    pub(super) fn callbacks(&self, provider: Provider) -> Callbacks {
        self.callbacks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(&provider)
            .copied()
            .unwrap_or_default()
    }
}

impl Sandbox {
    /// What the callbacks of everything do that merchants begin by the API, from now on.
    pub fn set_callbacks(&self, provider: Provider, callbacks: Callbacks) {
        let mut rules = self.inner.callbacks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rules.insert(provider, callbacks);
    }

    /// Sends what was held back of a payment. The merchant's wish to close it does the same.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn let_go(&self, provider: Provider, out_trade_no: &str) -> Result<(), SandboxError> {
        let mut held = self.inner.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(notices) = held.remove(&(provider, out_trade_no.to_owned())) else { return Ok(()) };
        drop(held);
        let ids = ids(&notices);
        self.inner.book().record(vec![Record::Released { notices }])?;
        self.dispatch(ids);
        Ok(())
    }

    /// Makes the notices of an operation on `trade`; `url` is where the merchant wants them.
    pub(super) fn post(&self, trade: &Trade, callbacks: Callbacks, url: Option<&str>, drafts: Vec<Draft>) -> Post {
        match callbacks {
            Callbacks::Sent(plan) => Post { now: self.notices(trade, plan, url, drafts), held: Vec::new() },
            Callbacks::Never => Post { now: Vec::new(), held: Vec::new() },
            Callbacks::AfterClose => {
                Post { now: Vec::new(), held: self.notices(trade, DeliveryPlan::default(), url, drafts) }
            }
        }
    }

    /// Sends what was recorded, keeps what is held back.
    pub(super) fn send_off(&self, post: Post) {
        if let Some(first) = post.held.first() {
            let key = (first.provider, first.out_trade_no.clone());
            let mut held = self.inner.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            held.entry(key).or_default().extend(post.held);
        }
        self.dispatch(ids(&post.now));
    }

    fn notices(&self, trade: &Trade, plan: DeliveryPlan, url: Option<&str>, drafts: Vec<Draft>) -> Vec<Notice> {
        let number = |draft: Draft| {
            let at = self.inner.stamps.next();
            Notice {
                id: format!("n{}", at.micros()),
                provider: trade.provider,
                out_trade_no: trade.out_trade_no.clone(),
                kind: draft.kind,
                signer: draft.signer,
                plan,
                body: draft.body,
                url: url.map(str::to_owned),
                at,
            }
        };
        drafts.into_iter().map(number).collect()
    }
}

fn ids(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(|notice| notice.id.clone()).collect()
}
