//! CPU time and memory of processes, as the kernel counts them.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::Serialize;

/// Processes that are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) pids: Vec<u32>,
    /// Whether their children count too, those that have ended included.
    pub(super) children: bool,
}

impl Group {
    /// One process without its children.
    pub(super) fn alone(name: impl Into<String>, pid: u32) -> Self {
        Self { name: name.into(), pids: vec![pid], children: false }
    }

    /// Processes with their children.
    pub(super) fn families(name: impl Into<String>, pids: Vec<u32>) -> Self {
        Self { name: name.into(), pids, children: true }
    }
}

/// What a group has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) cpu: Duration,
    /// Private memory of all its processes, and the largest shared segment once.
    pub(super) bytes: u64,
}

/// What a group used in a run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Usage {
    pub(super) name: String,
    pub(super) cpu_seconds: f64,
    /// For each callback that was sent.
    pub(super) cpu_us_per_callback: f64,
    pub(super) peak_memory_bytes: u64,
}

/// The fields of /proc/PID/stat that count here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    own: u64,
    ended_children: u64,
}

/// The name stands in parentheses and may hold anything, parentheses too; numbers follow the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        name,
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process of the machine that can be seen.
fn all() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, stat(pid)?))).collect()
}

/// The parent of a process.
pub(super) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|s| s.parent)
}

/// Whether a process of this number and name runs here.
pub(super) fn is(pid: u32, name: &str) -> bool {
    stat(pid).is_some_and(|s| s.name == name)
}

/// Every process of this name.
pub(super) fn named(name: &str) -> Vec<u32> {
    all().into_iter().filter(|(_, s)| s.name == name).map(|(pid, _)| pid).collect()
}

/// All processes of a group that live now.
pub(super) fn members(group: &Group) -> Vec<u32> {
    let processes = all();
    members_of(group, &processes)
}

fn members_of(group: &Group, processes: &BTreeMap<u32, Stat>) -> Vec<u32> {
    let mut members: Vec<u32> = group.pids.iter().copied().filter(|pid| processes.contains_key(pid)).collect();
    let mut checked = 0;
    while let Some(parent) = members.get(checked).copied().filter(|_| group.children) {
        let of_it = processes.iter().filter(|(pid, s)| s.parent == parent && !members.contains(pid));
        let found: Vec<u32> = of_it.map(|(pid, _)| *pid).collect();
        members.extend(found);
        checked += 1;
    }
    members
}

/// What the groups have used until now, in their order.
pub(super) fn used(groups: &[Group]) -> Vec<Used> {
    let processes = all();
    groups.iter().map(|group| used_by(group, &processes)).collect()
}

fn used_by(group: &Group, processes: &BTreeMap<u32, Stat>) -> Used {
    let (mut ticks, mut private, mut shared) = (0, 0, 0);
    for pid in members_of(group, processes) {
        let Some(stat) = processes.get(&pid) else { continue };
        ticks += stat.own + if group.children { stat.ended_children } else { 0 };
        let (own, common) = memory(pid);
        private += own;
        shared = shared.max(common);
    }
    let micros = ticks.saturating_mul(1_000_000) / rustix::param::clock_ticks_per_second().max(1);
    Used { cpu: Duration::from_micros(micros), bytes: private + shared }
}

/// Private and shared memory in bytes; pages of files count as neither.
fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        value.and_then(|kb| kb.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    (field("RssAnon:"), field("RssShmem:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "12 (a) b (c)) S 7 1 1 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0";
        let stat = parse_stat(text).unwrap();
        assert_eq!(stat, Stat { name: "a) b (c)".into(), parent: 7, own: 120, ended_children: 7 });
        assert_eq!(parse_stat("12 (a) S 7"), None);
    }

    #[test]
    fn a_family_is_found_to_the_last_grandchild() {
        let one = |parent, own, ended_children| Stat { name: "x".into(), parent, own, ended_children };
        let processes =
            BTreeMap::from([(2, one(1, 1, 10)), (3, one(2, 1, 0)), (4, one(3, 1, 5)), (9, one(1, 100, 100))]);
        assert_eq!(members_of(&Group::families("x", vec![2]), &processes), [2, 3, 4]);
        assert_eq!(members_of(&Group::alone("x", 2), &processes), [2]);
        assert!(members_of(&Group::alone("x", 77), &processes).is_empty());
    }

    #[test]
    fn this_process_is_seen() {
        let me = Group::alone("me", std::process::id());
        let before = used(std::slice::from_ref(&me))[0];
        let mut sum = 0_u64;
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(200) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0);
        let after = used(&[me])[0];
        assert!(after.cpu > before.cpu && after.bytes > 0, "{before:?} {after:?}");
    }
}
