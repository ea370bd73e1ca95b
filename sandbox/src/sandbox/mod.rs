//! The stand-in platforms as one object: payers pay, shops refund, strangers attack.
//!
//! Contract: what a method returned `Ok` for is in the journal, its notices included. Dropping the last
//! clone stops the deliveries; opening the same directory again resumes them.

mod operations;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use paystate_providers::Provider;
use tokio::{sync::Semaphore, task::spawn_blocking};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Counters, Keyring, Ledger, SandboxError, Settings,
    book::Book,
    delivery::{self, EdgeClient, MAX_IN_FLIGHT},
    platform::Desk,
    stamp::Stamps,
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
            stamps: Stamps::after(book.state().last()),
            turns: AtomicBool::new(false),
            book: Mutex::new(book),
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

    /// What each platform has done so far, earlier runs on the same journal included.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<Provider, Counters> {
        self.inner.book().state().counters().clone()
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
