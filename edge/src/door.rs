//! Accounts as the caller configures them, and as a request finds them.

use std::{collections::BTreeMap, sync::Arc};

use paystate_providers::{Platform, Provider, api::PlatformApi};
use rustls::ClientConfig;

use crate::observe;

/// One account whose callbacks this edge takes, and whose platform it calls.
#[derive(Debug, Clone)]
pub struct Account {
    /// The platform that calls.
    pub provider: Provider,
    /// Its pinned keys and identity, ready to verify.
    pub platform: Arc<dyn Platform>,
    /// What is needed to call it; `None`: it only calls.
    pub api: Option<Api>,
}

/// What is needed to call an account's platform.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its keys and identity, ready to sign requests and verify answers.
    pub platform: Arc<dyn PlatformApi>,
    /// The authorities that the connection trusts; see [`crate::gateway::trust`].
    pub tls: Arc<ClientConfig>,
}

/// The accounts by short name, which is the last part of the callback's URL.
pub type Accounts = BTreeMap<String, Account>;

/// An account with its name.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) name: Arc<str>,
    pub(crate) provider: Provider,
    pub(crate) platform: Arc<dyn Platform>,
}

/// All accounts of the edge.
#[derive(Debug)]
pub(crate) struct Doors(BTreeMap<String, Arc<Door>>);

impl Doors {
    pub(crate) fn new(accounts: Accounts) -> Self {
        let door = |(name, account): (String, Account)| {
            let door = Door { name: name.as_str().into(), provider: account.provider, platform: account.platform };
            observe::expect(&door);
            (name, Arc::new(door))
        };
        Self(accounts.into_iter().map(door).collect())
    }

    /// The account of that name, if it is one on that platform.
    pub(crate) fn find(&self, provider: &str, account: &str) -> Option<&Arc<Door>> {
        self.0.get(account).filter(|door| door.provider.as_str() == provider)
    }
}
