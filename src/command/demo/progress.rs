//! How far the demo is: a bar on a terminal, plain lines otherwise.

use std::{
    io::IsTerminal as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::say;

/// Lines without a terminal.
const LINES: usize = 10;

pub(super) struct Progress {
    total: usize,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
            let style = ProgressStyle::with_template("{bar:40.green} {pos}/{len} orders  {elapsed}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { total, done: AtomicUsize::new(0), bar }
    }

    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        } else if done * LINES / self.total > (done - 1) * LINES / self.total {
            say(&format!("  {done} of {} orders played", self.total));
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
