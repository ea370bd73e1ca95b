//! The machine: what it is, its cores, and how many files may be open.

use std::{fs, num::NonZero, thread};

use rustix::{
    process::{Pid, Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};
use serde::Serialize;

/// What figures depend on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) cpu: String,
    pub(super) memory_bytes: u64,
    pub(super) kernel: String,
    /// Builds without optimisation say nothing about speed.
    pub(super) optimised: bool,
}

impl Machine {
    pub(super) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(|v| v.trim_start_matches([' ', '\t', ':']).trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes = memory.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        Self {
            cores: cores(),
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            memory_bytes: kilobytes * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            optimised: !cfg!(debug_assertions),
        }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Lets this process and its children open as many files as they are allowed: each connection is one.
pub(super) fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Not fatal: too few show as connections that cannot be opened.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Which part of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The first core.
    Generator,
    /// The others.
    Service,
    Whole,
}

/// Keeps a process, with all threads that it has now, on a part of the machine.
pub(super) fn pin(pid: u32, part: Part) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot keep process {pid} on its cores: {e}");
    let mut set = CpuSet::new();
    let cores = cores_of(part, total_cores());
    if cores.is_empty() {
        return Err("--pin needs two cores or more".to_owned());
    }
    cores.for_each(|core| set.set(core));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| failed(&e))?;
    for thread in threads.flatten() {
        let id = thread.file_name().to_str().and_then(|n| n.parse().ok()).and_then(Pid::from_raw);
        match sched_setaffinity(id, &set) {
            // The thread has ended meanwhile.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}

fn cores_of(part: Part, total: usize) -> std::ops::Range<usize> {
    match part {
        Part::Generator => 0..1.min(total.saturating_sub(1)),
        Part::Service => 1..total.max(1),
        Part::Whole => 0..total.min(CpuSet::MAX_CPU),
    }
}

/// All that are on line, whatever this process is kept on just now.
fn total_cores() -> usize {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let last = online.trim().rsplit([',', '-']).next().and_then(|n| n.parse::<usize>().ok());
    last.map_or(cores(), |n| n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_and_service_share_no_core() {
        assert_eq!((cores_of(Part::Generator, 2), cores_of(Part::Service, 2)), (0..1, 1..2));
        assert_eq!(cores_of(Part::Service, 8), 1..8);
        // One core cannot be divided.
        assert!(cores_of(Part::Generator, 1).is_empty() && cores_of(Part::Service, 1).is_empty());
    }

    #[test]
    fn the_machine_has_cores_and_memory() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 20 && !machine.kernel.is_empty());
    }
}
