//! The stand-in platforms as one object: payers pay, shops refund, strangers attack.
//!
//! Contract: what a method returned `Ok` for is in the journal, its notices included. Dropping the last
//! clone stops the deliveries; opening the same directory again resumes them.

mod operations;
mod outbox;
mod statements;
pub(crate) mod teller;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use paystate_providers::Provider;
use tokio::{sync::Semaphore, task::spawn_blocking};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Callbacks, Counters, Fault, Keyring, Ledger, SandboxError, Settings,
    book::{Book, Notice},
    calls::Calls,
    delivery::{self, EdgeClient, MAX_IN_FLIGHT},
    fault::Faults,
    keyring::Secrets,
    platform::Desk,
    stamp::{Stamp, Stamps},
    statement::Blemish,
};

/// The platforms. Clones share everything.
#[derive(Debug, Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
    /// Deliveries hold `inner`, so its own drop would come too late to stop them.
    _running: Arc<DropGuard>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    keyring: Keyring,
    stamps: Stamps,
    turns: AtomicBool,
    book: Mutex<Book>,
    callbacks: Mutex<BTreeMap<Provider, Callbacks>>,
    held: Mutex<HashMap<(Provider, String), Vec<Notice>>>,
    faults: Faults,
    calls: Calls,
    blemishes: Mutex<HashMap<(Provider, String), Blemish>>,
    /// Stripe carries out requests under one idempotency key one after another.
    stripe_turn: tokio::sync::Mutex<()>,
    pub(crate) edge: EdgeClient,
    pub(crate) time_compression: u32,
    pub(crate) slots: Semaphore,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// The book stays whole when a holder of the lock panics: it writes first and then applies.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk { keys: self.keyring.secrets(), stamps: &self.stamps, turns: &self.turns }
    }
}

impl Sandbox {
    /// Opens the data directory, replays its journal and resumes what was not acknowledged.
    ///
    /// # Errors
    /// When the directory, the keys, the journal or the settings are not usable.
    pub async fn open(settings: Settings) -> Result<Self, SandboxError> {
        if settings.time_compression == 0 {
            return Err(SandboxError::invalid("time_compression", "use 1 or more"));
        }
        let edge = EdgeClient::new(&settings.edge_url, &settings.edge_ca_pem, settings.request_timeout)?;
        let dir = settings.data_dir;
        let (keyring, book) = spawn_blocking(move || open_dir(&dir))
            .await
            .map_err(|_| SandboxError::Crypto("opening the data directory"))??;
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            keyring,
            stamps: Stamps::after(book.state().last()).behind(settings.clock_behind),
            turns: AtomicBool::new(false),
            book: Mutex::new(book),
            callbacks: Mutex::default(),
            held: Mutex::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            blemishes: Mutex::default(),
            stripe_turn: tokio::sync::Mutex::default(),
            edge,
            time_compression: settings.time_compression,
            slots: Semaphore::new(MAX_IN_FLIGHT),
            stop: stop.clone(),
        });
        let sandbox = Self { inner, _running: Arc::new(stop.drop_guard()) };
        let resumed: Vec<_> = sandbox.inner.book().state().pending().keys().cloned().collect();
        sandbox.dispatch(resumed);
        Ok(sandbox)
    }

    /// The platforms' keys and the merchant's set-up.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    /// Waits until no notice is under way; false when that took longer than `deadline`.
    pub async fn quiesce(&self, deadline: Duration) -> bool {
        let mut pending = self.inner.book().watch_pending();
        let calm = pending.wait_for(|count| *count == 0);
        matches!(tokio::time::timeout(deadline, calm).await, Ok(Ok(_)))
    }

    /// A snapshot of trades, refunds and notices.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.inner.book().state().ledger().clone()
    }

    /// From now on an account misbehaves so. Several faults may stand; the first that fits a call strikes.
    pub fn add_fault(&self, fault: Fault) {
        self.inner.faults.add(fault);
    }

    /// An account behaves again.
    pub fn clear_faults(&self, provider: Provider) {
        self.inner.faults.clear(provider);
    }

    /// What each platform has done so far, earlier runs on the same journal included.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<Provider, Counters> {
        self.inner.book().state().counters().clone()
    }

    /// The time by which payments and refunds are dated.
    pub(crate) fn clock(&self) -> Stamp {
        self.inner.stamps.now()
    }

    pub(crate) fn keys(&self) -> &Secrets {
        self.inner.keyring.secrets()
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.inner.calls
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// What an account's callbacks do.
    pub(crate) fn callbacks(&self, provider: Provider) -> Callbacks {
        self.inner.callbacks(provider)
    }

    /// Whose turn it is of WeChat Pay's two keys.
    pub(crate) fn next_turn(&self) -> bool {
        self.inner.turns.fetch_xor(true, Ordering::Relaxed)
    }

    /// The lock under which Stripe looks at an idempotency key and acts.
    pub(crate) fn stripe_turn(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.stripe_turn
    }

    /// Starts the delivery of recorded notices.
    fn dispatch(&self, ids: Vec<String>) {
        let book = self.inner.book();
        for pending in ids.iter().filter_map(|id| book.state().pending().get(id)) {
            tokio::spawn(delivery::deliver(Arc::clone(&self.inner), pending.clone()));
        }
    }
}

fn open_dir(dir: &Path) -> Result<(Keyring, Book), SandboxError> {
    Ok((Keyring::load_or_create(dir)?, open_book(dir)?))
}

/// Deliveries of a sandbox that was just dropped may hold the journal for a moment longer.
fn open_book(dir: &Path) -> Result<Book, SandboxError> {
    let path = dir.join("journal.jsonl");
    let patience = std::time::Instant::now() + Duration::from_secs(2);
    loop {
        match Book::open(&path) {
            Err(SandboxError::InUse(_)) if std::time::Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}
