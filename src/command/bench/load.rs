//! One measured run: orders, signatures, the clock, and then whether what was answered is true.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use paystate_sandbox::{Keyring, press::Press};
use rand::{SeedableRng as _, rngs::StdRng};
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{
    super::home::{self, Platforms},
    database::{self, Gauge, Work},
    generator::{self, End},
    machine::{self, Part},
    options::{Audience, Options, Setting, Shape},
    orders::Shop,
    plan::{self, Arrival, Blank, What},
    prepare::{self, Callback, Names, Wanted},
    process::{self, Group, Usage, Used},
    schedule::{self, Stretch, micros},
    stack::{self, Ground, Stack},
    stats::{self, Class, Judged, Second, Summary, count_of, float},
    subscribers::{Deliveries, Subscribers},
    wire::Dialer,
};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// All that the runs of one command share.
pub(super) struct Bench {
    pub(super) shape: Shape,
    audience: Audience,
    pub(super) ground: Ground,
    press: Arc<Press>,
    dialer: Dialer,
    /// Of the database; [`Gauge`] finds its processes.
    pub(super) database: String,
    watched: Vec<Group>,
    pin: bool,
    _home: TempDir,
}

/// What one run shall do.
pub(super) struct Job {
    pub(super) label: String,
    pub(super) stretches: Vec<Stretch>,
    /// Callbacks for stretches that offer the same ones again.
    pub(super) pool: usize,
    /// Whether to wait until PostgreSQL has told all that it counted.
    pub(super) settle: bool,
}

impl Job {
    pub(super) fn new(label: impl Into<String>, rate: f64, seconds: f64) -> Self {
        Self { label: label.into(), stretches: vec![Stretch::new(rate, seconds)], pool: 0, settle: false }
    }
}

/// What came of it, for the report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    pub(super) label: String,
    #[serde(flatten)]
    pub(super) summary: Summary,
    pub(super) processes: Vec<Usage>,
    /// CPU time of everything but the generator, for each callback that was sent.
    pub(super) service_cpu_us_per_callback: f64,
    pub(super) database: Work,
    /// Absent when nobody followed the log.
    pub(super) subscribers: Option<Deliveries>,
    pub(super) timeline: Vec<Second>,
    /// Answers that were not true, which must not exist. Empty in a sound run.
    pub(super) faults: Vec<String>,
}

/// A run with all that is needed to look closer, or to go on.
pub(super) struct Measured {
    pub(super) run: Run,
    pub(super) judged: Vec<Judged>,
    pub(super) sold: Sold,
    /// Sends that had nothing to send.
    pub(super) nothing_left: u64,
}

/// Orders and the callbacks about them.
pub(super) struct Sold {
    pub(super) names: Names,
    pub(super) blanks: Vec<Blank>,
    pub(super) callbacks: Arc<Vec<Callback>>,
    pub(super) shop: Shop,
}

impl Bench {
    /// Makes keys, certificate and configuration in a directory that is removed afterwards.
    pub(super) async fn new(options: &Options) -> Result<Self, String> {
        machine::allow_many_files();
        let audience = options.audience()?;
        let directory = tempfile::tempdir().map_err(|e| format!("cannot make a temporary directory: {e}"))?;
        let path = directory.path().to_owned();
        let made = spawn_blocking(move || {
            let config = home::prepare(&path, Platforms::Silent)?;
            let keyring = Keyring::load_or_create(&path.join("sandbox")).map_err(|e| e.to_string())?;
            Ok::<_, String>((config, keyring))
        });
        let (config, keyring) = made.await.map_err(|e| e.to_string())??;
        let temporary = || format!("sqlite:{}", directory.path().join("bench.db").display());
        let database = options.database.as_deref().map_or_else(temporary, stack::absolute);
        if options.cores > 1 && database.starts_with("sqlite:") {
            return Err("--cores: SQLite has one core; give a --database of PostgreSQL".to_owned());
        }
        if options.baseline.is_some() && database::postgres(&database)?.is_none() {
            return Err("--baseline pgbench needs a --database of PostgreSQL".to_owned());
        }
        if options.history.is_some() && database::postgres(&database)?.is_none() {
            return Err("--history needs a --database of PostgreSQL".to_owned());
        }
        let shape = options.shape();
        Ok(Self {
            ground: ground(options, config, &database, &shape),
            press: Arc::new(Press::new(keyring)),
            dialer: Dialer::new(&directory.path().join("edge.crt"))?,
            watched: watched(options),
            shape,
            audience,
            database,
            pin: options.pin,
            _home: directory,
        })
    }

    /// Fresh orders, signed callbacks, the clock, the check.
    pub(super) async fn measure(&self, stack: &mut Stack, job: &Job) -> Result<Measured, String> {
        let mut dice = StdRng::seed_from_u64(self.shape.seed);
        let due = schedule::write(&job.stretches, self.shape.spacing, &mut dice);
        let plan = plan::write(&due, &job.stretches, &self.shape, job.pool, &mut dice);
        let sold = self.sell(stack, plan.blanks).await?;
        let mut gauge = Gauge::open(&self.database).await?;
        let groups = self.groups(stack, &gauge);
        let metrics = stack.core_metrics()?;
        let subscribers = Subscribers::open(&stack.cores()?, self.audience).await?;
        let before = gauge.read(&metrics, job.settle).await?;
        let (samples, used) = self.send(stack, &sold, plan.arrivals, plan.pool, &groups).await?;
        let seconds = job.stretches.iter().map(|s| s.seconds).sum();
        let subscribers = match subscribers {
            Some(subscribers) => Some(subscribers.close(seconds).await?),
            None => None,
        };
        let after = gauge.read(&metrics, job.settle).await?;

        let nothing_left = count_of(samples.iter().filter(|s| s.end == End::NothingLeft).count());
        let judged = stats::judge(samples, &sold.callbacks);
        let summary = Summary::of(&judged, 0, micros(seconds));
        let sent = float(summary.sent.max(1));
        let processes: Vec<_> = groups.iter().zip(&used).map(|(group, used)| usage(group, used, sent)).collect();
        let mut faults: Vec<_> = stack.check().err().into_iter().collect();
        let paid = sold.shop.paid(&sold.names, sold.blanks.len()).await?;
        faults.extend(untrue(&judged, &sold.blanks, &paid));
        faults.extend(subscribers.iter().flat_map(Deliveries::faults));
        let run = Run {
            label: job.label.clone(),
            service_cpu_us_per_callback: processes.iter().skip(1).map(|p| p.cpu_us_per_callback).sum(),
            processes,
            database: Work::between(&before, &after, sent),
            subscribers,
            timeline: stats::timeline(&judged),
            faults,
            summary,
        };
        Ok(Measured { run, judged, sold, nothing_left })
    }

    /// Orders first and signatures last, because signatures age.
    async fn sell(&self, stack: &Stack, blanks: Vec<Blank>) -> Result<Sold, String> {
        let shop = Shop::connect(&stack.cores()?).await?;
        let names = Names::new();
        shop.sell(&names, &blanks).await?;
        let wanted = |(number, blank): (usize, &Blank)| Wanted { number, blank: *blank, stamp: blank.stamp() };
        let callbacks = self.sign(&names, blanks.iter().enumerate().map(wanted).collect()).await?;
        Ok(Sold { names, blanks, callbacks: Arc::new(callbacks), shop })
    }

    /// Signs what is about to be sent once more, long after its first time: nothing may go stale on the way.
    pub(super) async fn sign_again(&self, sold: &mut Sold, arrivals: &[Arrival]) -> Result<(), String> {
        let wanted = |arrival: &Arrival| match arrival.what {
            What::This(number) => {
                let number = usize::try_from(number).ok()?;
                Some(Wanted { number, blank: *sold.blanks.get(number)?, stamp: arrival.at })
            }
            What::Next => None,
        };
        let wanted: Vec<_> = arrivals.iter().filter_map(wanted).collect();
        let signed = self.sign(&sold.names, wanted.clone()).await?;
        let callbacks = Arc::get_mut(&mut sold.callbacks).ok_or("callbacks are still being sent")?;
        for (wanted, signed) in wanted.iter().zip(signed) {
            if let Some(callback) = callbacks.get_mut(wanted.number) {
                *callback = signed;
            }
        }
        Ok(())
    }

    async fn sign(&self, names: &Names, wanted: Vec<Wanted>) -> Result<Vec<Callback>, String> {
        let (press, names) = (self.press.clone(), names.clone());
        spawn_blocking(move || prepare::sign(&press, &names, &wanted)).await.map_err(|e| e.to_string())?
    }

    /// Sends, and says what each group used meanwhile.
    pub(super) async fn send(
        &self,
        stack: &Stack,
        sold: &Sold,
        arrivals: Vec<Arrival>,
        pool: Vec<u32>,
        groups: &[Group],
    ) -> Result<(Vec<generator::Sample>, Vec<Used>), String> {
        let load = generator::Load {
            arrivals,
            callbacks: sold.callbacks.clone(),
            pool,
            edges: stack.edges()?,
            connections: self.shape.connections,
            new_connections: self.shape.new_connections,
        };
        if self.pin {
            machine::pin(std::process::id(), Part::Generator)?;
        }
        let memory = Memory::watch(groups.to_vec());
        let mut before = Vec::new();
        let samples = generator::run(load, &self.dialer, || before = process::used(groups)).await;
        let after = process::used(groups);
        let peaks = memory.peaks();
        if self.pin {
            machine::pin(std::process::id(), Part::Whole)?;
        }
        let used = before.iter().zip(after).zip(peaks);
        let used = used.map(|((before, after), peak)| Used {
            cpu: after.cpu.saturating_sub(before.cpu),
            bytes: after.bytes.max(peak),
        });
        Ok((samples?, used.collect()))
    }

    /// The generator first, then what it measures.
    fn groups(&self, stack: &Stack, gauge: &Gauge) -> Vec<Group> {
        let generator = Group::alone("generator", std::process::id());
        let mut groups = vec![generator];
        groups.extend(stack.groups());
        groups.extend(self.watched.iter().cloned());
        groups.extend(gauge.group.clone().filter(|g| self.watched.iter().all(|w| w.name != g.name)));
        groups
    }

    /// Keeps the database's processes off the generator's core, or lets them go again.
    pub(super) async fn pin_databases(&self, part: Part) -> Result<(), String> {
        if !self.pin {
            return Ok(());
        }
        let gauge = Gauge::open(&self.database).await?;
        let groups = self.watched.iter().chain(&gauge.group);
        groups.flat_map(process::members).try_for_each(|pid| machine::pin(pid, part))
    }

    /// Gives a new PostgreSQL database its tables; SQLite has them from its first start.
    pub(super) async fn migrate(&self) -> Result<(), String> {
        if database::postgres(&self.database)?.is_none() {
            return Ok(());
        }
        self.complaint("migrate").await?.map_or(Ok(()), Err)
    }

    /// The invariants of the database, by `paystate verify`. Answers with what it says if they do not hold.
    pub(super) async fn audit(&self) -> Result<Option<String>, String> {
        self.complaint("verify").await
    }

    /// Runs a command of this binary to its end; answers with what it said if that was not success.
    async fn complaint(&self, command: &str) -> Result<Option<String>, String> {
        let output = self.ground.command(command)?.output().await.map_err(|e| e.to_string())?;
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        Ok(if output.status.success() { None } else { Some(said) })
    }
}

/// The memory of groups, looked at by a thread of its own.
struct Memory {
    stop: mpsc::Sender<()>,
    watcher: thread::JoinHandle<Vec<u64>>,
}

impl Memory {
    fn watch(groups: Vec<Group>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let watcher = thread::spawn(move || {
            let mut peaks = vec![0; groups.len()];
            while stopped.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                for (peak, used) in peaks.iter_mut().zip(process::used(&groups)) {
                    *peak = used.bytes.max(*peak);
                }
            }
            peaks
        });
        Self { stop, watcher }
    }

    /// The most that each group had.
    fn peaks(self) -> Vec<u64> {
        drop(self.stop);
        self.watcher.join().unwrap_or_default()
    }
}

fn usage(group: &Group, used: &Used, sent: f64) -> Usage {
    let cpu = used.cpu.as_secs_f64();
    Usage {
        name: group.name.clone(),
        cpu_seconds: cpu,
        cpu_us_per_callback: cpu * 1e6 / sent,
        peak_memory_bytes: used.bytes,
    }
}

/// Redis is found by its name, unless the caller says where it is.
fn watched(options: &Options) -> Vec<Group> {
    let mut groups: Vec<_> = options.watch.iter().map(|w| Group::families(&w.name, w.pids.clone())).collect();
    if options.redis.is_some() && groups.iter().all(|g| g.name != "redis") {
        groups.push(Group::families("redis", process::named("redis-server")));
    }
    groups
}

fn ground(options: &Options, config: PathBuf, database: &str, shape: &Shape) -> Ground {
    let mut settings = vec![Setting::new("core.database", database)];
    settings.extend(options.redis.as_ref().map(|url| Setting::new("core.redis.urls", format!("[{url:?}]"))));
    // All our connections come from one address.
    let room = shape.connections + 64;
    settings.push(Setting::new("edge.limits.max_connections_per_ip", room));
    settings.push(Setting::new("edge.limits.max_connections", room.max(4096)));
    // They stand for those that platforms have kept since they brought something genuine.
    settings.push(Setting::new("edge.limits.stranger_tenure_ms", 3_600_000));
    if options.no_shedding {
        let bounds = ["edge.limits.max_in_flight", "edge.limits.queue", "core.commit.queue"];
        settings.extend(bounds.map(|bound| Setting::new(bound, 1_000_000)));
    }
    // Last, so that it wins.
    settings.extend(options.settings.iter().cloned());
    Ground { config, settings, cores: options.cores, edges: options.edges, pin: options.pin }
}

/// Answers that were not true, judged by which orders are PAID.
fn untrue(judged: &[Judged], blanks: &[Blank], paid: &[bool]) -> Vec<String> {
    let mut acknowledged = vec![false; paid.len()];
    for judged in judged.iter().filter(|j| j.class == Class::New) {
        let index = usize::try_from(judged.sample.callback).unwrap_or(usize::MAX);
        if let Some(known) = acknowledged.get_mut(index) {
            *known = true;
        }
    }
    let orders = || blanks.iter().zip(paid).zip(&acknowledged);
    let lost = orders().filter(|((blank, paid), acknowledged)| blank.genuine && **acknowledged && !**paid).count();
    let forged = orders().filter(|((blank, paid), _)| !blank.genuine && **paid).count();
    let wrong = judged.iter().filter(|j| j.class == Class::Wrong).count();
    let faults = [
        (lost, "callbacks were acknowledged and their orders are not PAID"),
        (forged, "orders are PAID by forgeries"),
        (wrong, "forgeries were acknowledged, or genuine callbacks refused for good"),
    ];
    faults.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use paystate_providers::Provider;

    use super::*;
    use crate::command::bench::{generator::Sample, options};

    #[test]
    fn a_lie_is_a_fault() {
        let blank = |genuine| Blank { provider: Provider::Alipay, genuine, first: 0 };
        let blanks = [blank(true), blank(true), blank(false)];
        let sample = |callback| Sample { callback, due: 0, waited: 0, latency: 1, end: End::NoAnswer };
        let judged = |callback, class| Judged { sample: sample(callback), class };
        let faults = |judged: &[Judged], paid: [bool; 3]| untrue(judged, &blanks, &paid).len();

        let honest = [judged(0, Class::New), judged(1, Class::NoAnswer), judged(2, Class::Refused)];
        assert_eq!(faults(&honest, [true, false, false]), 0);
        assert_eq!(faults(&honest, [true, true, false]), 0, "stored, though the answer was lost");
        assert_eq!(faults(&honest, [false, false, false]), 1, "acknowledged and lost");
        assert_eq!(faults(&honest, [true, false, true]), 1, "paid by a forgery");
        assert_eq!(faults(&[judged(2, Class::Wrong)], [true, true, false]), 1);
    }

    #[test]
    fn what_the_caller_sets_comes_last_and_wins() {
        let options = options::tests::parse(&["--redis", "redis://h", "--no-shedding", "--set", "edge.limits.queue=7"]);
        let ground = ground(&options, PathBuf::new(), "sqlite:/x", &options.shape());
        let said: Vec<_> = ground.settings.iter().map(ToString::to_string).collect();
        assert_eq!(said.first().map(String::as_str), Some("core.database=sqlite:/x"));
        assert!(said.contains(&"core.redis.urls=[\"redis://h\"]".to_owned()), "{said:?}");
        assert!(said.contains(&"core.commit.queue=1000000".to_owned()), "{said:?}");
        assert_eq!(said.last().map(String::as_str), Some("edge.limits.queue=7"));
    }
}
