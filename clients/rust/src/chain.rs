//! The proof that nothing is missing: every batch begins where the one before ended.

use paystate_proto::v1;

/// The stream does not say what it must: something is missing, doubled or out of order. Nothing of the batch was
/// handed on. This is a fault of the server, or of what is between; going on could lose an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainBroken {
    /// A batch or a stream does not begin where the last one ended.
    #[error("the next batch must begin after revision {expected}, and begins after {found}")]
    Gap {
        /// `up_to_revision` of the batch before.
        expected: i64,
        /// `after_revision` of this one.
        found: i64,
    },
    /// A batch ends before it begins.
    #[error("a batch that begins after revision {after} says that it ends at {up_to}")]
    Backwards {
        /// Where it begins.
        after: i64,
        /// Where it says that it ends.
        up_to: i64,
    },
    /// An event is not above the one before, or not within its batch.
    #[error("event {revision} is out of place: it must be above {above} and at most {at_most}")]
    OutOfPlace {
        /// Of the event.
        revision: i64,
        /// Of the event before, or where the batch begins.
        above: i64,
        /// Where the batch ends.
        at_most: i64,
    },
    /// The stream comes from another log than before: the database was restored, or replaced.
    #[error("the log is {found:?}, and was {expected:?}: the core's database was restored or replaced")]
    OtherLog {
        /// `log_id` of the first stream.
        expected: String,
        /// `log_id` of this one.
        found: String,
    },
    /// The stream has messages in an order that the contract does not know.
    #[error("the stream is not as the contract says: {0}")]
    Malformed(&'static str),
}

/// Where a stream is.
#[derive(Debug)]
pub(crate) struct Chain {
    at: i64,
}

impl Chain {
    /// Begins after this revision.
    pub(crate) fn after(revision: i64) -> Self {
        Self { at: revision }
    }

    /// Goes on to the end of the batch.
    pub(crate) fn extend(&mut self, batch: &v1::Batch) -> Result<(), ChainBroken> {
        let (after, up_to) = (batch.after_revision, batch.up_to_revision);
        if after != self.at {
            return Err(ChainBroken::Gap { expected: self.at, found: after });
        }
        if up_to < after {
            return Err(ChainBroken::Backwards { after, up_to });
        }
        let mut above = after;
        for event in &batch.events {
            let revision = event.revision;
            if revision <= above || revision > up_to {
                return Err(ChainBroken::OutOfPlace { revision, above, at_most: up_to });
            }
            above = revision;
        }
        self.at = up_to;
        Ok(())
    }

    /// Progress as what it is: a batch without events.
    pub(crate) fn progress(&mut self, progress: v1::Progress) -> Result<v1::Batch, ChainBroken> {
        let v1::Progress { up_to_revision, resume_token } = progress;
        let batch = v1::Batch { after_revision: self.at, up_to_revision, events: Vec::new(), resume_token };
        self.extend(&batch)?;
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(after: i64, up_to: i64, revisions: &[i64]) -> v1::Batch {
        let event = |revision: &i64| v1::Event { revision: *revision, ..Default::default() };
        let events = revisions.iter().map(event).collect();
        v1::Batch { after_revision: after, up_to_revision: up_to, events, resume_token: String::new() }
    }

    #[test]
    fn batches_that_are_chained_pass_also_with_gaps_between_events() {
        let mut chain = Chain::after(4);
        for sound in [batch(4, 6, &[5, 6]), batch(6, 20, &[9, 15]), batch(20, 20, &[]), batch(20, 21, &[21])] {
            assert_eq!(chain.extend(&sound), Ok(()));
        }
        let progress = v1::Progress { up_to_revision: 30, resume_token: "t".into() };
        let made = chain.progress(progress.clone()).unwrap();
        assert_eq!((made.after_revision, made.up_to_revision, made.resume_token.as_str()), (21, 30, "t"));
        assert_eq!(chain.progress(progress).unwrap().after_revision, 30);
        let back = v1::Progress { up_to_revision: 29, resume_token: String::new() };
        assert_eq!(chain.progress(back), Err(ChainBroken::Backwards { after: 30, up_to: 29 }));
    }

    #[test]
    fn whatever_is_missing_doubled_or_out_of_order_is_found_and_moves_nothing() {
        let mut chain = Chain::after(4);
        let broken = [
            (batch(5, 6, &[6]), ChainBroken::Gap { expected: 4, found: 5 }),
            (batch(3, 6, &[5]), ChainBroken::Gap { expected: 4, found: 3 }),
            (batch(4, 3, &[]), ChainBroken::Backwards { after: 4, up_to: 3 }),
            (batch(4, 6, &[4]), ChainBroken::OutOfPlace { revision: 4, above: 4, at_most: 6 }),
            (batch(4, 6, &[5, 5]), ChainBroken::OutOfPlace { revision: 5, above: 5, at_most: 6 }),
            (batch(4, 6, &[6, 5]), ChainBroken::OutOfPlace { revision: 5, above: 6, at_most: 6 }),
            (batch(4, 6, &[5, 7]), ChainBroken::OutOfPlace { revision: 7, above: 5, at_most: 6 }),
        ];
        for (batch, why) in broken {
            assert_eq!(chain.extend(&batch), Err(why));
        }
        assert_eq!(chain.extend(&batch(4, 5, &[5])), Ok(()));
    }
}
