//! Threads for connections, apart from those that speak with the core.
//!
//! In a flood connections keep their threads busy with turning callers away. Calls to the core that took their
//! turn on the same threads would come late, and goodput would fall just when it is needed most.

use std::io;

use tokio::{
    runtime::{self, Handle, Runtime},
    task::JoinHandle,
};

/// One thread for each core of the machine, as the caller's runtime has. When this is dropped they end, together with
/// whatever runs on them.
#[derive(Debug)]
pub(crate) struct Threads {
    handle: Handle,
    /// `Some` until this is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread().thread_name("connections").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for threads is forbidden where other tasks run.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
