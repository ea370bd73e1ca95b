//! What the command line can say, and what it means: each value is checked here, once.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use paystate_providers::Provider;

/// Seconds of one run at most, so that a time in it fits 32 bits of microseconds.
const LONGEST: f64 = 3600.0;

/// Offers load at times fixed beforehand and says what became of it.
#[derive(Debug, Clone, Args)]
pub(in crate::command) struct Options {
    /// A whole experiment by name. What is given beside it changes it.
    #[arg(long, value_enum, conflicts_with_all = ["find_peak", "compare"])]
    pub(super) preset: Option<Preset>,
    /// Search the highest rate with p99 <= 250 ms and nothing refused or lost.
    #[arg(long, conflicts_with = "rate")]
    pub(super) find_peak: bool,
    /// Search the peak as it is and with this setting, then run both in turn, e.g. `batch_max=1`.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with_all = ["rate", "find_peak"])]
    pub(super) compare: Option<Setting>,
    /// Also measure the database alone, on the same server: `pgbench` runs the three writes of a callback, a
    /// transaction each.
    #[arg(long, value_enum)]
    pub(super) baseline: Option<Baseline>,

    /// The peak that an earlier search found in the same arrangement, for `--preset half` and `burst`: they do not search
    /// then.
    #[arg(long, value_name = "RATE", requires = "preset", conflicts_with = "rate", value_parser = positive)]
    pub(super) peak: Option<f64>,

    /// Callbacks offered a second [default: 200].
    #[arg(long, value_parser = positive)]
    pub(super) rate: Option<f64>,
    /// Seconds of a run [default: 10; rush 60, burst 120].
    #[arg(long, value_parser = seconds)]
    pub(super) seconds: Option<f64>,
    /// Seconds of each step of a search for the peak.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub(super) step_seconds: f64,
    /// Times between callbacks.
    #[arg(long, value_enum, default_value = "poisson")]
    pub(super) spacing: Spacing,
    /// Which platforms, by weight.
    #[arg(long, default_value = "alipay=4,wechatpay=4,unionpay=1,stripe=1")]
    pub(super) mix: Mix,
    /// Share of callbacks that were sent before [default: 0; rush 0.998].
    #[arg(long, value_parser = share)]
    pub(super) duplicates: Option<f64>,
    /// Share of callbacks that a stranger signed.
    #[arg(long, default_value = "0", value_parser = share)]
    pub(super) forgeries: f64,
    /// Everything that is drawn by lot; the same seed offers the same load.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Kept-alive connections; a callback waits for a free one, and the wait counts [default: 256; idle 4,
    /// burst 3000].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=28_000))]
    pub(super) connections: Option<u32>,
    /// A connection, with a whole handshake, for every callback.
    #[arg(long)]
    pub(super) new_connections: bool,

    /// `sqlite:PATH` or `postgres://...` [default: SQLite in a temporary directory].
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Redis for the core.
    #[arg(long, value_name = "URL")]
    pub(super) redis: Option<String>,
    /// Cores that share the database.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(super) cores: u32,
    /// Edges, spread over the cores; connections are spread over the edges.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(super) edges: u32,
    /// Streams of all events from now on, opened over gRPC for the time of each run and spread over the cores.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=16_000))]
    pub(super) subscribers: u32,
    /// So many of them read nothing after the first message.
    #[arg(long, default_value_t = 0, requires = "subscribers")]
    pub(super) stalled: u32,
    /// Fill a PostgreSQL database up to so many stored callbacks before the first run.
    #[arg(long, value_name = "CALLBACKS", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) history: Option<u64>,
    /// A value of the configuration, e.g. `core.commit.batch_max=32`; a bare name is one of `core.commit`. May
    /// be given more than once; `PAYSTATE__...` in the environment works too.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) settings: Vec<Setting>,
    /// Generator on the first core of the machine, everything else on the others.
    #[arg(long)]
    pub(super) pin: bool,
    /// Lift the bounds that make edge and core refuse what is too much: the control of `--preset burst`.
    #[arg(long)]
    pub(super) no_shedding: bool,
    /// The platforms' retry intervals after a burst are divided by this.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) time_compression: u32,

    /// Also count the CPU time of these processes and their children. PostgreSQL and redis-server are found
    /// by themselves where they run on this machine.
    #[arg(long = "cpu", value_name = "NAME=PID[,PID]")]
    pub(super) watch: Vec<Watch>,
    /// Do not check the invariants of the database afterwards; that takes long when it is large.
    #[arg(long)]
    pub(super) no_audit: bool,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the figures as one HTML page with curves.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preset {
    /// 5,556/s, 99.8 % of them duplicates: ten million callbacks for 20,000 orders in 30 minutes.
    Rush,
    /// One callback at a time: the floor of latency.
    Idle,
    /// Half of the peak, which is searched first.
    Half,
    /// Five times the peak, then the platforms' retries until every order is paid.
    Burst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Baseline {
    /// PostgreSQL's own load generator.
    Pgbench,
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Spacing {
    /// Independent of each other, as callers are.
    Poisson,
    /// Evenly.
    Constant,
}

/// What the load looks like; the same for every run of one command.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) spacing: Spacing,
    pub(super) mix: Mix,
    pub(super) duplicates: f64,
    pub(super) forgeries: f64,
    pub(super) seed: u64,
    pub(super) connections: usize,
    pub(super) new_connections: bool,
}

/// Who follows the log in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Audience {
    /// Streams that are read.
    pub(super) living: usize,
    /// Streams that are not.
    pub(super) stalled: usize,
}

impl Options {
    pub(super) fn audience(&self) -> Result<Audience, String> {
        let of = |n| usize::try_from(n).unwrap_or(usize::MAX);
        match self.subscribers.checked_sub(self.stalled) {
            Some(living) => Ok(Audience { living: of(living), stalled: of(self.stalled) }),
            None => Err("--stalled: these are some of the --subscribers, so not more than those".to_owned()),
        }
    }

    pub(super) fn shape(&self) -> Shape {
        let connections = self.connections.unwrap_or(match self.preset {
            Some(Preset::Idle) => 4,
            Some(Preset::Burst) => 3000,
            Some(Preset::Rush | Preset::Half) | None => 256,
        });
        let rush = self.preset == Some(Preset::Rush);
        Shape {
            spacing: self.spacing,
            mix: self.mix.clone(),
            duplicates: self.duplicates.unwrap_or(if rush { 0.998 } else { 0.0 }),
            forgeries: self.forgeries,
            seed: self.seed,
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            new_connections: self.new_connections,
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate.unwrap_or(match self.preset {
            Some(Preset::Rush) => 5556.0,
            Some(Preset::Idle) => 20.0,
            Some(Preset::Half | Preset::Burst) | None => 200.0,
        })
    }

    pub(super) fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(match self.preset {
            Some(Preset::Rush) => 60.0,
            Some(Preset::Burst) => 120.0,
            Some(Preset::Idle | Preset::Half) | None => 10.0,
        })
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| "not a number".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|n| if (0.1..=1e6).contains(&n) { Ok(n) } else { Err("use 0.1 to 1000000".into()) })
}

fn seconds(text: &str) -> Result<f64, String> {
    let wrong = || Err(format!("use 1 to {LONGEST} seconds"));
    number(text).and_then(|n| if (1.0..=LONGEST).contains(&n) { Ok(n) } else { wrong() })
}

fn share(text: &str) -> Result<f64, String> {
    number(text).and_then(|n| if (0.0..1.0).contains(&n) { Ok(n) } else { Err("use 0 to below 1".into()) })
}

/// Platforms by weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mix(Vec<(Provider, u32)>);

impl Mix {
    /// The platform of a draw from `0..self.total()`.
    pub(super) fn pick(&self, mut draw: u32) -> Provider {
        for (provider, weight) in &self.0 {
            match draw.checked_sub(*weight) {
                Some(rest) => draw = rest,
                None => return *provider,
            }
        }
        Provider::Alipay
    }

    /// The sum of the weights; at least 1.
    pub(super) fn total(&self) -> u32 {
        self.0.iter().map(|(_, weight)| weight).sum()
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| {
            let (name, weight) = part.split_once('=').ok_or("write NAME=WEIGHT,NAME=WEIGHT")?;
            let names = Provider::ALL.map(Provider::as_str).join(", ");
            let provider = name.trim().parse().map_err(|_| format!("{name}: use {names}"))?;
            let weight = weight.trim().parse().ok().filter(|w| *w <= 1000).ok_or("a weight is 0 to 1000")?;
            Ok::<_, String>((provider, weight))
        };
        let mix = Self(text.split(',').map(one).collect::<Result<_, _>>()?);
        if mix.total() == 0 { Err("at least one weight must be above 0".into()) } else { Ok(mix) }
    }
}

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    key: String,
    value: String,
}

impl Setting {
    pub(super) fn new(key: &str, value: impl ToString) -> Self {
        Self { key: key.to_owned(), value: value.to_string() }
    }

    /// The variable that says the same to a child.
    pub(super) fn variable(&self) -> (String, String) {
        (format!("PAYSTATE__{}", self.key.to_ascii_uppercase().replace('.', "__")), self.value.clone())
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write KEY=VALUE")?;
        let key = if key.contains('.') { key.to_owned() } else { format!("core.commit.{key}") };
        Ok(Self { key, value: value.to_owned() })
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Processes to watch under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) pids: Vec<u32>,
}

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pids) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=PID,PID")?;
        let pid = |text: &str| text.parse().map_err(|_| format!("{text:?} is not the number of a process"));
        Ok(Self { name: name.to_owned(), pids: pids.split(',').map(pid).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    pub(crate) fn parse(args: &[&str]) -> Options {
        Line::try_parse_from([&["bench"], args].concat()).unwrap().options
    }

    #[test]
    fn a_preset_is_a_default_that_can_be_changed() {
        let rush = parse(&["--preset", "rush"]);
        assert_eq!((rush.rate(), rush.seconds(), rush.shape().duplicates), (5556.0, 60.0, 0.998));
        let full = parse(&["--preset", "rush", "--seconds", "1800", "--duplicates", "0.5", "--connections", "9"]);
        assert_eq!((full.seconds(), full.shape().duplicates, full.shape().connections), (1800.0, 0.5, 9));
        let plain = parse(&[]);
        assert_eq!((plain.rate(), plain.seconds(), plain.shape().duplicates), (200.0, 10.0, 0.0));
    }

    #[test]
    fn a_mix_is_picked_by_weight() {
        let mix: Mix = "alipay=2,stripe=1,unionpay=0".parse().unwrap();
        let picked: Vec<_> = (0..mix.total()).map(|draw| mix.pick(draw)).collect();
        assert_eq!(picked, [Provider::Alipay, Provider::Alipay, Provider::Stripe]);
        for wrong in ["", "alipay", "paypal=1", "alipay=0", "alipay=-1", "alipay=1001"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bare_setting_is_one_of_the_commit() {
        let variable = |text: &str| text.parse::<Setting>().unwrap().variable();
        assert_eq!(variable("batch_max=1"), ("PAYSTATE__CORE__COMMIT__BATCH_MAX".into(), "1".into()));
        assert_eq!(variable("edge.limits.queue=9"), ("PAYSTATE__EDGE__LIMITS__QUEUE".into(), "9".into()));
        assert!("=1".parse::<Setting>().is_err() && "batch_max".parse::<Setting>().is_err());
    }

    #[test]
    fn bounds_hold() {
        assert!(share("1").is_err() && share("-0.1").is_err() && share("NaN").is_err() && share("0.998").is_ok());
        assert!(seconds("0").is_err() && seconds("3601").is_err() && positive("inf").is_err());
        assert_eq!("db=1,2".parse::<Watch>().unwrap(), Watch { name: "db".into(), pids: vec![1, 2] });
        assert!("db=x".parse::<Watch>().is_err() && "1".parse::<Watch>().is_err());
    }

    #[test]
    fn the_stalled_are_some_of_the_subscribers() {
        let audience = |args: &[&str]| parse(args).audience();
        assert_eq!(audience(&[]), Ok(Audience { living: 0, stalled: 0 }));
        let all = ["--subscribers", "100", "--stalled", "10"];
        assert_eq!(audience(&all), Ok(Audience { living: 90, stalled: 10 }));
        assert!(audience(&["--subscribers", "1", "--stalled", "2"]).is_err());
    }
}
