//! Where reading begins.

use std::time::SystemTime;

use paystate_proto::v1::{self, position::At};

/// Where a reader begins that has no position of its own yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// The oldest event that is kept. Right for whoever derives a state from events.
    #[default]
    Earliest,
    /// Only what comes from now on.
    Latest,
    /// After this revision; 0 is before the first event.
    After(i64),
    /// The first event at or after this time, by the core's clock.
    Time(SystemTime),
}

impl From<Start> for v1::Position {
    fn from(start: Start) -> Self {
        let at = match start {
            Start::Earliest => At::Earliest(true),
            Start::Latest => At::Latest(true),
            Start::After(revision) => At::AfterRevision(revision),
            Start::Time(time) => At::Time(time.into()),
        };
        Self { at: Some(at) }
    }
}
