//! A server process of one test, and the processes that it starts.
//!
//! Contract: they all work below the daemon's home, and that is how they are known. None of them is left when the
//! daemon has been dropped, also by a panic. Where nothing is dropped because the test was killed, the kernel ends the
//! daemon: it is bound to the thread that started it, so start it on the thread of the test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::SOON;

/// Between two looks at something that should happen at once.
const A_MOMENT: Duration = Duration::from_millis(10);
/// How long a daemon may take to say goodbye before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts `program` in a directory, as another user if one is named; the kernel sends it `signal` when the calling
/// thread ends.
pub(super) fn command(program: &Path, directory: &Path, user: Option<&str>, signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"]);
    }
    command.args(["--pdeathsig", signal]).arg(program).current_dir(directory).stdin(Stdio::null());
    command
}

/// The living processes that work below a directory.
pub(super) fn processes(home: &Path) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let at_home = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(home));
    all.filter(at_home).collect()
}

/// A running server.
pub(super) struct Daemon {
    child: Child,
    home: PathBuf,
    /// The signal that ends it cleanly and at once.
    farewell: &'static str,
}

impl Daemon {
    /// Starts a server whose processes work below `home`. What it prints is appended to `home/log`.
    pub(super) fn start(mut command: Command, home: &Path, farewell: &'static str) -> Self {
        let log = fs::File::options().create(true).append(true).open(home.join("log")).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Self { child, home: home.to_owned(), farewell }
    }

    /// Waits until `answers` says that the server does.
    pub(super) async fn ready(&mut self, answers: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !answers().await {
            let log = || fs::read_to_string(self.home.join("log")).unwrap();
            assert!(self.child.try_wait().unwrap().is_none(), "it ended at its start:\n{}", log());
            assert!(Instant::now() < deadline, "it does not answer:\n{}", log());
            tokio::time::sleep(A_MOMENT).await;
        }
    }

    /// Sends a signal to the server, not to its children.
    pub(super) fn signal(&self, signal: &str) {
        send(signal, processes(&self.home).into_iter().filter(|pid| *pid == self.child.id()));
    }

    /// Sends a signal to the server and its children.
    pub(super) fn signal_all(&self, signal: &str) {
        // The server first, so that it starts no child behind our back.
        self.signal(signal);
        send(signal, processes(&self.home));
    }

    /// Waits until none of its processes is left.
    pub(super) async fn ended(mut self) {
        let deadline = Instant::now() + SOON;
        while !self.is_gone() {
            assert!(Instant::now() < deadline, "it does not end: {:?}", processes(&self.home));
            tokio::time::sleep(A_MOMENT).await;
        }
    }

    fn is_gone(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some() && processes(&self.home).is_empty()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.signal(self.farewell);
        // Stopped processes hear nothing before this.
        self.signal_all("CONT");
        while !self.is_gone() {
            if Instant::now() > deadline {
                self.signal_all("KILL");
            }
            thread::sleep(A_MOMENT);
        }
    }
}

/// Processes that have ended meanwhile hear nothing, and that is no error.
fn send(signal: &str, pids: impl IntoIterator<Item = u32>) {
    let pids: Vec<String> = pids.into_iter().map(|pid| pid.to_string()).collect();
    if !pids.is_empty() {
        Command::new("kill").args(["-s", signal]).args(pids).stderr(Stdio::null()).status().unwrap();
    }
}
