//! Cores and edges under test: processes of this very binary, on free ports of the loopback.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{machine, options::Setting, process::Group};

/// From start to ready; a database may have to be made or recovered.
const START: Duration = Duration::from_secs(60);
/// From SIGTERM to the end.
const STOP: Duration = Duration::from_secs(40);

/// What is started.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// The configuration that all of them read.
    pub(super) config: PathBuf,
    pub(super) settings: Vec<Setting>,
    pub(super) cores: u32,
    pub(super) edges: u32,
    /// Keep them off the generator's core.
    pub(super) pin: bool,
}

/// One process.
struct Role {
    name: String,
    child: Child,
    pid: u32,
    addresses: BTreeMap<String, SocketAddr>,
}

/// Everything that was started. Dropping it kills what still runs.
pub(super) struct Stack {
    cores: Vec<Role>,
    edges: Vec<Role>,
}

impl Ground {
    /// A role of this binary that reads the configuration with all settings.
    pub(super) fn command(&self, role: &str) -> Result<Command, String> {
        let binary = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
        let mut command = Command::new(binary);
        command.arg(role).arg("--config").arg(&self.config).kill_on_drop(true).stdin(Stdio::null());
        if std::env::var_os("PAYSTATE_LOG").is_none() {
            command.env("PAYSTATE_LOG", "error");
        }
        for name in
            ["CORE__LISTEN", "CORE__METRICS_LISTEN", "EDGE__LISTEN", "EDGE__GATEWAY_LISTEN", "EDGE__METRICS_LISTEN"]
        {
            command.env(format!("PAYSTATE__{name}"), "127.0.0.1:0");
        }
        command.envs(self.settings.iter().map(Setting::variable));
        Ok(command)
    }

    /// The core first, then the edges that call it.
    pub(super) async fn start(&self) -> Result<Stack, String> {
        let mut stack = Stack { cores: Vec::new(), edges: Vec::new() };
        for number in 0..self.cores {
            stack.cores.push(self.role("core", number, self.cores, None).await?);
        }
        for number in 0..self.edges {
            let core = stack.cores.get(usize::try_from(number % self.cores).unwrap_or(0));
            let core = core.map(|c| c.address("core")).transpose()?;
            stack.edges.push(self.role("edge", number, self.edges, core).await?);
        }
        Ok(stack)
    }

    async fn role(&self, role: &str, number: u32, of: u32, core: Option<SocketAddr>) -> Result<Role, String> {
        let name = if of == 1 { role.to_owned() } else { format!("{role} {}", number + 1) };
        let mut command = self.command(role)?;
        command.stdout(Stdio::piped());
        if let Some(core) = core {
            command.env("PAYSTATE__EDGE__CORE", format!("http://{core}"));
        }
        let mut child = command.spawn().map_err(|e| format!("cannot start {name}: {e}"))?;
        let pid = child.id().ok_or_else(|| format!("{name} ended at once"))?;
        let up = timeout(START, addresses(&mut child, role)).await;
        let addresses = up.map_err(|_| format!("{name} did not come up"))?;
        let addresses = addresses.ok_or_else(|| format!("{name} did not start; it says why above"))?;
        if self.pin {
            machine::pin(pid, machine::Part::Service)?;
        }
        Ok(Role { name, child, pid, addresses })
    }
}

/// What a role prints when it is up, to its last line, which names its metrics. `None` if it ends before.
async fn addresses(child: &mut Child, role: &str) -> Option<BTreeMap<String, SocketAddr>> {
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    let mut addresses = BTreeMap::new();
    let last = format!("{role} metrics");
    while !addresses.contains_key(&last) {
        let line = lines.next_line().await.ok()??;
        addresses.extend(address(&line));
    }
    // Keep reading, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some(addresses)
}

/// `  edge         https  127.0.0.1:8443   POST /callback/…`: what is where.
fn address(line: &str) -> Option<(String, SocketAddr)> {
    let (name, rest) = [" grpc ", " https ", " http "].iter().find_map(|scheme| line.split_once(scheme))?;
    Some((name.trim().to_owned(), rest.split_whitespace().next()?.parse().ok()?))
}

impl Role {
    fn address(&self, name: &str) -> Result<SocketAddr, String> {
        self.addresses.get(name).copied().ok_or_else(|| format!("{} did not say where its {name} is", self.name))
    }

    async fn stop(mut self) -> Result<(), String> {
        let failed = |what: String| format!("{}: {what}", self.name);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            kill_process(pid, Signal::TERM).map_err(|e| failed(format!("cannot stop it: {e}")))?;
        }
        match timeout(STOP, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(failed(format!("ended with {status}"))),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("did not stop in time".to_owned())),
        }
    }
}

impl Stack {
    fn all(&self, roles: &[Role], name: &str) -> Result<Vec<SocketAddr>, String> {
        roles.iter().map(|role| role.address(name)).collect()
    }

    /// Where callbacks go.
    pub(super) fn edges(&self) -> Result<Vec<SocketAddr>, String> {
        self.all(&self.edges, "edge")
    }

    /// Where orders are made and read.
    pub(super) fn cores(&self) -> Result<Vec<SocketAddr>, String> {
        self.all(&self.cores, "core")
    }

    /// Metrics of the cores.
    pub(super) fn core_metrics(&self) -> Result<Vec<SocketAddr>, String> {
        self.all(&self.cores, "core metrics")
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        self.edges.iter().chain(&self.cores).map(|role| Group::alone(&role.name, role.pid)).collect()
    }

    /// Fails if a process has ended, and names the first.
    pub(super) fn check(&mut self) -> Result<(), String> {
        for role in self.edges.iter_mut().chain(&mut self.cores) {
            match role.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(format!("{} ended in the run: {status}", role.name)),
                Err(error) => return Err(format!("{}: {error}", role.name)),
            }
        }
        Ok(())
    }

    /// Edges first, so that they drain into cores that are still there.
    pub(super) async fn stop(self) -> Result<(), String> {
        let mut result = Ok(());
        for role in self.edges.into_iter().chain(self.cores) {
            result = result.and(role.stop().await);
        }
        result
    }
}

/// A `sqlite:` database with its path made absolute, so that it means the same to every process.
pub(super) fn absolute(database: &str) -> String {
    let path = database.strip_prefix("sqlite:").map(|path| std::path::absolute(Path::new(path)));
    match path {
        Some(Ok(path)) => format!("sqlite:{}", path.display()),
        Some(Err(_)) | None => database.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_addresses_are_understood() {
        let line = "  edge         https  127.0.0.1:8443   POST /callback/{provider}/{account}";
        assert_eq!(address(line), Some(("edge".into(), "127.0.0.1:8443".parse().unwrap())));
        let line = "  core metrics http   127.0.0.1:9464   GET /metrics";
        assert_eq!(address(line).unwrap().0, "core metrics");
        assert_eq!(address("Ctrl-C stops."), None);
    }

    #[test]
    fn a_relative_database_is_where_the_caller_stands() {
        assert!(absolute("sqlite:x.db").starts_with("sqlite:/"));
        assert_eq!(absolute("postgres://u@h/d"), "postgres://u@h/d");
    }
}
