//! The same load on two settings, in turn, each at its own peak.

use serde::Serialize;

use super::{
    load::{Bench, Job, Run},
    options::{Options, Setting},
    search::Peak,
    stack::Ground,
    stats::{count_of, float},
};

/// Runs of each side.
const ROUNDS: usize = 3;

/// What the comparison found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Compare {
    pub(super) setting: String,
    pub(super) peak: Peak,
    pub(super) peak_with_setting: Peak,
    /// New callbacks a second, the mean of the runs.
    pub(super) goodput_per_second: f64,
    pub(super) goodput_with_setting_per_second: f64,
    /// The first over the second.
    pub(super) ratio: f64,
}

/// Peaks first, then the runs A B A B A B, each on processes of its own over the same database.
pub(super) async fn run(bench: &Bench, options: &Options, setting: &Setting) -> Result<(Compare, Vec<Run>), String> {
    let plain = bench.ground.clone();
    let changed = Ground { settings: [plain.settings.clone(), vec![setting.clone()]].concat(), ..plain.clone() };
    let peak = bench.peak_on(&plain, options).await?;
    let peak_with_setting = bench.peak_on(&changed, options).await?;
    let sides = [("as it is".to_owned(), &plain, peak.rate), (setting.to_string(), &changed, peak_with_setting.rate)];
    let mut runs = Vec::new();
    let mut goodput = [0.0; 2];
    for round in 1..=ROUNDS {
        for ((label, ground, rate), goodput) in sides.iter().zip(&mut goodput) {
            let job = Job { settle: true, ..Job::new(format!("{label}, run {round}"), *rate, options.seconds()) };
            let run = bench.run_on(ground, &job).await?;
            *goodput += run.summary.goodput_per_second / float(count_of(ROUNDS));
            runs.push(run);
        }
    }
    let [plain, changed] = goodput;
    let compare = Compare {
        setting: setting.to_string(),
        peak,
        peak_with_setting,
        goodput_per_second: plain,
        goodput_with_setting_per_second: changed,
        ratio: plain / changed,
    };
    Ok((compare, runs))
}
